//! Sets from one place to another.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use certsrv::Fault;
use csbackup::{
    Catalogue, CopyReport, Directory, Error, Medium, Missing, NoteBody, Observer, Quiet, ReadExtent,
    Requested, SetState, Step, StoredSet, copy,
};
use testkit::ca::{authority, plain_life};
use testkit::world::World;

use crate::chains::after_full;
use crate::copies::{far, states};
use crate::medium_faults::{Trouble, Troubled};

/// A full backup and an increment.
fn pair() -> World {
    let world = after_full();
    world.good(Requested::Auto);
    world
}

/// A full backup and two increments.
fn chain() -> World {
    let mut world = after_full();
    world.good(Requested::Auto);
    world.advance();
    world.good(Requested::Auto);
    world
}

fn copied(world: &World, to: &dyn Medium, observer: &dyn Observer) -> CopyReport {
    copy(&world.medium, to, &authority(), Missing::All, ReadExtent::Full, observer).unwrap()
}

pub(crate) fn flip(world: &World, set: &StoredSet, path: &str) {
    let path = world.path_of(set).join(path);
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(5000)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(5000)).unwrap();
    file.write_all(&[byte[0] ^ 0x20]).unwrap();
}

#[test]
fn all_sets_are_copied_once_and_bases_first() {
    let world = chain();
    let far = far(&world);
    let ids: Vec<_> = world.sets().into_iter().map(|set| set.id).collect();
    let report = copied(&world, &far, &Quiet);
    assert_eq!(report.copied, ids);
    assert!(report.stopped.is_none() && report.left.is_empty());
    assert_eq!(states(&far), states(&world.medium));
    let again = copied(&world, &far, &Quiet);
    assert!(again.copied.is_empty() && again.proven.is_empty());
}

#[test]
fn a_set_that_the_ca_delivered_damaged_is_copied_with_its_findings() {
    let world = World::new(&plain_life());
    // State, Prepare, map, databases, open, *read*.
    let (outcome, _) = world.run_faulty(Requested::Full, 6, Fault::FlipByte);
    outcome.unwrap();
    assert_eq!(world.states(), [SetState::Damaged]);
    let far = far(&world);
    assert_eq!(copied(&world, &far, &Quiet).copied.len(), 1);
    assert_eq!(states(&far), states(&world.medium));
}

#[test]
fn a_set_that_is_not_what_its_manifest_says_stays_behind_with_what_continues_it() {
    let world = chain();
    // One more, which needs no other.
    world.good(Requested::Full);
    let sets = world.sets();
    flip(&world, &sets[1], "DataBase/edb00008.log");
    let far = far(&world);
    let report = copied(&world, &far, &Quiet);
    assert_eq!(report.copied, [sets[0].id.clone(), sets[3].id.clone()]);
    let left: Vec<_> = report.left.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(left, [sets[1].id.clone(), sets[2].id.clone()]);
    assert!(report.left[0].1.contains("the manifest says"), "{:?}", report.left);
    assert!(report.left[1].1.contains(sets[1].id.as_str()), "{:?}", report.left);
    assert!(report.stopped.is_none());
}

#[test]
fn what_is_noted_later_follows_with_the_next_copy_and_how_it_was_read_back_does_not() {
    let world = after_full();
    let far = far(&world);
    let _ = copied(&world, &far, &Quiet);
    let set = world.newest();
    let hold = || NoteBody::Hold { reason: "case 4711".to_owned(), until: None };
    for body in [hold(), NoteBody::Released, hold()] {
        world.medium.note(&set, body).unwrap();
    }
    let bad = NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None };
    world.medium.note(&set, bad).unwrap();
    let _ = copied(&world, &far, &Quiet);
    let _ = copied(&world, &far, &Quiet);
    let copy = Catalogue::load(&far, None).unwrap().sets()[0].clone();
    let bodies: Vec<_> = copy.notes.iter().map(|note| note.body.clone()).collect();
    assert_eq!(bodies[bodies.len() - 3..], [hold(), NoteBody::Released, hold()]);
    assert_eq!(states(&far)[0].1, SetState::Good);
}

#[test]
fn a_misread_copy_is_replaced_and_keeps_what_was_noted_there_alone() {
    let world = after_full();
    let far = far(&world);
    let _ = copied(&world, &far, &Quiet);
    let copy = Catalogue::load(&far, None).unwrap().sets()[0].clone();
    let hold = NoteBody::Hold { reason: "case 4711".to_owned(), until: None };
    far.note(&copy, hold.clone()).unwrap();
    far.note(&copy, NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None }).unwrap();
    assert_eq!(states(&far)[0].1, SetState::Misread);
    assert_eq!(copied(&world, &far, &Quiet).copied, [copy.id]);
    assert_eq!(states(&far)[0].1, SetState::Good);
    let copy = Catalogue::load(&far, None).unwrap().sets()[0].clone();
    assert!(copy.notes.iter().any(|note| note.body == hold));
}

/// Stops after a number of files.
struct Impatient(std::sync::atomic::AtomicUsize);

impl Observer for Impatient {
    fn step(&self, step: &Step) {
        if let Step::FileStored(_) = step {
            self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) == 0
    }
}

#[test]
fn a_copy_that_is_stopped_publishes_nothing_half_and_goes_on_in_the_next() {
    let world = chain();
    let far = far(&world);
    for files in [1, 4, 12] {
        let report = copied(&world, &far, &Impatient(files.into()));
        assert!(matches!(report.stopped, Some(Error::Cancelled)), "{report:?}");
        for (id, state) in states(&far) {
            assert!(matches!(state, SetState::Good | SetState::Unproven), "{id} is {state}");
        }
    }
    assert!(copied(&world, &far, &Quiet).stopped.is_none());
    assert_eq!(states(&far), states(&world.medium));
}

#[test]
fn every_operation_of_either_place_fails_once_and_the_next_copy_makes_up_for_it() {
    let before = pair();
    let clean = before.copy();
    let ends = |world: &World, at: [usize; 2], trouble| {
        let far = far(world);
        let (from, to) = (Troubled::new(&world.medium, at[0], trouble), Troubled::new(&far, at[1], trouble));
        let report = copy(&from, &to, &authority(), Missing::All, ReadExtent::Full, &Quiet);
        (report, [from.operations(), to.operations()])
    };
    let (_, operations) = ends(&clean, [usize::MAX; 2], Trouble::Once);
    for trouble in [Trouble::Once, Trouble::Afterwards, Trouble::Flip] {
        for (side, count) in operations.into_iter().enumerate() {
            for at in 1..=count {
                let case = format!("side {side}, operation {at}, {trouble:?}");
                let world = before.copy();
                let mut both = [usize::MAX; 2];
                both[side] = at;
                let (report, _) = ends(&world, both, trouble);
                let far = far(&world);
                if let Ok(CopyReport { stopped: None, left, .. }) = &report
                    && left.is_empty()
                {
                    assert!(states(&far).iter().all(|(_, state)| *state == SetState::Good), "{case}");
                }
                assert_eq!(world.states(), [SetState::Good, SetState::Good], "{case}");
                let healed = copied(&world, &far, &Quiet);
                assert!(healed.stopped.is_none() && healed.left.is_empty(), "{case}: {healed:?}");
                assert_eq!(states(&far), states(&world.medium), "{case}");
            }
        }
    }
}

#[test]
fn a_place_that_is_in_use_is_not_written_to() {
    let world = after_full();
    let far = far(&world);
    let _lock = far.lock(&authority()).unwrap();
    let error = copy(&world.medium, &far, &authority(), Missing::All, ReadExtent::Full, &Quiet).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
}

#[test]
fn an_empty_place_gives_nothing() {
    let world = after_full();
    let empty = Directory::new(world.folder().join("empty"));
    let report = copy(&empty, &world.medium, &authority(), Missing::All, ReadExtent::Full, &Quiet).unwrap();
    assert!(report.copied.is_empty() && report.stopped.is_none());
}
