//! The lock of a run, seen from outside.

use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use certadm::Authority;
use certsrv::CaDirectory;
use csbackup::{BackupOptions, Catalogue, Error, Medium, Observer, Requested, SetState, Step, StoreTrouble};
use rustic_core::{CheckOptions, PruneOptions};
use testkit::ca::{authority, plain_life, scratch};
use testkit::world::{World, names};

use crate::place::{PASSWORD, folder, opened, place, reads_back};
use crate::traps::raw;

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
    let two = World::with_ca(|dir| {
        let sources = tempfile::tempdir_in(scratch()).unwrap();
        let states: Vec<_> = (0..)
            .zip(plain_life())
            .map(|(number, moment)| moment.write(&sources.path().join(number.to_string())))
            .collect();
        let other = Authority { host: "ca02.corp.example".to_owned(), ..authority() };
        CaDirectory::create(dir, &other, &states).unwrap()
    });
    let other = opened(&one);
    let options = BackupOptions { kind: Requested::Full, ..BackupOptions::default() };
    let both = Barrier::new(2);
    let meet = At::new(midway, || _ = both.wait());
    let meet_too = At::new(midway, || _ = both.wait());
    thread::scope(|scope| {
        let run = scope.spawn(|| two.run_observed(&mut two.ca.connect(), &other, &options, &meet_too));
        one.run_observed(&mut one.ca.connect(), &medium, &options, &meet).unwrap();
        run.join().unwrap().unwrap();
    });
    let fresh = opened(&one);
    let catalogue = Catalogue::load(&fresh, None).unwrap();
    let hosts: Vec<_> = catalogue.sets().iter().map(|set| set.manifest.ca.host.as_str()).collect();
    assert!(hosts.len() == 2 && hosts.contains(&"ca02.corp.example"), "{hosts:?}");
    for set in catalogue.sets() {
        assert_eq!(catalogue.state(set), SetState::Good);
        reads_back(&fresh, set).unwrap();
    }
}

#[test]
fn a_two_phase_prune_beside_a_run_leaves_every_set_good_even_without_a_lock() {
    let mut world = World::new(&plain_life());
    let medium = place(&world);
    let run = |world: &World, kind| {
        let options = BackupOptions { kind, ..BackupOptions::default() };
        world.run_on(&mut world.ca.connect(), &medium, &options).unwrap();
    };
    run(&world, Requested::Full);
    world.advance();
    run(&world, Requested::Full);
    let first = Catalogue::load(&medium, None).unwrap().sets()[0].clone();
    medium.forget(&[&first]).unwrap();
    world.advance();
    let prune = At::new(midway, || {
        let repo = raw::open(&folder(&world), PASSWORD);
        let options = PruneOptions::default();
        let plan = repo.prune_plan(&options).unwrap();
        repo.prune(&options, plan).unwrap();
    });
    let options = BackupOptions { kind: Requested::Full, ..BackupOptions::default() };
    world.run_observed(&mut world.ca.connect(), &medium, &options, &prune).unwrap();
    assert!(prune.happened());
    let fresh = opened(&world);
    let catalogue = Catalogue::load(&fresh, None).unwrap();
    assert_eq!(catalogue.sets().len(), 2);
    for set in catalogue.sets() {
        assert_eq!(catalogue.state(set), SetState::Good);
        reads_back(&fresh, set).unwrap();
    }
    let checked = raw::open(&folder(&world), PASSWORD).check(CheckOptions::default().read_data(true));
    checked.unwrap().is_ok().unwrap();
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
