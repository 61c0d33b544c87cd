//! Every fault does what it says, and none leaves the CA busy.

use std::fs;
use std::time::Duration;

use certadm::{BackupContext, BackupType, Call, CertServer, Error};
use certsrv::{CaDirectory, CallLog, Connection, Fault, FaultRule, Faulty};
use dtyp::HResult;

use crate::invented::{Copied, Invented, PAGE, code, copy, database, log_names, read};

/// A connection on which call `call` goes wrong.
fn faulty(ca: &CaDirectory, call: u32, fault: Fault) -> Faulty<Connection> {
    Faulty::new(ca.connect(), [FaultRule { call, fault }])
}

fn every_kind() -> [Fault; 8] {
    [
        Fault::Fail(HResult::DISK_IO),
        Fault::LostReply,
        Fault::ShortRead,
        Fault::EarlyEnd,
        Fault::FlipByte,
        Fault::DropSession,
        Fault::SlowRead(Duration::from_millis(1)),
        Fault::WrongSize(-1),
    ]
}

/// A client as it should be: whatever happens, it closes and ends.
fn back_up(server: &mut dyn CertServer) -> Result<Copied, Error> {
    server.state()?;
    let mut backup = server.prepare_backup(BackupType::Full)?;
    let copied = copy(backup.as_mut()).and_then(|copied| backup.truncate_logs().map(|()| copied));
    if copied.is_err() {
        let _ = backup.close_file();
    }
    let end = backup.end();
    copied.and_then(|copied| end.map(|()| copied))
}

/// Reads the database of a new session with a fault at the first (4) or a later read.
fn read_with(fault: Fault, call: u32) -> (Result<Vec<u8>, Error>, CallLog) {
    let at = Invented::new();
    let mut server = faulty(&at.ca, call, fault);
    let log = server.log();
    let mut backup = server.prepare_backup(BackupType::Full).unwrap();
    let name = backup.database_files().unwrap().files()[0].name.clone();
    (read(backup.as_mut(), &name, 3 * PAGE), log)
}

/// Prepare, list and open come before.
const FIRST_READ: u32 = 4;

#[test]
fn calls_are_counted_and_logged_in_order() {
    let at = Invented::new();
    let mut server = Faulty::new(at.ca.connect(), []);
    let log = server.log();
    server.state().unwrap();
    assert_eq!(code(server.prepare_backup(BackupType::Incremental)), HResult::MISSING_FULL_BACKUP);
    let mut backup = server.prepare_backup(BackupType::Full).unwrap();
    backup.restore_map().unwrap();
    assert_eq!(code(backup.close_file()), HResult::UNEXPECTED);
    assert_eq!(log.count(), 5, "readable while the context is in use");
    backup.end().unwrap();
    drop(backup);
    server.prepare_restore().unwrap().end().unwrap();
    assert_eq!(server.calls(), 8);
    drop(server);
    let expected = [
        Call::GetServerState,
        Call::BackupPrepare,
        Call::BackupPrepare,
        Call::RestoreGetDatabaseLocations,
        Call::BackupCloseFile,
        Call::BackupEnd,
        Call::RestorePrepare,
        Call::RestoreEnd,
    ];
    assert_eq!(log.calls(), expected);
}

#[test]
fn a_failed_call_does_not_reach_the_ca() {
    let at = Invented::new();
    let truncate = call_number(Call::BackupTruncateLogs);
    let error =
        back_up(&mut faulty(&at.ca, truncate, Fault::Fail(HResult::LOG_FILE_NOT_COPIED))).unwrap_err();
    assert_eq!((error.call(), error.code()), (Call::BackupTruncateLogs, Some(HResult::LOG_FILE_NOT_COPIED)));
    assert_eq!(at.log_files(), log_names(3..=6));
}

#[test]
fn a_lost_reply_was_acted_upon() {
    let at = Invented::new();
    let truncate = call_number(Call::BackupTruncateLogs);
    let error = back_up(&mut faulty(&at.ca, truncate, Fault::LostReply)).unwrap_err();
    assert!(error.is_lost() && error.call() == Call::BackupTruncateLogs, "{error}");
    assert_eq!(at.log_files(), log_names(5..=6));
    assert_eq!(
        code(at.ca.connect().prepare_backup(BackupType::Incremental)),
        HResult::OK,
        "End came through"
    );
}

#[test]
fn a_lost_reply_to_prepare_does_not_leave_the_ca_busy() {
    let at = Invented::new();
    let mut server = faulty(&at.ca, 1, Fault::LostReply);
    assert!(server.prepare_backup(BackupType::Full).map(drop).unwrap_err().is_lost());
    assert_eq!(code(server.prepare_backup(BackupType::Full)), HResult::OK);
}

#[test]
fn a_short_read_loses_nothing() {
    let at = Invented::new();
    let mut server = faulty(&at.ca, FIRST_READ, Fault::ShortRead);
    let mut backup = server.prepare_backup(BackupType::Full).unwrap();
    let name = backup.database_files().unwrap().files()[0].name.clone();
    backup.open_file(&name).unwrap();
    let mut buffer = vec![0; 3 * PAGE];
    let counts = [0; 4].map(|_| backup.read_file(&mut buffer).unwrap());
    assert_eq!(counts, [3 * PAGE / 2, 3 * PAGE / 2, 2 * PAGE, 0]);
    for call in [FIRST_READ, FIRST_READ + 1] {
        assert_eq!(read_with(Fault::ShortRead, call).0.unwrap(), database(3));
    }
}

#[test]
fn an_early_end_ends_this_file_only() {
    let (content, log) = read_with(Fault::EarlyEnd, FIRST_READ + 1);
    assert_eq!(content.unwrap(), database(3)[..3 * PAGE]);
    assert_eq!(log.calls().last(), Some(&Call::BackupCloseFile));

    let at = Invented::new();
    let mut server = faulty(&at.ca, FIRST_READ, Fault::EarlyEnd);
    let mut backup = server.prepare_backup(BackupType::Full).unwrap();
    let copied = copy(backup.as_mut()).unwrap();
    assert!(copied.databases["Corp Issuing CA.edb"].is_empty());
    assert!(copied.logs.values().all(|log| log.len() == 3 * 4096));
    assert_eq!(code(backup.truncate_logs()), HResult::UNEXPECTED, "the CA knows what was read");
}

#[test]
fn a_flipped_byte_is_the_only_difference() {
    let content = read_with(Fault::FlipByte, FIRST_READ + 1).0.unwrap();
    let truth = database(3);
    let different: Vec<usize> = (0..truth.len()).filter(|i| content[*i] != truth[*i]).collect();
    assert_eq!(different, [4 * PAGE]);
    assert_eq!(content[4 * PAGE], !truth[4 * PAGE]);
}

#[test]
fn a_dropped_session_is_aborted_and_stays_lost() {
    let at = Invented::new();
    let mut server = faulty(&at.ca, FIRST_READ, Fault::DropSession);
    let mut backup = server.prepare_backup(BackupType::Full).unwrap();
    let error = copy(backup.as_mut()).unwrap_err();
    assert!(error.is_lost() && error.call() == Call::BackupReadFile, "{error}");
    assert_eq!(code(at.ca.connect().prepare_backup(BackupType::Full)), HResult::OK, "the CA is free again");
    assert!(backup.close_file().unwrap_err().is_lost());
    assert!(backup.end().unwrap_err().is_lost());
    drop(backup);
    assert!(server.state().unwrap_err().is_lost());
    assert!(server.prepare_backup(BackupType::Full).map(drop).unwrap_err().is_lost());
    assert_eq!(server.calls(), 8);
}

#[test]
fn a_slow_read_takes_its_time() {
    let start = std::time::Instant::now();
    let content = read_with(Fault::SlowRead(Duration::from_millis(20)), FIRST_READ).0.unwrap();
    assert_eq!(content, database(3));
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_wrong_size_is_announced_but_not_delivered() {
    for (delta, expected) in [(-4096, 5 * PAGE - 4096), (4096, 5 * PAGE + 4096), (i64::MIN, 0)] {
        let at = Invented::new();
        let mut server = faulty(&at.ca, 3, Fault::WrongSize(delta));
        let mut backup = server.prepare_backup(BackupType::Full).unwrap();
        let name = backup.database_files().unwrap().files()[0].name.clone();
        assert_eq!(backup.open_file(&name).unwrap(), u64::try_from(expected).unwrap());
        let mut buffer = vec![0; 6 * PAGE];
        assert_eq!(backup.read_file(&mut buffer).unwrap(), 5 * PAGE);
    }
}

#[test]
fn a_fault_that_does_not_fit_is_a_lost_reply() {
    for fault in every_kind() {
        if matches!(fault, Fault::Fail(_) | Fault::DropSession) {
            continue;
        }
        let at = Invented::new();
        let end = call_number(Call::BackupEnd);
        let error = back_up(&mut faulty(&at.ca, end, fault.clone())).unwrap_err();
        assert!(error.is_lost() && error.call() == Call::BackupEnd, "{fault:?}: {error}");
        let marked = code(at.ca.connect().prepare_backup(BackupType::Incremental));
        assert_eq!(marked, HResult::OK, "{fault:?}: End was done");
    }
}

#[test]
fn no_fault_at_any_call_leaves_the_ca_busy_or_truncated_without_asking() {
    let last = call_number(Call::BackupEnd);
    for fault in every_kind() {
        for call in 1..=last {
            let at = Invented::new();
            let mut server = faulty(&at.ca, call, fault.clone());
            let log = server.log();
            let result = back_up(&mut server);
            drop(server);
            let calls = log.calls();
            if result.is_ok() {
                assert_eq!(calls.last(), Some(&Call::BackupEnd), "{fault:?} at {call}");
            }
            if !calls.contains(&Call::BackupTruncateLogs) {
                assert_eq!(at.log_files(), log_names(3..=6), "{fault:?} at {call}");
            }
            let again = code(at.ca.connect().prepare_backup(BackupType::Full));
            assert_ne!(again, HResult::BACKUP_IN_PROGRESS, "{fault:?} at {call}");
        }
    }
}

/// Number of the first call of a kind in [`back_up`].
fn call_number(wanted: Call) -> u32 {
    let at = Invented::new();
    let mut server = Faulty::new(at.ca.connect(), []);
    back_up(&mut server).unwrap();
    let position = server.log().calls().iter().position(|call| *call == wanted).unwrap();
    u32::try_from(position).unwrap() + 1
}

#[test]
fn faults_come_from_the_configuration() {
    let mut at = Invented::new();
    let file = at.path().join("ca.toml");
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str(
        "[[fault]]\ncall = 1\nkind = \"fail\"\ncode = 0x80094006\n\
         [[fault]]\ncall = 2\nkind = \"lost-reply\"\n\
         [[fault]]\ncall = 90\nkind = \"slow-read\"\nmillis = 5\n\
         [[fault]]\ncall = 91\nkind = \"wrong-size\"\ndelta = -512\n",
    );
    fs::write(&file, text).unwrap();
    at.reopen();
    for _ in 0..2 {
        let mut connection = at.ca.connect();
        assert_eq!(code(connection.state()), HResult::SERVER_SUSPENDED, "each connection counts from 1");
        assert!(connection.state().unwrap_err().is_lost());
        connection.state().unwrap();
        assert_eq!(connection.log().count(), 3);
    }
    let rules = at.ca.config().faults.clone();
    assert_eq!(rules[2].fault, Fault::SlowRead(Duration::from_millis(5)));
    assert_eq!(rules[3].fault, Fault::WrongSize(-512));

    let all = (1..).zip(every_kind()).map(|(call, fault)| FaultRule { call, fault }).collect::<Vec<_>>();
    at.reconfigure(|config| config.faults = all.clone());
    at.reopen();
    assert_eq!(at.ca.config().faults, all, "every kind survives ca.toml");
}

#[test]
fn fault_entries_that_make_no_sense_do_not_open() {
    let at = Invented::new();
    let file = at.path().join("ca.toml");
    let text = fs::read_to_string(&file).unwrap();
    for entry in [
        "call = 1\nkind = \"meteor\"",
        "call = 1\nkind = \"fail\"",
        "call = 1\nkind = \"fail\"\ncode = 0",
        "call = 1\nkind = \"slow-read\"",
        "call = 1\nkind = \"wrong-size\"\nmillis = 1",
        "call = 1\nkind = \"lost-reply\"\ncode = 5",
        "call = -1\nkind = \"lost-reply\"",
        "kind = \"lost-reply\"",
        "call = 1\nkind = \"lost-reply\"\nextra = 1",
    ] {
        fs::write(&file, format!("{text}[[fault]]\n{entry}\n")).unwrap();
        let error = CaDirectory::open(at.path()).unwrap_err();
        assert!(error.to_string().contains("ca.toml"), "{entry}: {error}");
    }
}

/// The seam's objects are usable through the decorator as through the road itself.
#[test]
fn a_faulty_road_nests() {
    let at = Invented::new();
    let inner = faulty(&at.ca, 2, Fault::Fail(HResult::DISK_IO));
    let mut outer = Faulty::new(inner, [FaultRule { call: 1, fault: Fault::LostReply }]);
    assert!(outer.state().unwrap_err().is_lost());
    let prepare: Result<Box<dyn BackupContext + '_>, Error> = outer.prepare_backup(BackupType::Full);
    assert_eq!(code(prepare), HResult::DISK_IO);
    assert_eq!(outer.into_inner().calls(), 2);
}
