//! Names as listed, sizes of reads, and files outside the database.

use std::fs;

use certadm::{BackupType, CertServer, FileKind};
use dtyp::HResult;

use crate::invented::{Invented, LOG_SIZE, PAGE, authority, code, database};

const LOGS: &str = r"\\ca01.corp.example\C$\Windows\system32\CertLog";

#[test]
fn names_are_tagged_unc_paths() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    assert_eq!(*connection.authority(), authority());
    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();

    let map = backup.restore_map().unwrap();
    let entries: Vec<_> = map.files().iter().map(|file| (file.kind, file.name.clone())).collect();
    let edb = format!(r"{LOGS}\Corp Issuing CA.edb");
    let expected = [
        (FileKind::Database, edb.clone()),
        (FileKind::LogDirectory, LOGS.to_owned()),
        (FileKind::SystemDirectory, LOGS.to_owned()),
    ];
    assert_eq!(entries, expected);

    let databases = backup.database_files().unwrap();
    assert_eq!(databases.raw()[..4], [b'D', 0, b'\\', 0]);
    assert_eq!(databases.files()[0].name, edb);
    let logs = backup.log_files().unwrap();
    assert_eq!(logs.raw()[..4], [b'!', 0, b'\\', 0]);
    assert_eq!(logs.files()[3].name, format!(r"{LOGS}\edb00006.log"));
    assert_eq!(code(backup.open_file("edb00006.log")), HResult::INVALID_ARG);
}

#[test]
fn reads_are_whole_pages_and_the_first_is_larger_than_two() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();
    let database = backup.database_files().unwrap().files()[0].name.clone();
    let log = backup.log_files().unwrap().files()[0].name.clone();
    let (ok, wrong) = (HResult::OK, HResult::HR_INVALID_PARAMETER);
    #[rustfmt::skip]
    let table = [
        (&database, [0, 0], [wrong, wrong]),
        (&database, [2 * PAGE, 3 * PAGE], [wrong, ok]),
        (&database, [PAGE, PAGE], [wrong, wrong]),
        (&database, [3 * PAGE + 4096, 3 * PAGE], [wrong, ok]),
        (&database, [3 * PAGE, PAGE], [ok, ok]),
        (&database, [3 * PAGE, 4096], [ok, wrong]),
        (&log, [4096, 8192], [wrong, ok]),
        (&log, [8192, 4096], [ok, ok]),
        (&log, [8192, 4095], [ok, wrong]),
    ];
    for (name, sizes, expected) in table {
        backup.open_file(name).unwrap();
        let codes = sizes.map(|size| code(backup.read_file(&mut vec![0; size])));
        assert_eq!(codes, expected, "{sizes:?} of {name}");
        backup.close_file().unwrap();
    }
}

#[test]
fn a_stream_ends_at_the_size_that_was_announced() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();
    let name = backup.database_files().unwrap().files()[0].name.clone();
    assert_eq!(backup.open_file(&name).unwrap(), u64::try_from(5 * PAGE).unwrap());
    let mut buffer = vec![0; 4 * PAGE];
    let counts = [0; 3].map(|_| backup.read_file(&mut buffer).unwrap());
    assert_eq!(counts, [4 * PAGE, PAGE, 0]);
    assert_eq!(buffer[..PAGE], database(3)[4 * PAGE..]);
}

#[test]
fn a_file_that_shrinks_or_vanishes_fails_its_read() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();
    let logs = backup.log_files().unwrap();
    backup.open_file(&logs.files()[0].name).unwrap();
    let file = fs::File::options().write(true).open(at.log_file(3)).unwrap();
    file.set_len(5000).unwrap();
    assert_eq!(code(backup.read_file(&mut vec![0; LOG_SIZE])), HResult::DISK_IO);
    backup.close_file().unwrap();
    fs::remove_file(at.log_file(4)).unwrap();
    assert_eq!(code(backup.open_file(&logs.files()[1].name)), HResult::FILE_NOT_FOUND);
}

#[test]
fn dynamic_files_are_listed_and_lie_where_the_mapping_says() {
    let mut at = Invented::new();
    at.ca.add_dynamic_file("Corp Issuing CA.crl", b"a CRL").unwrap();
    at.reconfigure(|config| config.dynamic_extra = vec!["absent+.crl".to_owned()]);
    let mut connection = at.ca.connect();
    let names = connection.prepare_backup(BackupType::Full).unwrap().dynamic_files().unwrap();
    let share = r"\\ca01.corp.example\CertEnroll";
    assert_eq!(names, [format!(r"{share}\Corp Issuing CA.crl"), format!(r"{share}\absent+.crl")]);

    assert!(at.ca.advance().unwrap());
    let mappings = at.ca.mappings();
    assert_eq!(mappings[0], (LOGS.to_owned(), at.path().join("CertLog")));
    assert_eq!(mappings[1].0, share);
    assert_eq!(mappings[1].1, at.path().join("state-02").join("dynamic"));
    assert_eq!(fs::read(mappings[1].1.join("Corp Issuing CA.crl")).unwrap(), b"a CRL");
}

#[test]
fn a_dynamic_file_is_one_path_component() {
    let mut at = Invented::new();
    for name in ["", "..", "a/b", r"..\x", "a\0b"] {
        assert!(at.ca.add_dynamic_file(name, b"").is_err(), "{name:?}");
    }
}
