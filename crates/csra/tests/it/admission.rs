//! Who may call what: every method, by role, flag and way of calling; and the service's state.

use certadm::server::{Caller, Gate, InterfaceFlags, Roles};
use certadm::{Call, ServerState};
use csra::method::{
    BackupEnd, BackupPrepare, BackupReadFile, CloseView, GetCAProperty, GetConfigEntry, GetServerState,
    ImportCertificate, OpenView, ServerControl,
};
use csra::value::PropertyId;
use dtyp::HResult;

use crate::bytes::bytes;
use crate::toy::{ALL, CA, Ca, Files, ca, stub};

const DENIED: HResult = HResult::ACCESS_DENIED;

/// Roles of which one is enough, per [MS-CSRA] 3.1.1.7; Enroll, Officer and Administrator imply Read.
const NOBODY_ASKED: u32 = u32::MAX;
const ADMINISTRATOR: u32 = 0x1;
const OFFICER: u32 = 0x2;
const OPERATOR: u32 = 0x8;
const READER: u32 = 0x1 | 0x2 | 0x100 | 0x200;

const RULES: [(Call, u32); 25] = [
    (Call::EnumViewColumn, READER),
    (Call::GetViewDefaultColumnSet, READER),
    (Call::OpenView, READER),
    (Call::EnumView, READER),
    (Call::CloseView, READER),
    (Call::ServerControl, ADMINISTRATOR | OPERATOR),
    (Call::Ping, ADMINISTRATOR),
    (Call::GetServerState, NOBODY_ASKED),
    (Call::BackupPrepare, OPERATOR),
    (Call::BackupEnd, OPERATOR),
    (Call::BackupGetAttachmentInformation, OPERATOR),
    (Call::BackupGetBackupLogs, OPERATOR),
    (Call::BackupOpenFile, OPERATOR),
    (Call::BackupReadFile, OPERATOR),
    (Call::BackupCloseFile, OPERATOR),
    (Call::BackupTruncateLogs, OPERATOR),
    (Call::ImportCertificate, OFFICER),
    (Call::BackupGetDynamicFiles, OPERATOR),
    (Call::RestoreGetDatabaseLocations, OPERATOR),
    (Call::GetCAProperty, READER),
    (Call::GetCAPropertyInfo, READER),
    (Call::EnumViewColumnTable, READER),
    (Call::Ping2, ADMINISTRATOR),
    (Call::GetConfigEntry, READER),
    (Call::GetMyRoles, READER),
];

/// Parameters that each method can read: an authority, and zeros.
fn request(call: Call) -> Vec<u8> {
    match call {
        Call::BackupPrepare => stub(&BackupPrepare { authority: ca(), grbit_jet: 0 }),
        Call::BackupReadFile => stub(&BackupReadFile { want: 4096 }),
        Call::OpenView => stub(&OpenView {
            authority: ca(),
            restrictions: vec![],
            columns: vec![0x1000],
            first: 1,
            count: 1,
        }),
        Call::ImportCertificate => {
            stub(&ImportCertificate { authority: ca(), certificate: vec![0x30], flags: 0 })
        }
        Call::GetConfigEntry => stub(&GetConfigEntry {
            authority: ca(),
            node: Some(String::new()),
            entry: "InterfaceFlags".into(),
        }),
        Call::GetCAProperty => {
            stub(&GetCAProperty { authority: ca(), id: PropertyId::CA_NAME, index: 0, kind: 4 })
        }
        _ => [stub(&GetServerState { authority: ca() }), vec![0; 32]].concat(),
    }
}

/// Was the call denied at the gate? Whatever else it answers is none of the gate's business.
fn code(gate: Gate, caller: Caller, call: Call) -> HResult {
    let mut ca = Ca::with(gate, caller, ServerState::Online, Files::default());
    let reply = ca.raw(call.opnum().unwrap(), &request(call)).unwrap();
    HResult(u32::from_le_bytes(reply[reply.len() - 4..].try_into().unwrap()))
}

#[test]
fn the_table_has_every_method() {
    assert_eq!(RULES.map(|(call, _)| call), Call::METHODS);
    for (call, _) in RULES {
        assert_eq!(Call::from_opnum(call.opnum().unwrap()), Some(call));
    }
}

#[test]
fn each_method_needs_one_of_its_roles() {
    for (call, needed) in RULES {
        for role in [0, 0x1, 0x2, 0x4, 0x8, 0x100, 0x200] {
            let may = needed == NOBODY_ASKED || role & needed != 0;
            let answer = code(Gate::default(), Caller { roles: Roles(role), ..ALL }, call);
            assert_eq!(answer == DENIED, !may, "{call} with role 0x{role:x}: {answer}");
        }
    }
}

#[test]
fn flags_close_what_they_name() {
    let backup = |needed| needed == OPERATOR;
    for (call, needed) in RULES {
        #[rustfmt::skip]
        let table = [
            (0x00, true, true, false),
            (0x10, true, true, true),
            (0x10, false, true, false),
            (0x20, false, true, true),
            (0x20, true, true, false),
            (0x40, true, true, backup(needed)),
            (0x40, false, true, false),
            (0x80, false, true, backup(needed)),
            (0x80, true, true, false),
            (0x400, true, true, false),
            (0x400, true, false, true),
            (0x641, true, true, backup(needed)),
            (0x000, true, false, false),
        ];
        for (flags, remote, sealed, denied) in table {
            let gate = Gate { flags: InterfaceFlags(flags), ..Gate::default() };
            let answer = code(gate, Caller { remote, sealed, ..ALL }, call);
            assert_eq!(answer == DENIED, denied, "{call}, 0x{flags:x}, {remote}, {sealed}: {answer}");
        }
        let fixed = Gate { seal_required: true, ..Gate::default() };
        assert_eq!(code(fixed, Caller { sealed: false, ..ALL }, call), DENIED, "{call}");
        assert_ne!(code(fixed, ALL, call), DENIED, "{call}");
        assert_eq!(code(Gate::default(), Caller { known: false, ..ALL }, call), DENIED, "{call}");
        let separated = Gate { role_separation: true, ..Gate::default() };
        let conflict = code(separated, ALL, call) == HResult::ROLE_CONFLICT;
        assert_eq!(conflict, needed != NOBODY_ASKED, "{call}");
    }
}

/// What an object was activated with does not open it for a call that is worse.
#[test]
fn each_call_is_judged_by_its_own_caller() {
    let gate = Gate { seal_required: true, ..Gate::default() };
    let mut ca = Ca::with(gate, ALL, ServerState::Online, Files::default());
    ca.call(BackupPrepare { authority: crate::toy::ca(), grbit_jet: 0 }).unwrap();
    ca.caller = Caller { sealed: false, ..ALL };
    assert_eq!(ca.call(BackupEnd), Err(DENIED));
    assert_eq!(ca.read(4096), Err(DENIED));
    ca.caller = ALL;
    assert_eq!(ca.call(BackupEnd).map(drop), Ok(()));
}

#[test]
fn a_suspended_ca_says_so_and_a_stopped_one_too() {
    for (call, needed) in RULES {
        for (state, expected) in [
            (ServerState::Suspended, HResult::SERVER_SUSPENDED),
            (ServerState::Stopped, HResult::SERVICE_NOT_ACTIVE),
        ] {
            let mut ca = Ca::with(Gate::default(), ALL, state, Files::default());
            let reply = ca.raw(call.opnum().unwrap(), &request(call)).unwrap();
            let code = HResult(u32::from_le_bytes(reply[reply.len() - 4..].try_into().unwrap()));
            let of_a_session = needed == OPERATOR && call != Call::BackupPrepare;
            let exempt = match state {
                ServerState::Suspended => of_a_session,
                _ => call == Call::BackupReadFile,
            };
            assert_eq!(code == expected, !exempt, "{call}, {state}: {code}");
        }
    }
}

#[test]
fn the_gate_goes_before_the_state_and_the_state_before_the_name() {
    let nobody = Caller { roles: Roles(0), ..ALL };
    let mut ca = Ca::with(Gate::default(), nobody, ServerState::Suspended, Files::default());
    let wrong = Some("Other CA".to_owned());
    assert_eq!(ca.call(CloseView { authority: wrong.clone() }), Err(DENIED));
    ca.caller = ALL;
    assert_eq!(ca.call(CloseView { authority: wrong }), Err(HResult::SERVER_SUSPENDED));
}

#[test]
fn a_wrong_name_is_an_invalid_argument_everywhere() {
    let name = bytes("00000200 03000000 00000000 03000000 'XX' 0000 0000");
    for call in Call::METHODS {
        let within = [19, 18, 38, 47, 16, 34].contains(&call.opnum().unwrap());
        if !within {
            continue;
        }
        let reply = Ca::new().raw(call.opnum().unwrap(), &[stub(&BackupEnd), name.clone()].concat()).unwrap();
        assert_eq!(reply[reply.len() - 4..], bytes("57000780"), "{call}");
    }
    let wrong = || Some("XX".to_owned());
    let mut ca = Ca::new();
    assert_eq!(ca.call(BackupPrepare { authority: wrong(), grbit_jet: 0 }), Err(HResult::INVALID_ARG));
    assert_eq!(ca.call(ServerControl { authority: wrong(), flags: 1 }), Err(HResult::INVALID_ARG));
    assert!(!ca.object.services().unregistered);
    let import = ImportCertificate { authority: wrong(), certificate: vec![1], flags: 0 };
    assert_eq!(ca.call(import), Err(HResult::INVALID_ARG));
    let entry = GetConfigEntry { authority: wrong(), node: Some(String::new()), entry: "x".into() };
    assert_eq!(ca.call(entry), Err(HResult::INVALID_ARG));
    assert_eq!(ca.call(BackupPrepare { authority: Some(CA.to_lowercase()), grbit_jet: 0 }).map(drop), Ok(()));
}
