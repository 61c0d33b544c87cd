//! [MS-CSRA] 3.1.4.1: who may call at all.

use certadm::Call;
use certadm::server::{Caller, Gate, InterfaceFlags, Roles};
use dtyp::HResult;

const LOCAL: Caller = Caller::LOCAL_OPERATOR;
const REMOTE: Caller = Caller { remote: true, ..LOCAL };
const OPEN: Gate = Gate { flags: InterfaceFlags(0), seal_required: false, role_separation: false };

const DENIED: Result<(), HResult> = Err(HResult::ACCESS_DENIED);

fn flags(bits: u32) -> Gate {
    Gate { flags: InterfaceFlags(bits), ..OPEN }
}

fn with(roles: Roles) -> Caller {
    Caller { roles, ..LOCAL }
}

#[test]
fn the_gate_decides_by_caller_flags_and_role() {
    let unknown = Caller { known: false, ..LOCAL };
    let unsealed = Caller { sealed: false, ..REMOTE };
    let two_roles = with(Roles::OPERATOR.with(Roles::ADMINISTRATOR));
    let separated = Gate { role_separation: true, ..OPEN };
    let sealing = Gate { seal_required: true, ..OPEN };
    let (state, prepare) = (Call::GetServerState, Call::BackupPrepare);
    #[rustfmt::skip]
    let table = [
        ("an operator may back up",             OPEN, LOCAL, prepare, Ok(())),
        ("from afar too",                       OPEN, REMOTE, prepare, Ok(())),
        ("an unknown caller may nothing",       OPEN, unknown, state, DENIED),
        ("an unknown caller may nothing",       OPEN, unknown, prepare, DENIED),
        ("unsealed calls pass when allowed",    OPEN, unsealed, prepare, Ok(())),
        ("unsealed calls fail by flag",         flags(0x400), unsealed, prepare, DENIED),
        ("unsealed calls fail by flag",         flags(0x400), unsealed, state, DENIED),
        ("sealed calls pass that flag",         flags(0x400), REMOTE, prepare, Ok(())),
        ("unsealed calls fail by the fix",      sealing, unsealed, prepare, DENIED),
        ("sealed calls pass the fix",           sealing, REMOTE, prepare, Ok(())),
        ("no remote administration",            flags(0x10), REMOTE, state, DENIED),
        ("no remote administration: local may", flags(0x10), LOCAL, prepare, Ok(())),
        ("no local administration",             flags(0x20), LOCAL, state, DENIED),
        ("no local administration: remote may", flags(0x20), REMOTE, prepare, Ok(())),
        ("no remote backup",                    flags(0x40), REMOTE, prepare, DENIED),
        ("no remote backup: state may",         flags(0x40), REMOTE, state, Ok(())),
        ("no remote backup: local may",         flags(0x40), LOCAL, prepare, Ok(())),
        ("no local backup",                     flags(0x80), LOCAL, prepare, DENIED),
        ("no local backup: remote may",         flags(0x80), REMOTE, prepare, Ok(())),
        ("the default of a CA, local",          flags(0x641), LOCAL, prepare, Ok(())),
        ("the default of a CA, remote",         flags(0x641), REMOTE, prepare, DENIED),
        ("asking for the state needs no role",  OPEN, with(Roles::default()), state, Ok(())),
        ("backup needs the operator",           OPEN, with(Roles::READ), prepare, DENIED),
        ("an administrator is no operator",     OPEN, with(Roles::ADMINISTRATOR), prepare, DENIED),
        ("two roles are fine",                  OPEN, two_roles, prepare, Ok(())),
        ("unless roles are separated",          separated, two_roles, prepare, Err(HResult::ROLE_CONFLICT)),
        ("separation does not hide the state",  separated, two_roles, state, Ok(())),
        ("read and enroll are no such roles",   separated, with(Roles(0x308)), prepare, Ok(())),
    ];
    for (rule, gate, caller, call, expected) in table {
        assert_eq!(gate.admit(&caller, call), expected, "{rule}");
    }
}

#[test]
fn every_backup_and_restore_call_needs_the_operator() {
    let calls = [
        Call::BackupPrepare,
        Call::BackupEnd,
        Call::BackupGetAttachmentInformation,
        Call::BackupGetBackupLogs,
        Call::BackupOpenFile,
        Call::BackupReadFile,
        Call::BackupCloseFile,
        Call::BackupTruncateLogs,
        Call::BackupGetDynamicFiles,
        Call::RestoreGetDatabaseLocations,
        Call::RestorePrepare,
        Call::RestoreRegister,
        Call::RestoreRegisterComplete,
        Call::RestoreEnd,
    ];
    for call in calls {
        assert_eq!(OPEN.admit(&with(Roles::READ), call), DENIED, "{call}");
        assert_eq!(OPEN.admit(&LOCAL, call), Ok(()), "{call}");
    }
}
