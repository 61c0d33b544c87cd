//! Lists of tagged names.

use certadm::{FileKind, FileList, ListError, ListedFile, RestoreMap};
use dtyp::multi_string;

fn raw(entries: &[&str]) -> Vec<u8> {
    multi_string::encode(entries.iter().copied())
}

fn file(kind: FileKind, name: &str) -> ListedFile {
    ListedFile { kind, name: name.to_owned() }
}

#[test]
fn every_tag_round_trips() {
    let tags = [
        (FileKind::Log, 0x21),
        (FileKind::PatchFile, 0x25),
        (FileKind::Database, 0x44),
        (FileKind::LogDirectory, 0x82),
        (FileKind::SystemDirectory, 0x83),
    ];
    for (kind, tag) in tags {
        assert_eq!(FileKind::from_tag(tag), Some(kind));
        assert_eq!(u32::from(kind.tag()), u32::from(tag));
    }
    let files: Vec<ListedFile> = tags.map(|(kind, tag)| file(kind, &format!(r"\\ca\x\{tag}"))).to_vec();
    let list = FileList::encode(files.clone());
    let decoded = FileList::decode_tagged(list.raw().to_vec()).unwrap();
    assert_eq!(decoded.files(), files);
    assert_eq!(decoded, list);
}

#[test]
fn tags_are_one_utf16_unit_without_a_space() {
    let list = FileList::encode(vec![file(FileKind::LogDirectory, "x")]);
    assert_eq!(list.raw(), [0x82, 0, b'x', 0, 0, 0, 0, 0]);
}

#[test]
fn an_empty_list_has_no_files_and_keeps_its_bytes() {
    let list = FileList::decode_tagged(vec![0, 0]).unwrap();
    assert!(list.files().is_empty());
    assert_eq!(list.raw(), [0, 0]);
}

#[test]
fn defects_name_their_place() {
    let text = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let table = [
        (raw(&["!a", "?b"]), ListError::UnknownTag { entry: 1, tag: 0x3F }),
        (raw(&["!a", "d b"]), ListError::UnknownTag { entry: 1, tag: 0x64 }),
        (raw(&["!a", "!b", "D"]), ListError::NoName { entry: 2 }),
        (vec![0x21, 0, 0x61], ListError::Strings(multi_string::Error::OddLength { bytes: 3 })),
        (text("!a\0!b"), ListError::Strings(multi_string::Error::Unterminated { entry: 1 })),
        (text("!a\0!b\0"), ListError::Strings(multi_string::Error::Unended { entries: 2 })),
    ];
    for (raw, expected) in table {
        assert_eq!(FileList::decode_tagged(raw), Err(expected));
    }
}

#[test]
fn no_cut_list_decodes_to_fewer_files() {
    let whole = raw(&["!one", "!two"]);
    for end in 3..whole.len() {
        assert!(FileList::decode_tagged(whole[..end].to_vec()).is_err(), "cut at {end}");
    }
}

#[test]
fn a_kind_out_of_place_is_an_error() {
    let raw = raw(&["!a", "Db", "!c"]);
    let defect = ListError::UnexpectedKind { entry: 1, kind: FileKind::Database };
    assert_eq!(FileList::decode_kinds(raw.clone(), &[FileKind::Log, FileKind::PatchFile]), Err(defect));
    assert!(FileList::decode_kinds(raw, &[FileKind::Log, FileKind::Database]).is_ok());
}

#[test]
fn a_restore_map_needs_database_and_log_directory() {
    let missing = |missing| Err(ListError::Incomplete { missing });
    assert_eq!(RestoreMap::decode(raw(&["\u{82}l", "\u{83}s"])), missing(FileKind::Database));
    assert_eq!(RestoreMap::decode(raw(&["Da", "\u{83}s"])), missing(FileKind::LogDirectory));
    assert_eq!(RestoreMap::decode(vec![]), missing(FileKind::Database));
    let log = ListError::UnexpectedKind { entry: 2, kind: FileKind::Log };
    assert_eq!(RestoreMap::decode(raw(&["Da", "\u{82}l", "!x"])), Err(log));
    let map = RestoreMap::decode(raw(&["\u{82}l", "Da"])).unwrap();
    assert_eq!(map.find(FileKind::Database), Some("a"));
    assert_eq!(map.find(FileKind::SystemDirectory), None);
}

/// The size of a `certbkxp.dat` published for the CA "CVI Issuing CA 1" on PKI-SRV01.corp.cvilab.local.
#[test]
fn a_restore_map_is_as_long_as_a_published_one() {
    let directory = r"\\PKI-SRV01.corp.cvilab.local\C$\Windows\system32\CertLog";
    let map = FileList::encode(vec![
        file(FileKind::Database, &format!(r"{directory}\CVI Issuing CA 1.edb")),
        file(FileKind::LogDirectory, directory),
        file(FileKind::SystemDirectory, directory),
    ]);
    assert_eq!(map.raw().len(), 398);
    let map = RestoreMap::decode(map.raw().to_vec()).unwrap();
    assert_eq!(map.find(FileKind::LogDirectory), Some(directory));
}
