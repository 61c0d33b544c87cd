//! The lock of a run, seen from outside.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use csbackup::{BackupOptions, Catalogue, Error, Medium, Observer, Quiet, Requested, SetState, Step, StoreTrouble};
use testkit::ca::plain_life;
use testkit::world::{World, names};

use crate::place::{folder, opened, place, reads_back};

/// Does something once, when a step of this kind is done.
pub(crate) struct At<W, A> {
    when: W,
    act: A,
    done: AtomicBool,
}

impl<W: Fn(&Step) -> bool + Sync, A: Fn() + Sync> At<W, A> {
    pub(crate) fn new(when: W, act: A) -> Self {
        Self { when, act, done: AtomicBool::new(false) }
    }

    pub(crate) fn happened(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

impl<W: Fn(&Step) -> bool + Sync, A: Fn() + Sync> Observer for At<W, A> {
    fn step(&self, step: &Step) {
        if (self.when)(step) && !self.done.swap(true, Ordering::SeqCst) {
            (self.act)();
        }
    }
}

pub(crate) fn midway(step: &Step) -> bool {
    matches!(step, Step::DatabasesStored)
}

#[test]
fn a_run_holds_its_lock_from_the_first_step_to_the_last() {
    struct Locks<'a>(&'a World, AtomicUsize);
    impl Observer for Locks<'_> {
        fn step(&self, step: &Step) {
            let locks = names(&folder(self.0).join("locks")).len();
            assert_eq!(locks, 1, "after {step:?}");
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let world = World::new(&plain_life());
    let medium = place(&world);
    let seen = Locks(&world, AtomicUsize::new(0));
    world.run_observed(&mut world.ca.connect(), &medium, &BackupOptions::default(), &seen).unwrap();
    assert!(seen.1.load(Ordering::Relaxed) > 5);
    drop(medium);
    assert_eq!(names(&folder(&world).join("locks")), Vec::<String>::new());
}

#[test]
fn a_second_run_of_the_same_ca_is_told_who_runs() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    let second = At::new(midway, || {
        let other = opened(&world);
        let outcome = world.run_on(&mut world.ca.connect(), &other, &BackupOptions::default());
        let Err(Error::Store { trouble: StoreTrouble::Locked, reason, .. }) = outcome else {
            panic!("a second run beside the first: {outcome:?}");
        };
        assert!(reason.contains(&format!("process {}", std::process::id())), "{reason}");
    });
    world.run_observed(&mut world.ca.connect(), &medium, &BackupOptions::default(), &second).unwrap();
    assert!(second.happened());
}

#[test]
fn a_run_whose_lock_was_removed_publishes_nothing() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    let locks = folder(&world).join("locks");
    let thief = At::new(midway, || {
        for name in names(&locks) {
            fs::remove_file(locks.join(name)).unwrap();
        }
    });
    let outcome = world.run_observed(&mut world.ca.connect(), &medium, &BackupOptions::default(), &thief);
    let Err(Error::Store { trouble: StoreTrouble::Locked, reason, .. }) = outcome else {
        panic!("it published without a lock: {outcome:?}");
    };
    assert!(thief.happened() && reason.contains("somebody removed it"), "{reason}");
    assert!(Catalogue::load(&medium, None).unwrap().sets().is_empty());
}

#[test]
fn two_hosts_at_the_same_time_both_leave_good_sets() {
    let one = World::new(&plain_life());
    let medium = place(&one);
    let authority = |host: &str| certadm::Authority { host: host.to_owned(), ..testkit::ca::authority() };
    let two = World::with_ca(|dir| testkit::ca::create_for(dir, &authority("ca02.corp.example"), &plain_life()));
    let other = opened(&one);
    let options = BackupOptions { kind: Requested::Full, ..BackupOptions::default() };
    let (both, first) = (std::sync::Barrier::new(2), At::new(midway, || ()));
    let meet = At::new(midway, || drop(both.wait()));
    let meet_too = At::new(midway, || drop(both.wait()));
    std::thread::scope(|scope| {
        let run = scope.spawn(|| two.run_observed(&mut two.ca.connect(), &other, &options, &meet_too));
        one.run_observed(&mut one.ca.connect(), &medium, &options, &meet).unwrap();
        run.join().unwrap().unwrap();
    });
    drop(first);
    let fresh = opened(&one);
    let catalogue = Catalogue::load(&fresh, None).unwrap();
    let hosts: Vec<_> = catalogue.sets().iter().map(|set| set.manifest.ca.host.as_str()).collect();
    assert!(hosts.len() == 2 && hosts.contains(&"ca02.corp.example"), "{hosts:?}");
    for set in catalogue.sets() {
        assert_eq!(catalogue.state(set), SetState::Good);
        reads_back(&fresh, set).unwrap();
    }
    let _ = Quiet;
}

#[test]
fn reading_keeps_others_from_pruning_until_the_repository_is_closed() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    drop(medium);
    let locks = folder(&world).join("locks");
    let reader = opened(&world);
    let sets = reader.sets(None).unwrap();
    assert!(names(&locks).is_empty(), "a list needs no lock");
    reads_back(&reader, sets[0].as_ref().unwrap()).unwrap();
    assert_eq!(names(&locks).len(), 1);
    drop(reader);
    assert!(names(&locks).is_empty());
}
