//! Who gets in: state of the service, one backup at a time, roles and flags.

use std::thread;

use certadm::server::{Caller, Roles};
use certadm::{BackupType, Call, CertServer, ServerState};
use certsrv::{CaDirectory, Connection, Role, Service};
use dtyp::HResult;

use crate::invented::{Invented, code, copy};

use BackupType::{Full, Incremental};

#[test]
fn connections_cross_threads() {
    fn is_send<T: Send + 'static>() {}
    is_send::<Connection>();
    is_send::<CaDirectory>();
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let worker = thread::spawn(move || copy(connection.prepare_backup(Full).unwrap().as_mut()).unwrap());
    assert_eq!(worker.join().unwrap().logs.len(), 4);
}

#[test]
fn one_backup_is_active_at_a_time() {
    let at = Invented::new();
    let elsewhere = CaDirectory::open(at.path()).unwrap();
    let (mut first, mut second) = (at.ca.connect(), elsewhere.connect());
    let busy = HResult::BACKUP_IN_PROGRESS;

    let mut backup = first.prepare_backup(Full).unwrap();
    assert_eq!(code(second.prepare_backup(Full)), busy);
    assert_eq!(code(second.prepare_backup(Incremental)), busy);
    assert_eq!(second.state().unwrap(), ServerState::Online, "a busy CA serves");
    copy(backup.as_mut()).unwrap();
    assert_eq!(code(second.prepare_backup(Full)), busy);
    backup.end().unwrap();
    assert_eq!(code(second.prepare_backup(Full)), HResult::OK, "ended");
    drop(backup);

    drop(first.prepare_backup(Full).unwrap());
    assert_eq!(code(second.prepare_backup(Full)), HResult::OK, "dropped");
}

#[test]
fn a_refused_prepare_leaves_the_ca_free() {
    let at = Invented::new();
    assert_eq!(code(at.ca.connect().prepare_backup(Incremental)), HResult::MISSING_FULL_BACKUP);
    assert_eq!(code(at.ca.connect().prepare_backup(Full)), HResult::OK);
}

#[test]
fn a_stopped_service_answers_no_call() {
    let mut at = Invented::new();
    at.reconfigure(|config| config.service = Service::Stopped);
    let mut connection = at.ca.connect();
    assert_eq!(connection.state().unwrap(), ServerState::Stopped);
    for kind in [Full, Incremental] {
        assert_eq!(code(connection.prepare_backup(kind)), HResult::SERVICE_NOT_ACTIVE);
    }
}

#[test]
fn a_suspended_service_takes_no_backup() {
    let mut at = Invented::new();
    at.reconfigure(|config| config.service = Service::Suspended);
    at.reopen();
    let mut connection = at.ca.connect();
    assert_eq!(connection.state().unwrap(), ServerState::Suspended);
    assert_eq!(code(connection.prepare_backup(Full)), HResult::SERVER_SUSPENDED);
}

#[test]
fn remote_backup_is_off_until_the_flag_is_cleared() {
    let mut at = Invented::new();
    let remote = Caller { remote: true, ..Caller::LOCAL_OPERATOR };
    let mut connection = at.ca.connect_as(remote);
    assert_eq!(code(connection.prepare_backup(Full)), HResult::ACCESS_DENIED);
    assert_eq!(connection.state().unwrap(), ServerState::Online, "the state may be asked for");
    at.reconfigure(|config| config.interface_flags &= !0x40);
    assert_eq!(code(at.ca.connect_as(remote).prepare_backup(Full)), HResult::OK);
    let unsealed = Caller { sealed: false, ..remote };
    assert_eq!(code(at.ca.connect_as(unsealed).prepare_backup(Full)), HResult::ACCESS_DENIED);
    assert_eq!(code(at.ca.connect_as(unsealed).state()), HResult::ACCESS_DENIED);
}

#[test]
fn roles_decide_who_backs_up() {
    let mut at = Invented::new();
    at.reconfigure(|config| config.roles = vec![Role::Administrator, Role::Read]);
    assert_eq!(code(at.ca.connect().prepare_backup(Full)), HResult::ACCESS_DENIED);
    at.reconfigure(|config| {
        config.roles = vec![Role::Administrator, Role::Operator];
        config.role_separation = true;
    });
    at.reopen();
    assert_eq!(code(at.ca.connect().prepare_backup(Full)), HResult::ROLE_CONFLICT);
    let nobody = Caller { roles: Roles::default(), ..Caller::LOCAL_OPERATOR };
    let error = at.ca.connect_as(nobody).prepare_backup(Full).map(drop).unwrap_err();
    assert_eq!((error.call(), error.code()), (Call::BackupPrepare, Some(HResult::ACCESS_DENIED)));
}

#[test]
fn calls_out_of_order_are_refused_through_the_seam() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(Full).unwrap();
    assert_eq!(code(backup.truncate_logs()), HResult::UNEXPECTED);
    assert_eq!(code(backup.close_file()), HResult::UNEXPECTED);
    backup.end().unwrap();
    assert_eq!(code(backup.end()), HResult::UNEXPECTED);
    assert_eq!(code(backup.log_files()), HResult::UNEXPECTED);
}
