//! The calls of a backup fail on the CA's side, each in every way there is: what holds in process
//! (`csbackup`'s `fail_at_call`) holds over the wire.

use certadm::Call;
use certsrv::{Fault, FaultRule, ServerOptions};
use csbackup::manifest::{Content, Severity};
use csbackup::{BackupOptions, NoteBody, Requested, SetState, StoredSet, TruncationOutcome};
use csra_client::RemoteCa;
use dtyp::HResult;
use rpc_auth::Method;
use testkit::ca;
use testkit::world::World;

use crate::held::{Before, Ended, assert_heals, scenarios};
use crate::proxy::{Pdu, Proxy};
use crate::wire::{PASSWORD, USER, Wire, options};

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

/// Does this fault do anything else to the call than losing the reply?
fn fits(fault: &Fault, call: Call) -> bool {
    match fault {
        Fault::ShortRead | Fault::EarlyEnd | Fault::FlipByte => call == Call::BackupReadFile,
        Fault::WrongSize(_) => call == Call::BackupOpenFile,
        _ => true,
    }
}

/// Serves a world whose CA has these faults.
fn serve(mut world: World, faults: &[FaultRule]) -> Wire {
    let mut config = world.ca.config().clone();
    config.faults = faults.to_vec();
    world.ca.reconfigure(config).unwrap();
    Wire::serve(world, ServerOptions::default())
}

/// A backup, and the calls that were made on the wire.
fn run(wire: &Wire, kind: Requested) -> (Ended, Vec<Call>) {
    let proxy = Proxy::new(&wire.server, None);
    let go = || -> Ended {
        let road = options(USER, PASSWORD, Method::Negotiate);
        let mut ca = RemoteCa::connect(proxy.target(&ca::authority().name), road)?;
        let options = BackupOptions { kind, ..BackupOptions::default() };
        Ok(wire.run_on(&mut ca, &wire.medium, &options)?)
    };
    let ended = go();
    (ended, proxy.log().iter().filter_map(Pdu::call).collect())
}

/// Numbers of the calls to hit: the first and the last of those that come before the session, and all
/// of the session.
fn places(calls: &[Call]) -> Vec<usize> {
    let is_kept = |(at, call): &(usize, &Call)| match call {
        Call::GetCAProperty | Call::GetConfigEntry => {
            !calls[..*at].contains(call) || !calls[at + 1..].contains(call)
        }
        _ => true,
    };
    calls.iter().enumerate().filter(is_kept).map(|(at, _)| at + 1).collect()
}

fn every_call_fails(before: &World, kind: Requested) {
    let (outcome, clean) = run(&serve(before.copy(), &[]), kind);
    assert_eq!(outcome.unwrap().truncation.outcome, TruncationOutcome::Done);
    for fault in faults() {
        for number in places(&clean).into_iter().filter(|number| fits(&fault, clean[number - 1])) {
            one_call_fails(before, kind, number, &fault, &clean);
        }
    }
}

fn one_call_fails(before: &World, kind: Requested, number: usize, fault: &Fault, clean: &[Call]) {
    let hit = clean[number - 1];
    let case = format!("{kind:?}, call {number} {hit:?}, {fault:?}");
    let rule = FaultRule { call: number.try_into().unwrap(), fault: fault.clone() };
    let wire = serve(before.copy(), &[rule]);
    let held = Before::of(&wire);
    let (ended, calls) = run(&wire, kind);

    held.assert_held(&wire, &ended, &case);
    let file = (*fault == Fault::FlipByte).then(|| file_read_by(clean, number)).flatten();
    match file {
        Some(file) => {
            assert!(ended.is_ok(), "{case}: damage is a finding, not an error: {ended:?}");
            assert_damage_is_found(&wire, &wire.sets()[held.sets()], file, &case);
        }
        None => held.assert_whole(&wire, &case),
    }
    let count = |calls: &[Call], wanted| calls.iter().filter(|call| **call == wanted).count();
    let prepare = clean.iter().position(|call| *call == Call::BackupPrepare).unwrap();
    if number > prepare {
        let opened = usize::from(hit != Call::BackupPrepare);
        assert_eq!(count(&calls, Call::BackupPrepare), 1, "{case}: {calls:?}");
        assert_eq!(count(&calls, Call::BackupEnd), opened, "{case}: {calls:?}");
        // A file that may be open is closed before.
        let closes = count(&calls, Call::BackupOpenFile) - usize::from(is_not_opened(hit, fault));
        assert_eq!(count(&calls, Call::BackupCloseFile), closes, "{case}: {calls:?}");
    }

    // The old server goes on: what it still held would be in the way of the next backup.
    let Wire { world, server } = wire;
    let healthy = serve(world, &[]);
    assert_heals(&healthy, &mut healthy.connect(), &case);
    assert_eq!(server.objects(), 0, "{case}");
    if file.is_none() {
        held.assert_whole(&healthy, &case);
    }
}

/// After a refusal no file is open.
fn is_not_opened(hit: Call, fault: &Fault) -> bool {
    hit == Call::BackupOpenFile && matches!(fault, Fault::Fail(_))
}

/// Which file of the session a call reads, if it is a read that delivers bytes.
fn file_read_by(calls: &[Call], number: usize) -> Option<usize> {
    // The read after the last byte delivers nothing that could be damaged.
    let [until @ .., Call::BackupOpenFile, Call::BackupReadFile] = &calls[..number] else { return None };
    Some(until.iter().filter(|call| **call == Call::BackupOpenFile).count())
}

fn assert_damage_is_found(world: &World, damaged: &StoredSet, file: usize, case: &str) {
    assert_eq!(world.catalogue().state(damaged), SetState::Damaged, "{case}");
    let is_stream = |content: &Content| matches!(content, Content::Database | Content::Log);
    let streams = damaged.manifest.files.iter().filter(|entry| is_stream(&entry.content));
    for (number, entry) in streams.enumerate() {
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
}

#[test]
fn every_call_of_a_full_backup_fails_in_every_way() {
    let [(world, kind), _] = scenarios();
    every_call_fails(&world, kind);
}

#[test]
fn every_call_of_an_incremental_backup_fails_in_every_way() {
    let [_, (world, kind)] = scenarios();
    every_call_fails(&world, kind);
}
