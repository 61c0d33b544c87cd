//! `DataBase/` of a set is a folder that Microsoft's tools can restore.

use std::fs;

use certadm::CertServer as _;

use crate::world::{World, files_below};

#[test]
fn database_holds_what_certutil_writes_and_nothing_else() {
    let world = World::with_full();
    let (_, folder) = world.newest();
    let mut expected = vec!["ExampleCA.edb".to_owned(), "certbkxp.dat".to_owned()];
    expected.extend((1..=9).map(|generation| format!("edb{generation:05X}.log")));
    expected.sort();
    assert_eq!(files_below(&folder.join("DataBase")), expected);

    let mut top: Vec<_> = fs::read_dir(&folder)
        .expect("list the set")
        .map(|entry| entry.expect("list the set").file_name().to_string_lossy().into_owned())
        .collect();
    top.sort();
    assert_eq!(top, ["Config", "DataBase", "DynamicFiles", "manifest.json"]);
}

#[test]
fn certbkxp_is_the_raw_list_of_the_server_byte_for_byte() {
    let world = World::new();
    let mut connection = world.ca().connect();
    let mut session = connection.prepare_backup(certadm::BackupType::Full).expect("open a session");
    let map = session.restore_map().expect("fetch the restore map");
    session.end().expect("end the session");
    drop(session);
    world.backup(&[]).exits(0);
    let stored = fs::read(world.newest().1.join("DataBase/certbkxp.dat")).expect("read certbkxp.dat");
    assert_eq!(stored, map.raw());

    // And what those bytes are, spelled out: tag, UNC path, NUL; a final NUL. UTF-16, little-endian.
    let text = "D\\\\ca01.example.test\\C$\\Windows\\system32\\CertLog\\ExampleCA.edb\0";
    let database: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(stored.windows(database.len()).any(|window| window == database));
    assert!(stored.ends_with(&[0, 0, 0, 0]));
}

#[test]
fn an_increment_holds_its_logs_and_the_restore_map() {
    let world = World::with_chain();
    let (set, folder) = world.newest();
    let (first, last) = set.manifest.generations().expect("an increment has logs");
    let mut expected = vec!["certbkxp.dat".to_owned()];
    expected.extend((first..=last).map(|generation| format!("edb{generation:05X}.log")));
    assert_eq!(files_below(&folder.join("DataBase")), expected);
}
