//! The real engine's backups, replayed: what it listed, delivered and truncated is what we do.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use certadm::{BackupContext, BackupType, CertServer};
use certsrv::CaDirectory;
use dtyp::HResult;
use serde_json::Value;
use tempfile::TempDir;

use crate::invented::{authority, code, copy, file_names, log_names};

const BACKUPS: [(&str, BackupType); 3] =
    [("hot", BackupType::Full), ("hot-inc1", BackupType::Incremental), ("hot-inc2", BackupType::Incremental)];

/// A data set with its reports, and a place for the CA directory.
struct Fixture {
    set: PathBuf,
    scratch: TempDir,
}

impl Fixture {
    fn new(name: &str) -> Option<Self> {
        let mut set = testkit::data::engine_set(name)?;
        let scratch = tempfile::tempdir().unwrap();
        if !set.join("hot.backup.json").is_file() {
            // The reports of this set lie beside its archive.
            let reports = testkit::data::shared()?.join(format!("ese-engine/{name}.expected"));
            let joined = scratch.path().join("set");
            fs::create_dir(&joined).unwrap();
            for (folder, _) in BACKUPS {
                let report = format!("{folder}.backup.json");
                fs::copy(reports.join(&report), joined.join(&report)).unwrap();
                link(&set.join(folder), &joined.join(folder));
            }
            set = joined;
        }
        Some(Self { set, scratch })
    }

    fn ca(&self) -> CaDirectory {
        CaDirectory::create_from_engine_set(self.scratch.path().join("ca"), &authority(), &self.set).unwrap()
    }

    fn report(&self, folder: &str) -> Value {
        let text = fs::read_to_string(self.set.join(format!("{folder}.backup.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) {
    std::os::unix::fs::symlink(from, to).unwrap();
}

#[cfg(not(unix))]
fn link(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in file_names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|string| string.as_str().unwrap().to_owned()).collect()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// Reads an open file as the report says the engine was asked, comparing with what it delivered.
fn compare(backup: &mut dyn BackupContext, name: &str, entry: &Value, truth: &Path) {
    let size = backup.open_file(name).unwrap();
    assert_eq!(Some(size), entry["size_from_JetOpenFile"].as_u64(), "size of {name}");
    let mut truth = File::open(truth).unwrap();
    let mut buffer = vec![0; number(&entry["chunk"])];
    let mut expected = buffer.clone();
    let (mut left, mut calls) = (usize::try_from(size).unwrap(), 0);
    while left > 0 {
        let count = backup.read_file(&mut buffer).unwrap();
        assert_eq!(count, left.min(buffer.len()), "a read of {name} is short only at the end");
        truth.read_exact(&mut expected[..count]).unwrap();
        assert!(buffer[..count] == expected[..count], "{name} differs after {left} bytes before its end");
        (left, calls) = (left - count, calls + 1);
    }
    assert_eq!(calls, number(&entry["read_calls"]), "reads of {name}");
    assert_eq!(backup.read_file(&mut buffer).unwrap(), 0);
    backup.close_file().unwrap();
}

/// A full and two incremental backups, each truncating.
fn repeats_the_engine(name: &str) {
    let Some(fixture) = Fixture::new(name) else { return };
    let mut ca = fixture.ca();
    assert_eq!((ca.states(), ca.state_number()), (3, 1));
    let logs_folder = fixture.scratch.path().join("ca/CertLog");
    for (folder, kind) in BACKUPS {
        let report = fixture.report(folder);
        let before = ca.generations();
        let mut connection = ca.connect();
        let mut backup = connection.prepare_backup(kind).unwrap();

        let mut files = Vec::new();
        if kind == BackupType::Full {
            assert_eq!(report["JetGetAttachInfoInstance"][0], "ExampleCA.edb");
            let list = backup.database_files().unwrap();
            assert_eq!(list.files().len(), 1);
            files.push(list.files()[0].name.clone());
        }
        let list = backup.log_files().unwrap();
        let listed: Vec<&str> = list.files().iter().map(|file| certadm::base_name(&file.name)).collect();
        assert_eq!(listed, strings(&report["JetGetLogInfoInstance2"]["logs"]), "{name}/{folder} lists");
        files.extend(list.files().iter().map(|file| file.name.clone()));

        let entries = report["files"].as_array().unwrap();
        assert_eq!(files.len(), entries.len());
        for (file, entry) in files.iter().zip(entries) {
            let truth = fixture.set.join(folder).join(entry["name"].as_str().unwrap());
            compare(backup.as_mut(), file, entry, &truth);
        }

        let there: BTreeSet<String> = file_names(&logs_folder).into_iter().collect();
        backup.truncate_logs().unwrap();
        let after = ca.generations();
        let truncated = strings(&report["JetGetTruncateLogInfoInstance"]["logs"]);
        assert_eq!(after.end(), before.end());
        assert_eq!(log_names(*before.start()..*after.start()), truncated, "{name}/{folder} truncates");
        let expected: BTreeSet<String> = truncated.into_iter().collect();
        let left: Vec<String> = there.difference(&expected).cloned().collect();
        assert_eq!(file_names(&logs_folder), left, "{name}/{folder} deletes");

        backup.end().unwrap();
        drop(backup);
        assert_eq!(ca.advance().unwrap(), folder != "hot-inc2");
    }
}

/// Logs are kept: a copy, not a base. The next full backup has all logs since its stream.
fn keeps_logs(name: &str) {
    let Some(fixture) = Fixture::new(name) else { return };
    let mut ca = fixture.ca();
    let first = strings(&fixture.report("hot")["JetGetLogInfoInstance2"]["logs"]);
    let second = strings(&fixture.report("hot-inc1")["JetGetLogInfoInstance2"]["logs"]);
    let generations = ca.generations();
    let mut connection = ca.connect();

    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();
    assert_eq!(copy(backup.as_mut()).unwrap().log_names(), first);
    backup.end().unwrap();
    drop(backup);
    assert_eq!(ca.generations(), generations);
    assert_eq!(code(connection.prepare_backup(BackupType::Incremental)), HResult::MISSING_FULL_BACKUP);

    assert!(ca.advance().unwrap());
    let all: BTreeSet<String> = first.iter().chain(&second).cloned().collect();
    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();
    let copied = copy(backup.as_mut()).unwrap();
    assert_eq!(copied.log_names(), all.into_iter().collect::<Vec<_>>());
    let stream = fs::read(fixture.set.join("hot/ExampleCA.edb")).unwrap();
    assert!(copied.databases.values().all(|bytes| *bytes == stream));
    backup.truncate_logs().unwrap();
    backup.end().unwrap();
    drop(backup);

    // State 2 truncates as far as its incremental backup did.
    let truncated = strings(&fixture.report("hot-inc1")["JetGetTruncateLogInfoInstance"]["logs"]);
    let kept: Vec<String> = second.into_iter().filter(|log| !truncated.contains(log)).collect();
    let mut backup = connection.prepare_backup(BackupType::Incremental).unwrap();
    assert_eq!(copy(backup.as_mut()).unwrap().log_names(), kept);
    backup.end().unwrap();
}

macro_rules! each_set {
    ($($set:ident)*) => {
        mod lists_delivers_and_truncates_as_the_engine_did {
            $(#[test]
            fn $set() {
                super::repeats_the_engine(stringify!($set));
            })*
        }

        mod a_full_backup_that_keeps_logs_is_no_base {
            $(#[test]
            fn $set() {
                super::keeps_logs(stringify!($set));
            })*
        }
    };
}

each_set! { main page8k page32k efv7060 efv9600 big }
