//! Lies in the answers of the CA's methods.

use std::sync::atomic::{AtomicUsize, Ordering};

use certadm::Call;
use csbackup::{Outcome, TruncationOutcome};
use dcerpc::Status;
use dtyp::HResult;

use crate::host::Host;
use crate::script::{Asked, Change, Script};

/// The calls that a full backup cannot do without.
const NEEDED: [Call; 7] = [
    Call::GetServerState,
    Call::BackupPrepare,
    Call::RestoreGetDatabaseLocations,
    Call::BackupGetAttachmentInformation,
    Call::BackupGetBackupLogs,
    Call::BackupOpenFile,
    Call::BackupReadFile,
];

fn lying(
    about: Call,
    lie: impl Fn(Vec<u8>) -> Result<Vec<u8>, Status> + Send + Sync + 'static,
) -> (Host, Result<Outcome, String>) {
    let host = Host::start(Script::stubs(
        move |asked, stub| if asked == Asked::Ca(about) { lie(stub) } else { Ok(stub) },
    ));
    let ended = host.back_up();
    let count = |wanted| host.calls().iter().filter(|call| **call == wanted).count();
    assert!(count(Call::BackupEnd) <= 1, "{about:?}: ended more than once");
    assert_eq!(host.published(), usize::from(ended.is_ok()), "{about:?}: {ended:?}");
    (host, ended)
}

#[test]
fn a_fault_for_every_call_is_an_error_that_names_the_call() {
    for call in NEEDED {
        for status in [Status::ACCESS_DENIED, Status::OP_RANGE, Status(0xdead_beef), Status(0)] {
            let (host, ended) = lying(call, move |_| Err(status));
            let error = ended.expect_err("a fault is no answer");
            assert!(error.contains("127.0.0.1") && !error.contains('\n'), "{call:?}: {error}");
            let prepared = call != Call::GetServerState && call != Call::BackupPrepare;
            assert_eq!(host.calls().contains(&Call::BackupEnd), prepared, "{call:?} {status}");
        }
    }
}

#[test]
fn answers_that_are_none_are_malformed() {
    let cases: [(&str, Change); 4] = [
        ("nothing", |_| Vec::new()),
        ("all bits", |stub| vec![0xff; stub.len()]),
        ("half", |stub| stub[..(stub.len() / 2) & !3].to_vec()),
        ("less than a header", |stub| stub[..7].to_vec()),
    ];
    for call in NEEDED {
        for (what, change) in cases {
            let (_, ended) = lying(call, move |stub| Ok(change(stub)));
            let error = ended.expect_err(what);
            assert!(error.contains("malformed") || error.contains("answer"), "{call:?}, {what}: {error}");
        }
    }
}

#[test]
fn huge_counts_in_any_answer_are_survived() {
    for call in NEEDED {
        // Behind the ORPC header: referents, counts, then content; at the end sizes and the code.
        for word in [2, 3, 4, 5] {
            let (_, ended) = lying(call, move |mut stub| {
                if let Some(place) = stub.get_mut(word * 4..word * 4 + 4) {
                    place.copy_from_slice(&0x7fff_fff0_u32.to_le_bytes());
                }
                Ok(stub)
            });
            // What is no count is a referent, which may be any number, or bytes of a file, which are
            // found to be damaged.
            assert!(
                ended.as_ref().err().is_none_or(|error| error.len() < 600),
                "{call:?}, word {word}: {ended:?}"
            );
        }
    }
}

#[test]
fn more_bytes_than_were_asked_for_are_refused() {
    let (host, ended) = lying(Call::BackupReadFile, |mut stub| {
        let at = stub.len() - 8;
        stub[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        Ok(stub)
    });
    let error = ended.unwrap_err();
    assert!(error.contains("pcbRead"), "{error}");
    assert_eq!(host.calls().last(), Some(&Call::BackupEnd));

    // And a buffer that really is larger, all of it valid.
    let (_, ended) = lying(Call::BackupReadFile, |_| {
        let more: u32 = 3 << 20;
        let mut stub = vec![0; 8];
        stub.extend(more.to_le_bytes());
        stub.resize(12 + (3 << 20), 7);
        stub.extend(more.to_le_bytes());
        stub.extend(0_u32.to_le_bytes());
        Ok(stub)
    });
    let error = ended.unwrap_err();
    assert!(error.contains("pcbRead"), "{error}");
}

#[test]
fn successes_that_are_none_are_refusals() {
    for call in NEEDED {
        let (_, ended) = lying(call, |mut stub| {
            let at = stub.len() - 4;
            stub[at..].copy_from_slice(&HResult::UNEXPECTED.0.to_le_bytes());
            Ok(stub)
        });
        let error = ended.expect_err("a refusal").to_lowercase();
        assert!(error.contains("8000ffff"), "{call:?}: {error}");
    }
}

#[test]
fn a_configuration_of_garbage_hinders_no_backup() {
    for call in [Call::GetCAProperty, Call::GetConfigEntry, Call::GetCAPropertyInfo] {
        for garbage in [Vec::new(), vec![0xff; 64], vec![0x41; 1 << 20]] {
            let (_, ended) = lying(call, move |_| Ok(garbage.clone()));
            assert!(ended.is_ok(), "{call:?}: {ended:?}");
        }
    }
}

#[test]
fn a_truncation_answered_by_a_fault_or_by_nonsense_is_unknown_and_not_refused() {
    let (_, by_fault) = lying(Call::BackupTruncateLogs, |_| Err(Status(0x8001_0105)));
    let (_, by_nonsense) = lying(Call::BackupTruncateLogs, |stub| Ok(stub[..4].to_vec()));
    for outcome in [by_fault, by_nonsense] {
        let outcome = outcome.expect("the set was published before");
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Unknown);
        assert!(outcome.ended);
    }
}

#[test]
fn a_truncation_is_not_asked_for_over_a_way_that_leads_nowhere() {
    let asked = AtomicUsize::new(0);
    let host = Host::start(Script::stubs(move |what, stub| match what {
        // The first is the restore map of the set, the second is asked before the truncation.
        Asked::Ca(Call::RestoreGetDatabaseLocations) if asked.fetch_add(1, Ordering::Relaxed) > 0 => {
            Err(Status(0x8001_0108))
        }
        _ => Ok(stub),
    }));
    let outcome = host.back_up().expect("the set was published before");
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Refused);
    assert!(!host.calls().contains(&Call::BackupTruncateLogs));
}

#[test]
fn a_session_that_nonsense_may_have_opened_goes_with_its_object() {
    let (host, ended) = lying(Call::BackupPrepare, |stub| Ok(stub[..4].to_vec()));
    ended.expect_err("no session for certain");
    assert!(!host.calls().contains(&Call::BackupEnd));
    assert_eq!(host.objects(), 0);
}
