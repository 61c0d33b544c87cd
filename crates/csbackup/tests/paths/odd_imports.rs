//! Folders with empty, damaged and oddly named files.

use std::fs;
use std::path::{Path, PathBuf};

use csbackup::manifest::{Content, Kind, Severity};
use csbackup::{
    Catalogue, Directory, Folder, ImportOptions, Quiet, SetState, StoredSet, VerifyLevel, VerifyReport,
    import, verify_folder,
};
use tempfile::TempDir;
use testkit::ca::{Moment, scratch};
use testkit::synthetic::log_name;

/// A folder with `Corp.edb` and the logs 3 to 6, and room for sets.
fn folder() -> (TempDir, PathBuf, Directory) {
    let temp = tempfile::tempdir_in(scratch()).expect("create a temporary folder");
    let folder = temp.path().join("folder");
    Moment::new(3, 3, 6).write(&folder);
    fs::rename(folder.join("ca.edb"), folder.join("Corp.edb")).expect("rename the database");
    let medium = Directory::new(temp.path().join("medium"));
    (temp, folder, medium)
}

fn verified(path: &Path) -> VerifyReport {
    verify_folder(&Folder::open(path).expect("open"), VerifyLevel::Stream, &Quiet).expect("verify")
}

fn taken_in(folder: &Path, medium: &Directory) -> StoredSet {
    let folder = Folder::open(folder).expect("open the folder");
    import(&folder, medium, &ImportOptions::default(), &Quiet).expect("import the folder")
}

fn state(medium: &Directory, set: &StoredSet) -> SetState {
    Catalogue::load(medium, None).expect("read the catalogue").state(set)
}

#[test]
fn an_empty_database_or_log_is_damage() {
    let (_temp, good, _) = folder();
    assert_eq!(verified(&good).worst(), None);
    for name in ["Corp.edb", "edb00003.log", "edb00004.log", "edb00006.log"] {
        let (_temp, folder, medium) = folder();
        fs::write(folder.join(name), "").expect("empty a file");
        let report = verified(&folder);
        let named = report.files.iter().find(|file| file.name == name).expect("it is not passed over");
        assert!(
            named.findings.iter().any(|finding| finding.severity == Severity::Error),
            "{name}: {named:?}"
        );

        let set = taken_in(&folder, &medium);
        assert_eq!(set.manifest.files.len(), 5, "{name}");
        let entry = set.manifest.files.iter().find(|file| file.name == name).expect("it is published too");
        assert!(entry.is_damaged(), "{name}");
        assert_eq!(state(&medium, &set), SetState::Damaged, "{name}");
        assert_eq!(set.manifest.kind, Kind::Full, "{name}: a folder with a database is no increment");
        assert!(set.id.as_str().contains("-full-"), "{}", set.id);
    }
}

#[test]
fn a_single_empty_database_is_damage() {
    let (temp, _, medium) = folder();
    let path = temp.path().join("Lost.edb");
    fs::write(&path, "").expect("write an empty file");
    assert_eq!(verified(&path).worst(), Some(Severity::Error));
    assert_eq!(state(&medium, &taken_in(&path, &medium)), SetState::Damaged);
}

#[test]
fn an_empty_file_of_another_kind_is_none_of_ours() {
    let (_temp, folder, medium) = folder();
    for name in ["readme.txt", "edbtmp.log", "edbres00001.jrs", "edb.chk"] {
        fs::write(folder.join(name), "").expect("write an empty file");
    }
    assert_eq!(verified(&folder).worst(), None);
    assert_eq!(taken_in(&folder, &medium).manifest.files.len(), 5);
}

#[test]
fn a_folder_whose_database_is_empty_is_not_attached_to_a_chain() {
    let (_temp, folder, medium) = folder();
    let full = taken_in(&folder, &medium);
    fs::write(folder.join("Corp.edb"), "").expect("empty the database");
    fs::remove_file(folder.join(log_name(3))).expect("remove a log");
    let set = taken_in(&folder, &medium);
    assert_eq!(set.manifest.base, None, "its logs alone would fit {}", full.id);
}

#[test]
fn a_damaged_restore_map_is_a_finding_and_no_damage_of_the_data() {
    for bytes in [&[0x44_u8, 0x00, 0x5c][..], b"", b"nonsense that is even"] {
        let (_temp, folder, medium) = folder();
        fs::write(folder.join("certbkxp.dat"), bytes).expect("write a map");
        let set = taken_in(&folder, &medium);
        let findings: Vec<_> =
            set.manifest.all_findings().map(|(_, f)| (f.severity, f.code.as_str())).collect();
        // An empty one is as good as none.
        assert_eq!(findings, [(Severity::Warning, "restore-map")], "{bytes:?}");
        assert_eq!(set.manifest.restore_map, []);
        assert_eq!(state(&medium, &set), SetState::Good);
        assert!(set.manifest.files.iter().any(|file| file.content == Content::RestoreMap), "kept as it is");
    }
}

#[test]
fn a_sanitised_ca_name_is_taken_for_what_it_stands_for() {
    for (name, meant) in [
        ("R!0026D", "R&D"),
        ("R&D", "R&D"),
        ("Wow!0021", "Wow!"),
        ("!00e9t!00E9", "été"),
        ("!d83d!dd12 CA", "\u{1f512} CA"),
        ("half!00", "half!00"),
        ("odd!zzzz", "odd!zzzz"),
    ] {
        let (_temp, folder, medium) = folder();
        fs::rename(folder.join("Corp.edb"), folder.join(format!("{name}.edb"))).expect("rename");
        let set = taken_in(&folder, &medium);
        assert_eq!(set.manifest.ca.name, meant, "{name}.edb");

        // Logs alone are named by their key.
        let (temp, folder, medium) = self::folder();
        let logs = temp.path().join("logs");
        fs::create_dir(&logs).expect("create a folder");
        fs::rename(folder.join(log_name(3)), logs.join(log_name(3))).expect("move a log");
        fs::write(logs.join(format!("{name}.p12")), "a key").expect("write a key");
        assert_eq!(taken_in(&logs, &medium).manifest.ca.name, meant, "{name}.p12");
    }
}

#[test]
fn a_name_that_the_operator_gives_is_taken_as_it_is() {
    let (_temp, folder, medium) = folder();
    let options = ImportOptions { ca_name: Some("R!0026D".to_owned()), host: None };
    let set = import(&Folder::open(&folder).expect("open"), &medium, &options, &Quiet).expect("import");
    assert_eq!(set.manifest.ca.name, "R!0026D");
}
