//! Backup sessions, driven as the engine drives them.

use certadm::{BackupContext, BackupType, Call, CertServer as _, Error};
use dtyp::HResult;

use crate::fake::{Fake, Knob, Tally, content};

/// All of a session; what was read.
fn run(fake: &Fake, buffer: usize) -> Result<Vec<u8>, Error> {
    let mut ca = fake.ca();
    let mut session = ca.prepare_backup(BackupType::Full)?;
    let context = session.as_mut();
    context.restore_map()?;
    let mut all = Vec::new();
    for file in context.database_files()?.files() {
        all.extend(read(context, &file.name, buffer)?);
    }
    for file in context.log_files()?.files() {
        all.extend(read(context, &file.name, buffer)?);
    }
    context.dynamic_files()?;
    context.truncate_logs()?;
    context.end()?;
    Ok(all)
}

/// One file as the engine reads it: what is short of a buffer is its end. Its size is what it must have.
fn read(context: &mut dyn BackupContext, name: &str, buffer: usize) -> Result<Vec<u8>, Error> {
    let size = context.open_file(name)?;
    let mut whole = Vec::new();
    let mut buffer = vec![0xAA; buffer];
    loop {
        let count = context.read_file(&mut buffer)?;
        whole.extend(&buffer[..count]);
        if count < buffer.len() || u64::try_from(whole.len()).expect("a small file") > size {
            break;
        }
    }
    context.close_file()?;
    let is_whole = u64::try_from(whole.len()).expect("a small file") == size;
    if is_whole { Ok(whole) } else { Err(short()) }
}

fn short() -> Error {
    Error::Refused { call: Call::BackupReadFile, code: HResult::READ_VERIFY_FAILURE }
}

fn all() -> Vec<u8> {
    [content(40_000), content(8192)].concat()
}

#[test]
fn a_session_is_the_documented_sequence() {
    let Some(fake) = Fake::new() else { return };
    assert_eq!(run(&fake, 1 << 20).expect("a session"), all());
    assert_eq!(
        fake.trace(),
        "PrepareFull=CA01 Map Databases Open Read Close Logs Open Read Close Dynamic Truncate End"
    );
    assert_eq!(fake.get(Tally::Truncated), 1);
    fake.settled();
}

#[test]
fn an_increment_is_prepared_as_logs_only() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    drop(ca.prepare_backup(BackupType::Incremental).expect("prepare"));
    assert_eq!(fake.trace(), "PrepareLogs=CA01 End");
    fake.settled();
}

#[test]
fn every_size_of_buffer_and_of_short_reads_gives_the_same_bytes() {
    for buffer in [4096, 8192, 40_000, 1 << 20] {
        for most in [0, 1000, 4096, 39_999] {
            let Some(fake) = Fake::new() else { return };
            fake.set(Knob::MaxRead, most);
            assert_eq!(run(&fake, buffer).expect("a session"), all(), "{buffer} {most}");
            fake.settled();
        }
    }
}

#[test]
fn a_count_beyond_the_buffer_is_malformed() {
    for over in [1, 4096, i64::from(u32::MAX) - 4096] {
        let Some(fake) = Fake::new() else { return };
        fake.set(Knob::Overcount, over);
        match run(&fake, 4096) {
            Err(Error::Malformed { call: Call::BackupReadFile, .. }) => {}
            other => panic!("{over}: {:?}", other.map(drop)),
        }
        fake.settled();
    }
}

#[test]
fn a_negative_size_is_malformed_and_the_file_closed() {
    for size in [-2, i64::MIN] {
        let Some(fake) = Fake::new() else { return };
        fake.set(Knob::Size, size);
        match run(&fake, 4096) {
            Err(Error::Malformed { call: Call::BackupOpenFile, .. }) => {}
            other => panic!("{size}: {:?}", other.map(drop)),
        }
        assert!(fake.trace().ends_with("Open Close End"), "{}", fake.trace());
        fake.settled();
    }
}

#[test]
fn a_file_of_no_size_is_malformed() {
    let Some(fake) = Fake::new() else { return };
    fake.fail_at(2, 0);
    let mut ca = fake.ca();
    let mut session = ca.prepare_backup(BackupType::Full).expect("prepare");
    let opened = session.open_file(r"\\ca\c$\db\ca.edb");
    assert!(matches!(opened, Err(Error::Malformed { call: Call::BackupOpenFile, .. })), "{opened:?}");
}

#[test]
fn a_file_that_may_be_open_is_closed() {
    // Refused: it is not open. The answer was lost: who knows.
    for (code, calls) in
        [(0x8000_FFFF, "PrepareFull=CA01 Open End"), (0x8007_06BE, "PrepareFull=CA01 Open Close End")]
    {
        let Some(fake) = Fake::new() else { return };
        fake.fail_at(2, code);
        let mut ca = fake.ca();
        let mut session = ca.prepare_backup(BackupType::Full).expect("prepare");
        session.open_file(r"\\ca\c$\db\ca.edb").expect_err("the call fails");
        drop(session);
        assert_eq!(fake.trace(), calls);
        fake.settled();
    }
}

#[test]
fn a_file_that_ends_early_is_short_and_one_that_goes_on_is_long() {
    let Some(fake) = Fake::new() else { return };
    fake.set(Knob::StopAt, 20_000);
    run(&fake, 4096).expect_err("a file that ends early");
    fake.settled();

    let Some(fake) = Fake::new() else { return };
    fake.set(Knob::Extra, 1);
    fake.set(Knob::Size, 4096);
    run(&fake, 4096).expect_err("a file that goes on");
    fake.settled();
}

/// 1 is a success for C, and none for this interface; 0 without any effect is a lie.
#[test]
fn whichever_call_fails_the_session_fails_and_owes_nothing() {
    let Some(fake) = Fake::new() else { return };
    run(&fake, 4096).expect("a session");
    let (calls, whole) = (fake.get(Tally::Calls), fake.trace());
    assert!(calls > 20, "{whole}");
    let names: Vec<&str> = whole.split(' ').collect();
    for (call, name) in (1..=calls).zip(names) {
        for code in [0x8000_FFFF_u32, 0x8007_0005, 1, 0x8007_06BE, 0] {
            let Some(fake) = Fake::new() else { return };
            fake.fail_at(call, code);
            let outcome = run(&fake, 4096);
            // A success without effect: nothing to list is an answer, and so is the end of a file at its end.
            let lists = ["Databases", "Logs", "Dynamic", "Close", "Truncate", "End"];
            match &outcome {
                Ok(bytes) if code == 0 && name == "Read" => assert_eq!(*bytes, all(), "call {call}"),
                Ok(_) => assert!(code == 0 && lists.contains(&name), "call {call} ({name}), {code:#x}"),
                Err(_) => assert!(code != 0 || !lists.contains(&name), "call {call} ({name}), {code:#x}"),
            }
            if let (Err(error), true) = (&outcome, code != 0) {
                assert_eq!(error.is_lost(), code == 0x8007_06BE, "call {call}: {error}");
                assert!(error.is_lost() || error.code() == Some(HResult(code)), "call {call}: {error}");
            }
            fake.settled();
            assert!(outcome.is_ok() || name == "End" || fake.get(Tally::Truncated) == 0, "call {call}");
        }
    }
}

#[test]
fn a_session_that_is_dropped_closes_its_file_and_ends() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    let mut session = ca.prepare_backup(BackupType::Full).expect("prepare");
    session.open_file(r"\\ca\c$\db\ca.edb").expect("open a file");
    drop(session);
    assert_eq!(fake.trace(), "PrepareFull=CA01 Open Close End");
    fake.settled();
}

#[test]
fn nothing_reaches_the_library_after_the_end() {
    for code in [0, 0x8000_FFFF] {
        let Some(fake) = Fake::new() else { return };
        let mut ca = fake.ca();
        let mut session = ca.prepare_backup(BackupType::Full).expect("prepare");
        fake.fail_at(2, code);
        assert_eq!(session.end().is_ok(), code == 0);
        let mut buffer = [0; 4096];
        let refusals = [
            session.restore_map().map(drop),
            session.database_files().map(drop),
            session.log_files().map(drop),
            session.dynamic_files().map(drop),
            session.open_file("x").map(drop),
            session.read_file(&mut buffer).map(drop),
            session.close_file(),
            session.truncate_logs(),
            session.end(),
        ];
        for refusal in refusals {
            assert_eq!(refusal.expect_err("it is over").code(), Some(HResult::HANDLE));
        }
        drop(session);
        assert_eq!(fake.get(Tally::Calls), 2, "{}", fake.trace());
        fake.settled();
    }
}

#[test]
fn a_failed_prepare_leaves_nothing_to_end() {
    let Some(fake) = Fake::new() else { return };
    // The fake leaves a pointer that is no context.
    fake.set(Knob::PrepareCode, -2_147_024_891);
    let mut ca = fake.ca();
    let error = ca.prepare_backup(BackupType::Full).map(drop).expect_err("refused");
    assert_eq!(error.code(), Some(HResult::ACCESS_DENIED));
    assert_eq!(fake.trace(), "PrepareFull=CA01");
}

#[test]
fn a_prepare_that_succeeds_in_an_unknown_way_is_refused_and_ended() {
    let Some(fake) = Fake::new() else { return };
    fake.set(Knob::PrepareCode, 1);
    let mut ca = fake.ca();
    let error = ca.prepare_backup(BackupType::Full).map(drop).expect_err("S_FALSE is no success");
    assert_eq!(error.code(), Some(HResult(1)));
    assert_eq!(fake.trace(), "PrepareFull=CA01 End");
    fake.settled();
}

#[test]
fn a_name_with_a_nul_is_not_cut_but_refused() {
    let Some(fake) = Fake::new() else { return };
    let mut ca = fake.ca();
    let mut session = ca.prepare_backup(BackupType::Full).expect("prepare");
    let error = session.open_file("\\\\ca\\c$\\db\\ca.edb\0.txt").expect_err("refused");
    assert_eq!(error.code(), Some(HResult::INVALID_ARG));
    drop(session);
    assert_eq!(fake.trace(), "PrepareFull=CA01 End");
}
