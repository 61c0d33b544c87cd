//! Kinds of files by their first bytes.

use std::fs;

use ese::{FileType, sniff};

use crate::support::{empty_database, flip, put, read, seal};

#[test]
fn engine_files() {
    for set in ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"] {
        let Some(folder) = testkit::data::engine_set(set) else { return };
        for entry in fs::read_dir(folder.join("crash")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = read(&path);
            let expected = match path.extension().unwrap().to_str().unwrap() {
                "edb" => FileType::Database,
                "log" | "jtx" => FileType::Log,
                "chk" | "jcp" => FileType::Checkpoint,
                "jfm" => FileType::FlushMap,
                other => panic!("{other}"),
            };
            assert_eq!(sniff(&bytes[..32_768.min(bytes.len())]), expected, "{}", path.display());
        }
    }
}

#[test]
fn short_input_is_never_called_something_else() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    for (file, expected) in [
        ("ExampleCA.edb", FileType::Database),
        ("edb.log", FileType::Log),
        ("edb.chk", FileType::Checkpoint),
        ("ExampleCA.jfm", FileType::FlushMap),
    ] {
        let bytes = read(folder.join("crash").join(file));
        for length in 0..8192 {
            let found = sniff(&bytes[..length]);
            assert!(found == expected || found == FileType::Unknown, "{file} {length}: {found:?}");
        }
        assert_eq!(sniff(&bytes[..8192]), expected);
    }
}

#[test]
fn old_files_without_a_type_need_a_right_checksum() {
    let mut database = empty_database(4096, 0);
    put(&mut database, 667, 0);
    seal(&mut database[..4096]);
    assert_eq!(sniff(&database), FileType::Database);
    flip(&mut database, 100);
    assert_eq!(sniff(&database), FileType::Unknown);

    let Some(folder) = testkit::data::field_folder("replay-v7") else { return };
    let mut log = read(folder.join("edb.log"));
    put(&mut log, 667, 0);
    seal(&mut log[..4096]);
    assert_eq!(sniff(&log), FileType::Log);
    flip(&mut log, 100);
    assert_eq!(sniff(&log), FileType::Unknown);
}

#[test]
fn damaged_headers_are_still_recognised() {
    let Some(folder) = testkit::data::engine_set("main-damaged") else { return };
    assert_eq!(sniff(&read(folder.join("header-both/ExampleCA.edb"))), FileType::Database);
    assert_eq!(sniff(&read(folder.join("log-header-bit/edb0000E.log"))), FileType::Log);
    assert_eq!(sniff(&read(folder.join("chk-zeroed/edb.chk"))), FileType::Unknown);
}

#[test]
fn other_files_are_unknown() {
    assert_eq!(sniff(b""), FileType::Unknown);
    assert_eq!(sniff(&[0; 32_768]), FileType::Unknown);
    assert_eq!(sniff(&[0xFF; 32_768]), FileType::Unknown);
    let text: Vec<u8> = b"Lorem ipsum dolor sit amet. ".iter().copied().cycle().take(32_768).collect();
    assert_eq!(sniff(&text), FileType::Unknown);
}
