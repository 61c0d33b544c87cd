//! An embedded CA with a chain of two sets and files of its own in the way, restored into its own places.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, panic};

use certadm::{CertServer as _, ServerState};
use certsrv::{CaDirectory, Host};
use csbackup::{
    CaPlaces, CaSide, Error, MappedFiles, Observer, Quiet, Requested, RestoreOptions, RestorePlan,
    RestoreTarget, Restored, Step, Until, plan_restore, restore_ca, resume, undo,
};
use testkit::ca::plain_life;
use testkit::world::World;

use crate::life::tree;

/// The second is where the database is recovered to first, if it is.
pub(crate) struct Site(pub(crate) World, pub(crate) Option<Until>);

impl Site {
    /// With a full backup and `increments`.
    pub(crate) fn new(increments: usize) -> Self {
        let mut world = World::new(&plain_life());
        world.good(Requested::Full);
        for _ in 0..increments {
            world.advance();
            world.good(Requested::Incremental);
        }
        Self::broken(world, None)
    }

    /// What lies there when the CA breaks down.
    pub(crate) fn broken(world: World, recovered: Option<Until>) -> Self {
        let log = world.ca.path().join("CertLog");
        fs::write(log.join("edb.log"), "current log").expect("write a file");
        fs::write(log.join("ca.edb"), "broken database").expect("write a file");
        fs::write(log.join("edb.chk"), "checkpoint").expect("write a file");
        Self(world, recovered)
    }

    pub(crate) fn copy(&self) -> Self {
        Self(self.0.copy(), self.1)
    }

    pub(crate) fn ca(&self) -> CaDirectory {
        CaDirectory::open(self.0.ca.path()).expect("open the CA")
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        self.0.ca.path().join("CertLog")
    }

    pub(crate) fn state(&self) -> ServerState {
        self.ca().connect().state().expect("ask for the state")
    }

    pub(crate) fn plan(&self) -> RestorePlan {
        let ca = self.ca();
        let log = Some(self.log_folder());
        let places = CaPlaces {
            database: log.clone(),
            logs: log.clone(),
            system: log,
            files: MappedFiles::new(ca.mappings()),
            journal: self.log_folder(),
            ..CaPlaces::default()
        };
        let options = RestoreOptions {
            target: RestoreTarget::Ca(places),
            force: true,
            only: Vec::new(),
            recovered: self.1,
        };
        plan_restore(&self.0.catalogue(), &self.0.newest(), &options).expect("plan a restore")
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut CaSide<'_>) -> T) -> T {
        let ca = self.ca();
        let (mut server, mut host): (_, Host) = (ca.connect(), ca.host());
        act(&mut CaSide { server: &mut server, host: Some(&mut host) })
    }

    pub(crate) fn restore(&self, observer: &dyn Observer) -> Result<Restored, Error> {
        let plan = self.plan();
        self.with(|ca| restore_ca(&self.0.medium, &plan, ca, observer))
    }

    pub(crate) fn resume(&self, observer: &dyn Observer) -> Result<Option<Restored>, Error> {
        self.with(|ca| resume(&self.log_folder(), Some(&self.0.medium), Some(ca), observer))
    }

    pub(crate) fn undo(&self, observer: &dyn Observer) -> Result<Option<Restored>, Error> {
        self.with(|ca| undo(&self.log_folder(), Some(ca), observer))
    }

    /// Every file and folder with its hash, but for locks; folders with old files under one name.
    pub(crate) fn tree(&self) -> BTreeMap<String, String> {
        let found = tree(self.0.folder()).into_iter().filter(|(path, _)| !path.ends_with("current.lock"));
        let mark = "replaced-by-csbackup-";
        let name = |path: String| match path.find(mark) {
            Some(at) => {
                let rest = path[at..].find('/').map_or("", |slash| &path[at + slash..]);
                format!("{}replaced{rest}", &path[..at])
            }
            None => path,
        };
        let mut found: BTreeMap<_, _> = found.map(|(path, hash)| (name(path), hash)).collect();
        // It names this folder; and an End that fails leaves another word.
        if let Ok(text) = fs::read_to_string(self.0.ca.path().join("restore.toml")) {
            let folder = self.0.folder().display().to_string();
            let text = text.replace(&folder, "WORLD").replace("ended = false", "ended = true");
            found.insert("ca/restore.toml".to_owned(), text);
        }
        found
    }

    /// As [`Site::tree`], without the closed journal.
    pub(crate) fn restored_tree(&self) -> BTreeMap<String, String> {
        let mut tree = self.tree();
        tree.retain(|path, _| !path.contains(".csbackup-restore"));
        tree
    }
}

/// Dies at a step, and leaves everything as it is.
pub(crate) struct DiesAt {
    step: usize,
    seen: AtomicUsize,
}

impl DiesAt {
    pub(crate) fn step(step: usize) -> Self {
        Self { step, seen: AtomicUsize::new(0) }
    }

    /// Runs something that dies; false: it had fewer steps.
    pub(crate) fn dies<T>(&self, act: impl FnOnce(&Self) -> T) -> bool {
        catch_unwind(AssertUnwindSafe(|| act(self))).is_err()
    }
}

struct Death;

impl Observer for DiesAt {
    fn step(&self, _: &Step) {
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.step {
            panic::resume_unwind(Box::new(Death));
        }
    }
}

/// What lies there, before and after.
pub(crate) fn old_and_new(site: &Site) -> [BTreeMap<String, String>; 2] {
    let done = site.copy();
    done.restore(&Quiet).expect("restore");
    [site.tree(), done.restored_tree()]
}

/// The same files with the same content; says what differs.
#[track_caller]
pub(crate) fn assert_same(found: &BTreeMap<String, String>, expected: &BTreeMap<String, String>, case: &str) {
    let differs =
        |(path, hash): &(&String, &String), other: &BTreeMap<String, String>| other.get(*path) != Some(hash);
    let more: Vec<_> = found.iter().filter(|entry| differs(entry, expected)).map(|(path, _)| path).collect();
    let less: Vec<_> = expected.iter().filter(|entry| differs(entry, found)).map(|(path, _)| path).collect();
    assert!(more.is_empty() && less.is_empty(), "{case}: found {more:#?}, expected {less:#?}");
}
