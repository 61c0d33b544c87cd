//! [MS-CSRA] 3.1.4.1.18: which call may follow which.

use certadm::server::{Caller, Ending, Gate, InterfaceFlags, Session};
use certadm::{BackupType, FileKind};
use dtyp::HResult;

use crate::toy::{DATABASE, EMPTY, Event, LOG, Toy};

/// One call of a client object.
#[derive(Debug, Clone, Copy)]
enum Step {
    Prepare(BackupType),
    Databases,
    Logs,
    Dynamic,
    Locations,
    Open(&'static str),
    Read(usize),
    Close,
    Truncate,
    End,
}

use Step::{Close, Databases, Dynamic, End, Locations, Logs, Open, Prepare, Read, Truncate};

const FULL: Step = Prepare(BackupType::Full);
const INCREMENTAL: Step = Prepare(BackupType::Incremental);
const ALL: Step = Read(4 * 4096);

fn make(session: &mut Session<Toy>, step: Step) -> Result<(), HResult> {
    match step {
        Prepare(kind) => session.prepare(kind),
        Databases => session.database_files().map(drop),
        Logs => session.log_files().map(drop),
        Dynamic => session.dynamic_files().map(drop),
        Locations => session.locations().map(drop),
        Open(name) => session.open_file(name).map(drop),
        Read(size) => session.read_file(&mut vec![0; size]).map(drop),
        Close => session.close_file(),
        Truncate => session.truncate_logs(),
        End => session.end(),
    }
}

fn go(session: &mut Session<Toy>, steps: &[Step]) {
    for step in steps {
        assert_eq!(make(session, *step), Ok(()), "{step:?} of {steps:?}");
    }
}

/// After `before`, which must succeed, `step` answers `code`.
fn check(before: &[Step], step: Step, code: HResult) {
    let (mut session, journal) = Toy::default().session();
    go(&mut session, before);
    let noted = journal.borrow().len();
    assert_eq!(make(&mut session, step), Err(code), "{step:?} after {before:?}");
    assert_eq!(journal.borrow().len(), noted, "{step:?} after {before:?} reached the engine");
}

/// A whole backup up to its last file.
const READ_FULL: &[Step] =
    &[FULL, Databases, Open(DATABASE), ALL, Close, Logs, Open(LOG), ALL, Close, Open(EMPTY), ALL, Close];
const READ_INCREMENTAL: &[Step] = &[INCREMENTAL, Logs, Open(LOG), ALL, Close, Open(EMPTY), ALL, Close];

#[test]
fn outside_a_session_every_call_but_prepare_and_locations_is_refused() {
    for step in [Logs, Dynamic, Open(DATABASE), ALL, Close, Truncate, End] {
        check(&[], step, HResult::UNEXPECTED);
        check(&[FULL, End], step, HResult::UNEXPECTED);
    }
    check(&[], Databases, HResult::INVALID_BACKUP_SEQUENCE);
    check(&[FULL, End], Databases, HResult::INVALID_BACKUP_SEQUENCE);
    go(&mut Toy::default().session().0, &[Locations, FULL, Locations, End, Locations]);
}

#[test]
fn databases_are_listed_in_full_sessions_only() {
    check(&[INCREMENTAL], Databases, HResult::INVALID_BACKUP_SEQUENCE);
    go(&mut Toy::default().session().0, &[INCREMENTAL, End, FULL, Databases]);
}

#[test]
fn a_session_is_prepared_once() {
    for before in [&[FULL][..], &[INCREMENTAL], &[FULL, Databases, Open(DATABASE)], READ_FULL] {
        check(before, FULL, HResult::UNEXPECTED);
        check(before, INCREMENTAL, HResult::UNEXPECTED);
    }
    go(&mut Toy::default().session().0, &[FULL, End, FULL, End]);
}

#[test]
fn one_file_is_open_at_a_time() {
    check(&[FULL, Databases, Open(DATABASE)], Open(DATABASE), HResult::UNEXPECTED);
    check(&[FULL, Databases], ALL, HResult::UNEXPECTED);
    check(&[FULL, Databases], Close, HResult::UNEXPECTED);
    check(&[FULL, Databases, Open(DATABASE), Close], ALL, HResult::UNEXPECTED);
    check(&[FULL, Databases, Open(DATABASE), Close], Close, HResult::UNEXPECTED);
}

#[test]
fn only_listed_names_without_their_tag_open() {
    check(&[FULL], Open(DATABASE), HResult::INVALID_ARG);
    check(&[FULL, Databases], Open(LOG), HResult::INVALID_ARG);
    check(&[FULL, Databases], Open(r"D\\ca\c$\CertLog\Corp.edb"), HResult::INVALID_ARG);
    check(&[FULL, Databases], Open(r"\\ca\c$\Windows\system.ini"), HResult::INVALID_ARG);
    check(&[FULL, Databases], Open(""), HResult::INVALID_ARG);
    check(&[FULL, Dynamic], Open(r"\\ca\CertEnroll\Corp.crl"), HResult::INVALID_ARG);
}

#[test]
fn reads_are_multiples_of_the_page() {
    for size in [0, 1, 4095, 4097, 6144] {
        check(&[FULL, Databases, Open(DATABASE)], Read(size), HResult::HR_INVALID_PARAMETER);
    }
}

#[test]
fn truncate_is_refused_until_every_listed_file_was_read() {
    let cases: &[&[Step]] = &[
        &[FULL],
        &[INCREMENTAL],
        &[FULL, Databases],
        &[FULL, Databases, Logs],
        &[FULL, Databases, Open(DATABASE), ALL, Close],
        &[FULL, Databases, Open(DATABASE), ALL, Close, Logs],
        &[FULL, Databases, Open(DATABASE), ALL, Close, Logs, Open(LOG), ALL, Close],
        // The database was never asked for.
        &[FULL, Logs, Open(LOG), ALL, Close, Open(EMPTY), ALL, Close],
        // One log read in part, one opened and closed, one not at all.
        &[INCREMENTAL, Logs, Open(EMPTY), ALL, Close, Open(LOG), Read(4096), Close],
        &[INCREMENTAL, Logs, Open(LOG), ALL, Close, Open(EMPTY), Close],
        &[INCREMENTAL, Logs, Open(LOG), ALL, Close],
        // Everything was read, but a file is open.
        &[INCREMENTAL, Logs, Open(EMPTY), ALL, Close, Open(LOG), ALL],
    ];
    for before in cases {
        check(before, Truncate, HResult::UNEXPECTED);
    }
    for before in [READ_FULL, READ_INCREMENTAL] {
        go(&mut Toy::default().session().0, &[before, &[Truncate, End]].concat());
    }
}

#[test]
fn a_file_may_be_read_in_parts_and_once_more() {
    let (mut session, _) = Toy::default().session();
    go(&mut session, &[INCREMENTAL, Logs, Open(LOG)]);
    let mut buffer = vec![0; 2 * 4096];
    let counts = [0; 4].map(|_| session.read_file(&mut buffer).unwrap());
    assert_eq!(counts, [8192, 4096 + 100, 0, 0]);
    go(&mut session, &[Close, Open(LOG), Close, Open(EMPTY), ALL, Close, Truncate]);
}

#[test]
fn a_call_out_of_order_changes_nothing() {
    let (mut session, journal) = Toy::default().session();
    go(&mut session, &READ_FULL[..1]);
    for step in READ_FULL[1..].iter().chain(&[Truncate, End]) {
        for wrong in [FULL, INCREMENTAL, Open("never listed"), Read(1)] {
            assert!(make(&mut session, wrong).is_err(), "{wrong:?} before {step:?}");
        }
        go(&mut session, &[*step]);
    }
    assert_eq!(journal.borrow().last(), Some(&Event::End(Ending::Complete { truncated: true })));
}

#[test]
fn lists_are_fixed_by_their_first_call_and_tagged() {
    let (mut session, _) = Toy::default().session();
    go(&mut session, &[FULL]);
    let (databases, logs) = (session.database_files().unwrap(), session.log_files().unwrap());
    assert_eq!(databases.files()[0].kind, FileKind::Database);
    assert_eq!(logs.files().len(), 2);
    assert_eq!(logs.raw()[..2], [b'!', 0]);
    assert_eq!(session.database_files().unwrap(), databases);
    assert_eq!(session.log_files().unwrap(), logs);
    assert_eq!(session.engine().lists, 2, "the engine answers once");
}

#[test]
fn end_tells_the_engine_what_the_session_was_worth() {
    let table: &[(&[Step], Ending)] = &[
        (READ_FULL, Ending::Complete { truncated: false }),
        (READ_INCREMENTAL, Ending::Complete { truncated: false }),
        (&[FULL], Ending::Aborted),
        (&[INCREMENTAL], Ending::Aborted),
        (&[FULL, Databases, Open(DATABASE), ALL, Close], Ending::Aborted),
        (&[INCREMENTAL, Logs, Open(LOG), ALL, Close], Ending::Aborted),
        (&[INCREMENTAL, Logs, Open(EMPTY), ALL, Close, Open(LOG), ALL], Ending::Aborted),
    ];
    for (before, ending) in table {
        let (mut session, journal) = Toy::default().session();
        go(&mut session, &[before, &[End][..]].concat());
        assert_eq!(journal.borrow().last(), Some(&Event::End(*ending)), "{before:?}");
        drop(session);
        let ends = journal.borrow().iter().filter(|event| matches!(event, Event::End(_))).count();
        assert_eq!(ends, 1, "{before:?}");
    }
}

#[test]
fn end_closes_a_file_that_is_open() {
    let (mut session, journal) = Toy::default().session();
    go(&mut session, &[FULL, Databases, Open(DATABASE), End]);
    let begin = Event::Begin(BackupType::Full);
    let expected = [begin, Event::Open(DATABASE.into()), Event::Close, Event::End(Ending::Aborted)];
    assert_eq!(*journal.borrow(), expected);
}

#[test]
fn a_lost_client_aborts_whatever_it_had_read() {
    let open = [READ_INCREMENTAL, &[Open(LOG)]].concat();
    for before in [&[FULL][..], READ_FULL, READ_INCREMENTAL, &open] {
        let (mut session, journal) = Toy::default().session();
        go(&mut session, before);
        drop(session);
        assert_eq!(journal.borrow().last(), Some(&Event::End(Ending::Aborted)), "{before:?}");
        let count = |wanted: fn(&Event) -> bool| journal.borrow().iter().filter(|e| wanted(e)).count();
        let opened = count(|event| matches!(event, Event::Open(_)));
        assert_eq!(count(|event| *event == Event::Close), opened, "{before:?}");
    }
    let (session, journal) = Toy::default().session();
    drop(session);
    assert!(journal.borrow().is_empty(), "nothing was prepared, so nothing ends");
}

#[test]
fn a_failed_prepare_opens_no_session() {
    let toy = Toy { fail_begin: Some(HResult::MISSING_FULL_BACKUP), ..Toy::default() };
    let (mut session, journal) = toy.session();
    assert_eq!(session.prepare(BackupType::Incremental), Err(HResult::MISSING_FULL_BACKUP));
    assert_eq!(session.end(), Err(HResult::UNEXPECTED));
    drop(session);
    assert_eq!(*journal.borrow(), [Event::Begin(BackupType::Incremental)]);
}

#[test]
fn a_failed_open_leaves_no_file_open() {
    let (mut session, _) = Toy { fail_open: Some(HResult::FILE_NOT_FOUND), ..Toy::default() }.session();
    go(&mut session, &[FULL, Databases]);
    assert_eq!(session.open_file(DATABASE), Err(HResult::FILE_NOT_FOUND));
    assert_eq!(session.close_file(), Err(HResult::UNEXPECTED));
    go(&mut session, &[End]);
}

#[test]
fn a_failed_read_leaves_the_file_open_and_unread() {
    let (mut session, _) = Toy { fail_read: Some(HResult::READ_VERIFY_FAILURE), ..Toy::default() }.session();
    go(&mut session, &[INCREMENTAL, Logs, Open(LOG)]);
    assert_eq!(make(&mut session, ALL), Err(HResult::READ_VERIFY_FAILURE));
    go(&mut session, &[Close, Open(EMPTY), ALL, Close]);
    assert_eq!(session.truncate_logs(), Err(HResult::UNEXPECTED));
}

#[test]
fn a_failed_truncation_does_not_count_as_one() {
    let (mut session, journal) = Toy { fail_truncate: Some(HResult::DISK_IO), ..Toy::default() }.session();
    go(&mut session, READ_FULL);
    assert_eq!(session.truncate_logs(), Err(HResult::DISK_IO));
    go(&mut session, &[End]);
    assert_eq!(journal.borrow().last(), Some(&Event::End(Ending::Complete { truncated: false })));
}

#[test]
fn a_failed_end_ends_the_session_all_the_same() {
    let (mut session, journal) = Toy { fail_end: Some(HResult::DISK_IO), ..Toy::default() }.session();
    go(&mut session, &[FULL]);
    assert_eq!(session.end(), Err(HResult::DISK_IO));
    assert_eq!(session.end(), Err(HResult::UNEXPECTED));
    drop(session);
    assert_eq!(*journal.borrow(), [Event::Begin(BackupType::Full), Event::End(Ending::Aborted)]);
}

#[test]
fn the_gate_stands_before_every_call() {
    let gate = Gate { flags: InterfaceFlags(InterfaceFlags::NO_LOCAL_BACKUP), ..Gate::default() };
    let mut session = Session::new(gate, Caller::LOCAL_OPERATOR, Toy::default());
    let steps = [FULL, Databases, Logs, Dynamic, Locations, Open(LOG), ALL, Close, Truncate, End];
    for step in steps {
        assert_eq!(make(&mut session, step), Err(HResult::ACCESS_DENIED), "{step:?}");
    }
}
