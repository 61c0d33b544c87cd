//! Each call of a backup fails once, in every way there is. The CA may forget its logs only when a
//! set is published, read back and undamaged; the session is always ended; nothing half is listed;
//! the next backup succeeds.

use certadm::{BackupType, Call};
use certsrv::Fault;
use csbackup::manifest::{Content, Severity};
use csbackup::{Error, NoteBody, Outcome, Requested, SetState, StoredSet, TruncationOutcome};
use dtyp::HResult;
use testkit::ca::plain_life;
use testkit::world::World;

use crate::calls::assert_in_sequence;

fn faults() -> [Fault; 9] {
    [
        Fault::Fail(HResult::ACCESS_DENIED),
        Fault::Fail(HResult::READ_VERIFY_FAILURE),
        Fault::LostReply,
        Fault::DropSession,
        Fault::ShortRead,
        Fault::EarlyEnd,
        Fault::WrongSize(4096),
        Fault::WrongSize(-4096),
        Fault::FlipByte,
    ]
}

/// Worlds before the backup in question, and its kind.
fn before_full() -> (World, Requested) {
    (World::new(&plain_life()), Requested::Full)
}

fn before_increment() -> (World, Requested) {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    (world, Requested::Incremental)
}

/// Generation 7 is in no set: the full backup is followed by an increment of the old chain.
fn before_full_with_gap() -> (World, Requested) {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.advance();
    (world, Requested::Full)
}

/// Every call with every fault.
fn every_call_fails(before: &World, kind: Requested) {
    let calls = calls_of_a_clean_run(before, kind);
    for fault in faults() {
        for number in 1..=calls.len() as u32 {
            let world = before.copy();
            one_call_fails(&world, kind, number, &fault, &calls);
        }
    }
}

fn calls_of_a_clean_run(before: &World, kind: Requested) -> Vec<Call> {
    let (outcome, log) = before.copy().run_faulty(kind, u32::MAX, Fault::LostReply);
    assert_eq!(outcome.unwrap().truncation.outcome, TruncationOutcome::Done);
    let calls = log.calls();
    assert_in_sequence(&calls, None);
    assert_eq!(calls.first(), Some(&Call::GetServerState));
    assert_eq!(calls.last(), Some(&Call::BackupEnd));
    calls
}

fn one_call_fails(world: &World, kind: Requested, number: u32, fault: &Fault, clean: &[Call]) {
    let case = format!("{kind:?}, call {number} {:?}, {fault:?}", clean[number as usize - 1]);
    let (lowest, stored, older) = (*world.generations().start(), world.contents(), world.sets().len());
    let (outcome, log) = world.run_faulty(kind, number, fault.clone());
    assert_in_sequence(&log.calls(), Some((number, fault)));

    // Nothing stored earlier is harmed, nothing half is listed.
    let now = world.contents();
    assert!(stored.iter().all(|file| now.contains(file)), "{case}: an earlier set changed");
    let new = world.sets().split_off(older);
    let flipped = (*fault == Fault::FlipByte).then(|| file_read_by(&log.calls(), number)).flatten();
    match &flipped {
        Some((session, file)) => assert_damage_is_found(world, &outcome, &new, *session, *file, &case),
        None => assert_eq!(world.errors(), [] as [String; 0], "{case}"),
    }

    // The CA forgot only what a proven set holds.
    let truncated = *world.generations().start() > lowest;
    if truncated {
        let newest = new.last().unwrap_or_else(|| panic!("{case}: logs are gone and nothing is published"));
        assert_eq!(world.catalogue().state(newest), SetState::Good, "{case}");
        assert_eq!(newest.proven(), Some(true), "{case}");
    }
    assert_eq!(world.lost(), [] as [u32; 0], "{case}");
    assert_is_honest(&outcome, truncated, &case);

    // And life goes on.
    let healed = world.run(Requested::Auto).unwrap_or_else(|error| panic!("{case}: then {error:?}"));
    assert_eq!(healed.truncation.outcome, TruncationOutcome::Done, "{case}: {:?}", healed.truncation);
    assert!(healed.ended, "{case}");
    assert_eq!(world.states().last(), Some(&SetState::Good), "{case}");
    assert_eq!(world.leftovers(), [] as [String; 0], "{case}");
    assert_eq!(world.lost(), [] as [u32; 0], "{case}");
    if flipped.is_none() {
        assert_eq!(world.errors(), [] as [String; 0], "{case}");
    }
}

/// What the engine claims about the truncation is what happened.
fn assert_is_honest(outcome: &Result<Outcome, Error>, truncated: bool, case: &str) {
    match outcome.as_ref().map(|outcome| outcome.truncation.outcome) {
        Ok(TruncationOutcome::Done) => assert!(truncated, "{case}"),
        Ok(TruncationOutcome::Unknown) => {}
        Ok(other) => assert!(!truncated, "{case}: truncated, but the outcome is {other:?}"),
        Err(error) => assert!(!truncated, "{case}: truncated, but the run failed: {error}"),
    }
}

/// Which file call `number` reads, if it is a read that delivers bytes: number of the session in its
/// run, number of the file in its session.
fn file_read_by(calls: &[Call], number: u32) -> Option<(usize, usize)> {
    let until = &calls[..number as usize];
    // The read after the last byte delivers nothing that could be damaged.
    let [.., Call::BackupOpenFile, Call::BackupReadFile] = until else { return None };
    let session = until.iter().rposition(|call| *call == Call::BackupPrepare)?;
    let count = |calls: &[Call], wanted| calls.iter().filter(|call| **call == wanted).count();
    Some((count(&until[..session], Call::BackupPrepare), count(&until[session..], Call::BackupOpenFile) - 1))
}

fn assert_damage_is_found(
    world: &World,
    outcome: &Result<Outcome, Error>,
    new: &[StoredSet],
    session: usize,
    file: usize,
    case: &str,
) {
    let damaged = &new[session];
    assert_eq!(world.catalogue().state(damaged), SetState::Damaged, "{case}");
    let streams: Vec<_> = damaged
        .manifest
        .files
        .iter()
        .filter(|entry| matches!(entry.content, Content::Database | Content::Log))
        .collect();
    for (number, entry) in streams.into_iter().enumerate() {
        let found = entry.findings.iter().any(|finding| finding.severity == Severity::Error);
        assert_eq!(found, number == file, "{case}: {} {:?}", entry.name, entry.findings);
    }
    let permitted = damaged.notes.iter().any(|note| match &note.body {
        NoteBody::Truncation { outcome, .. } => {
            !matches!(outcome, TruncationOutcome::Withheld | TruncationOutcome::NotAsked)
        }
        _ => false,
    });
    assert!(!permitted, "{case}: {:?}", damaged.notes);
    assert!(outcome.is_ok(), "{case}: damage is a finding, not an error: {outcome:?}");
}

#[test]
fn every_call_of_a_full_backup_fails_in_every_way() {
    let (world, kind) = before_full();
    every_call_fails(&world, kind);
}

#[test]
fn every_call_of_an_incremental_backup_fails_in_every_way() {
    let (world, kind) = before_increment();
    every_call_fails(&world, kind);
}

#[test]
fn every_call_of_two_sessions_that_close_a_gap_fails_in_every_way() {
    let (world, kind) = before_full_with_gap();
    every_call_fails(&world, kind);
}

#[test]
fn a_clean_full_backup_makes_the_calls_of_the_scenario() {
    let (world, kind) = before_full();
    use Call::*;
    let file = [BackupOpenFile, BackupReadFile, BackupReadFile, BackupCloseFile];
    let mut expected = vec![GetServerState, BackupPrepare, RestoreGetDatabaseLocations];
    expected.push(BackupGetAttachmentInformation);
    expected.extend(file);
    expected.push(BackupGetBackupLogs);
    expected.extend(file.repeat(4));
    expected.extend([BackupGetDynamicFiles, BackupTruncateLogs, BackupEnd]);
    assert_eq!(calls_of_a_clean_run(&world, kind), expected);
}

#[test]
fn a_lost_reply_to_truncation_is_unknown_and_the_set_stays_good() {
    let (world, kind) = before_full();
    let calls = calls_of_a_clean_run(&world, kind);
    let truncate = calls.iter().position(|call| *call == Call::BackupTruncateLogs).unwrap() as u32 + 1;
    let (outcome, _) = world.run_faulty(kind, truncate, Fault::LostReply);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Unknown);
    assert!(outcome.ended);
    assert_eq!(world.states(), [SetState::Good]);
    assert_eq!(*world.generations().start(), 3, "the CA acted on it");
}

#[test]
fn a_busy_ca_is_named_and_nothing_follows() {
    for code in [HResult::BACKUP_IN_PROGRESS, HResult::UNEXPECTED] {
        let (world, kind) = before_full();
        let (outcome, log) = world.run_faulty(kind, 2, Fault::Fail(code));
        assert!(matches!(&outcome, Err(Error::Busy { code: found, .. }) if *found == code), "{outcome:?}");
        assert_eq!(log.calls(), [Call::GetServerState, Call::BackupPrepare]);
    }
}

#[test]
fn a_failed_state_call_is_followed_by_nothing() {
    let (world, kind) = before_full();
    let (outcome, log) = world.run_faulty(kind, 1, Fault::LostReply);
    assert!(matches!(outcome, Err(Error::Server { .. })), "{outcome:?}");
    assert_eq!(log.calls(), [Call::GetServerState]);
    assert_eq!(world.seen.plans(), [] as [(BackupType, String); 0]);
}
