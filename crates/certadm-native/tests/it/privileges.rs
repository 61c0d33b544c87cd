//! The privileges: enabled for a session, and put back.

use std::cell::RefCell;
use std::rc::Rc;

use certadm::{BackupType, Call, CertServer as _, Error};
use certadm_native::{Library, NativeCa, Privilege, PrivilegeError, Privileges};
use dtyp::HResult;

use crate::fake::{Fake, Tally, authority};

/// Writes down what is asked of it, and how many sessions the library has then.
struct Account {
    fake: Rc<Fake>,
    answer: Result<bool, PrivilegeError>,
    log: Rc<RefCell<Vec<String>>>,
}

impl Privileges for Account {
    fn enable(&self, privilege: Privilege) -> Result<bool, PrivilegeError> {
        self.note('+', privilege);
        self.answer
    }

    fn disable(&self, privilege: Privilege) {
        self.note('-', privilege);
    }
}

impl Account {
    fn note(&self, what: char, privilege: Privilege) {
        let open = self.fake.get(Tally::Contexts);
        self.log.borrow_mut().push(format!("{what}{privilege} {open}"));
    }
}

fn fake() -> Option<Rc<Fake>> {
    Fake::new().map(Rc::new)
}

fn ca(fake: &Rc<Fake>, answer: Result<bool, PrivilegeError>) -> (NativeCa, Rc<RefCell<Vec<String>>>) {
    let log = Rc::new(RefCell::new(Vec::new()));
    let account = Account { fake: Rc::clone(fake), answer, log: Rc::clone(&log) };
    let library = Library::open(fake.path()).expect("open the library");
    (NativeCa::with_privileges(library, authority(), Box::new(account)), log)
}

#[test]
fn a_session_has_its_privilege_from_before_it_opens_until_after_it_ended() {
    let Some(fake) = fake() else { return };
    let (mut ca, log) = ca(&fake, Ok(true));
    let session = ca.prepare_backup(BackupType::Full).expect("prepare");
    assert_eq!(*log.borrow(), ["+SeBackupPrivilege 0"]);
    drop(session);
    assert_eq!(*log.borrow(), ["+SeBackupPrivilege 0", "-SeBackupPrivilege 0"]);
    log.borrow_mut().clear();
    drop(ca.prepare_restore().expect("prepare"));
    assert_eq!(*log.borrow(), ["+SeRestorePrivilege 0", "-SeRestorePrivilege 0"]);
    fake.settled();
}

#[test]
fn a_privilege_that_was_enabled_before_stays_so() {
    let Some(fake) = fake() else { return };
    let (mut ca, log) = ca(&fake, Ok(false));
    drop(ca.prepare_backup(BackupType::Full).expect("prepare"));
    assert_eq!(*log.borrow(), ["+SeBackupPrivilege 0"]);
}

#[test]
fn a_privilege_is_put_back_where_the_session_is_refused() {
    for call in [1, 2] {
        let Some(fake) = fake() else { return };
        let (mut ca, log) = ca(&fake, Ok(true));
        fake.fail_at(call, 0x8007_0005);
        if let Ok(mut session) = ca.prepare_backup(BackupType::Full) {
            session.end().expect_err("the end is refused");
        }
        assert_eq!(*log.borrow(), ["+SeBackupPrivilege 0", "-SeBackupPrivilege 0"], "call {call}");
    }
}

#[test]
fn without_the_privilege_nothing_is_tried() {
    let Some(fake) = fake() else { return };
    let (mut ca, _) = ca(&fake, Err(PrivilegeError::NotHeld));
    let backup = ca.prepare_backup(BackupType::Full).map(drop);
    let restore = ca.prepare_restore().map(drop);
    for (outcome, call, name, right) in [
        (backup, Call::BackupPrepare, "SeBackupPrivilege", "Back up files and directories"),
        (restore, Call::RestorePrepare, "SeRestorePrivilege", "Restore files and directories"),
    ] {
        let error = outcome.expect_err("refused");
        assert!(error.to_string().contains(name), "{error}");
        let Error::NoPrivilege { call: got, privilege } = error else { panic!("{error:?}") };
        assert_eq!((got, privilege), (call, name));
        let hints = Privilege::from_name(privilege).expect("one of ours").hints();
        assert!(hints.iter().any(|hint| hint.contains("Backup Operators") && hint.contains(right)));
        assert!(hints.iter().any(|hint| hint.contains("elevated")));
    }
    assert_eq!(fake.get(Tally::Calls), 0);
}

#[test]
fn a_system_that_fails_to_enable_it_is_reported_by_its_code() {
    let Some(fake) = fake() else { return };
    let (mut ca, _) = ca(&fake, Err(PrivilegeError::Failed(HResult::ACCESS_DENIED)));
    let error = ca.prepare_backup(BackupType::Full).map(drop).expect_err("refused");
    assert_eq!((error.call(), error.code()), (Call::BackupPrepare, Some(HResult::ACCESS_DENIED)));
    assert_eq!(fake.get(Tally::Calls), 0);
}

#[test]
fn an_administrator_of_the_ca_ends_the_service_without_the_privilege() {
    let Some(fake) = fake() else { return };
    let (mut ca, log) = ca(&fake, Err(PrivilegeError::NotHeld));
    ca.shut_down().expect("let the service end");
    assert_eq!(*log.borrow(), ["+SeBackupPrivilege 0"]);
    assert_eq!(fake.trace(), "ShutDown=CA01");
}
