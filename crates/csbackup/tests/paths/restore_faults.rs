//! Restores in which a call, a file or the CA's machine fails: everything back, the CA not locked.

use std::cell::RefCell;
use std::fs;

use certadm::{
    Authority, BackupContext, BackupType, Call, CertServer, Error as CallError, Registration, RestoreContext,
    ServerState,
};
use certsrv::{Fault, FaultRule, Faulty};
use csbackup::{CaSide, Error, Observer, Quiet, Step, restore_ca};
use dtyp::HResult;

use crate::site::{Site, assert_same, old_and_new};

#[test]
fn whatever_call_fails_the_old_state_or_the_new_one_is_there() {
    let site = Site::new(1);
    let [old, new] = old_and_new(&site);
    for fault in [Fault::Fail(HResult::DISK_IO), Fault::LostReply] {
        let mut failures = 0;
        for call in 1.. {
            let case = format!("call {call}: {fault:?}");
            let victim = site.copy();
            let (plan, ca) = (victim.plan(), victim.ca());
            let mut host = ca.host();
            let mut server = Faulty::new(ca.connect(), [FaultRule { call, fault: fault.clone() }]);
            let log = server.log();
            let mut side = CaSide { server: &mut server, host: Some(&mut host) };
            let result = restore_ca(&victim.0.medium, &plan, &mut side, &Quiet);
            let calls = log.calls();
            let count = |call| calls.iter().filter(|other| **other == call).count();
            assert_eq!(count(Call::RestoreEnd), count_prepared(&calls, call), "{case}: {calls:?}");
            match result {
                Ok(_) => assert_same(&victim.restored_tree(), &new, &case),
                Err(error) => {
                    failures += 1;
                    // What lost its answer behind the CA's back is one undo away.
                    if victim.tree() != old {
                        assert!(error.to_string().contains("restore --undo"), "{case}: {error}");
                        victim.undo(&Quiet).unwrap_or_else(|error| panic!("{case}: {error:?}"));
                    }
                    assert_same(&victim.tree(), &old, &case);
                    assert_eq!(victim.state(), ServerState::Online, "{case}: the CA is locked");
                }
            }
            if calls.len() < call as usize {
                break;
            }
        }
        // RestorePrepare, and Register and Complete of two sets; the state is asked of the machine.
        assert!(failures >= 5, "{failures}");
    }
}

/// Prepares that succeeded, as far as the engine knows: the one that failed does not count.
fn count_prepared(calls: &[Call], failed: u32) -> usize {
    let numbered = (1_u32..).zip(calls);
    numbered.filter(|(number, call)| **call == Call::RestorePrepare && *number != failed).count()
}

#[test]
fn a_file_that_cannot_be_moved_in_at_the_end_takes_everything_back() {
    let victim = Site::new(1);
    let mut plan = victim.plan();
    // The files outside the database come last: two registrations are complete by then.
    let last = plan.items.last().expect("there are files").target.clone();
    // Somebody claims it after the plan was made.
    plan.aside.retain(|path| *path != last);
    let old = victim.tree();
    let error =
        victim.with(|ca| restore_ca(&victim.0.medium, &plan, ca, &Quiet)).expect_err("it is in the way");
    let text = format!("{error}: {}", std::error::Error::source(&error).expect("why"));
    assert!(text.contains("everything is as it was before, the service was started again"), "{text}");
    assert!(text.contains(&last.display().to_string()), "{text}");
    assert_same(&victim.tree(), &old, "");
    assert_eq!(victim.state(), ServerState::Online);
}

#[test]
fn a_damaged_set_is_found_before_the_service_is_stopped() {
    let site = Site::new(1);
    let newest = site.0.newest();
    let file = site.0.path_of(&newest).join("DynamicFiles/Corp Issuing CA.crl");
    fs::write(file, "damaged").expect("damage a file");
    let old = site.tree();
    let steps = Recorded::default();
    let error = site.restore(&steps).expect_err("the hash is wrong");
    assert!(
        matches!(error, Error::Restoring { ref source, .. } if matches!(**source, Error::ReadBack { .. }))
    );
    assert!(!steps.all().iter().any(|step| step.contains("stopped")), "{:?}", steps.all());
    assert_same(&site.tree(), &old, "");
    assert_eq!(site.state(), ServerState::Online);
}

#[test]
fn a_registration_of_somebody_else_is_left_alone() {
    let site = Site::new(1);
    let mut other = site.ca().connect();
    let (_, registration) = site.plan().registrations.remove(0);
    let mut session = other.prepare_restore().expect("begin");
    session.register(&registration).expect("register");
    session.end().expect("end");
    let old = site.tree();
    let error = site.restore(&Quiet).expect_err("a map is registered");
    let source = std::error::Error::source(&error).expect("why");
    assert!(source.to_string().contains("register"), "{source}");
    assert_same(&site.tree(), &old, "it is still there");
}

#[test]
fn every_registration_is_completed_once_and_every_session_ended_once() {
    let site = Site::new(2);
    for failing in 0..40 {
        let victim = site.copy();
        let plan = victim.plan();
        let mut server = Strict::new(failing);
        let mut side = CaSide { server: &mut server, host: None };
        let result = restore_ca(&victim.0.medium, &plan, &mut side, &Quiet);
        let strict = server.0.borrow();
        assert_eq!((strict.open, strict.sessions), (false, 0), "call {failing}: {strict:?}");
        // Another failure than the one call does not come.
        assert_eq!(strict.misused, [""; 0], "call {failing}");
        let kept = strict.completed > 0;
        assert_eq!(result.is_ok(), kept, "call {failing}: {result:?}");
    }
}

/// Counts, and refuses one call.
#[derive(Debug, Default)]
struct Inner {
    failing: u32,
    calls: u32,
    open: bool,
    completed: u32,
    sessions: u32,
    stopped: bool,
    misused: Vec<String>,
}

struct Strict(RefCell<Inner>, Authority);

impl Strict {
    fn new(failing: u32) -> Self {
        Self(RefCell::new(Inner { failing, ..Inner::default() }), testkit::ca::authority())
    }

    fn call(&self, call: Call, act: impl FnOnce(&mut Inner)) -> Result<(), CallError> {
        let mut inner = self.0.borrow_mut();
        inner.calls += 1;
        if inner.calls == inner.failing {
            return Err(CallError::Refused { call, code: HResult::ACCESS_DENIED });
        }
        act(&mut inner);
        Ok(())
    }
}

impl CertServer for Strict {
    fn authority(&self) -> &Authority {
        &self.1
    }

    fn state(&mut self) -> Result<ServerState, CallError> {
        self.call(Call::GetServerState, |_| {})?;
        Ok(if self.0.borrow().stopped { ServerState::Stopped } else { ServerState::Online })
    }

    fn shut_down(&mut self) -> Result<(), CallError> {
        self.call(Call::ServerControl, |inner| inner.stopped = true)
    }

    fn prepare_backup(&mut self, _: BackupType) -> Result<Box<dyn BackupContext + '_>, CallError> {
        unreachable!("nothing is backed up")
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, CallError> {
        self.call(Call::RestorePrepare, |inner| {
            if !inner.stopped {
                inner.misused.push("prepared while it runs".to_owned());
            }
            inner.sessions += 1;
        })?;
        Ok(Box::new(Context { server: self, ended: false }))
    }
}

struct Context<'a> {
    server: &'a Strict,
    ended: bool,
}

impl RestoreContext for Context<'_> {
    fn register(&mut self, registration: &Registration) -> Result<(), CallError> {
        self.server.call(Call::RestoreRegister, |inner| {
            if inner.open || registration.low > registration.high {
                inner.misused.push(format!("{registration:?}"));
            }
            inner.open = true;
        })
    }

    fn register_complete(&mut self, outcome: HResult) -> Result<(), CallError> {
        self.server.call(Call::RestoreRegisterComplete, |inner| {
            if !inner.open {
                inner.misused.push("completed twice".to_owned());
            }
            inner.open = false;
            inner.completed = if outcome.is_success() { inner.completed + 1 } else { 0 };
        })
    }

    fn end(&mut self) -> Result<(), CallError> {
        if self.ended {
            self.server.0.borrow_mut().misused.push("ended twice".to_owned());
        }
        self.ended = true;
        self.server.0.borrow_mut().sessions -= 1;
        self.server.call(Call::RestoreEnd, |_| {})
    }
}

#[derive(Default)]
struct Recorded(std::sync::Mutex<Vec<String>>);

impl Recorded {
    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

impl Observer for Recorded {
    fn step(&self, step: &Step) {
        self.0.lock().expect("nobody panicked").push(format!("{step:?}"));
    }
}
