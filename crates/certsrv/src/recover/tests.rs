//! Starts after a restore that die, or cannot succeed.

use std::fs;
use std::path::{Path, PathBuf};

use certadm::{Authority, BackupType, CertServer as _, ServerState};
use ese::{DatabaseHeader, DatabaseVerifier, DbState, LogHeader, LogVerifier, Origin};

use super::deaths::die_after;
use crate::CaDirectory;

/// A CA directory with the files of an engine's backup laid down, and the registration of a restore.
struct Laid {
    ca: CaDirectory,
    folder: tempfile::TempDir,
}

impl Laid {
    /// Of the folders given, with generations up to `high`.
    fn new(set: &Path, folders: &[&str], high: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority { host: "ca01.example.test".to_owned(), name: "ExampleCA".to_owned() };
        let ca = CaDirectory::create_from_engine_set(folder.path().join("ca"), &authority, set).unwrap();
        let laid = Self { ca, folder };
        fs::remove_dir_all(laid.logs()).unwrap();
        fs::create_dir(laid.logs()).unwrap();
        for folder in folders {
            for entry in fs::read_dir(set.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                fs::copy(&path, laid.logs().join(path.file_name().unwrap())).unwrap();
            }
        }
        let text = format!(
            "ended = true\n[[registration]]\ndatabase = ['ExampleCA.edb', '{0}/ExampleCA.edb']\n\
             log_directory = '{0}'\nbackup_log_directory = '{0}'\nlow = 1\nhigh = {high}\noutcome = 0\n",
            laid.logs().display()
        );
        fs::write(laid.pending(), text).unwrap();
        laid
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("ca/CertLog")
    }

    fn log(&self, generation: u32) -> PathBuf {
        self.logs().join(format!("edb{generation:05X}.log"))
    }

    fn pending(&self) -> PathBuf {
        self.folder.path().join("ca/restore.toml")
    }

    fn database(&self) -> Vec<u8> {
        fs::read(self.logs().join("ExampleCA.edb")).unwrap()
    }

    fn state(&self) -> ServerState {
        self.ca.connect().state().unwrap()
    }

    fn refusal(&self) -> String {
        self.ca.start().unwrap_err().to_string()
    }
}

const HIGH: u32 = 7;

#[test]
fn a_closed_database_that_was_laid_down_alone_is_taken_as_it_is() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    let make = || {
        let laid = Laid::new(&set, &["hot-restored"], HIGH);
        fs::remove_file(laid.pending()).unwrap();
        let others = fs::read_dir(laid.logs()).unwrap().map(|entry| entry.unwrap().path());
        others
            .filter(|path| path.extension().is_none_or(|end| end != "edb"))
            .for_each(|path| fs::remove_file(path).unwrap());
        laid
    };
    for changes in 0.. {
        let laid = make();
        die_after(Some(changes));
        let died = laid.ca.start().is_err();
        die_after(None);
        laid.ca.start().unwrap();
        assert_eq!(laid.state(), ServerState::Online);
        let mut server = laid.ca.connect();
        let mut backup = server.prepare_backup(BackupType::Full).unwrap();
        backup.database_files().unwrap();
        backup.log_files().unwrap();
        if !died {
            assert!(changes > 4, "{changes}");
            break;
        }
    }
}

#[test]
fn a_start_that_dies_at_any_change_of_the_disk_is_done_again() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    let whole = Laid::new(&set, &["hot"], HIGH);
    whole.ca.start().unwrap();
    let expected = whole.database();
    let mut deaths = 0;
    for changes in 0.. {
        let laid = Laid::new(&set, &["hot"], HIGH);
        die_after(Some(changes));
        let died = laid.ca.start().is_err();
        die_after(None);
        if !died {
            break;
        }
        deaths += 1;
        let was_pending = laid.pending().exists();
        assert_eq!(laid.state() == ServerState::Stopped, was_pending, "{changes}");
        laid.ca.start().unwrap();
        assert_eq!(laid.state(), ServerState::Online, "{changes}");
        assert!(!laid.pending().exists() && !laid.folder.path().join("ca/recovered").exists(), "{changes}");
        assert!(laid.log(HIGH + 1).exists() && !laid.log(HIGH + 2).exists(), "{changes}");
        assert_eq!(laid.ca.generations(), 1..=HIGH + 1, "{changes}");
        let database = laid.database();
        assert_eq!(DatabaseHeader::parse(&database).unwrap().state, DbState::CleanShutdown, "{changes}");
        assert!(database[8192..] == expected[8192..], "{changes}: another database");
        laid.ca.connect().prepare_backup(BackupType::Full).unwrap();
    }
    assert!(deaths > 12, "{deaths}");
}

#[test]
fn a_damaged_log_is_named_and_nothing_changes() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    let laid = Laid::new(&set, &["hot"], HIGH);
    let (database, good) = (laid.database(), fs::read(laid.log(5)).unwrap());
    let mut bad = good.clone();
    for at in [0x1300, 0x1700] {
        bad[at] ^= 0x10;
    }
    fs::write(laid.log(5), bad).unwrap();
    let error = laid.refusal();
    for part in ["0x1-0x7", "log generation 0x5", "csbackup restore --undo"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(laid.state(), ServerState::Stopped);
    assert!(laid.database() == database && !laid.log(HIGH + 1).exists());
    assert!(!laid.folder.path().join("ca/recovered").exists());
    fs::write(laid.log(5), good).unwrap();
    laid.ca.start().unwrap();
    assert_eq!(laid.state(), ServerState::Online);
}

#[test]
fn a_missing_log_is_named() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    for missing in [1, 4, HIGH] {
        let laid = Laid::new(&set, &["hot"], HIGH);
        fs::remove_file(laid.log(missing)).unwrap();
        let error = laid.refusal();
        assert!(error.contains(&format!("log generation 0x{missing:x} is missing")), "{error}");
        assert!(error.contains("csbackup restore --undo"), "{error}");
    }
}

#[test]
fn a_log_of_another_life_is_named() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    let laid = Laid::new(&set, &["hot"], HIGH);
    // As if the CA had lived on from generation 6 in another way.
    let mut log = fs::read(laid.log(HIGH)).unwrap();
    log[24] ^= 1;
    let sum = ese::xor32(&log[..4096]).to_le_bytes();
    log[..4].copy_from_slice(&sum);
    fs::write(laid.log(HIGH), log).unwrap();
    let error = laid.refusal();
    assert!(error.contains("log generation 0x7 does not continue the one before it"), "{error}");
}

#[test]
fn logs_behind_the_registered_ones_are_replayed_too() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    let [registered, all] = [HIGH, 9].map(|high| {
        let laid = Laid::new(&set, &["hot", "hot-inc1", "hot-inc2"], high);
        laid.ca.start().unwrap();
        laid
    });
    assert_eq!(registered.ca.generations(), all.ca.generations());
    assert!(registered.database()[8192..] == all.database()[8192..]);
}

/// What a full backup delivers has no findings; the lowest generation of its logs.
fn assert_backed_up(laid: &Laid) -> (u32, DatabaseHeader) {
    let mut connection = laid.ca.connect();
    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();
    let read = |name: &str, backup: &mut dyn certadm::BackupContext| {
        let size = usize::try_from(backup.open_file(name).unwrap()).unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 3 << 15]);
        while bytes.len() < size {
            let count = backup.read_file(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..count]);
        }
        backup.close_file().unwrap();
        bytes
    };
    let name = backup.database_files().unwrap().files()[0].name.clone();
    let stream = read(&name, backup.as_mut());
    let mut verifier = DatabaseVerifier::new(Origin::Streamed, None);
    verifier.push(&stream);
    let report = verifier.finish();
    assert_eq!(report.findings, []);
    assert!(report.facts.unwrap().trailer.is_some());
    let mut low = u32::MAX;
    for log in backup.log_files().unwrap().files() {
        let log = read(&log.name, backup.as_mut());
        let mut verifier = LogVerifier::new(Origin::Streamed, None);
        verifier.push(&log);
        assert_eq!(verifier.finish().findings, []);
        low = low.min(LogHeader::parse(&log).unwrap().generation.0);
    }
    backup.truncate_logs().unwrap();
    backup.end().unwrap();
    (low, DatabaseHeader::parse(&stream).unwrap())
}

#[test]
fn a_closed_database_becomes_the_cas_without_a_replay() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    let laid = Laid::new(&set, &["hot-restored"], 8);
    let before = laid.database();
    laid.ca.start().unwrap();
    assert!(laid.database()[8192..] == before[8192..]);
    let (low, header) = assert_backed_up(&laid);
    assert_eq!(low, 9, "behind its edb.log, generation 8");
    assert_eq!(header.log_signature, DatabaseHeader::parse(&before).unwrap().log_signature);
    assert_eq!(laid.ca.start().map_err(|error| error.to_string()), Ok(()), "once more");
    assert_backed_up(&laid);
}

#[test]
fn a_closed_database_without_logs_begins_a_stream_of_its_own() {
    let Some(set) = testkit::data::engine_set("page8k") else { return };
    let laid = Laid::new(&set, &["hot-restored"], 8);
    fs::remove_file(laid.logs().join("edb.log")).unwrap();
    let before = DatabaseHeader::parse(&laid.database()).unwrap();
    laid.ca.start().unwrap();
    let (low, header) = assert_backed_up(&laid);
    assert_eq!((low, header.signature), (1, before.signature));
    assert_ne!(header.log_signature, before.log_signature);
}

#[test]
fn a_database_that_lies_elsewhere_is_refused() {
    let Some(set) = testkit::data::engine_set("efv7060") else { return };
    let laid = Laid::new(&set, &["hot"], HIGH);
    let elsewhere = laid.folder.path().join("ExampleCA.edb");
    fs::rename(laid.logs().join("ExampleCA.edb"), &elsewhere).unwrap();
    let text = fs::read_to_string(laid.pending()).unwrap();
    let own = laid.logs().join("ExampleCA.edb").display().to_string();
    fs::write(laid.pending(), text.replace(&own, &elsewhere.display().to_string())).unwrap();
    let error = laid.refusal();
    assert!(error.contains("is not in the folder of the CA's database"), "{error}");
}
