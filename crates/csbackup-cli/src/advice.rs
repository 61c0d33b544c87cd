//! What the operator can do about an error.

use certadm::{Call, Error as CallError};
use certadm_native::{LoadError, Privilege};
use csra_client::Error as WireError;
use dtyp::HResult;

/// Hints for an error that ended a run, the likeliest first; `is_remote` where the CA is on the network.
pub(crate) fn hints(error: &anyhow::Error, is_remote: bool) -> Vec<String> {
    let mut hints: Vec<String> = known(error, is_remote).into_iter().map(str::to_owned).collect();
    // What Windows itself says, where we run on it.
    let code = call_of(error).and_then(CallError::code);
    hints.extend(code.and_then(certadm_native::message).map(|text| format!("Windows calls it: {text}")));
    hints
}

/// The failed call behind an error.
fn call_of(error: &anyhow::Error) -> Option<&CallError> {
    match error.downcast_ref::<csbackup::Error>().map(innermost) {
        Some(csbackup::Error::Server { source, .. }) => Some(source),
        _ => error.downcast_ref::<CallError>(),
    }
}

/// What failed, without the state that a restore left.
fn innermost(error: &csbackup::Error) -> &csbackup::Error {
    match error {
        csbackup::Error::Restoring { source, .. } => innermost(source),
        other => other,
    }
}

fn known(error: &anyhow::Error, is_remote: bool) -> Vec<&'static str> {
    if let Some(error) = error.downcast_ref::<WireError>() {
        return of_wire(error);
    }
    if let Some(error) = error.downcast_ref::<LoadError>() {
        return error.hints();
    }
    let engine = error.downcast_ref::<csbackup::Error>().map(innermost);
    let mut hints = engine.map(csbackup::Error::hints).unwrap_or_default();
    hints.extend(call_of(error).map(|call| of_call(call, is_remote)).unwrap_or_default());
    hints
}

/// What the engine does not know: the road.
fn of_call(error: &CallError, is_remote: bool) -> Vec<&'static str> {
    match error {
        CallError::NoReadRight { .. } => vec![READ, PING],
        CallError::NoPrivilege { privilege, .. } => {
            Privilege::from_name(privilege).map(Privilege::hints).unwrap_or_default()
        }
        CallError::Refused {
            call: Call::RestorePrepare | Call::RestoreRegister,
            code: HResult::PRIVILEGE_NOT_HELD,
        } => Privilege::Restore.hints(),
        CallError::Refused { code: HResult::PRIVILEGE_NOT_HELD, .. } => Privilege::Backup.hints(),
        CallError::Refused { code: HResult::ACCESS_DENIED, .. } if is_remote => vec![ALLOW, PING],
        CallError::Lost { cause, .. } => cause.downcast_ref::<WireError>().map(of_wire).unwrap_or_default(),
        _ => vec![],
    }
}

fn of_wire(error: &WireError) -> Vec<&'static str> {
    match error {
        error if error.is_stopped() => {
            vec!["the certificate service does not run: `net start certsvc` on the CA"]
        }
        error if error.is_logon_refused() => {
            vec![
                "an account that is locked, disabled, expired or not allowed to use this host looks the same",
            ]
        }
        // As the result of the activation, or as a fault.
        error if error.is_denied() => {
            vec!["the account may not use DCOM on the CA's host", DCOM]
        }
        WireError::Connect { .. } | WireError::Timeout { .. } => vec![
            "a firewall must let through TCP 135 and the port of the CA's interface (49152-65535 unless it is fixed)",
        ],
        WireError::NoName { .. } => vec!["`certutil -CAInfo name` on the CA tells it"],
        _ => vec![],
    }
}

const DCOM: &str = "`net localgroup \"Certificate Service DCOM Access\" \"DOMAIN\\user\" /add` on the CA's host lets an account use DCOM";
const READ: &str = "give the account Read on the CA: certsrv.msc, Properties of the CA, Security";
const ALLOW: &str = r"backups over the network are switched on with `certutil -setreg CA\InterfaceFlags -IF_NOREMOTEICERTADMINBACKUP` and `net stop certsvc && net start certsvc` on the CA";
const PING: &str = "`csbackup ping` with the same options tells what stands in the way";
