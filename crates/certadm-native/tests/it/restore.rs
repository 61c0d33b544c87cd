//! Restore sessions.

use certadm::{CertServer as _, Error, Registration};
use dtyp::HResult;

use crate::fake::{Fake, Knob, Tally};

fn full() -> Registration {
    Registration {
        database: Some((r"C:\db\ca.edb".to_owned(), r"D:\new\ca.edb".to_owned())),
        checkpoint_directory: Some(r"C:\sys".to_owned()),
        log_directory: Some(r"C:\log".to_owned()),
        backup_log_directory: Some(r"C:\back".to_owned()),
        low: 3,
        high: 0x1A,
    }
}

fn run(fake: &Fake, registration: &Registration) -> Result<(), Error> {
    let mut ca = fake.ca();
    let mut session = ca.prepare_restore()?;
    session.register(registration)?;
    session.register_complete(HResult::OK)?;
    session.end()
}

#[test]
fn a_full_restore_registers_its_map() {
    let Some(fake) = Fake::new() else { return };
    run(&fake, &full()).expect("a restore");
    assert_eq!(
        fake.trace(),
        r"RestorePrepare=CA01 Register chk=C:\sys log=C:\log old=C:\db\ca.edb new=D:\new\ca.edb map from=C:\back 3..26 Complete=00000000 RestoreEnd"
    );
    fake.settled();
}

#[test]
fn an_increment_registers_without_a_map() {
    let Some(fake) = Fake::new() else { return };
    let increment = Registration { database: None, checkpoint_directory: None, ..full() };
    run(&fake, &increment).expect("a restore");
    let registered = r"Register chk= log=C:\log nomap from=C:\back 3..26 Complete";
    assert!(fake.trace().contains(registered), "{}", fake.trace());
    fake.settled();
}

#[test]
fn who_is_no_administrator_registers_through_a_file() {
    let Some(fake) = Fake::new() else { return };
    fake.set(Knob::RegisterCode, -2_147_024_891);
    run(&fake, &full()).expect("a restore");
    let registered = r"Register ThroughFile chk=C:\sys log=C:\log old=C:\db\ca.edb";
    assert!(fake.trace().contains(registered), "{}", fake.trace());
    fake.settled();
}

#[test]
fn another_refusal_of_a_registration_is_final() {
    let Some(fake) = Fake::new() else { return };
    fake.set(Knob::RegisterCode, 0xC7FF_0008_u32.cast_signed().into());
    let error = run(&fake, &full()).expect_err("a map is registered already");
    assert_eq!(error.code(), Some(HResult::RESTORE_MAP_EXISTS));
    assert_eq!(fake.trace(), "RestorePrepare=CA01 Register RestoreEnd");
    fake.settled();
}

#[test]
fn the_true_outcome_is_told() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    let mut session = ca.prepare_restore().expect("prepare");
    session.register_complete(HResult::DISK_IO).expect("complete");
    drop(session);
    assert_eq!(fake.trace(), "RestorePrepare=CA01 Complete=C80003FE RestoreEnd");
    fake.settled();
}

#[test]
fn whichever_call_fails_the_restore_fails_and_owes_nothing() {
    let Some(fake) = Fake::new() else { return };
    run(&fake, &full()).expect("a restore");
    let calls = fake.get(Tally::Calls);
    assert_eq!(calls, 4);
    for call in 1..=calls {
        for code in [0x8000_FFFF, 1, 0x8007_06BE] {
            let Some(fake) = Fake::new() else { return };
            fake.fail_at(call, code);
            run(&fake, &full()).expect_err("a call failed");
            fake.settled();
        }
    }
    let Some(fake) = Fake::new() else { return };
    fake.fail_at(1, 0);
    assert!(matches!(run(&fake, &full()), Err(Error::Malformed { .. })), "success without a context");
}

#[test]
fn nothing_reaches_the_library_after_the_end() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    let mut session = ca.prepare_restore().expect("prepare");
    session.end().expect("end");
    for refusal in [session.register(&full()), session.register_complete(HResult::OK), session.end()] {
        assert_eq!(refusal.expect_err("it is over").code(), Some(HResult::HANDLE));
    }
    drop(session);
    assert_eq!(fake.trace(), "RestorePrepare=CA01 RestoreEnd");
    fake.settled();
}

#[test]
fn a_path_with_a_nul_is_not_cut_but_refused() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    let mut session = ca.prepare_restore().expect("prepare");
    let registration = Registration { log_directory: Some("C:\\log\0s".to_owned()), ..full() };
    let error = session.register(&registration).expect_err("refused");
    assert_eq!(error.code(), Some(HResult::INVALID_ARG));
    drop(session);
    assert_eq!(fake.trace(), "RestorePrepare=CA01 RestoreEnd");
}
