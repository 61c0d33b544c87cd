//! Restores that die: at any step, and while they go on or back.

use certadm::ServerState;
use csbackup::{Quiet, ServiceEnd, restore_status};

use crate::site::{DiesAt, Site, assert_same, old_and_new};

/// More than any run has.
const STEPS: usize = 1000;

/// The state in which each step of a restore leaves the disk, with the step.
fn deaths(site: &Site) -> impl Iterator<Item = (usize, Site)> + '_ {
    (1..STEPS).map_while(|step| {
        let victim = site.copy();
        DiesAt::step(step).dies(|observer| victim.restore(observer)).then_some((step, victim))
    })
}

#[test]
fn killed_at_each_step_it_goes_back_to_the_old_state() {
    let site = Site::new(1);
    let old = site.tree();
    let mut count = 0;
    for (step, victim) in deaths(&site) {
        victim.undo(&Quiet).unwrap_or_else(|error| panic!("step {step}: {error:?}"));
        assert_same(&victim.tree(), &old, &format!("step {step}"));
        assert_eq!(victim.state(), ServerState::Online, "step {step}: the CA is locked");
        assert_eq!(victim.undo(&Quiet).expect("once more"), None, "step {step}");
        count += 1;
    }
    assert!(count > 40, "{count} steps");
}

#[test]
fn killed_at_each_step_it_goes_on_to_the_new_state() {
    let site = Site::new(1);
    let [_, new] = old_and_new(&site);
    for (step, victim) in deaths(&site) {
        let resumed = victim.resume(&Quiet).unwrap_or_else(|error| panic!("step {step}: {error:?}"));
        assert_same(&victim.restored_tree(), &new, &format!("step {step}"));
        assert_eq!(victim.ca().pending_restore().expect("registered").len(), 2 * 7 - 1, "step {step}");
        if let Some(resumed) = resumed {
            assert!(matches!(resumed.service, Some(ServiceEnd::NotStarted(_))), "step {step}: {resumed:?}");
        }
        assert_eq!(victim.resume(&Quiet).expect("once more"), None, "step {step}");
    }
}

#[test]
fn killed_while_it_goes_back_it_goes_back_again() {
    let site = Site::new(1);
    let old = site.tree();
    let mut count = 0;
    for step in 1..STEPS {
        let victim = site.copy();
        victim.restore(&Quiet).expect("restore");
        if !DiesAt::step(step).dies(|observer| victim.undo(observer)) {
            break;
        }
        victim.undo(&Quiet).unwrap_or_else(|error| panic!("step {step}: {error:?}"));
        assert_same(&victim.tree(), &old, &format!("step {step}"));
        assert_eq!(victim.state(), ServerState::Online, "step {step}");
        count += 1;
    }
    assert!(count > 20, "{count} steps");
}

#[test]
fn killed_while_it_goes_on_it_goes_on_or_back() {
    let site = Site::new(1);
    let [old, new] = old_and_new(&site);
    // Journals name absolute paths: each death is died anew.
    let dies_twice = |first: usize, second: usize| {
        let victim = site.copy();
        let first = DiesAt::step(first).dies(|observer| victim.restore(observer));
        (first && DiesAt::step(second).dies(|observer| victim.resume(observer))).then_some(victim)
    };
    let mut count = 0;
    for first in (2..STEPS).step_by(9) {
        for second in (1..STEPS).step_by(6) {
            let Some(victim) = dies_twice(first, second) else { break };
            victim.resume(&Quiet).unwrap_or_else(|error| panic!("{first}, then {second}: {error:?}"));
            assert_same(&victim.restored_tree(), &new, &format!("{first}, then {second}"));
            let victim = dies_twice(first, second).expect("it dies as before");
            victim.undo(&Quiet).unwrap_or_else(|error| panic!("{first}, then {second}: {error:?}"));
            assert_same(&victim.tree(), &old, &format!("{first}, then {second}"));
            count += 1;
        }
        if !DiesAt::step(first + 9).dies(|observer| site.copy().restore(observer)) {
            break;
        }
    }
    assert!(count > 20, "{count} deaths");
}

#[test]
fn while_a_journal_is_open_no_other_restore_begins() {
    let site = Site::new(1);
    for (step, victim) in deaths(&site) {
        let status = restore_status(&victim.log_folder()).expect("read").expect("there is a journal");
        if status.phase == "done" {
            continue;
        }
        let before = victim.tree();
        let error = victim.restore(&Quiet).expect_err("a journal is open");
        assert!(error.to_string().contains("was not finished"), "step {step}: {error}");
        let hints = error.hints().join(" ");
        assert!(hints.contains("--resume") && hints.contains("--undo"), "{hints}");
        assert_same(&victim.tree(), &before, &format!("step {step}"));
    }
}
