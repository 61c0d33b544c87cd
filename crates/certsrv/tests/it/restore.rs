//! Registration of a restore, and what it does to the service.

use std::fs;

use certadm::server::{Caller, Roles};
use certadm::{BackupType, CertServer, Registration, ServerState};
use certsrv::{CaDirectory, Service};
use dtyp::HResult;

use crate::invented::{Invented, code};

fn registration(low: u32, high: u32) -> Registration {
    Registration {
        database: Some((r"C:\CertLog\Corp.edb".to_owned(), r"D:\CertLog\Corp.edb".to_owned())),
        checkpoint_directory: None,
        log_directory: Some(r"D:\CertLog".to_owned()),
        backup_log_directory: Some(r"D:\Restore".to_owned()),
        low,
        high,
    }
}

fn increment(low: u32, high: u32) -> Registration {
    Registration { database: None, ..registration(low, high) }
}

fn state(ca: &CaDirectory) -> ServerState {
    ca.connect().state().unwrap()
}

#[test]
fn the_service_does_not_start_until_the_registration_is_complete() {
    let mut at = Invented::new();
    at.reconfigure(|config| config.service = Service::Online);
    let mut connection = at.ca.connect();
    let mut restore = connection.prepare_restore().unwrap();
    assert_eq!(state(&at.ca), ServerState::Online);
    restore.register(&registration(3, 6)).unwrap();
    assert_eq!(state(&at.ca), ServerState::Stopped);
    assert_eq!(code(at.ca.connect().prepare_backup(BackupType::Full)), HResult::SERVICE_NOT_ACTIVE);
    let reason = at.ca.why_stopped().unwrap();
    assert!(reason.contains("not complete") && reason.contains("--resume"), "{reason}");
    restore.register_complete(HResult::OK).unwrap();
    restore.end().unwrap();
    assert_eq!(code(restore.end()), HResult::HR_INVALID_HANDLE);
    assert_eq!(state(&at.ca), ServerState::Stopped, "logs would have to be replayed");
    let error = at.ca.start().unwrap_err().to_string();
    for part in ["replay", "0x3-0x6", "restore --undo"] {
        assert!(error.contains(part), "{error}");
    }
    let text = fs::read_to_string(at.path().join("restore.toml")).unwrap();
    let whole =
        text.contains("low = 3") && text.contains("high = 6") && text.contains(r"D:\CertLog\Corp.edb");
    assert!(whole, "{text}");
}

#[test]
fn a_restore_works_while_the_service_is_stopped() {
    let mut at = Invented::new();
    at.reconfigure(|config| config.service = Service::Stopped);
    let mut connection = at.ca.connect();
    let mut restore = connection.prepare_restore().unwrap();
    restore.register(&registration(3, 6)).unwrap();
    restore.register_complete(HResult::OK).unwrap();
    restore.register(&increment(7, 9)).unwrap();
    restore.register_complete(HResult::OK).unwrap();
    restore.end().unwrap();
    assert_eq!(state(&at.ca), ServerState::Stopped);
}

#[test]
fn a_second_registration_waits_for_the_first() {
    let at = Invented::new();
    let (mut one, mut two) = (at.ca.connect(), CaDirectory::open(at.path()).unwrap().connect());
    let (mut one, mut two) = (one.prepare_restore().unwrap(), two.prepare_restore().unwrap());
    one.register(&registration(3, 6)).unwrap();
    assert_eq!(code(one.register(&increment(7, 9))), HResult::RESTORE_MAP_EXISTS);
    assert_eq!(code(two.register(&registration(3, 6))), HResult::RESTORE_MAP_EXISTS);
    one.end().unwrap();
    assert_eq!(code(two.register(&registration(3, 6))), HResult::RESTORE_MAP_EXISTS, "End completes nothing");
    two.register_complete(HResult::OK).unwrap();
    two.register(&increment(7, 9)).unwrap();
}

#[test]
fn a_failure_takes_back_all_that_was_registered() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut restore = connection.prepare_restore().unwrap();
    restore.register(&registration(3, 6)).unwrap();
    restore.register_complete(HResult::OK).unwrap();
    restore.register(&increment(7, 9)).unwrap();
    restore.register_complete(HResult::DISK_IO).unwrap();
    restore.end().unwrap();
    assert_eq!(state(&at.ca), ServerState::Online);
    assert_eq!(at.ca.pending_restore().unwrap(), []);
    assert!(!at.path().join("restore.toml").exists());
}

#[test]
fn logs_of_a_pending_restore_are_not_deleted_whatever_the_bookkeeping_says() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut restore = connection.prepare_restore().unwrap();
    restore.register(&registration(1, 6)).unwrap();
    fs::write(at.log_file(1), "older than all that is known").unwrap();
    CaDirectory::open(at.path()).unwrap();
    assert!(at.log_file(1).exists());
}

#[test]
fn the_service_is_shut_down_for_every_process_until_it_is_started() {
    let at = Invented::new();
    let elsewhere = CaDirectory::open(at.path()).unwrap();
    at.ca.connect_as(Caller { roles: Roles::ADMINISTRATOR, ..Caller::LOCAL_OPERATOR }).shut_down().unwrap();
    assert_eq!(state(&elsewhere), ServerState::Stopped);
    assert_eq!(code(elsewhere.connect().shut_down()), HResult::SERVICE_NOT_ACTIVE);
    assert!(elsewhere.why_stopped().unwrap().contains("shut down"));
    elsewhere.start().unwrap();
    assert_eq!(state(&at.ca), ServerState::Online);
    assert_eq!(at.ca.why_stopped(), None);
    let nobody = Caller { roles: Roles::READ, ..Caller::LOCAL_OPERATOR };
    assert_eq!(code(at.ca.connect_as(nobody).shut_down()), HResult::ACCESS_DENIED);
}

#[test]
fn registrations_that_make_no_sense_are_refused() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut restore = connection.prepare_restore().unwrap();
    assert_eq!(code(restore.register(&registration(7, 6))), HResult::INVALID_ARG);
    assert_eq!(code(restore.register(&registration(0, 6))), HResult::INVALID_ARG);
    assert_eq!(code(restore.register(&increment(7, 9))), HResult::NO_FULL_RESTORE);
    assert_eq!(code(restore.register_complete(HResult::OK)), HResult::UNEXPECTED);
    assert_eq!(state(&at.ca), ServerState::Online);
}

#[test]
fn a_new_restore_begins_a_new_list() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    for _ in 0..2 {
        let mut restore = connection.prepare_restore().unwrap();
        restore.register(&registration(3, 6)).unwrap();
        restore.register_complete(HResult::OK).unwrap();
        restore.end().unwrap();
    }
    let text = fs::read_to_string(at.path().join("restore.toml")).unwrap();
    assert_eq!(text.matches("[[registration]]").count(), 1, "{text}");
    let mut restore = connection.prepare_restore().unwrap();
    assert_eq!(code(restore.register(&increment(7, 9))), HResult::NO_FULL_RESTORE);
}

#[test]
fn restoring_is_for_local_operators() {
    let at = Invented::new();
    let nobody = Caller { roles: Roles::READ, ..Caller::LOCAL_OPERATOR };
    assert_eq!(code(at.ca.connect_as(nobody).prepare_restore()), HResult::ACCESS_DENIED);
    let remote = Caller { remote: true, ..Caller::LOCAL_OPERATOR };
    assert_eq!(code(at.ca.connect_as(remote).prepare_restore()), HResult::ACCESS_DENIED);
}

#[test]
fn instructions_that_cannot_be_read_keep_the_service_down() {
    let at = Invented::new();
    fs::write(at.path().join("restore.toml"), "[[registration").unwrap();
    assert_eq!(state(&at.ca), ServerState::Stopped);
    let mut connection = at.ca.connect();
    let mut restore = connection.prepare_restore().unwrap();
    assert_eq!(code(restore.register(&registration(3, 6))), HResult::DISK_IO);
}

#[test]
fn a_registration_stops_the_service_under_a_running_backup() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(BackupType::Full).unwrap();
    let mut other = at.ca.connect();
    let mut restore = other.prepare_restore().unwrap();
    restore.register(&registration(3, 6)).unwrap();
    assert_eq!(code(backup.log_files()), HResult::SERVICE_NOT_ACTIVE);
    assert_eq!(code(backup.end()), HResult::SERVICE_NOT_ACTIVE);
    drop(backup);
    restore.register_complete(HResult::DISK_IO).unwrap();
    assert_eq!(
        code(connection.prepare_backup(BackupType::Full)),
        HResult::OK,
        "the lost session was aborted"
    );
}
