//! [MS-CSRA] 3.1.4.1.18 on the wire: every call in every state.

use certadm::BackupType;
use certadm::ServerState;
use certadm::server::Gate;
use csra::method::{
    BackupCloseFile, BackupEnd, BackupGetAttachmentInformation, BackupGetBackupLogs, BackupGetDynamicFiles,
    BackupOpenFile, BackupPrepare, BackupTruncateLogs, Names, RestoreGetDatabaseLocations,
};
use dtyp::{HResult, multi_string};

use crate::toy::{ALL, CA, Ca, DATABASE, Files, LOG};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Full,
    Incremental,
    Databases,
    Logs,
    Open(&'static str),
    Read,
    Close,
    Truncate,
    End,
    Locations,
}

use Step::{Close, Databases, End, Full, Incremental, Locations, Logs, Open, Read, Truncate};

fn make(ca: &mut Ca, step: Step) -> Result<(), HResult> {
    match step {
        Full => ca.call(BackupPrepare::new(CA.into(), BackupType::Full)).map(drop),
        Incremental => ca.call(BackupPrepare::new(CA.into(), BackupType::Incremental)).map(drop),
        Databases => ca.call(BackupGetAttachmentInformation).map(drop),
        Logs => ca.call(BackupGetBackupLogs).map(drop),
        Open(name) => ca.call(BackupOpenFile { path: Some(name.into()) }).map(drop),
        Read => ca.read(3 * 4096).map(drop),
        Close => ca.call(BackupCloseFile).map(drop),
        Truncate => ca.call(BackupTruncateLogs).map(drop),
        End => ca.call(BackupEnd).map(drop),
        Locations => ca.call(RestoreGetDatabaseLocations).map(drop),
    }
}

/// The state after `before`: what of `ALL_STEPS` succeeds; each other one has its code.
const IDLE: &[Step] = &[];
const PREPARED: &[Step] = &[Full];
const INCREMENT: &[Step] = &[Incremental];
const LISTED: &[Step] = &[Full, Databases, Logs];
const OPEN: &[Step] = &[Full, Databases, Logs, Open(DATABASE)];
const HALF: &[Step] = &[Full, Databases, Logs, Open(DATABASE), Read, Close];
const WHOLE: &[Step] = &[Full, Databases, Logs, Open(DATABASE), Read, Close, Open(LOG), Read, Close];
const ENDED: &[Step] = &[Full, Databases, Logs, Open(DATABASE), End];

const OK: Option<HResult> = None;
const ORDER: Option<HResult> = Some(HResult::UNEXPECTED);
const NO_FULL: Option<HResult> = Some(HResult::INVALID_BACKUP_SEQUENCE);
const NAME: Option<HResult> = Some(HResult::INVALID_ARG);

#[test]
fn every_call_in_every_state() {
    #[rustfmt::skip]
    let table = [
        // state      Full   Incr.  Datab.   Logs   Open(D) Open(L) Read   Close  Trunc. End    Locat.
        (IDLE,      [ OK,    OK,    NO_FULL, ORDER, ORDER,  ORDER,  ORDER, ORDER, ORDER, ORDER, OK ]),
        (PREPARED,  [ ORDER, ORDER, OK,      OK,    NAME,   NAME,   ORDER, ORDER, ORDER, OK,    OK ]),
        (INCREMENT, [ ORDER, ORDER, NO_FULL, OK,    NAME,   NAME,   ORDER, ORDER, ORDER, OK,    OK ]),
        (LISTED,    [ ORDER, ORDER, OK,      OK,    OK,     OK,     ORDER, ORDER, ORDER, OK,    OK ]),
        (OPEN,      [ ORDER, ORDER, OK,      OK,    ORDER,  ORDER,  OK,    OK,    ORDER, OK,    OK ]),
        (HALF,      [ ORDER, ORDER, OK,      OK,    OK,     OK,     ORDER, ORDER, ORDER, OK,    OK ]),
        (WHOLE,     [ ORDER, ORDER, OK,      OK,    OK,     OK,     ORDER, ORDER, OK,    OK,    OK ]),
        (ENDED,     [ OK,    OK,    NO_FULL, ORDER, ORDER,  ORDER,  ORDER, ORDER, ORDER, ORDER, OK ]),
    ];
    let steps = [
        Full,
        Incremental,
        Databases,
        Logs,
        Open(DATABASE),
        Open(LOG),
        Read,
        Close,
        Truncate,
        End,
        Locations,
    ];
    for (before, codes) in table {
        for (step, code) in steps.into_iter().zip(codes) {
            let mut ca = Ca::new();
            for earlier in before {
                assert_eq!(make(&mut ca, *earlier), Ok(()), "{earlier:?} of {before:?}");
            }
            assert_eq!(make(&mut ca, step).err(), code, "{step:?} after {before:?}");
        }
    }
}

#[test]
fn a_refused_call_changes_nothing() {
    let mut ca = Ca::new();
    for step in WHOLE.iter().chain(&[Truncate, End]) {
        for wrong in [Open("never listed"), Open("")] {
            assert!(make(&mut ca, wrong).is_err());
        }
        if *step != Full {
            assert_eq!(make(&mut ca, Full), Err(HResult::UNEXPECTED));
        }
        assert_eq!(make(&mut ca, *step), Ok(()), "{step:?}");
    }
}

#[test]
fn an_increment_needs_a_full_backup() {
    let files = Files { without_full: true, ..Files::default() };
    let mut ca = Ca::with(Gate::default(), ALL, ServerState::Online, files);
    assert_eq!(make(&mut ca, Incremental), Err(HResult::MISSING_FULL_BACKUP));
    assert_eq!(make(&mut ca, End), Err(HResult::UNEXPECTED), "no session was opened");
}

#[test]
fn only_full_and_incremental_are_kinds() {
    for grbit_jet in [2, 3, 0x8000_0000, u32::MAX] {
        let authority = Some(CA.to_owned());
        let code = Ca::new().call(BackupPrepare { authority, grbit_jet });
        assert_eq!(code, Err(HResult::INVALID_ARG), "{grbit_jet}");
    }
}

#[test]
fn only_listed_names_without_their_tag_open() {
    for name in ["", "D", r"D\\ca\c$\CertLog\Corp.edb", r"\\ca\CertEnroll\Corp.crl", r"\\ca\c$\boot.ini"] {
        let mut ca = Ca::new();
        LISTED.iter().for_each(|step| make(&mut ca, *step).unwrap());
        ca.call(BackupGetDynamicFiles).unwrap();
        let code = ca.call(BackupOpenFile { path: Some(name.into()) });
        assert_eq!(code, Err(HResult::INVALID_ARG), "{name}");
        assert_eq!(ca.call(BackupOpenFile { path: None }), Err(HResult::INVALID_ARG));
    }
}

#[test]
fn lists_have_tags_where_the_interface_says() {
    let mut ca = Ca::new();
    make(&mut ca, Full).unwrap();
    let strings = |names: Names| multi_string::decode(&names.0).unwrap();
    assert_eq!(strings(ca.call(BackupGetAttachmentInformation).unwrap()), [format!("D{DATABASE}")]);
    assert_eq!(strings(ca.call(BackupGetBackupLogs).unwrap()), [format!("!{LOG}")]);
    assert_eq!(strings(ca.call(BackupGetDynamicFiles).unwrap()), [crate::toy::CRL]);
    let locations = strings(ca.call(RestoreGetDatabaseLocations).unwrap());
    assert_eq!(locations, ["D\\\\ca\\x", "\u{82}\\\\ca\\x", "\u{83}\\\\ca\\x"]);
}

#[test]
fn empty_lists_have_the_count_zero() {
    let files = Files { without_logs: true, ..Files::default() };
    let mut ca = Ca::with(Gate::default(), ALL, ServerState::Online, files);
    make(&mut ca, Full).unwrap();
    assert_eq!(ca.call(BackupGetBackupLogs), Ok(Names::default()));
    assert_eq!(ca.call(BackupGetDynamicFiles), Ok(Names::default()));
}
