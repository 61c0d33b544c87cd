//! Folders that other programs wrote, taken in.

use std::fs;

use csbackup::manifest::{Content, Kind, Source};
use csbackup::{Catalogue, Directory, Error, Folder, ImportOptions, Quiet, SetState, StoredSet, import};
use tempfile::TempDir;

use crate::life::{certutil_folder, copy_folder, damage, tree};

struct Foreign {
    temp: TempDir,
    recorded: std::path::PathBuf,
    medium: Directory,
}

impl Foreign {
    fn new() -> Option<Self> {
        let recorded = testkit::data::engine_set("page8k")?;
        let temp = tempfile::tempdir().expect("create a temporary folder");
        let medium = Directory::new(temp.path().join("medium"));
        Some(Self { temp, recorded, medium })
    }

    fn make(&self, state: &str) -> std::path::PathBuf {
        let folder = self.temp.path().join(format!("certutil-{state}"));
        certutil_folder(&self.recorded.join(state), &folder);
        folder
    }

    fn import(&self, folder: &std::path::Path) -> Result<StoredSet, Error> {
        import(&Folder::open(folder)?, &self.medium, &ImportOptions::default(), &Quiet)
    }

    fn state(&self, set: &StoredSet) -> SetState {
        Catalogue::load(&self.medium, None).expect("read the catalogue").state(set)
    }
}

#[test]
fn a_certutil_folder_becomes_a_good_set_with_its_key_beside() {
    let Some(foreign) = Foreign::new() else { return };
    let folder = foreign.make("hot");
    let before = tree(&folder);
    let set = foreign.import(&folder).expect("import");
    assert_eq!(tree(&folder), before, "the folder itself is left alone");
    assert_eq!(set.manifest.source, Source::Import);
    assert_eq!(set.manifest.kind, Kind::Full);
    assert_eq!(set.manifest.ca.host, "ca01.example.test");
    assert_eq!(set.manifest.ca.name, "ExampleCA");
    assert_eq!(set.manifest.log_list, None, "nobody listed logs");
    assert_eq!(set.manifest.generations(), Some((1, 9)));
    assert_eq!(foreign.state(&set), SetState::Good);

    let mut stored = tree(&foreign.medium.path_of(&set));
    stored.remove("manifest.json").expect("a set has a manifest");
    assert_eq!(stored, before, "the same files at the same places, byte for byte");
    let key = set.manifest.files.iter().find(|file| file.content == Content::Key).expect("the key");
    assert_eq!(key.path, "ExampleCA.p12");
}

#[test]
fn the_inner_folder_alone_is_enough() {
    let Some(foreign) = Foreign::new() else { return };
    let set = foreign.import(&foreign.make("hot").join("DataBase")).expect("import");
    assert_eq!(set.manifest.ca.name, "ExampleCA");
    assert!(set.manifest.files.iter().all(|file| file.path.starts_with("DataBase/")));
}

#[test]
fn incremental_folders_continue_the_imported_full_one() {
    let Some(foreign) = Foreign::new() else { return };
    let full = foreign.import(&foreign.make("hot")).expect("import the full backup");
    let first = foreign.import(&foreign.make("hot-inc1")).expect("import an increment");
    let second = foreign.import(&foreign.make("hot-inc2")).expect("import another one");
    for (set, base) in [(&first, &full), (&second, &first)] {
        assert_eq!(set.manifest.kind, Kind::Incremental);
        assert_eq!(set.manifest.base.as_ref(), Some(&base.id));
        assert_eq!(set.manifest.timeline, full.manifest.timeline);
        assert_eq!(foreign.state(set), SetState::Good);
    }
}

#[test]
fn an_incremental_folder_that_continues_nothing_is_an_orphan() {
    let Some(foreign) = Foreign::new() else { return };
    let set = foreign.import(&foreign.make("hot-inc2")).expect("import");
    assert_eq!(set.manifest.base, None);
    assert!(matches!(foreign.state(&set), SetState::Orphan(_)));
}

#[test]
fn the_same_folder_is_not_taken_in_twice() {
    let Some(foreign) = Foreign::new() else { return };
    let folder = foreign.make("hot");
    let set = foreign.import(&folder).expect("import");
    let error = foreign.import(&folder).expect_err("it is here already");
    assert!(error.to_string().contains(set.id.as_str()), "{error}");
    let left = tree(&foreign.temp.path().join("medium"));
    let sets = left.keys().filter(|path| path.ends_with("manifest.json")).count();
    assert_eq!(sets, 1);
    assert!(!left.keys().any(|path| path.contains("unpublished")), "{left:?}");
}

#[test]
fn a_damaged_folder_is_published_with_findings_and_is_never_a_base() {
    let Some(foreign) = Foreign::new() else { return };
    for (file, code) in [("ExampleCA.edb", "page-checksum"), ("edb00003.log", "segment-checksum")] {
        let medium = Directory::new(foreign.temp.path().join(format!("medium-{code}")));
        let foreign = Foreign {
            temp: tempfile::tempdir().expect("a folder"),
            recorded: foreign.recorded.clone(),
            medium,
        };
        let folder = foreign.make("hot");
        damage(&folder.join("DataBase").join(file));
        let set = foreign.import(&folder).expect("damage is no reason to refuse what there is");
        let codes: Vec<_> = set.manifest.all_findings().map(|(_, finding)| finding.code.as_str()).collect();
        assert!(
            codes.iter().any(|found| found.ends_with("checksum") || *found == "single-bit"),
            "{file}: {codes:?}"
        );
        assert_eq!(foreign.state(&set), SetState::Damaged, "{file}");
        let increment = foreign.import(&foreign.make("hot-inc1")).expect("import an increment");
        assert_eq!(increment.manifest.base, None, "{file}");
    }
}

#[test]
fn logs_without_map_and_key_do_not_tell_their_ca() {
    let Some(foreign) = Foreign::new() else { return };
    let folder = foreign.temp.path().join("logs");
    copy_folder(&foreign.recorded.join("hot-inc1"), &folder);
    let error = foreign.import(&folder).expect_err("whose logs are these?");
    assert!(error.to_string().contains("--ca-name"), "{error}");
    let options = ImportOptions { ca_name: Some("ExampleCA".to_owned()), host: None };
    let folder = Folder::open(&folder).expect("open the folder");
    let set = import(&folder, &foreign.medium, &options, &Quiet).expect("now it is said");
    assert_eq!(set.manifest.ca.name, "ExampleCA");
}

#[test]
fn a_restore_map_that_is_none_is_a_finding_and_the_rest_is_taken() {
    let Some(foreign) = Foreign::new() else { return };
    let folder = foreign.make("hot");
    let map = folder.join("DataBase/certbkxp.dat");
    fs::write(&map, [0x44, 0x00, 0x5c]).expect("spoil the restore map");
    let set = foreign.import(&folder).expect("database and logs are worth having without it");
    let codes: Vec<_> = set.manifest.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["restore-map"]);
    assert!(set.manifest.restore_map.is_empty());
}
