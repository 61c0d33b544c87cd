//! What a restore takes from which set of a chain, and what it moves out of its way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use certadm::{FileKind, FileList, ListedFile};
use csbackup::manifest::Content;
use csbackup::{
    Catalogue, Directory, Folder, ImportOptions, MappedFiles, Quiet, Requested, RestoreOptions, RestorePlan,
    RestoreTarget, StoredSet, import, plan_restore, restore,
};
use tempfile::TempDir;
use testkit::ca::{DYNAMIC, Moment, authority, plain_life, scratch};
use testkit::synthetic::{History, log_name};
use testkit::world::World;

const LOGS: &str = r"\\ca01\C$\CertLog";
const SYSTEM: &str = r"\\ca01\C$\CertSystem";

/// An imported chain: a full backup with its key, and an increment without one.
struct Chain {
    temp: TempDir,
    medium: Directory,
}

impl Chain {
    fn new() -> Self {
        let temp = tempfile::tempdir_in(scratch()).expect("create a temporary folder");
        let chain = Self { medium: Directory::new(temp.path().join("medium")), temp };
        let full = chain.path("full");
        Moment::new(3, 3, 6).write(&full.join("DataBase"));
        fs::write(full.join("Corp.p12"), "a key container").expect("write a key");
        let increment = chain.path("increment");
        fs::create_dir_all(increment.join("DataBase")).expect("create a folder");
        for log in 7..=8 {
            let path = increment.join("DataBase").join(log_name(log));
            fs::write(path, History::default().log(log)).expect("write a log");
        }
        for folder in [full, increment] {
            let entries = [
                (FileKind::Database, format!(r"{LOGS}\ca.edb")),
                (FileKind::LogDirectory, LOGS.to_owned()),
                (FileKind::SystemDirectory, SYSTEM.to_owned()),
            ];
            let map = FileList::encode(entries.map(|(kind, name)| ListedFile { kind, name }).to_vec());
            fs::write(folder.join("DataBase/certbkxp.dat"), map.raw()).expect("write the restore map");
            let options = ImportOptions { ca_name: Some("Corp".to_owned()), host: None };
            let folder = Folder::open(&folder).expect("open a folder");
            import(&folder, &chain.medium, &options, &Quiet).expect("import a folder");
        }
        chain
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.temp.path().join(relative)
    }

    fn plan(&self, target: RestoreTarget, force: bool) -> RestorePlan {
        let catalogue = Catalogue::load(&self.medium, None).expect("read the catalogue");
        let latest = catalogue.find("latest").expect("there are sets");
        assert_eq!(catalogue.chain(latest).expect("a chain").len(), 2);
        plan_restore(&catalogue, latest, &RestoreOptions { target, force, only: Vec::new(), recovered: None })
            .expect("plan a restore")
    }

    fn to(&self, force: bool) -> RestorePlan {
        self.plan(RestoreTarget::Folder(self.path("to")), force)
    }

    fn original(&self, force: bool) -> RestorePlan {
        let maps = [(LOGS.to_owned(), self.path("log")), (SYSTEM.to_owned(), self.path("system"))];
        self.plan(RestoreTarget::Original(MappedFiles::new(maps)), force)
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
        fs::write(path, text).expect("write a file");
    }

    fn restore(&self, plan: &RestorePlan) -> Vec<PathBuf> {
        restore(&self.medium, plan, &Quiet).expect("restore")
    }
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

#[test]
fn a_key_that_only_the_full_set_has_comes_with_the_chain() {
    let chain = Chain::new();
    let plan = chain.to(false);
    let full = &plan.sets[0];
    let key = plan.items.iter().find(|item| item.content == Content::Key).expect("the key is planned");
    assert_eq!(key.set, full.id);
    chain.restore(&plan);
    assert_eq!(read(chain.path("to/Corp.p12")), "a key container");
    let logs = (3..=8).filter(|log| chain.path("to/CertLog").join(log_name(*log)).is_file()).count();
    assert_eq!(logs, 6);
}

/// The paths of a restored chain's dynamic files, with the set that each comes from.
fn dynamic(plan: &RestorePlan) -> Vec<(&str, &str)> {
    let dynamic = plan.items.iter().filter(|item| item.content == Content::Dynamic);
    dynamic.map(|item| (item.path.file_name(), item.set.as_str())).collect()
}

#[test]
fn a_crl_that_only_an_earlier_set_has_comes_with_the_chain_and_otherwise_the_newest() {
    let mut world = World::new(&plain_life());
    let [(first, _), (second, text)] = DYNAMIC;
    let full: StoredSet = world.good(Requested::Full).sets.remove(0);
    world.advance();
    let state = world.ca.path().join("state-02/dynamic");
    fs::remove_file(state.join(second)).expect("the CA no longer has it");
    fs::write(state.join(first), "a newer CRL").expect("write a CRL");
    let increment = world.good(Requested::Auto).sets.remove(0);
    assert_eq!(increment.manifest.base, Some(full.id.clone()));

    let to = world.folder().join("to");
    let options = RestoreOptions {
        target: RestoreTarget::Folder(to.clone()),
        force: false,
        only: Vec::new(),
        recovered: None,
    };
    let plan = plan_restore(&world.catalogue(), &increment, &options).expect("plan a restore");
    let mut expected = [(first, increment.id.as_str()), (second, full.id.as_str())];
    expected.sort_unstable();
    let mut found = dynamic(&plan);
    found.sort_unstable();
    assert_eq!(found, expected);
    restore(&world.medium, &plan, &Quiet).expect("restore");
    assert_eq!(read(to.join("DynamicFiles").join(first)), "a newer CRL");
    assert_eq!(read(to.join("DynamicFiles").join(second)).as_bytes(), text);
    assert_eq!(full.manifest.ca, (&authority()).into());
}

#[test]
fn at_the_original_places_key_and_restore_map_are_left_out_with_a_warning() {
    let chain = Chain::new();
    let plan = chain.original(false);
    for path in ["Corp.p12", "DataBase/certbkxp.dat"] {
        let about = format!("`{path}` has no place on the CA and is left out");
        assert_eq!(plan.warnings.iter().filter(|warning| warning.contains(&about)).count(), 1, "{path}");
        assert!(!plan.items.iter().any(|item| item.path.as_str() == path), "{path}");
    }
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    chain.restore(&plan);
    assert_eq!(fs::read_dir(chain.path("log")).expect("the folder is there").count(), 7);
    assert!(!chain.path("system").exists());
}

#[test]
fn an_old_checkpoint_in_a_system_directory_of_its_own_is_moved_aside() {
    let chain = Chain::new();
    chain.write("system/edb.chk", "old checkpoint");
    chain.write("system/readme.txt", "in nobody's way");
    let plan = chain.original(false);
    assert_eq!(plan.aside, [chain.path("system/edb.chk")]);
    restore(&chain.medium, &plan, &Quiet).expect_err("a checkpoint of another database is in the way");
    assert!(!chain.path("log").exists());

    let aside = chain.restore(&chain.original(true));
    let [aside] = &aside[..] else { panic!("one folder expected: {aside:?}") };
    assert_eq!(aside.parent(), Some(&*chain.path("system")));
    assert_eq!(read(aside.join("edb.chk")), "old checkpoint");
    assert!(!chain.path("system/edb.chk").exists(), "the CA would go on from it");
    assert_eq!(read(chain.path("system/readme.txt")), "in nobody's way");
    assert!(chain.path("log/ca.edb").is_file());
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_in_the_way() {
    for place in ["to/CertLog/ca.edb", "to/Corp.p12"] {
        let chain = Chain::new();
        chain.write("to/CertLog/readme.txt", "the folder is there");
        let link = chain.path(place);
        std::os::unix::fs::symlink(chain.path("nowhere"), &link).expect("make a link");
        let plan = chain.to(false);
        assert_eq!(plan.aside, std::slice::from_ref(&link));
        let error = restore(&chain.medium, &plan, &Quiet).expect_err(place);
        assert!(error.to_string().contains("is in the way"), "{error}");
        assert!(link.is_symlink());
        let aside = chain.restore(&chain.to(true));
        assert!(link.is_file() && !link.is_symlink(), "{place}");
        assert!(aside[0].join(link.file_name().expect("a name")).is_symlink(), "{place}");
        assert!(!chain.path("nowhere").exists(), "nothing was written through the link");
    }
}

#[test]
fn forced_restores_within_one_second_do_not_meet() {
    let chain = Chain::new();
    chain.restore(&chain.to(false));
    let mut folders = BTreeSet::new();
    let mut stamps = BTreeSet::new();
    for number in 0..8 {
        let old = format!("database {number}");
        fs::write(chain.path("to/CertLog/ca.edb"), &old).expect("somebody works with it");
        for aside in chain.restore(&chain.to(true)) {
            if aside.join("ca.edb").exists() {
                assert_eq!(read(aside.join("ca.edb")), old);
            }
            let name = aside.file_name().expect("a name").to_string_lossy().into_owned();
            stamps
                .insert(name.chars().take("replaced-by-csbackup-20260101T000000Z".len()).collect::<String>());
            assert!(folders.insert(aside), "a folder was used twice");
        }
    }
    assert_eq!(folders.len(), 16, "beside the logs and beside the key, each time");
    assert!(stamps.len() < 8, "no two of them fell into one second");
    for number in 0..8 {
        let kept = |folder: &&PathBuf| {
            fs::read_to_string(folder.join("ca.edb")).is_ok_and(|text| text == format!("database {number}"))
        };
        assert_eq!(folders.iter().filter(kept).count(), 1, "database {number}");
    }
}
