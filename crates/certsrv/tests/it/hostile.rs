//! Directories that somebody damaged: an error or a refusal, never a panic and never a guess.

use std::fs;
use std::path::Path;

use certadm::{Authority, BackupType, CertServer};
use certsrv::{CaDirectory, Error, StateSource};
use dtyp::HResult;

use crate::invented::{Invented, authority, code, copy, database, log_names};

/// Does all there is to do with a directory. The first refusal of each kind of session is returned.
fn survey(dir: &Path) -> Result<[HResult; 2], Error> {
    let mut ca = CaDirectory::open(dir)?;
    let session = |ca: &CaDirectory, kind| {
        let mut connection = ca.connect();
        let _ = (connection.state(), ca.generations(), ca.mappings());
        let mut backup = match connection.prepare_backup(kind) {
            Ok(backup) => backup,
            Err(error) => return error.code().unwrap(),
        };
        let _ = (backup.restore_map(), backup.dynamic_files());
        let result = copy(backup.as_mut()).and_then(|_| backup.truncate_logs()).and_then(|()| backup.end());
        code(result)
    };
    let codes = [session(&ca, BackupType::Full), session(&ca, BackupType::Incremental)];
    while ca.advance()? {
        session(&ca, BackupType::Full);
        session(&ca, BackupType::Incremental);
    }
    Ok(codes)
}

/// What is done to a directory.
type Damage = Box<dyn Fn(&Path)>;

fn write(path: &str, content: impl AsRef<[u8]>) -> impl Fn(&Path) {
    move |dir: &Path| fs::write(dir.join(path), &content).unwrap()
}

#[test]
fn an_intact_directory_has_no_refusal() {
    assert_eq!(survey(Invented::new().path()).unwrap(), [HResult::OK; 2]);
}

#[test]
fn damaged_bookkeeping_does_not_open_and_is_named() {
    let damages: [(&str, Damage); 13] = [
        ("ca.toml", Box::new(write("ca.toml", ""))),
        ("ca.toml", Box::new(write("ca.toml", [0xFF, 0xFE, 0]))),
        ("ca.toml", Box::new(write("ca.toml", "host = 'a'\nname = ''"))),
        ("ca.toml", Box::new(write("ca.toml", "host = 'a\\b'\nname = 'x'"))),
        ("ca.toml", Box::new(write("ca.toml", "host = 'a'\nname = 'x'\nservise = 'stopped'"))),
        ("ca.toml", Box::new(write("ca.toml", "host = 'a'\nname = 'x'\ndynamic_extra = ['../x']"))),
        ("current", Box::new(|dir| fs::remove_file(dir.join("current")).unwrap())),
        ("current", Box::new(write("current", "state ="))),
        ("current", Box::new(write("current", "state = 0\nlowest = 1\nhighest = 2"))),
        ("current", Box::new(write("current", "state = 4\nlowest = 1\nhighest = 2"))),
        ("current", Box::new(write("current", "state = 1\nlowest = -1\nhighest = 2"))),
        ("state.toml", Box::new(write("state-01/state.toml", "checkpoint = 'x'"))),
        ("current", Box::new(|dir| fs::remove_dir_all(dir.join("state-01")).unwrap())),
    ];
    for (number, (file, damage)) in damages.iter().enumerate() {
        let at = Invented::new();
        damage(at.path());
        let error = survey(at.path()).unwrap_err();
        assert!(error.to_string().contains(file), "damage {number}: {error}");
    }
    assert!(CaDirectory::open(Invented::new().scratch()).is_err(), "no CA directory at all");
}

#[test]
fn a_typo_in_a_line_with_a_hash_does_not_show_it() {
    let hash = "fc525c9683e8fe067095ba2ddc971889";
    let user = |line: &str| format!("host = 'a'\nname = 'x'\n\n[[user]]\nname = 'b'\n{line}\n");
    for (typo, what) in [
        (format!("nt_hash = \"{hash}"), "line 6: "),
        (format!("nt_hash = \"{hash}0\""), "line 6: nt_hash is not 32 hex digits"),
        (format!("nthash = \"{hash}\""), "line 6: unknown field `nthash`"),
        (format!("nt_hash = {hash}"), "line 6: "),
    ] {
        let at = Invented::new();
        write("ca.toml", user(&typo))(at.path());
        let error = CaDirectory::open(at.path()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert!(cause.to_string().starts_with(what), "{cause}");
        assert!(!format!("{error} {cause} {error:?}").contains("fc525c"), "{error:?}");
    }
}

/// Keeps what is logged.
struct Log(std::sync::Arc<std::sync::Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.0.lock().unwrap();
        event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            log.push_str(&format!("{value:?} "));
        });
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
#[cfg(unix)]
fn hashes_that_others_may_read_are_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut at = Invented::new();
    at.reconfigure(|config| config.users = crate::wire::users());
    let opened = |mode| {
        fs::set_permissions(at.path().join("ca.toml"), fs::Permissions::from_mode(mode)).unwrap();
        let log = std::sync::Arc::default();
        let subscriber = Log(std::sync::Arc::clone(&log));
        tracing::subscriber::with_default(subscriber, || CaDirectory::open(at.path()).unwrap());
        std::mem::take(&mut *log.lock().unwrap())
    };
    assert_eq!(opened(0o600), "");
    for mode in [0o640, 0o604] {
        assert!(opened(mode).contains("ca.toml"), "{mode:o}");
    }
}

#[test]
fn odd_contents_are_refused_call_by_call() {
    let (ok, missing, no_base) = (HResult::OK, HResult::MISSING_LOG_FILE, HResult::MISSING_FULL_BACKUP);
    let bookkeeping =
        |low: u32, high: u32| write("current", format!("state = 1\nlowest = {low}\nhighest = {high}"));
    let damages: Vec<(&str, Damage, [HResult; 2])> = vec![
        ("nothing exists", Box::new(bookkeeping(9, 3)), [missing, no_base]),
        ("everything exists", Box::new(bookkeeping(0, u32::MAX)), [missing, no_base]),
        ("the end of numbers", Box::new(bookkeeping(u32::MAX, u32::MAX)), [missing, no_base]),
        (
            "a stream from the far future",
            Box::new(write("state-01/whatever.EDB", database(u32::MAX))),
            [missing, no_base],
        ),
        ("a stream of a few bytes", Box::new(write("state-01/whatever.EDB", "few")), [ok, ok]),
        ("an empty stream", Box::new(write("state-01/whatever.EDB", "")), [HResult::UNEXPECTED, no_base]),
        (
            "no stream",
            Box::new(|dir| fs::remove_file(dir.join("state-01/whatever.EDB")).unwrap()),
            [HResult::FILE_NOT_FOUND, no_base],
        ),
        (
            "a folder in place of a log",
            Box::new(|dir| {
                fs::remove_file(dir.join("CertLog/edb00004.log")).unwrap();
                fs::create_dir(dir.join("CertLog/edb00004.log")).unwrap();
            }),
            [missing, no_base],
        ),
        (
            "a dynamic folder that is a file",
            Box::new(|dir| {
                fs::remove_dir(dir.join("state-01/dynamic")).unwrap();
                fs::write(dir.join("state-01/dynamic"), "").unwrap();
            }),
            [ok, ok],
        ),
        (
            "marks that are nonsense",
            Box::new(write(
                "current",
                "state = 1\nlowest = 3\nhighest = 6\n[last_full]\nlow = 9\nhigh = 4294967295\n[last_incremental]\nhigh = 0",
            )),
            [ok, ok],
        ),
        (
            "instructions that are nonsense",
            Box::new(write("restore.toml", "[")),
            [HResult::SERVICE_NOT_ACTIVE; 2],
        ),
    ];
    for (name, damage, expected) in damages {
        let at = Invented::new();
        damage(at.path());
        assert_eq!(survey(at.path()).unwrap(), expected, "{name}");
    }
}

#[test]
fn a_log_folder_that_is_gone_is_an_error_with_its_path() {
    let at = Invented::new();
    fs::remove_dir_all(at.path().join("CertLog")).unwrap();
    let error = CaDirectory::open(at.path()).unwrap_err();
    assert!(error.to_string().contains("CertLog"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(unix)]
#[test]
fn links_and_unreadable_names_are_no_logs() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let at = Invented::new();
    let logs = at.path().join("CertLog");
    fs::write(logs.join(OsStr::from_bytes(b"edb0000\xFF.log")), "").unwrap();
    let dynamic = at.path().join("state-01/dynamic");
    fs::write(dynamic.join(OsStr::from_bytes(b"\xFF.crl")), "").unwrap();
    fs::write(dynamic.join(r"..\..\evil.crl"), "").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", dynamic.join("link.crl")).unwrap();
    let mut connection = at.ca.connect();
    assert!(connection.prepare_backup(BackupType::Full).unwrap().dynamic_files().unwrap().is_empty());
    assert_eq!(survey(at.path()).unwrap(), [HResult::OK; 2]);

    let at = Invented::new();
    fs::remove_file(at.log_file(4)).unwrap();
    std::os::unix::fs::symlink(at.log_file(3), at.log_file(4)).unwrap();
    assert_eq!(survey(at.path()).unwrap()[0], HResult::MISSING_LOG_FILE);
}

#[test]
fn a_directory_is_made_only_where_nothing_lies() {
    let at = Invented::new();
    let source = |lowest, highest| StateSource {
        folder: at.scratch().join("source-1"),
        checkpoint: lowest,
        checkpoint_at_truncation: lowest,
        lowest,
        highest,
    };
    let create = |dir: &Path, authority: &Authority, states: &[StateSource]| {
        CaDirectory::create(dir, authority, states).map(drop)
    };
    let good = authority();
    let result = create(at.path(), &good, &[source(3, 6)]);
    assert!(matches!(result, Err(Error::Occupied { .. })), "{result:?}");
    let new = |name: &str| at.scratch().join(name);
    assert!(create(&new("a"), &good, &[]).is_err(), "no state");
    assert!(create(&new("b"), &good, &[source(6, 3)]).is_err(), "no range");
    assert!(create(&new("c"), &good, &[source(0, 3)]).is_err(), "generation 0");
    let nameless = Authority { name: String::new(), ..authority() };
    assert!(create(&new("d"), &nameless, &[source(3, 6)]).is_err(), "no name");
    assert!(CaDirectory::open(new("b")).is_err(), "half a directory does not open");
    let empty = new("e");
    fs::create_dir(&empty).unwrap();
    assert!(create(&empty, &good, &[source(3, 6)]).is_ok());
    assert_eq!(crate::invented::file_names(&empty.join("CertLog")), log_names(3..=6));
}

#[test]
fn an_engine_set_without_a_report_is_an_error_with_its_path() {
    let at = Invented::new();
    let set = at.scratch().join("set");
    fs::create_dir_all(set.join("hot")).unwrap();
    let make = || CaDirectory::create_from_engine_set(at.scratch().join("new"), &authority(), &set);
    for content in [None, Some("{"), Some("{}"), Some(ODD_NAME)] {
        if let Some(content) = content {
            fs::write(set.join("hot.backup.json"), content).unwrap();
        }
        let error = make().map(drop).unwrap_err();
        assert!(error.to_string().contains("hot.backup.json"), "{error}");
    }
}

const ODD_NAME: &str = r#"{
    "JetGetLogInfoInstance2": {"ulGenLow": 1, "ulGenHigh": 2},
    "JetGetTruncateLogInfoInstance": {"logs": ["edb.log"]}
}"#;
