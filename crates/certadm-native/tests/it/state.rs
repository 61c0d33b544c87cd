//! What the questions about the service, and its end, come to.

use certadm::{Authority, Call, CertServer as _, Error, ServerState};
use certadm_native::{Library, NativeCa};
use dtyp::HResult;

use crate::fake::{Fake, Knob, Tally, authority};

#[test]
fn the_service_is_online_or_suspended_as_the_library_says() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    // TRUE is 1, but not every caller of C knows.
    for (online, state) in [(1, ServerState::Online), (-1, ServerState::Online), (0, ServerState::Suspended)]
    {
        fake.set(Knob::Online, online);
        assert_eq!(ca.state().expect("ask for the state"), state);
    }
    assert_eq!(fake.trace(), "Online=CA01 Online=CA01 Online=CA01");
}

#[test]
fn a_failure_that_means_a_stopped_service_is_an_answer() {
    let codes = [0x8007_06BA, 0x8004_0154, 0x8007_0426, 0x8007_0422, 0x8008_0005, 0x8007_06D9];
    for (code, state) in codes
        .map(|code| (code, ServerState::Stopped))
        .into_iter()
        .chain([(0x8009_4006, ServerState::Suspended)])
    {
        let Some(fake) = Fake::new() else { return };
        fake.fail_at(1, code);
        assert_eq!(fake.ca().state().expect("ask for the state"), state, "{code:#x}");
    }
}

#[test]
fn other_failures_are_failures() {
    // Denied, role conflict, no such host, and a success that nothing documents.
    for code in [0x8007_0005, 0x8009_4008, 0x8007_0035, 1] {
        let Some(fake) = Fake::new() else { return };
        fake.fail_at(1, code);
        match fake.ca().state() {
            Err(Error::Refused { call: Call::GetServerState, code: got }) => assert_eq!(got, HResult(code)),
            other => panic!("{code:#x}: {other:?}"),
        }
    }
}

#[test]
fn a_service_that_says_nothing_of_itself_is_not_online() {
    let Some(fake) = Fake::new() else { return };
    fake.fail_at(1, 0);
    assert_eq!(fake.ca().state().expect("ask for the state"), ServerState::Suspended);
}

#[test]
fn the_service_is_let_end() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    ca.shut_down().expect("let the service end");
    assert_eq!(fake.trace(), "ShutDown=CA01");
    fake.fail_at(2, 0x8007_0005);
    assert_eq!(ca.shut_down().expect_err("refused").code(), Some(HResult::ACCESS_DENIED));
}

#[test]
fn a_host_name_with_a_nul_never_reaches_the_library() {
    let Some(fake) = Fake::new() else { return };
    let host = "CA01\0.other".to_owned();
    let library = Library::open(fake.path()).expect("open the library");
    let mut ca = NativeCa::new(library, Authority { host, ..authority() });
    assert!(ca.state().is_err());
    assert!(ca.shut_down().is_err());
    assert!(ca.prepare_backup(certadm::BackupType::Full).is_err());
    assert!(ca.prepare_restore().is_err());
    assert_eq!(fake.get(Tally::Calls), 0);
}
