//! The process dies in a repository: before each change of the store, and at random moments.
//!
//! Whatever it was doing: what is damaged is named with the command that mends it, every earlier set is read
//! back with the bytes it had, the same work succeeds when it is done again, and so does the next backup.
//!
//! The victim is this test program itself, started again for the test [`victim`].

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use csbackup::manifest::Severity;
use csbackup::{
    BackupOptions, Catalogue, KeepOptions, MappedFiles, Medium, Missing, Now, Quiet, ReadExtent, Requested,
    SetId, SetState, TruncationOutcome, backup, copy, forget, plan_forget,
};
use csbackup_repo::{
    CheckOptions, Location, Password, PruneOptions, ReadBackend, ReadData, Repositories, StoreOptions, Wrap,
    WriteBackend,
};
use rustic_core::{BytesList, FileType, Id, RusticResult};
use testkit::ca::{authority, plain_life};
use testkit::world::{World, spawn};
use time::OffsetDateTime;

use crate::place::{PASSWORD, reads_back};

/// The folder of the victim's world; unset in an ordinary run of the tests.
const FOLDER: &str = "CSBACKUP_TEST_REPO_VICTIM";
/// What the victim does: one of [`WORKS`].
const WORK: &str = "CSBACKUP_TEST_REPO_VICTIM_WORK";
/// The change of the store (from 1) before which it aborts.
const CHANGE: &str = "CSBACKUP_TEST_REPO_VICTIM_CHANGE";

/// A store whose user dies before a change.
struct Deadly {
    inner: Arc<dyn WriteBackend>,
    changes: Arc<AtomicUsize>,
    last: usize,
}

impl std::fmt::Debug for Deadly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deadly")
    }
}

impl Deadly {
    fn change(&self) {
        if self.changes.fetch_add(1, Ordering::SeqCst) + 1 == self.last {
            std::process::abort();
        }
    }
}

impl ReadBackend for Deadly {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.inner.list_with_size(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.inner.read_full(kind, id)
    }

    fn read_partial(&self, kind: FileType, id: &Id, keep: bool, at: u32, length: u32) -> RusticResult<Bytes> {
        self.inner.read_partial(kind, id, keep, at, length)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.inner.warmup_path(kind, id)
    }
}

impl WriteBackend for Deadly {
    fn create(&self) -> RusticResult<()> {
        self.inner.create()
    }

    fn write_bytes(&self, kind: FileType, id: &Id, keep: bool, content: BytesList) -> RusticResult<()> {
        self.change();
        self.inner.write_bytes(kind, id, keep, content)
    }

    fn remove(&self, kind: FileType, id: &Id, keep: bool) -> RusticResult<()> {
        self.change();
        self.inner.remove(kind, id, keep)
    }
}

/// The repositories in a folder of the world, and how often they were changed; who uses them dies before change
/// `last`.
fn counted(folder: &Path, name: &str, last: usize) -> (Repositories, Arc<AtomicUsize>) {
    let changes = Arc::new(AtomicUsize::new(0));
    let counter = changes.clone();
    let wrap = Wrap::new(move |inner| Arc::new(Deadly { inner, changes: counter.clone(), last }));
    let options = StoreOptions { wrap: Some(wrap), ..StoreOptions::default() };
    let location = Location::Local(folder.join(name));
    (Repositories::new(location, options, Password::new(PASSWORD)), changes)
}

fn opened(world: &World, name: &str) -> Repositories {
    counted(world.folder(), name, usize::MAX).0
}

/// The repositories, and where copies go.
const PLACES: [&str; 2] = ["repository", "far"];

const WORKS: [&str; 4] = ["backup", "forget", "prune", "copy"];

/// Does a work; every one can be done again.
fn work(folder: &Path, what: &str, last: usize) -> usize {
    let (near, changes) = counted(folder, "repository", last);
    let ca = authority();
    match what {
        "backup" => {
            let (server, _) = World::parts(folder);
            let files = MappedFiles::new(server.mappings());
            backup(&mut server.connect(), &near, &files, &BackupOptions::default(), &Quiet).unwrap();
        }
        "forget" => {
            let _lock = near.lock_alone(&ca).unwrap();
            let catalogue = Catalogue::load(&near, None).unwrap();
            let (now, keep) = (OffsetDateTime::now_utc(), KeepOptions { last: 1, ..KeepOptions::default() });
            let plan = plan_forget(&catalogue, &keep, Now::Clock(now)).unwrap();
            let _ = forget(&near, &plan, now, &Quiet).unwrap();
        }
        "prune" => {
            let max_unused = Some("0%".parse().unwrap());
            near.prune(&ca.name, &PruneOptions { instant: true, max_unused, dry_run: false }).unwrap();
        }
        "copy" => {
            let (far, changes) = counted(folder, "far", last);
            let report = copy(&near, &far, &ca, Missing::All, ReadExtent::Full, &Quiet).unwrap();
            assert!(report.stopped.is_none() && report.left.is_empty(), "{report:?}");
            return changes.load(Ordering::SeqCst);
        }
        _ => panic!("{what} is no work"),
    }
    changes.load(Ordering::SeqCst)
}

#[test]
fn victim() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let last = env::var(CHANGE).map_or(usize::MAX, |change| change.parse().unwrap());
    work(Path::new(&folder), &env::var(WORK).unwrap(), last);
}

fn start(world: &World, what: &str, change: Option<usize>) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["kill::victim", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, world.folder()).env(WORK, what);
    if let Some(change) = change {
        command.env(CHANGE, change.to_string());
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    spawn(&mut command).unwrap()
}

/// A repository with two chains, and one of two sets for copies.
fn before(what: &str) -> World {
    let mut world = World::new(&plain_life());
    for name in PLACES {
        opened(&world, name).init(&authority().name, 1 << 20).unwrap();
    }
    for kind in [Requested::Full, Requested::Auto, Requested::Full] {
        let options = BackupOptions { kind, ..BackupOptions::default() };
        world.run_on(&mut world.ca.connect(), &opened(&world, "repository"), &options).unwrap();
        // Its life is short: in the end it stays as it is.
        world.ca.advance().ok();
    }
    if what == "prune" {
        work(world.folder(), "forget", usize::MAX);
    }
    world
}

fn sets(medium: &Repositories) -> Vec<(SetId, SetState)> {
    let catalogue = Catalogue::load(medium, None).unwrap();
    assert!(catalogue.unreadable.is_empty(), "{:?}", catalogue.unreadable);
    catalogue.sets().iter().map(|set| (set.id.clone(), catalogue.state(set))).collect()
}

/// Checks a repository with all its data; what is found is mended by the command that it names.
fn check(medium: &Repositories, case: &str) {
    let all = CheckOptions { read_data: ReadData::All };
    let report = medium.check(&authority().name, &all).unwrap();
    let bad: Vec<_> = report.findings.iter().filter(|finding| finding.severity > Severity::Info).collect();
    if bad.is_empty() {
        return;
    }
    let names =
        |finding: &&csbackup::FindingEntry| finding.hint.as_deref().unwrap_or("").contains("csbackup repair");
    assert!(bad.iter().any(names), "{case}: {bad:?}");
    let after = medium.repair(&authority().name, false).unwrap().after.unwrap();
    assert!(after.worst() <= Some(Severity::Info), "{case}: {after:?}");
}

/// What a victim found: each start opens it anew, for a password takes its time to be tried.
struct Before {
    world: World,
    what: &'static str,
    sets: [Vec<(SetId, SetState)>; 2],
}

impl Before {
    fn new(what: &'static str) -> Self {
        let world = before(what);
        let sets = PLACES.map(|name| sets(&opened(&world, name)));
        Self { world, what, sets }
    }

    /// Asserts what holds after any death.
    fn assert_survived_by(&self, world: &mut World, case: &str) {
        world.reopen();
        let media = PLACES.map(|name| opened(world, name));
        for (medium, before) in media.iter().zip(&self.sets) {
            check(medium, case);
            let now = sets(medium);
            for (id, state) in before {
                match now.iter().find(|(now, _)| now == id) {
                    Some((_, now)) => assert_eq!(now, state, "{case}: {id}"),
                    None => assert_eq!(self.what, "forget", "{case}: {id} is gone"),
                }
            }
            let catalogue = Catalogue::load(medium, None).unwrap();
            for set in catalogue.sets() {
                reads_back(medium, set).unwrap_or_else(|why| panic!("{case}: {}: {why}", set.id));
                assert!(!matches!(catalogue.state(set), SetState::Orphan(_)), "{case}: {}", set.id);
            }
        }
        let [near, far] = &media;
        if world.generations().start() > self.world.generations().start() {
            assert_eq!(sets(near).last().unwrap().1, SetState::Good, "{case}: truncated");
        }
        // Ours, taken for reading, gives way.
        drop(near.lock_alone(&authority()).unwrap());
        work(world.folder(), self.what, usize::MAX);
        if self.what == "copy" {
            assert_eq!(sets(near), sets(far), "{case}");
        }
        world.reopen();
        let outcome = world.run_on(&mut world.ca.connect(), near, &BackupOptions::default());
        let outcome = outcome.unwrap_or_else(|error| panic!("{case}: the next backup: {error}"));
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "{case}: {:?}", outcome.truncation);
        for (id, state) in sets(near) {
            assert_eq!(state, SetState::Good, "{case}: {id}");
        }
        let locks = world.folder().join("repository").join(&authority().name).join("locks");
        assert_eq!(testkit::world::names(&locks), [] as [String; 0], "{case}: locks are swept");
    }
}

fn dies_before_each_change(what: &'static str) {
    let before = Before::new(what);
    let changes = work(before.world.copy().folder(), what, usize::MAX);
    assert!(changes >= 3, "{changes} changes");
    for change in 1..=changes {
        let mut world = before.world.copy();
        let status = start(&world, what, Some(change)).wait().unwrap();
        assert!(!status.success(), "{what}: the victim survived change {change}");
        before.assert_survived_by(&mut world, &format!("{what}, killed before change {change}"));
    }
}

#[test]
fn killed_before_each_change_of_a_backup() {
    dies_before_each_change("backup");
}

#[test]
fn killed_before_each_change_of_a_forget() {
    dies_before_each_change("forget");
}

#[test]
fn killed_before_each_change_of_a_prune() {
    dies_before_each_change("prune");
}

#[test]
fn killed_before_each_change_of_a_copy() {
    dies_before_each_change("copy");
}

/// Victims of each work that die at random.
const KILLS: usize = 6;

#[test]
fn killed_at_random_moments() {
    for what in WORKS {
        let before = Before::new(what);
        let world = before.world.copy();
        let begin = Instant::now();
        assert!(start(&world, what, None).wait().unwrap().success(), "an undisturbed victim failed");
        let (mut life, mut killed) = (begin.elapsed(), 0);
        for number in 0.. {
            assert!(number < 20 * KILLS, "{what}: most victims were done before they could be killed");
            let mut world = before.world.copy();
            let mut child = start(&world, what, None);
            // The moment of death is the matter of this test.
            let delay = life.mul_f64(fraction(number));
            thread::sleep(delay);
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                life = life.mul_f64(0.9);
                continue;
            }
            killed += 1;
            before
                .assert_survived_by(&mut world, &format!("{what}, victim {number}, killed after {delay:?}"));
            if killed == KILLS {
                break;
            }
        }
    }
}

/// A number from 0 to 1 for a victim: the golden ratio's multiples spread evenly.
fn fraction(number: usize) -> f64 {
    (number as f64 * 0.618_033_988_749_894_9).fract()
}
