//! A CA that lists logs under names of its own choosing.

use std::io::{Cursor, Read as _};

use certadm::{
    Authority, BackupContext, BackupType, Call, CertServer, Error as CaError, FileKind, FileList, ListedFile,
    RestoreContext, RestoreMap, ServerState,
};
use csbackup::manifest::Kind;
use csbackup::{
    BackupOptions, Catalogue, Directory, Error, MappedFiles, Outcome, Quiet, Requested, SetState,
    TruncationOutcome, backup,
};
use dtyp::HResult;
use testkit::ca::{authority, scratch};
use testkit::synthetic::{Backup, History, log_name};

/// Every file by the name it is listed under.
struct Liar {
    ca: Authority,
    database: Vec<u8>,
    logs: Vec<(String, Vec<u8>)>,
    truncated: bool,
}

impl Liar {
    /// Logs as (listed generation, generation in the header).
    fn new(logs: &[(u32, u32)]) -> Self {
        let history = History::default();
        let low = logs.iter().map(|(_, generation)| *generation).min().unwrap();
        let high = logs.iter().map(|(_, generation)| *generation).max().unwrap();
        let log = |(listed, generation): &(u32, u32)| (log_name(*listed), history.log(*generation));
        Self {
            ca: authority(),
            database: history.database(&Backup::new(low, low.max(high - 1))),
            logs: logs.iter().map(log).collect(),
            truncated: false,
        }
    }
}

const FOLDER: &str = r"\\ca01.corp.example\C$\CertLog";

fn list(kind: FileKind, names: &[&str]) -> FileList {
    let file = |name: &&str| ListedFile { kind, name: format!(r"{FOLDER}\{name}") };
    FileList::encode(names.iter().map(file).collect())
}

impl CertServer for Liar {
    fn authority(&self) -> &Authority {
        &self.ca
    }

    fn state(&mut self) -> Result<ServerState, CaError> {
        Ok(ServerState::Online)
    }

    fn prepare_backup(&mut self, _kind: BackupType) -> Result<Box<dyn BackupContext + '_>, CaError> {
        Ok(Box::new(Session { ca: self, open: Cursor::default() }))
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, CaError> {
        Err(CaError::Refused { call: Call::RestorePrepare, code: HResult::NOT_IMPLEMENTED })
    }
}

struct Session<'a> {
    ca: &'a mut Liar,
    open: Cursor<Vec<u8>>,
}

impl BackupContext for Session<'_> {
    fn restore_map(&mut self) -> Result<RestoreMap, CaError> {
        let database = ListedFile { kind: FileKind::Database, name: format!(r"{FOLDER}\ca.edb") };
        let places = [FileKind::LogDirectory, FileKind::SystemDirectory];
        let folders = places.map(|kind| ListedFile { kind, name: FOLDER.to_owned() });
        let files = [database].into_iter().chain(folders).collect();
        Ok(RestoreMap::decode(FileList::encode(files).raw().to_vec()).unwrap())
    }

    fn database_files(&mut self) -> Result<FileList, CaError> {
        Ok(list(FileKind::Database, &["ca.edb"]))
    }

    fn log_files(&mut self) -> Result<FileList, CaError> {
        let names: Vec<&str> = self.ca.logs.iter().map(|(name, _)| name.as_str()).collect();
        Ok(list(FileKind::Log, &names))
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, CaError> {
        Ok(Vec::new())
    }

    fn open_file(&mut self, name: &str) -> Result<u64, CaError> {
        let log = self.ca.logs.iter().find(|(listed, _)| name.ends_with(listed.as_str()));
        let bytes = log.map_or(&self.ca.database, |(_, bytes)| bytes).clone();
        let size = bytes.len() as u64;
        self.open = Cursor::new(bytes);
        Ok(size)
    }

    fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, CaError> {
        Ok(self.open.read(buffer).unwrap())
    }

    fn close_file(&mut self) -> Result<(), CaError> {
        Ok(())
    }

    fn truncate_logs(&mut self) -> Result<(), CaError> {
        self.ca.truncated = true;
        Ok(())
    }

    fn end(&mut self) -> Result<(), CaError> {
        Ok(())
    }
}

fn run(ca: &mut Liar, medium: &Directory, kind: Requested) -> Result<Outcome, Error> {
    let options = BackupOptions { kind, ..BackupOptions::default() };
    backup(ca, medium, &MappedFiles::default(), &options, &Quiet)
}

/// A place with a full backup of generations 3 to 6, listed as what they are.
fn after_full() -> (tempfile::TempDir, Directory) {
    let temp = tempfile::tempdir_in(scratch()).unwrap();
    let medium = Directory::new(temp.path());
    let mut honest = Liar::new(&[(3, 3), (4, 4), (5, 5), (6, 6)]);
    run(&mut honest, &medium, Requested::Full).unwrap();
    assert!(honest.truncated);
    (temp, medium)
}

#[test]
fn a_listed_log_without_a_generation_in_its_name_fails_the_backup_and_is_named() {
    for name in ["edb.log", "edbtmp.log", "edb0000.log", "notes.txt", "edb00000.log"] {
        for kind in [Requested::Full, Requested::Incremental] {
            let (_temp, medium) = after_full();
            let mut ca = Liar::new(&[(7, 7), (8, 8)]);
            name.clone_into(&mut ca.logs[1].0);
            let error = run(&mut ca, &medium, kind).unwrap_err();
            assert!(matches!(&error, Error::Stream { .. }), "{name}: {error:?}");
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.to_string().contains("no generation"), "{error}");
            assert!(!ca.truncated, "{name}");
            assert_eq!(Catalogue::load(&medium, None).unwrap().sets().len(), 1, "{name}");
        }
    }
}

#[test]
fn headers_and_not_names_decide_whether_an_increment_continues_its_base() {
    // By their names 7 and 8 follow our 6; by their headers 7 is missing.
    let lying = [(7, 8), (8, 9)];
    let (_temp, medium) = after_full();
    let mut ca = Liar::new(&lying);
    let error = run(&mut ca, &medium, Requested::Incremental).unwrap_err();
    assert!(error.to_string().contains("oldest log is generation 0x8"), "{error}");
    assert!(!ca.truncated);
    assert_eq!(Catalogue::load(&medium, None).unwrap().sets().len(), 1);
}

#[test]
fn headers_and_not_names_decide_about_the_gap_before_a_full() {
    let (_temp, medium) = after_full();
    let mut ca = Liar::new(&[(7, 8), (8, 9)]);
    let outcome = run(&mut ca, &medium, Requested::Auto).unwrap();
    assert_eq!(outcome.sets[0].manifest.kind, Kind::Full);
    assert_eq!(outcome.sets[0].manifest.log_gap, Some([7, 7]));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert!(!ca.truncated);
}

#[test]
fn honest_names_are_continued() {
    let (_temp, medium) = after_full();
    let mut ca = Liar::new(&[(7, 7), (8, 8)]);
    let outcome = run(&mut ca, &medium, Requested::Auto).unwrap();
    assert_eq!(outcome.sets[0].manifest.kind, Kind::Incremental);
    assert!(ca.truncated);
    let catalogue = Catalogue::load(&medium, None).unwrap();
    assert!(catalogue.sets().iter().all(|set| catalogue.state(set) == SetState::Good));
}
