//! The exported functions of a restore.

use std::ptr::null_mut;
use std::sync::Arc;

use certadm::Registration;
use certadm_sys::{CSEDB_RSTMAPW, CSRESTORE_TYPE_FULL, HCSBC, HRESULT, LONG, ULONG, WCHAR};
use dtyp::HResult;

use crate::answer::answer;
use crate::failure::Failure;
use crate::foreign::{self, Out};
use crate::handles::{self, Context};
use crate::restore::Restore;

/// Opens a restore session for the CA of `server`, whose directory is on this machine: `flags` is
/// `CSRESTORE_TYPE_FULL`. The context owes one `CertSrvRestoreEnd`.
///
/// # Errors
/// Null pointers, other flags; `E_NOTIMPL` where no directory is configured for `server`: a restore is not
/// registered over the network; an unusable configuration; the CA's refusal.
///
/// # Safety
/// `server` is null or a string with its NUL; `context` is null or has room for a handle.
///
/// Source: sdk-api, `nf-certbcli-certsrvrestorepreparew`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvRestorePrepareW(
    server: *const WCHAR,
    flags: ULONG,
    context: *mut HCSBC,
) -> HRESULT {
    answer("CertSrvRestorePrepareW", || {
        // SAFETY: the caller's promise.
        let mut context = unsafe { Out::new(context, null_mut(), "phbc") }?;
        // SAFETY: the caller's promise.
        let server = unsafe { foreign::string(server, "pwszServerName") }?;
        if flags != CSRESTORE_TYPE_FULL {
            return Err(Failure::invalid(format!("dwRestoreFlags is {flags}, not 1")));
        }
        let restore = Arc::new(Restore::prepare(&server)?);
        context.set(handles::insert(Context::Restore(restore)));
        Ok(())
    })
}

/// Leaves the next start of the service instructions to replay the logs from `low` to `high`. `map` has one
/// element for a full backup and none (null, 0) for an increment. Paths that are not needed are null. Until
/// `CertSrvRestoreRegisterComplete` the service does not start.
///
/// # Errors
/// No open restore; more than one element, null pointers in it; the CA's.
///
/// # Safety
/// The paths are null or strings with their NUL; `map` is null or has `count` elements of such strings.
///
/// Source: sdk-api, `nf-certbcli-certsrvrestoreregisterw`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvRestoreRegisterW(
    context: HCSBC,
    checkpoint_directory: *const WCHAR,
    log_directory: *const WCHAR,
    map: *mut CSEDB_RSTMAPW,
    count: LONG,
    backup_log_directory: *const WCHAR,
    low: ULONG,
    high: ULONG,
) -> HRESULT {
    answer("CertSrvRestoreRegisterW", || {
        let paths = [checkpoint_directory, log_directory, backup_log_directory];
        // SAFETY: the caller's promise.
        let registration = unsafe { registration(paths, map, count, low, high) }?;
        handles::restore(context)?.register(registration)
    })
}

/// As `CertSrvRestoreRegisterW`, which asks for an administrator where this one asks for the restore
/// privilege; here both ask for write access to the CA's directory.
///
/// # Errors
/// As `CertSrvRestoreRegisterW`.
///
/// # Safety
/// As `CertSrvRestoreRegisterW`.
///
/// Source: sdk-api, `nf-certbcli-certsrvrestoreregisterthroughfile`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvRestoreRegisterThroughFile(
    context: HCSBC,
    checkpoint_directory: *const WCHAR,
    log_directory: *const WCHAR,
    map: *mut CSEDB_RSTMAPW,
    count: LONG,
    backup_log_directory: *const WCHAR,
    low: ULONG,
    high: ULONG,
) -> HRESULT {
    answer("CertSrvRestoreRegisterThroughFile", || {
        let paths = [checkpoint_directory, log_directory, backup_log_directory];
        // SAFETY: the caller's promise.
        let registration = unsafe { registration(paths, map, count, low, high) }?;
        handles::restore(context)?.register(registration)
    })
}

/// Says how laying down the files of the last registration ended: `S_OK`, or why not.
///
/// # Errors
/// No open restore; `E_UNEXPECTED` with no registration open; the CA's.
///
/// # Safety
/// Safe with any handle.
///
/// Source: sdk-api, `nf-certbcli-certsrvrestoreregistercomplete`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvRestoreRegisterComplete(context: HCSBC, outcome: HRESULT) -> HRESULT {
    answer("CertSrvRestoreRegisterComplete", || {
        handles::restore(context)?.complete(HResult(outcome.cast_unsigned()))
    })
}

/// Ends a restore session. Whatever the answer, the handle is none any more.
///
/// # Errors
/// No open restore; the CA's.
///
/// # Safety
/// Safe with any handle.
///
/// Source: sdk-api, `nf-certbcli-certsrvrestoreend`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvRestoreEnd(context: HCSBC) -> HRESULT {
    answer("CertSrvRestoreEnd", || {
        let restore = handles::restore(context)?;
        handles::remove(context)?;
        restore.end()
    })
}

/// # Safety
/// That of `CertSrvRestoreRegisterW`; the paths are those of checkpoint, logs and logs of the backup.
unsafe fn registration(
    [checkpoint, logs, backup_logs]: [*const WCHAR; 3],
    map: *mut CSEDB_RSTMAPW,
    count: LONG,
    low: ULONG,
    high: ULONG,
) -> Result<Registration, Failure> {
    let database = match (count, map.is_null()) {
        (0, _) => None,
        (1, false) => {
            // SAFETY: the caller's promise.
            let element = unsafe { map.read_unaligned() };
            // SAFETY: the caller's promise.
            let old = unsafe { foreign::string(element.pwszDatabaseName, "pwszDatabaseName") }?;
            // SAFETY: the caller's promise.
            let new = unsafe { foreign::string(element.pwszNewDatabaseName, "pwszNewDatabaseName") }?;
            Some((old, new))
        }
        (1, true) => return Err(Failure::invalid("rgrstmap is a null pointer")),
        (count, _) => return Err(Failure::invalid(format!("crstmap is {count}, not 0 or 1"))),
    };
    Ok(Registration {
        database,
        // SAFETY: the caller's promise.
        checkpoint_directory: unsafe { foreign::optional_string(checkpoint, "pwszCheckPointFilePath") }?,
        // SAFETY: the caller's promise.
        log_directory: unsafe { foreign::optional_string(logs, "pwszLogPath") }?,
        // SAFETY: the caller's promise.
        backup_log_directory: unsafe { foreign::optional_string(backup_logs, "pwszBackupLogPath") }?,
        low,
        high,
    })
}
