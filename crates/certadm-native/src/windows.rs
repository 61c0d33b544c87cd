//! What is Windows' own: where its libraries are, COM, privileges, texts of codes.

use std::ffi::{OsString, c_void};
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::ptr;

use dtyp::HResult;
use libloading::os::windows::{
    LOAD_LIBRARY_AS_DATAFILE, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR,
    LOAD_LIBRARY_SEARCH_SYSTEM32, Library,
};
use windows_sys::Win32::Foundation::{CloseHandle, ERROR_NOT_ALL_ASSIGNED, GetLastError, HANDLE, LUID};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, SE_BACKUP_NAME, SE_PRIVILEGE_ENABLED,
    SE_RESTORE_NAME, TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES, TOKEN_QUERY,
};
use windows_sys::Win32::System::Com::{CO_MTA_USAGE_COOKIE, CoDecrementMTAUsage, CoIncrementMTAUsage};
use windows_sys::Win32::System::Diagnostics::Debug::{
    FORMAT_MESSAGE_FROM_HMODULE, FORMAT_MESSAGE_FROM_SYSTEM, FORMAT_MESSAGE_IGNORE_INSERTS, FormatMessageW,
};
use windows_sys::Win32::System::SystemInformation::GetSystemDirectoryW;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::{LoadError, Privilege, PrivilegeError};

/// The text of the system, or of the backup layer (`Ntdsbmsg.dll`), for a code; in the system's language,
/// and only on Windows.
///
/// Source: "Retrieving Error Messages" (win32, `SecCrypto`).
pub fn message(code: HResult) -> Option<String> {
    text(FORMAT_MESSAGE_FROM_SYSTEM, ptr::null(), code).or_else(|| {
        let path = system_file("ntdsbmsg.dll").ok()?;
        let flags = LOAD_LIBRARY_AS_DATAFILE;
        // SAFETY: a full path, and nothing in the library runs.
        let library = unsafe { Library::load_with_flags(path, flags) }.ok()?;
        let module = library.into_raw();
        let source = ptr::with_exposed_provenance(module.cast_unsigned());
        let text = text(FORMAT_MESSAGE_FROM_HMODULE, source, code);
        // SAFETY: the handle that was taken out above, put back to be closed.
        drop(unsafe { Library::from_raw(module) });
        text
    })
}

/// Where a library lies: that decides where those that it needs may lie.
pub(crate) enum Place {
    System,
    Named,
}

pub(crate) fn library() -> Result<PathBuf, LoadError> {
    let name = "certadm.dll";
    system_file(name).map_err(|source| LoadError::Path { path: name.into(), source })
}

pub(crate) fn load(path: &Path, place: Place) -> Result<libloading::Library, libloading::Error> {
    let flags = match place {
        Place::System => LOAD_LIBRARY_SEARCH_SYSTEM32,
        // Never the current directory and never PATH, which the old order of searching would take.
        Place::Named => LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS,
    };
    // SAFETY: the system's library, or one that the operator named; that its initialisers may run is what
    // loading it means.
    unsafe { Library::load_with_flags(path, flags) }.map(libloading::Library::from)
}

/// COM, for a library that does not initialise it itself: whether Certadm.dll does is not documented. Every
/// thread that has no apartment of its own is in the multithreaded one as long as this lives; a library
/// that makes one for its thread is not in its way.
#[derive(Debug)]
pub(crate) struct Com(Option<Cookie>);

/// Written once; not used but to give it back.
#[derive(Debug)]
struct Cookie(CO_MTA_USAGE_COOKIE);

// SAFETY: the documentation lets any thread give the cookie back.
unsafe impl Send for Cookie {}
// SAFETY: nothing can be done with a shared one.
unsafe impl Sync for Cookie {}

impl Com {
    pub(crate) fn new() -> Self {
        let mut cookie = CO_MTA_USAGE_COOKIE::default();
        // SAFETY: the cookie is a local.
        let code = unsafe { CoIncrementMTAUsage(&raw mut cookie) };
        // A library that wants COM says so itself.
        Self((code >= 0).then_some(Cookie(cookie)))
    }
}

impl Drop for Com {
    fn drop(&mut self) {
        if let Some(Cookie(cookie)) = self.0.take() {
            // SAFETY: a cookie of CoIncrementMTAUsage, given back once.
            unsafe { CoDecrementMTAUsage(cookie) };
        }
    }
}

pub(crate) fn enable(privilege: Privilege) -> Result<bool, PrivilegeError> {
    Token::open()?.adjust(privilege, SE_PRIVILEGE_ENABLED)
}

pub(crate) fn disable(privilege: Privilege) {
    // See `Privileges::disable`.
    let _ = Token::open().and_then(|token| token.adjust(privilege, 0));
}

/// The token of this process.
struct Token(HANDLE);

impl Token {
    fn open() -> Result<Self, PrivilegeError> {
        let mut token = ptr::null_mut();
        // SAFETY: no preconditions; the handle that it returns needs no closing.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: a handle of this process, and a local.
        if unsafe { OpenProcessToken(process, TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &raw mut token) } == 0 {
            return Err(failed());
        }
        Ok(Self(token))
    }

    /// Gives the privilege these attributes. Had it others before?
    fn adjust(&self, privilege: Privilege, attributes: u32) -> Result<bool, PrivilegeError> {
        let name = match privilege {
            Privilege::Backup => SE_BACKUP_NAME,
            Privilege::Restore => SE_RESTORE_NAME,
        };
        let mut luid = LUID::default();
        // SAFETY: null is this system, the name is a literal that ends with NUL, the LUID is a local.
        if unsafe { LookupPrivilegeValueW(ptr::null(), name, &raw mut luid) } == 0 {
            return Err(failed());
        }
        let wanted = TOKEN_PRIVILEGES {
            PrivilegeCount: 1,
            Privileges: [LUID_AND_ATTRIBUTES { Luid: luid, Attributes: attributes }],
        };
        let mut before = TOKEN_PRIVILEGES::default();
        let mut needed = 0;
        let size = u32::try_from(size_of::<TOKEN_PRIVILEGES>()).unwrap_or_default();
        // SAFETY: the token is open for this; all pointers are to locals, and `before` has `size` bytes.
        let adjusted = unsafe {
            AdjustTokenPrivileges(self.0, 0, &raw const wanted, size, &raw mut before, &raw mut needed)
        };
        if adjusted == 0 {
            return Err(failed());
        }
        // SAFETY: no preconditions.
        if unsafe { GetLastError() } == ERROR_NOT_ALL_ASSIGNED {
            return Err(PrivilegeError::NotHeld);
        }
        // What did not change is not listed; under Wine it is, with what it was.
        let [was] = before.Privileges;
        Ok(before.PrivilegeCount > 0 && (was.Attributes ^ attributes) & SE_PRIVILEGE_ENABLED != 0)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: opened by `Token::open`, closed once.
        unsafe { CloseHandle(self.0) };
    }
}

fn failed() -> PrivilegeError {
    // SAFETY: no preconditions.
    let error = unsafe { GetLastError() };
    // HRESULT_FROM_WIN32 ([MS-ERREF] 2.1.2).
    PrivilegeError::Failed(HResult(0x8007_0000 | (error & 0xFFFF)))
}

/// Full path of a file in the system directory.
fn system_file(name: &str) -> io::Result<PathBuf> {
    let mut buffer = [0_u16; 1024];
    let size = u32::try_from(buffer.len()).unwrap_or_default();
    // SAFETY: the buffer has `size` units.
    let length = unsafe { GetSystemDirectoryW(buffer.as_mut_ptr(), size) };
    // Without room it is the length that it would have.
    match usize::try_from(length).ok().and_then(|length| buffer.get(..length)) {
        None | Some([]) => Err(io::Error::last_os_error()),
        Some(directory) => Ok(PathBuf::from(OsString::from_wide(directory)).join(name)),
    }
}

/// A message table's text for a code, in one line.
fn text(from: u32, source: *const c_void, code: HResult) -> Option<String> {
    let mut buffer = [0_u16; 2048];
    let size = u32::try_from(buffer.len()).unwrap_or_default();
    let flags = from | FORMAT_MESSAGE_IGNORE_INSERTS;
    // SAFETY: the source is null or a module with a message table, the buffer has `size` units, and inserts
    // are ignored.
    let length = unsafe { FormatMessageW(flags, source, code.0, 0, buffer.as_mut_ptr(), size, ptr::null()) };
    let text = String::from_utf16_lossy(buffer.get(..usize::try_from(length).ok()?)?);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}
