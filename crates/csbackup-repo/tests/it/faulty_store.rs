//! A store that errs, stalls or loses what it was given, at every request of a backup in turn.
//!
//! Whatever the store does: a set counts as good only if all of it can be read back, the CA forgets only
//! what lies in such a set, and the next run on a healthy store leaves a good set.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use csbackup::{
    BackupOptions, Catalogue, Error, Medium, Outcome, Quiet, SetState, StoreTrouble, TruncationOutcome,
    VerifyLevel, backup, verify_set,
};
use csbackup_repo::{
    Location, Password, ReadBackend, Repositories, StoreError, StoreOptions, Wrap, WriteBackend,
};
use rustic_core::{BytesList, FileType, Id, RusticResult};
use testkit::world::World;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The request fails.
    Error,
    /// No answer until the time is over; nothing was done.
    Stall,
    /// No answer until the time is over; it was done all the same.
    LateSuccess,
    /// A write succeeds, and nothing is stored.
    Lost,
    /// As [`Fault::Lost`], for packs only.
    LostPack,
}

type Files = BTreeMap<(String, Id), Bytes>;

/// A store in memory that can go wrong at one request, or at every n-th.
#[derive(Debug, Default)]
struct Faulty {
    files: Mutex<Files>,
    requests: AtomicU64,
    plan: Mutex<Option<(Fault, When)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Once(u64),
    Every(u64),
}

impl Faulty {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap()
    }

    fn arm(&self, plan: Option<(Fault, When)>) {
        *self.plan.lock().unwrap() = plan;
        self.requests.store(0, Ordering::SeqCst);
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Counts a request, and what goes wrong with it. Losses count only what can be lost.
    fn next(&self, writes: Option<FileType>) -> Option<Fault> {
        let plan = *self.plan.lock().unwrap();
        let counts = match plan {
            Some((Fault::Lost, _)) => writes.is_some(),
            Some((Fault::LostPack, _)) => writes == Some(FileType::Pack),
            _ => true,
        };
        let number = self.requests.fetch_add(counts.into(), Ordering::SeqCst) + 1;
        let (fault, when) = plan.filter(|_| counts)?;
        let now = match when {
            When::Once(at) => number == at,
            When::Every(n) => number.is_multiple_of(n),
        };
        now.then_some(fault)
    }

    /// Does what was asked for, or what goes wrong.
    fn answer<T>(&self, act: impl FnOnce() -> RusticResult<T>) -> RusticResult<T> {
        let timed_out = || StoreError::new(StoreTrouble::Unreachable, "did not answer in time").boxed();
        match self.next(None) {
            Some(Fault::Error) => Err(StoreError::new(StoreTrouble::Failed, "went wrong").boxed()),
            Some(Fault::Stall) => Err(timed_out()),
            Some(Fault::LateSuccess) => act().and(Err(timed_out())),
            Some(Fault::Lost | Fault::LostPack) | None => act(),
        }
    }

    fn read(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let found = self.files().get(&key(kind, id)).cloned();
        found.ok_or_else(|| StoreError::new(StoreTrouble::Damaged, "is not there").boxed())
    }
}

fn key(kind: FileType, id: &Id) -> (String, Id) {
    (format!("{kind:?}"), *id)
}

impl ReadBackend for Faulty {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.answer(|| {
            let (kind, _) = key(kind, &Id::default());
            let files = self.files();
            let listed = files.iter().filter(|((of, _), _)| *of == kind);
            Ok(listed.map(|((_, id), bytes)| (*id, u32::try_from(bytes.len()).unwrap())).collect())
        })
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.answer(|| self.read(kind, id))
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.answer(|| {
            let (from, to) = (offset as usize, offset as usize + length as usize);
            Ok(self.read(kind, id)?.slice(from..to))
        })
    }

    fn warmup_path(&self, _: FileType, _: &Id) -> String {
        String::new()
    }
}

impl WriteBackend for Faulty {
    fn write_bytes(&self, kind: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        let fault = self.next(Some(kind));
        let timed_out = || Err(StoreError::new(StoreTrouble::Unreachable, "did not answer in time").boxed());
        match fault {
            Some(Fault::Error) => return Err(StoreError::new(StoreTrouble::Failed, "went wrong").boxed()),
            Some(Fault::Stall) => return timed_out(),
            Some(Fault::Lost | Fault::LostPack) => return Ok(()),
            Some(Fault::LateSuccess) | None => {}
        }
        self.files().insert(key(kind, id), content.slice().concat().into());
        if fault == Some(Fault::LateSuccess) { timed_out() } else { Ok(()) }
    }

    fn remove(&self, kind: FileType, id: &Id, _: bool) -> RusticResult<()> {
        self.answer(|| {
            self.files().remove(&key(kind, id));
            Ok(())
        })
    }
}

/// A CA, and a medium on a faulty store that holds an empty repository.
struct Stage {
    world: World,
    store: Arc<Faulty>,
    medium: Repositories,
    empty: Files,
}

/// Only its locks lie in the folder.
fn medium(store: &Arc<Faulty>, folder: &Path) -> Repositories {
    let store = store.clone();
    let wrap = Some(Wrap::new(move |_| store.clone()));
    let options = StoreOptions { wrap, ..StoreOptions::default() };
    Repositories::new(Location::Local(folder.to_owned()), options, Password::new("quite secret"))
}

impl Stage {
    fn new() -> Self {
        let world = World::new(&testkit::ca::plain_life());
        let store = Arc::new(Faulty::default());
        let medium = medium(&store, &world.folder().join("locks"));
        medium.init(&world.ca.authority().name, 1 << 20).unwrap();
        let empty = store.files().clone();
        Self { world, store, medium, empty }
    }

    /// A CA as it was in the beginning, and an empty repository.
    fn reset(&self) -> World {
        *self.store.files() = self.empty.clone();
        self.store.arm(None);
        self.world.copy()
    }

    fn run(&self, world: &World) -> Result<Outcome, Error> {
        backup(&mut world.ca.connect(), &self.medium, &world.files(), &BackupOptions::default(), &Quiet)
    }

    /// Requests of a backup that this fault could meet.
    fn requests(&self, fault: Fault) -> u64 {
        let world = self.reset();
        self.store.arm(Some((fault, When::Every(u64::MAX))));
        self.run(&world).unwrap();
        self.store.requests()
    }

    /// The sets that count as good; each is read whole.
    fn proven(&self, what: &str) -> usize {
        let catalogue = Catalogue::load(&self.medium, Some(&testkit::ca::authority()))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let good = catalogue.sets().iter().filter(|set| catalogue.state(set) == SetState::Good);
        good.map(|set| {
            let report = verify_set(&self.medium, &catalogue, set, VerifyLevel::Stream, &Quiet).unwrap();
            let findings: Vec<_> = report.all_findings().collect();
            assert!(findings.is_empty(), "{what}: a set counts as good: {findings:?}");
        })
        .count()
    }

    /// One run with a fault and one without.
    fn suffers(&self, fault: Fault, when: When) {
        let what = format!("{fault:?} {when:?}");
        let mut world = self.reset();
        let before = world.generations();
        self.store.arm(Some((fault, when)));
        let result = self.run(&world);
        self.store.arm(None);

        let proven = self.proven(&what);
        if world.generations() != before {
            assert!(proven > 0, "{what}: logs are gone without a good set");
        }
        if let Ok(outcome) = &result
            && outcome.truncation.outcome == TruncationOutcome::Done
        {
            assert!(proven > 0, "{what}: truncated without a good set");
        }
        world.advance();
        let outcome = self.run(&world).unwrap_or_else(|error| panic!("{what}: the next run: {error}"));
        assert_eq!(
            outcome.truncation.outcome,
            TruncationOutcome::Done,
            "{what}: {:?}",
            outcome.truncation.detail
        );
        assert!(self.proven(&what) > 0, "{what}: the next run left no good set");
    }
}

/// The fault at each request of a backup in turn, then at every n-th.
fn suffers_everywhere(fault: Fault) {
    let stage = Stage::new();
    let requests = stage.requests(fault);
    for at in 1..=requests {
        stage.suffers(fault, When::Once(at));
    }
    for n in [1, 2, 3, 5, 7, 11] {
        stage.suffers(fault, When::Every(n));
    }
}

#[test]
fn an_error_at_any_request_leaves_nothing_unproven_behind() {
    suffers_everywhere(Fault::Error);
}

#[test]
fn stalls_leave_nothing_unproven_behind() {
    let stage = Stage::new();
    for n in [1, 2, 3, 7, 13] {
        stage.suffers(Fault::Stall, When::Every(n));
    }
}

#[test]
fn a_lost_answer_at_any_request_leaves_nothing_unproven_behind() {
    suffers_everywhere(Fault::LateSuccess);
}

#[test]
fn a_lost_write_at_any_request_leaves_nothing_unproven_behind() {
    suffers_everywhere(Fault::Lost);
}

#[test]
fn a_store_that_loses_every_pack_has_no_good_set() {
    Stage::new().suffers(Fault::LostPack, When::Every(1));
}

#[test]
fn a_reading_fault_at_any_request_of_a_verification_is_seen() {
    let stage = Stage::new();
    let world = stage.reset();
    let set = stage.run(&world).unwrap().sets.remove(0);
    let verify = || {
        let catalogue = Catalogue::load(&stage.medium, Some(&testkit::ca::authority()))?;
        let report = verify_set(&stage.medium, &catalogue, &set, VerifyLevel::Stream, &Quiet)?;
        Ok::<_, Error>(report.all_findings().count())
    };
    stage.store.arm(None);
    assert_eq!(verify().unwrap(), 0);
    for at in 1..=stage.store.requests() {
        for fault in [Fault::Error, Fault::Stall] {
            stage.store.arm(Some((fault, When::Once(at))));
            assert!(!matches!(verify(), Ok(0)), "{fault:?} at {at} was not seen");
        }
    }
    stage.store.arm(None);
    assert_eq!(verify().unwrap(), 0);
}

#[test]
fn an_init_that_fails_is_repeated_or_says_that_there_is_something() {
    let name = "Corp Issuing CA";
    for at in (1..20).step_by(3) {
        let (world, store) = (World::new(&testkit::ca::plain_life()), Arc::new(Faulty::default()));
        let medium = || medium(&store, &world.folder().join("locks"));
        store.arm(Some((Fault::Error, When::Once(at))));
        let first = medium().init(name, 1 << 20);
        store.arm(None);
        let second = medium().init(name, 1 << 20);
        if first.is_ok() {
            assert!(second.is_err(), "{at}");
        }
        let usable = medium().sets(Some(world.ca.authority()));
        assert_eq!(usable.is_ok(), first.is_ok() || second.is_ok(), "{at}: {first:?}, {second:?}");
    }
}
