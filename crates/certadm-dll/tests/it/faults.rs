//! A CA that fails at any call: never a crash, never success for what is not there.

use certadm_sys::CSBACKUP_TYPE_FULL;
use certsrv::{Fault, FaultRule};
use dtyp::HResult;

use crate::world::{Backup, Ca, Code, names};

const CALL_FAILED: Code = 0x8007_06BE;

fn faulty(call: u32, fault: &Fault) -> Ca {
    Ca::with(|config| config.faults = vec![FaultRule { call, fault: fault.clone() }])
}

/// Everything that a backup reads, and the answer of its end.
type Answers = (Result<Vec<Vec<u8>>, Code>, Result<(), Code>);

fn back_up(ca: &Ca) -> Answers {
    let backup = match Backup::prepare(&ca.config_string(), CSBACKUP_TYPE_FULL) {
        Ok(backup) => backup,
        Err(code) => return (Err(code), Err(code)),
    };
    let read = read(backup);
    let end = backup.end();
    assert_eq!(backup.end(), Err(0xC7FF_0003));
    (read, end)
}

fn read(backup: Backup) -> Result<Vec<Vec<u8>>, Code> {
    let mut all = vec![backup.locations()?];
    for list in [Backup::databases, Backup::logs] {
        let list = list(backup)?;
        for name in names(&list) {
            backup.open(&name)?;
            let content = backup.read_all(1 << 19).inspect_err(|code| {
                // A failed read is not followed by a good one.
                assert_eq!(backup.read(1).as_ref(), Err(code));
            });
            let closed = backup.close();
            all.push(content?);
            closed?;
        }
        all.push(list);
    }
    all.push(backup.dynamic_files()?);
    Ok(all)
}

/// Lets every call of a backup go wrong in turn. Returns how many there are.
fn at_every_call(fault: &Fault, expected: Code) -> u32 {
    let good = back_up(&Ca::new());
    assert!(good.0.is_ok() && good.1.is_ok());
    for call in 1.. {
        let ca = faulty(call, fault);
        let (read, end) = back_up(&ca);
        if read.is_ok() && end.is_ok() {
            assert!(read == good.0);
            return call - 1;
        }
        assert!(read.is_err_and(|code| code == expected) || end == Err(expected), "call {call}: {end:x?}");
        if matches!(fault, Fault::Fail(_)) {
            assert_eq!(ca.server.objects(), 0, "call {call} left an object behind");
        }
    }
    0
}

#[test]
fn a_refusal_of_any_call_reaches_the_caller() {
    let calls = at_every_call(&Fault::Fail(HResult::DISK_IO), HResult::DISK_IO.0);
    assert!(calls > 10, "{calls}");
}

#[test]
fn a_lost_reply_of_any_call_is_a_failure() {
    at_every_call(&Fault::LostReply, CALL_FAILED);
}

#[test]
fn a_session_lost_at_any_call_is_a_failure() {
    // The object is gone: the host says so.
    let code = HResult::DISCONNECTED.0;
    let good = back_up(&Ca::new());
    for call in 2_u32.. {
        let (read, end) = back_up(&faulty(call, &Fault::DropSession));
        if read.is_ok() && end.is_ok() {
            assert!(read == good.0);
            break;
        }
        assert!(end.is_err_and(|end| [code, CALL_FAILED].contains(&end)), "call {call}: {end:x?}");
    }
}

#[test]
fn short_reads_of_the_ca_are_not_those_of_the_caller() {
    let good = back_up(&Ca::new());
    let answers = (1..20).map(|call| back_up(&faulty(call, &Fault::ShortRead)));
    // At another call than a read this fault is a lost reply.
    let whole = answers.filter(|(read, end)| read.is_ok() && end.is_ok()).inspect(|answer| {
        assert!(*answer == good);
    });
    assert!(whole.count() > 4);
}

#[test]
fn a_file_that_ends_early_is_short_of_its_size() {
    // Prepare, locations, databases, open, read.
    let ca = faulty(5, &Fault::EarlyEnd);
    let backup = Backup::prepare(&ca.config_string(), CSBACKUP_TYPE_FULL).unwrap();
    backup.locations().unwrap();
    let name = names(&backup.databases().unwrap()).remove(0);
    assert!(backup.open(&name).unwrap() > 0);
    assert_eq!(backup.read(1 << 20), Ok(vec![]));
    backup.close().unwrap();
    backup.end().unwrap();
}
