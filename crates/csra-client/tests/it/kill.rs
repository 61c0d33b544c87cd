//! The client's process dies after each step of a backup over the wire, and the server lives on: the
//! invariants hold, another backup finds the CA busy as long as the dead client's session is there,
//! and succeeds when it was given up.
//!
//! The victim is this test program itself, started again for the test [`victim`].

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use csbackup::{BackupOptions, Error, MappedFiles, Observer, Requested, Step, backup};
use csra_client::RemoteCa;
use rpc_auth::Method;
use testkit::world::{World, spawn};

use crate::held::{Before, assert_heals, scenarios};
use crate::wire::{Hand, PASSWORD, USER, Wire, options};

/// The folder of the victim's world; unset in an ordinary run of the tests.
const FOLDER: &str = "CSRA_TEST_VICTIM";
/// The CA as the victim reaches it.
const CA: &str = "CSRA_TEST_VICTIM_CA";
/// The step (from 1) after which it aborts.
const STEP: &str = "CSRA_TEST_VICTIM_STEP";

/// Dies at its own hand after a step.
struct Abort {
    after: usize,
    steps: AtomicUsize,
}

impl Observer for Abort {
    fn step(&self, _step: &Step) {
        if self.steps.fetch_add(1, Ordering::Relaxed) + 1 == self.after {
            std::process::abort();
        }
    }
}

#[test]
fn victim() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (local, medium) = World::parts(Path::new(&folder));
    let target = env::var(CA).unwrap().parse().unwrap();
    let mut ca = RemoteCa::connect(target, options(USER, PASSWORD, Method::Negotiate)).unwrap();
    let observer = Abort { after: env::var(STEP).unwrap().parse().unwrap(), steps: AtomicUsize::new(0) };
    let files = MappedFiles::new(local.mappings());
    backup(&mut ca, &medium, &files, &BackupOptions::default(), &observer).unwrap();
}

/// Lets a victim die; true when it did.
fn kill(wire: &Wire, step: usize) -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["kill::victim", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, wire.folder()).env(CA, wire.target().to_string()).env(STEP, step.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    !spawn(&mut command).unwrap().wait().unwrap().success()
}

fn dies_after_each_step(before: &World) {
    let undisturbed = before.copy();
    undisturbed.good(Requested::Auto);
    let steps = undisturbed.seen.all().steps;
    assert!(steps.len() > 15, "{steps:?}");
    for (number, step) in (1..).zip(&steps) {
        let case = format!("killed after step {number} ({step:?})");
        let hand = Hand::default();
        let wire = Wire::serve(before.copy(), hand.options());
        let held = Before::of(&wire);
        assert!(kill(&wire, number), "{case}: it survived");
        let truncated = held.assert_kept(&wire, &case);
        assert_eq!(truncated, steps[..number].contains(&Step::Truncated), "{case}");
        held.assert_whole(&wire, &case);

        let is_open = steps[..number].iter().any(|step| matches!(step, Step::Prepared(_)))
            && !steps[..number].contains(&Step::Ended);
        if is_open {
            let busy = wire.back_up(Requested::Auto).unwrap_err();
            assert!(matches!(busy, Error::Busy { .. }), "{case}: {busy:?}");
        }
        wire.lose_clients(&hand);
        assert_heals(&wire, &mut wire.connect(), &case);
        held.assert_whole(&wire, &case);
    }
}

#[test]
fn killed_after_each_step_of_a_full_backup() {
    let [(world, _), _] = scenarios();
    dies_after_each_step(&world);
}

#[test]
fn killed_after_each_step_of_an_incremental_backup() {
    let [_, (world, _)] = scenarios();
    dies_after_each_step(&world);
}
