//! Invariant 4, read from the log of calls: Close if a file is open, and End, once, after each
//! Prepare that succeeded; no backup call after one that failed.

use certadm::Call;
use certsrv::Fault;

/// Panics when the calls break invariant 4. `failed` is the number (from 1) of the call that went
/// wrong, and how.
pub(crate) fn assert_in_sequence(calls: &[Call], failed: Option<(u32, &Fault)>) {
    let place = |at: usize| format!("call {} of {calls:?}, fault {failed:?}", at + 1);
    let mut session: Option<bool> = None; // with a file open?
    for (at, call) in calls.iter().enumerate() {
        let fault = failed.filter(|(number, _)| *number as usize == at + 1).map(|(_, fault)| fault);
        match call {
            Call::GetServerState => {}
            Call::BackupPrepare => {
                assert_eq!(session, None, "a session inside a session: {}", place(at));
                let cut = matches!(failed, Some((number, Fault::DropSession)) if number as usize <= at);
                if fault.is_some() || cut {
                    let after = &calls[at + 1..];
                    assert_eq!(after, [], "calls after a failed Prepare: {}", place(at));
                } else {
                    session = Some(false);
                }
            }
            Call::BackupOpenFile => {
                assert_eq!(session, Some(false), "{}", place(at));
                // After a refusal no file is open; after a lost reply one may be.
                session = Some(!matches!(fault, Some(Fault::Fail(_))));
            }
            Call::BackupReadFile => assert_eq!(session, Some(true), "{}", place(at)),
            Call::BackupCloseFile => {
                assert_eq!(session, Some(true), "Close without an open file: {}", place(at));
                session = Some(false);
            }
            Call::BackupEnd => {
                assert_eq!(session, Some(false), "End with an open file or without a session: {}", place(at));
                session = None;
            }
            _ => assert_eq!(session, Some(false), "{}", place(at)),
        }
    }
    assert_eq!(session, None, "no End: {calls:?}, fault {failed:?}");
}

#[test]
fn the_judge_of_sequences_knows_right_from_wrong() {
    use Call::{
        BackupCloseFile as Close, BackupEnd as End, BackupOpenFile as Open, BackupPrepare as Prepare,
    };
    let is_fine = |calls: &[Call], failed: Option<(u32, &Fault)>| {
        std::panic::catch_unwind(|| assert_in_sequence(calls, failed)).is_ok()
    };
    assert!(is_fine(&[Prepare, Open, Close, End, Prepare, End], None));
    assert!(is_fine(&[Prepare, Open, Close, End], Some((2, &Fault::LostReply))));
    assert!(is_fine(&[Prepare], Some((1, &Fault::LostReply))));
    let wrong: [&[Call]; 5] = [
        &[Prepare],
        &[Prepare, Open, End],
        &[Prepare, End, End],
        &[Prepare, Open, Close, Close, End],
        &[End],
    ];
    for calls in wrong {
        assert!(!is_fine(calls, None), "{calls:?}");
    }
    assert!(!is_fine(&[Prepare, End], Some((1, &Fault::LostReply))));
}
