//! Restores registered with a CA: the order of calls, what is in the way, what can be taken back.

use std::fs;

use certadm::{Call, ConfigValue, ServerState};
use csbackup::{
    CaSide, Part, Quiet, RestoreOptions, RestoreTarget, ServiceEnd, plan_restore, restore_ca, restore_status,
};
use testkit::world::tree;

use crate::site::{Site, assert_same};

#[test]
fn the_calls_are_those_of_the_scenario() {
    let site = Site::new(1);
    let plan = site.plan();
    let mut server = site.ca().connect();
    let log = server.log();
    let mut ca = CaSide { server: &mut server, host: None };
    let restored = restore_ca(&site.0.medium, &plan, &mut ca, &Quiet).expect("restore");
    let expected = [
        // Is it there at all; does it run; was it stopped.
        Call::GetServerState,
        Call::GetServerState,
        Call::ServerControl,
        Call::GetServerState,
        Call::RestorePrepare,
        Call::RestoreRegister,
        Call::RestoreRegisterComplete,
        Call::RestoreRegister,
        Call::RestoreRegisterComplete,
        Call::RestoreEnd,
        // Nobody is there to start it: is it up?
        Call::GetServerState,
    ];
    assert_eq!(log.calls(), expected);
    let Some(ServiceEnd::NotStarted(_)) = restored.service else { panic!("{:?}", restored.service) };
}

#[test]
fn each_set_is_registered_with_its_own_logs() {
    let site = Site::new(2);
    let plan = site.plan();
    let ranges: Vec<_> =
        plan.registrations.iter().map(|(_, r)| (r.low, r.high, r.database.is_some())).collect();
    let recorded = |number: usize| site.0.sets()[number].manifest.generations().expect("logs");
    let expected = |number: usize| (recorded(number).0, recorded(number).1, number == 0);
    assert_eq!(ranges, [expected(0), expected(1), expected(2)]);
    site.restore(&Quiet).expect("restore");
    let pending = site.ca().pending_restore().expect("registered");
    let high = |number: u32| ConfigValue::Dword(ranges[number as usize - 1].1);
    for number in 1..=3 {
        let node = format!(r"RestoreInProgress\{number}");
        let value =
            |name: &str| pending.iter().find(|e| e.node == node && e.name == name).map(|e| e.value.clone());
        assert_eq!(value("HighLogNumber"), Some(high(number)), "{number}");
        assert_eq!(value("RestoreStatus"), Some(ConfigValue::Dword(0)), "{number}");
        assert_eq!(value("RestoreMap").is_some(), number == 1);
    }
}

#[test]
fn restoring_and_undoing_changes_nothing() {
    for increments in 0..=2 {
        for stopped in [false, true] {
            let site = Site::new(increments);
            if stopped {
                site.ca().stop().expect("stop the service");
            }
            let before = site.tree();
            let restored = site.restore(&Quiet).expect("restore");
            assert_eq!(restored.service == Some(ServiceEnd::LeftStopped), stopped);
            assert_ne!(site.tree(), before);
            assert_eq!(restored.journal, Some(site.log_folder()));
            let undone = site.undo(&Quiet).expect("undo").expect("there was a restore");
            let expected = if stopped { ServiceEnd::LeftStopped } else { ServiceEnd::Started };
            assert_eq!(undone.service, Some(expected), "{increments} increments, stopped: {stopped}");
            assert_same(&site.tree(), &before, &format!("{increments} increments, stopped: {stopped}"));
        }
    }
}

#[test]
fn the_service_does_not_start_on_what_needs_log_replay_and_says_why() {
    let site = Site::new(1);
    let restored = site.restore(&Quiet).expect("restore");
    let Some(ServiceEnd::NotStarted(reason)) = restored.service else { panic!("{restored:?}") };
    for part in ["replay", "0x3-0x9", "restore --undo"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(site.state(), ServerState::Stopped);
    let status = restore_status(&site.log_folder()).expect("read").expect("kept");
    assert_eq!((status.phase.as_str(), status.registered, status.resumable), ("done", [2, 2], false));
}

#[test]
fn a_restored_file_that_somebody_worked_with_is_not_taken_back() {
    let site = Site::new(1);
    site.restore(&Quiet).expect("restore");
    fs::write(site.log_folder().join("Corp Issuing CA.edb"), "recovered").expect("write the database");
    let before = site.tree();
    let error = site.undo(&Quiet).expect_err("the CA worked with it");
    assert!(error.to_string().contains("not as it was laid down"), "{error}");
    assert_same(&site.tree(), &before, "");
}

#[test]
fn a_file_that_came_where_an_old_one_belongs_stops_the_way_back() {
    let site = Site::new(1);
    site.restore(&Quiet).expect("restore");
    fs::write(site.log_folder().join("ca.edb"), "of somebody else").expect("write a file");
    let before = site.tree();
    let error = site.undo(&Quiet).expect_err("its place is taken");
    assert!(error.to_string().contains("belongs there"), "{error}");
    assert_same(&site.tree(), &before, "");
    fs::remove_file(site.log_folder().join("ca.edb")).expect("remove the file");
    site.undo(&Quiet).expect("undo").expect("there was a restore");
    assert_eq!(site.state(), ServerState::Online);
}

#[test]
fn a_second_restore_waits_until_the_first_is_used_or_taken_back() {
    let site = Site::new(1);
    site.restore(&Quiet).expect("restore");
    let before = site.tree();
    let error = site.restore(&Quiet).expect_err("the first is not used yet");
    assert!(error.to_string().contains("has not used the restore"), "{error}");
    assert_same(&site.tree(), &before, "");
    // As if the CA had recovered it.
    fs::write(site.log_folder().join("Corp Issuing CA.edb"), "recovered").expect("write the database");
    let again = site.restore(&Quiet).expect("restore once more");
    assert_eq!(again.aside.len(), 2);
}

#[test]
fn a_part_alone_needs_no_registration() {
    let site = Site::new(1);
    let RestoreOptions { target, .. } = options(&site);
    let options = RestoreOptions { target, force: true, only: vec![Part::Crl], recovered: None };
    let plan = plan_restore(&site.0.catalogue(), &site.0.newest(), &options).expect("plan");
    assert_eq!(plan.registrations, []);
    assert!(
        plan.items.iter().all(|item| item.path.as_str().starts_with("DynamicFiles/")),
        "{:?}",
        plan.items
    );
    let logs = tree(&site.log_folder());
    let restored = site.with(|ca| restore_ca(&site.0.medium, &plan, ca, &Quiet)).expect("restore");
    assert_eq!(restored.service, Some(ServiceEnd::Untouched));
    assert_eq!(site.state(), ServerState::Online);
    let mut after = tree(&site.log_folder());
    after.retain(|(path, _)| !path.to_string_lossy().contains(".csbackup-restore"));
    assert_eq!(after, logs);
}

fn options(site: &Site) -> RestoreOptions {
    let places = csbackup::CaPlaces {
        files: csbackup::MappedFiles::new(site.ca().mappings()),
        journal: site.log_folder(),
        ..csbackup::CaPlaces::default()
    };
    RestoreOptions { target: RestoreTarget::Ca(places), force: true, only: Vec::new(), recovered: None }
}
