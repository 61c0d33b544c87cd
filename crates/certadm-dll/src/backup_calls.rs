//! The exported functions of a backup.

use std::ptr::null_mut;
use std::sync::Arc;

use certadm::BackupType;
use certadm_sys::{
    CSBACKUP_TYPE_FULL, CSBACKUP_TYPE_LOGS_ONLY, DWORD, HCSBC, HRESULT, LARGE_INTEGER, ULONG, VOID, WCHAR,
};

use crate::answer::answer;
use crate::backup::Backup;
use crate::failure::Failure;
use crate::foreign::{self, Out, Room};
use crate::handles::{self, Context};
use crate::memory;

/// Opens a backup session with the CA of `server`: `jet_flags` is 0, `flags` is `CSBACKUP_TYPE_FULL` or
/// `CSBACKUP_TYPE_LOGS_ONLY`. The context owes one `CertSrvBackupEnd`.
///
/// # Errors
/// Null pointers, other flags; nobody to log on as, an unusable configuration; the CA cannot be reached or
/// refuses. The context is null then.
///
/// # Safety
/// `server` is null or a string with its NUL; `context` is null or has room for a handle.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackuppreparew`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupPrepareW(
    server: *const WCHAR,
    jet_flags: ULONG,
    flags: ULONG,
    context: *mut HCSBC,
) -> HRESULT {
    answer("CertSrvBackupPrepareW", || {
        // SAFETY: the caller's promise.
        let mut context = unsafe { Out::new(context, null_mut(), "phbc") }?;
        // SAFETY: the caller's promise.
        let server = unsafe { foreign::string(server, "pwszServerName") }?;
        if jet_flags != 0 {
            return Err(Failure::invalid(format!("grbitJet is {jet_flags}, not 0")));
        }
        let kind = match flags {
            CSBACKUP_TYPE_FULL => BackupType::Full,
            CSBACKUP_TYPE_LOGS_ONLY => BackupType::Incremental,
            other => return Err(Failure::invalid(format!("dwBackupFlags is {other}, not 1 or 2"))),
        };
        let backup = Arc::new(Backup::prepare(server, kind)?);
        context.set(handles::insert(Context::Backup(backup)));
        Ok(())
    })
}

/// Lists the database files of a full backup, tagged. `size` is in bytes, with the NUL that ends the list.
/// The list is freed by `CertSrvBackupFree`, as all lists are.
///
/// # Errors
/// Null pointers; no open backup; the CA's, and its connection's.
///
/// # Safety
/// `names` and `size` are null or have room for the results.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupgetdatabasenamesw`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupGetDatabaseNamesW(
    context: HCSBC,
    names: *mut *mut WCHAR,
    size: *mut DWORD,
) -> HRESULT {
    answer("CertSrvBackupGetDatabaseNamesW", || {
        // SAFETY: the caller's promise.
        unsafe { give_list(names, size, || handles::backup(context)?.databases()) }
    })
}

/// Lists the log files, tagged. The first call of a session fixes which, so the databases are read before.
///
/// # Errors
/// As `CertSrvBackupGetDatabaseNamesW`.
///
/// # Safety
/// `names` and `size` are null or have room for the results.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupgetbackuplogsw`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupGetBackupLogsW(
    context: HCSBC,
    names: *mut *mut WCHAR,
    size: *mut DWORD,
) -> HRESULT {
    answer("CertSrvBackupGetBackupLogsW", || {
        // SAFETY: the caller's promise.
        unsafe { give_list(names, size, || handles::backup(context)?.logs()) }
    })
}

/// Lists files outside the database, without tags; they are read by other means. Where there are none it is
/// a list of none, not null.
///
/// # Errors
/// As `CertSrvBackupGetDatabaseNamesW`.
///
/// # Safety
/// `names` and `size` are null or have room for the results.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupgetdynamicfilelistw`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupGetDynamicFileListW(
    context: HCSBC,
    names: *mut *mut WCHAR,
    size: *mut DWORD,
) -> HRESULT {
    answer("CertSrvBackupGetDynamicFileListW", || {
        // SAFETY: the caller's promise.
        unsafe { give_list(names, size, || handles::backup(context)?.dynamic_files()) }
    })
}

/// Opens a listed file, its name without the tag, and tells its size in bytes. One is open at a time; it
/// owes one `CertSrvBackupClose`.
///
/// `read_hint` is the size of our buffer and counts at the first open of a context: 0 for the usual one, else
/// the nearest power of two between 64 KiB and 4 MiB, or less where memory is short.
///
/// # Errors
/// Null pointers; no open backup; `hrAlreadyOpen`; `E_INVALIDARG` for a name that was not listed; others of
/// the CA and its connection.
///
/// # Safety
/// `name` is null or a string with its NUL; `size` is null or has room for the result.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupopenfilew`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupOpenFileW(
    context: HCSBC,
    name: *const WCHAR,
    read_hint: DWORD,
    size: *mut LARGE_INTEGER,
) -> HRESULT {
    answer("CertSrvBackupOpenFileW", || {
        // SAFETY: the caller's promise.
        let mut size = unsafe { Out::new(size, 0, "pliFileSize") }?;
        // SAFETY: the caller's promise.
        let name = unsafe { foreign::string(name, "pwszAttachmentName") }?;
        let hint = usize::try_from(read_hint).unwrap_or(usize::MAX);
        let bytes = handles::backup(context)?.open(name, hint)?;
        // The CA sent it as a signed number.
        size.set(bytes.cast_signed());
        Ok(())
    })
}

/// Reads the next bytes of the open file, any number of them. Fewer than `size` are the end of the file; at
/// the end they are none, which is success.
///
/// After a failure every read of this file fails: what would come next is not what comes next in the file.
///
/// # Errors
/// Null pointers; no open backup; `E_UNEXPECTED` with no file open; the CA's, and its connection's.
///
/// # Safety
/// `buffer` is null or has room for `size` bytes; `read` is null or has room for the count.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupread`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupRead(
    context: HCSBC,
    buffer: *mut VOID,
    size: DWORD,
    read: *mut DWORD,
) -> HRESULT {
    answer("CertSrvBackupRead", || {
        // SAFETY: the caller's promise.
        let mut read = unsafe { Out::new(read, 0, "pcbRead") }?;
        let bytes = usize::try_from(size).map_err(|_| Failure::internal())?;
        // SAFETY: the caller's promise.
        let mut room = unsafe { Room::new(buffer, bytes) }?;
        handles::backup(context)?.read(&mut room)?;
        let left = DWORD::try_from(room.left()).map_err(|_| Failure::internal())?;
        read.set(size.saturating_sub(left));
        Ok(())
    })
}

/// Closes the open file.
///
/// # Errors
/// No open backup; `E_UNEXPECTED` with no file open; the CA's, and its connection's.
///
/// # Safety
/// Safe with any handle.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupclose`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupClose(context: HCSBC) -> HRESULT {
    answer("CertSrvBackupClose", || handles::backup(context)?.close())
}

/// Lets the CA delete logs that it does not need any more: once every listed file was read and is stored
/// where it will last. Success does not say that any was deleted.
///
/// # Errors
/// No open backup; the CA's, among them `E_UNEXPECTED` while a listed file was not read to its end; its
/// connection's, when it may have happened or not.
///
/// # Safety
/// Safe with any handle.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackuptruncatelogs`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupTruncateLogs(context: HCSBC) -> HRESULT {
    answer("CertSrvBackupTruncateLogs", || handles::backup(context)?.truncate())
}

/// Ends a backup session. Whatever the answer, the handle is none any more.
///
/// # Errors
/// No open backup; the CA's, and its connection's.
///
/// # Safety
/// Safe with any handle.
///
/// Source: sdk-api, `nf-certbcli-certsrvbackupend`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvBackupEnd(context: HCSBC) -> HRESULT {
    answer("CertSrvBackupEnd", || {
        let backup = handles::backup(context)?;
        handles::remove(context)?;
        backup.end()
    })
}

/// Lists database, log directory and system directory of the CA, tagged; the bytes are those of
/// `certbkxp.dat`. The context is one of either kind, and the service runs.
///
/// # Errors
/// As `CertSrvBackupGetDatabaseNamesW`.
///
/// # Safety
/// `names` and `size` are null or have room for the results.
///
/// Source: sdk-api, `nf-certbcli-certsrvrestoregetdatabaselocationsw`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CertSrvRestoreGetDatabaseLocationsW(
    context: HCSBC,
    names: *mut *mut WCHAR,
    size: *mut DWORD,
) -> HRESULT {
    answer("CertSrvRestoreGetDatabaseLocationsW", || {
        let list = || match handles::find(context)? {
            Context::Backup(backup) => backup.locations(),
            Context::Restore(restore) => restore.locations(),
        };
        // SAFETY: the caller's promise.
        unsafe { give_list(names, size, list) }
    })
}

/// # Safety
/// `names` and `size` are null or have room for the results.
unsafe fn give_list(
    names: *mut *mut WCHAR,
    size: *mut DWORD,
    list: impl FnOnce() -> Result<Vec<u8>, Failure>,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    let names = unsafe { Out::new(names, null_mut(), "the pointer to the list") };
    // SAFETY: the caller's promise.
    let size = unsafe { Out::new(size, 0, "pcbSize") };
    let (mut names, mut size) = (names?, size?);
    let list = list()?;
    let bytes = DWORD::try_from(list.len())
        .map_err(|_| Failure::new(dtyp::HResult::COMMUNICATION_ERROR, "the list is longer than 4 GiB"))?;
    names.set(memory::hand_out(&list)?);
    size.set(bytes);
    Ok(())
}
