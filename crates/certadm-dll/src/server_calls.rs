//! The exported functions that need no context.

use std::ptr::null_mut;

use certadm::{CertServer as _, ServerState};
use certadm_sys::{
    BOOL, BYTE, CSCONTROL_RESTART, CSCONTROL_SHUTDOWN, CSCONTROL_SUSPEND, DWORD, HRESULT, VOID, WCHAR,
};
use dtyp::HResult;

use crate::answer::answer;
use crate::failure::Failure;
use crate::foreign::{self, Out};
use crate::{memory, road};

/// Is the certificate service of `server` there? `S_OK` with 1: it serves. `S_OK` with 0: it is suspended.
/// A failure, `ERROR_SERVICE_NOT_ACTIVE` if it is only that: it does not run.
///
/// `server` is a host's name or a config string `host\CA name`, here and everywhere.
///
/// # Errors
/// Null pointers; whatever keeps the question from being asked.
///
/// # Safety
/// `server` is null or a string with its NUL; `online` is null or has room for the answer.
///
/// Source: sdk-api, `nf-certbcli-certsrvisserveronlinew`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvIsServerOnlineW(server: *const WCHAR, online: *mut BOOL) -> HRESULT {
    answer("CertSrvIsServerOnlineW", || {
        // SAFETY: the caller's promise.
        let mut online = unsafe { Out::new(online, 0, "pfServerOnline") }?;
        // SAFETY: the caller's promise.
        let server = unsafe { foreign::string(server, "pwszServerName") }?;
        let state = road::connect(&server).and_then(|mut ca| Ok(ca.state()?));
        match state {
            Ok(ServerState::Online) => online.set(1),
            Ok(ServerState::Suspended) => {}
            // It was asked for the name of its CA, and said so then.
            Err(Failure { code: HResult::SERVER_SUSPENDED, .. }) => {}
            Ok(ServerState::Stopped) => {
                let text = "the certificate service does not run";
                return Err(Failure::new(HResult::SERVICE_NOT_ACTIVE, text));
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    })
}

/// Lets the certificate service of `server` end: `control` is `CSCONTROL_SHUTDOWN`. The other two are
/// accepted and do nothing, as on the wire. Nothing is allocated: the results, which may be null, are zero.
///
/// # Errors
/// Another control; a null name; the CA cannot be asked, or refuses.
///
/// # Safety
/// `server` is null or a string with its NUL; `size` and `out` are null or have room for the results.
///
/// Source: sdk-api, `nf-certbcli-certsrvservercontrolw`; [MS-CSRA] 3.1.4.1.15.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvServerControlW(
    server: *const WCHAR,
    control: DWORD,
    size: *mut DWORD,
    out: *mut *mut BYTE,
) -> HRESULT {
    answer("CertSrvServerControlW", || {
        if !size.is_null() {
            // SAFETY: the caller's promise.
            unsafe { Out::new(size, 0, "pcbOut") }?;
        }
        if !out.is_null() {
            // SAFETY: the caller's promise.
            unsafe { Out::new(out, null_mut(), "ppbOut") }?;
        }
        // SAFETY: the caller's promise.
        let server = unsafe { foreign::string(server, "pwszServerName") }?;
        match control {
            CSCONTROL_SHUTDOWN => Ok(road::connect(&server)?.shut_down()?),
            CSCONTROL_SUSPEND | CSCONTROL_RESTART => Ok(()),
            other => Err(Failure::invalid(format!("dwControlFlags is {other}, not 1, 2 or 3"))),
        }
    })
}

/// Frees a list that one of these functions allocated. Null is nothing.
///
/// # Safety
/// `memory` is null, or came from one of these functions and was not freed yet.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupfree`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupFree(memory: *mut VOID) {
    // SAFETY: the caller's promise.
    unsafe { memory::free(memory) }
}
