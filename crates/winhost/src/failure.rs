//! The system's errors, in the words of [`HostError`].

use std::io;

use certadm::HostError;

/// `ERROR_ACCESS_DENIED`, and the same as an `HRESULT` and of a key provider (`NTE_PERM`).
const DENIED: [u32; 3] = [5, 0x8007_0005, 0x8009_0010];

/// An error code of Windows, or an `HRESULT`.
pub(crate) fn failed(what: &str, code: u32) -> HostError {
    let what = format!("{what}: {}", io::Error::from_raw_os_error(code.cast_signed()));
    if DENIED.contains(&code) { HostError::Denied { what } } else { HostError::Failed { what } }
}

/// What the call just before left in `GetLastError`; `what` was made before that call.
pub(crate) fn last_error(what: &str) -> HostError {
    failed(what, last_code())
}

/// `GetLastError`.
pub(crate) fn last_code() -> u32 {
    io::Error::last_os_error().raw_os_error().unwrap_or_default().cast_unsigned()
}

/// An error of the file system or the registry.
pub(crate) fn io_failed(what: &str, error: &io::Error) -> HostError {
    match error.raw_os_error() {
        Some(code) => failed(what, code.cast_unsigned()),
        None => HostError::Failed { what: format!("{what}: {error}") },
    }
}
