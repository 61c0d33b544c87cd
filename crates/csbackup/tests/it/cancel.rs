//! Ctrl-C and panics at every step: the session is ended, and what is published stays.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use certsrv::Faulty;
use csbackup::{BackupOptions, Error, Observer, Requested, SetState, Step};
use testkit::ca::plain_life;
use testkit::world::World;

use crate::calls::assert_in_sequence;

/// Stops the run after some number of steps.
struct Stop {
    after: usize,
    steps: AtomicUsize,
    panics: bool,
}

impl Observer for Stop {
    fn step(&self, _step: &Step) {
        let done = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(!(self.panics && done == self.after), "stopped on purpose");
    }

    fn cancelled(&self) -> bool {
        !self.panics && self.steps.load(Ordering::Relaxed) >= self.after
    }
}

/// Takes a backup that is stopped; the error, if it came to one. Asserts what holds in any case.
fn stop(before: &World, after: usize, panics: bool) -> Option<Error> {
    let world = before.copy();
    let lowest = *world.generations().start();
    let mut server = Faulty::new(world.ca.connect(), []);
    let log = server.log();
    let observer = Stop { after, steps: AtomicUsize::new(0), panics };
    let options = BackupOptions { kind: Requested::Auto, ..BackupOptions::default() };
    let run = || world.run_observed(&mut server, &world.medium, &options, &observer);
    let outcome = catch_unwind(AssertUnwindSafe(run)).ok();

    assert_in_sequence(&log.calls(), None);
    assert_eq!(world.errors(), [] as [String; 0], "after step {after}");
    if *world.generations().start() > lowest {
        assert_eq!(world.states().last(), Some(&SetState::Good), "after step {after}");
        assert_eq!(world.newest().proven(), Some(true), "after step {after}");
    }
    assert_eq!(world.lost(), [] as [u32; 0], "after step {after}");
    world.good(Requested::Auto);
    assert_eq!(world.states().last(), Some(&SetState::Good), "after step {after}");
    assert_eq!(world.errors(), [] as [String; 0], "after step {after}");
    assert_eq!(world.leftovers(), [] as [String; 0], "after step {after}");
    outcome.and_then(Result::err)
}

fn worlds() -> [World; 2] {
    let full = World::new(&plain_life());
    let mut increment = full.copy();
    increment.good(Requested::Full);
    increment.advance();
    [full, increment]
}

fn steps_of(world: &World) -> usize {
    let world = world.copy();
    world.good(Requested::Auto);
    world.seen.all().steps.len()
}

#[test]
fn cancelled_after_any_step_the_session_ends_and_the_next_backup_succeeds() {
    for world in worlds() {
        let steps = steps_of(&world);
        let errors: Vec<_> = (1..=steps).map(|after| stop(&world, after, false)).collect();
        let cancelled = errors.iter().filter(|error| matches!(error, Some(Error::Cancelled))).count();
        assert!(cancelled > steps / 2, "{errors:?}");
        assert!(errors.iter().flatten().all(|error| matches!(error, Error::Cancelled)), "{errors:?}");
    }
}

#[test]
fn a_panic_after_any_step_ends_the_session() {
    for world in worlds() {
        for after in 1..=steps_of(&world) {
            stop(&world, after, true);
        }
    }
}
