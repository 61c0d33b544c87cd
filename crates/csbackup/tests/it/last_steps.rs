//! Publish, read back, truncate, note: what one of them must know of the others.

use std::fs;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use certadm::{Authority, Call};
use certsrv::{Fault, FaultRule, Faulty};
use csbackup::manifest::{FILE_NAME, Kind, Manifest, SetId};
use csbackup::{
    BackupOptions, Catalogue, Directory, Error, FileSink, Lock, Medium, Note, NoteBody, Observer, Requested,
    SetPath, SetState, SetWriter, StoreTrouble, StoredSet, TruncationOutcome,
};
use dtyp::HResult;
use testkit::ca::{Moment, plain_life};
use testkit::world::World;

use crate::calls::assert_in_sequence;
use crate::chains::after_full;

/// What a [`Bad`] medium does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vice {
    /// The manifest loses its second half once it is published.
    TearsManifests,
    /// The manifest becomes another whole one, under the same name.
    SwapsManifests,
    /// All notes but the first this many are lost with an error.
    NotesOnly(usize),
    /// Verification finds no key to the files of increments, nor to those of `full` backups.
    NoKey { full: bool },
}

pub(crate) struct Bad<'a> {
    inner: &'a Directory,
    vice: Vice,
    notes: AtomicUsize,
}

impl<'a> Bad<'a> {
    pub(crate) fn new(world: &'a World, vice: Vice) -> Self {
        Self { inner: &world.medium, vice, notes: AtomicUsize::new(0) }
    }
}

impl Medium for Bad<'_> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn lock(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        self.inner.lock(ca)
    }

    fn sweep(&self, ca: &Authority) -> Result<Vec<String>, Error> {
        self.inner.sweep(ca)
    }

    fn sets(&self, ca: Option<&Authority>) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        self.inner.sets(ca)
    }

    fn load(&self, set: &StoredSet) -> Result<StoredSet, Error> {
        let mut set = self.inner.load(set)?;
        if self.vice == Vice::SwapsManifests {
            set.manifest.sequence += 1;
        }
        Ok(set)
    }

    fn begin(&self, ca: &Authority) -> Result<Box<dyn SetWriter + '_>, Error> {
        Ok(Box::new(Writer { inner: self.inner.begin(ca)?, medium: self }))
    }

    fn open(&self, set: &StoredSet, path: &SetPath) -> Result<Box<dyn Read + Send>, Error> {
        self.inner.open(set, path)
    }

    fn source(&self, set: &StoredSet, path: &SetPath) -> Result<csbackup::SharedSource, Error> {
        match self.vice {
            Vice::NoKey { full } if full || set.manifest.kind == Kind::Incremental => Err(Error::Store {
                place: self.location(),
                trouble: StoreTrouble::NoKey,
                reason: "no identity is given".to_owned(),
            }),
            _ => self.inner.source(set, path),
        }
    }

    fn append(&self, set: &StoredSet, note: Note) -> Result<(), Error> {
        let before = self.notes.fetch_add(1, Ordering::Relaxed);
        match self.vice {
            Vice::NotesOnly(count) if before >= count => Err(Error::Io {
                doing: "write the notes",
                path: "notes.jsonl".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            }),
            _ => self.inner.append(set, note),
        }
    }

    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error> {
        self.inner.forget(sets)
    }
}

struct Writer<'a> {
    inner: Box<dyn SetWriter + 'a>,
    medium: &'a Bad<'a>,
}

impl SetWriter for Writer<'_> {
    fn create(&mut self, path: &SetPath, size: Option<u64>) -> Result<Box<dyn FileSink>, Error> {
        self.inner.create(path, size)
    }

    fn publish(self: Box<Self>, id: &SetId, manifest: &Manifest, bytes: &[u8]) -> Result<StoredSet, Error> {
        let set = self.inner.publish(id, manifest, bytes)?;
        if self.medium.vice == Vice::TearsManifests {
            let stored = self.medium.inner.path_of(&set).join(FILE_NAME);
            fs::write(stored, &bytes[..bytes.len() / 2]).unwrap();
        }
        Ok(set)
    }
}

#[test]
fn a_manifest_that_does_not_read_back_permits_no_truncation() {
    for (vice, world) in [Vice::TearsManifests, Vice::SwapsManifests]
        .into_iter()
        .flat_map(|vice| [(vice, World::new(&plain_life())), (vice, after_full())])
    {
        let before = world.generations();
        let mut server = Faulty::new(world.ca.connect(), []);
        let log = server.log();
        let outcome = world.run_on(&mut server, &Bad::new(&world, vice), &BackupOptions::default());
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Manifest { .. } | Error::ReadBack { .. }), "{error:?}");
        assert!(!log.calls().contains(&Call::BackupTruncateLogs));
        assert_in_sequence(&log.calls(), None);
        assert_eq!(world.generations(), before);
    }
}

#[test]
fn a_note_that_cannot_be_written_after_truncation_hides_neither_set_nor_truncation() {
    for world in [World::new(&plain_life()), after_full()] {
        world.seen.clear();
        let lowest = *world.generations().start();
        // The first note says that the set was read back; without it nothing is truncated.
        let medium = Bad::new(&world, Vice::NotesOnly(1));
        let outcome = world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        assert!(outcome.ended);
        assert!(*world.generations().start() > lowest);
        assert_eq!(world.states().last(), Some(&SetState::Good));
        assert!(world.seen.warned("could not be noted"), "{:?}", world.seen.all().warnings);
        for lie in ["keeps its logs", "no log was deleted", "nothing was deleted", "could not be saved"] {
            assert!(!world.seen.warned(lie), "{:?}", world.seen.all().warnings);
        }
    }
}

#[test]
fn a_read_back_that_cannot_be_noted_permits_no_truncation() {
    let world = World::new(&plain_life());
    let medium = Bad::new(&world, Vice::NotesOnly(0));
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap_err();
    assert_eq!(world.generations(), 1..=6);
}

/// A chain that ends with generation 6, a CA whose next full begins with 8, and then goes on.
fn with_gap() -> World {
    let mut moments = plain_life();
    moments.push(Moment::new(1, 11, 15));
    let mut world = World::new(&moments);
    world.good(Requested::Full);
    world.advance();
    world.advance();
    world.seen.clear();
    world
}

fn truncation_of(set: &StoredSet) -> TruncationOutcome {
    let noted = set.notes.iter().rev().find_map(|note| match note.body {
        NoteBody::Truncation { outcome, .. } => Some(outcome),
        _ => None,
    });
    noted.unwrap()
}

#[test]
fn a_damaged_full_with_a_gap_is_followed_by_nothing_that_truncates() {
    let world = with_gap();
    // State, Prepare, map, databases, open, read, read, close, logs, open, *read*.
    let (outcome, log) = world.run_faulty(Requested::Full, 11, Fault::FlipByte);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.sets.len(), 1, "no increment closes the gap behind it");
    assert_eq!(outcome.sets[0].manifest.log_gap, Some([7, 7]));
    assert_eq!(world.states().last(), Some(&SetState::Damaged));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert!(!log.calls().contains(&Call::BackupTruncateLogs));
    assert_eq!(world.generations(), 3..=12);
    // The next run makes up for it.
    assert_eq!(world.good(Requested::Auto).truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.lost(), [] as [u32; 0]);
}

#[test]
fn after_a_gap_was_closed_the_new_chain_is_truncated_and_continued() {
    let mut world = with_gap();
    let outcome = world.good(Requested::Full);
    let [full, closing, continuing] = &outcome.sets[..] else { panic!("{:?}", outcome.sets) };
    let truncations = [full, closing, continuing].map(truncation_of);
    use TruncationOutcome::{Done, NotAsked, Withheld};
    assert_eq!(truncations, [Withheld, NotAsked, Done], "only a set of the new chain may truncate");
    assert!(!closing.manifest.truncation_intended);
    assert_eq!(continuing.manifest.base, Some(full.id.clone()));
    assert_eq!(continuing.manifest.timeline, full.manifest.timeline);

    world.advance();
    world.seen.clear();
    let next = world.good(Requested::Auto);
    assert_eq!(world.seen.plans().len(), 1, "it fits: {:?}", world.seen.all().warnings);
    assert_eq!(next.sets[0].manifest.kind, Kind::Incremental);
    assert_eq!(next.sets[0].manifest.base, Some(continuing.id.clone()));
    assert_eq!(next.truncation.outcome, Done);
    assert_eq!(world.lost(), [] as [u32; 0]);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn a_truncation_that_removes_every_log_leaves_a_count_of_none() {
    let world = World::new(&[Moment::new(1, 3, 6).keeping(7)]);
    let outcome = world.good(Requested::Full);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(outcome.truncation.before.map(|logs| logs.count), Some(6));
    let after = outcome.truncation.after.unwrap();
    assert_eq!((after.count, after.low, after.high), (0, 0, 0));
}

/// Cancels as soon as the run says that it waits.
#[derive(Default)]
struct Impatient(AtomicUsize);

impl Observer for Impatient {
    fn warning(&self, text: &str) {
        assert!(text.contains("waiting for another backup"), "{text}");
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

fn busy(world: &World, times: u32) -> Faulty<certsrv::Connection> {
    let answer = |call| FaultRule { call, fault: Fault::Fail(HResult::BACKUP_IN_PROGRESS) };
    Faulty::new(world.ca.connect(), (2..2 + times).map(answer).collect::<Vec<_>>())
}

#[test]
fn an_endless_wait_for_a_busy_ca_ends_when_the_ca_is_free() {
    for wait in [Duration::from_secs(u64::MAX), Duration::MAX] {
        let world = World::new(&plain_life());
        let options = BackupOptions { wait, ..BackupOptions::default() };
        let outcome = world.run_on(&mut busy(&world, 1), &world.medium, &options).unwrap();
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    }
}

#[test]
fn an_endless_wait_for_a_busy_ca_can_be_cancelled() {
    let world = World::new(&plain_life());
    let options = BackupOptions { wait: Duration::from_secs(u64::MAX), ..BackupOptions::default() };
    let observer = Impatient::default();
    let mut server = busy(&world, 1000);
    let log = server.log();
    let error = world.run_observed(&mut server, &world.medium, &options, &observer).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert!(log.count() < 5, "{:?}", log.calls());
    assert!(Catalogue::load(&world.medium, None).unwrap().sets().is_empty());
}
