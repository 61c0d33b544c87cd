use std::os::windows::ffi::OsStrExt as _;
use std::path::{Path, absolute};
use std::ptr;

use certadm::HostError;
use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    CheckTokenMembership, CreateWellKnownSid, GetTokenInformation, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
    SECURITY_MAX_SID_SIZE, TOKEN_QUERY, TOKEN_USER, TokenUser, WinBuiltinAdministratorsSid,
};
use windows_sys::Win32::Storage::FileSystem::CreateDirectoryW;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::certificates::text;
use crate::failure::{failed, io_failed, last_code, last_error};

/// Full control for administrators and SYSTEM, inherited by all below; nothing from above.
const PRIVATE: &str = "D:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)";

/// `ERROR_ALREADY_EXISTS`.
const EXISTS: u32 = 183;

/// Makes a folder that only administrators and SYSTEM may enter, with all that will be made in it. Folders
/// above it are made as usual. One that exists is left as its owner has set it up.
///
/// An account that is neither, a backup operator's, is let in beside them: else it could not read what it wrote.
///
/// # Errors
/// The system's.
pub fn private_folder(path: &Path) -> Result<(), HostError> {
    let what = format!("creating the folder `{}`", path.display());
    let path = absolute(path).map_err(|error| io_failed(&what, &error))?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| io_failed(&what, &error))?;
    }
    let descriptor = Descriptor::of(&rule()?)?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let wide = long(&path);
    // SAFETY: the path is terminated; the attributes and their descriptor live until the call returns.
    let done = unsafe { CreateDirectoryW(wide.as_ptr(), &raw const attributes) };
    match last_code() {
        _ if done != 0 => Ok(()),
        EXISTS if path.is_dir() => Ok(()),
        code => Err(failed(&what, code)),
    }
}

/// Terminated, and in the form that may be longer than 260 characters.
fn long(path: &Path) -> Vec<u16> {
    let units: Vec<u16> = path.as_os_str().encode_wide().collect();
    let [b, c, q, d] = [b'\\', b':', b'?', b'.'].map(u16::from);
    let prefix: &str = match units.as_slice() {
        // Has it already, or is a device.
        [first, second, third, ..] if [first, second] == [&b, &b] && [q, d].contains(third) => "",
        [first, second, ..] if [first, second] == [&b, &b] => r"\\?\UNC",
        [_, second, ..] if *second == c => r"\\?\",
        _ => "",
    };
    // `\\host\share` goes on after `UNC` with one backslash.
    let rest = if prefix.ends_with("UNC") { units.get(1..) } else { units.get(..) };
    prefix.encode_utf16().chain(rest.unwrap_or_default().iter().copied()).chain([0]).collect()
}

fn rule() -> Result<String, HostError> {
    if is_administrator() {
        return Ok(PRIVATE.to_owned());
    }
    Ok(format!("{PRIVATE}(A;OICI;FA;;;{})", own_sid()?))
}

/// Does the process act as an administrator (not only could it)?
fn is_administrator() -> bool {
    // In words of eight bytes: SIDs are aligned to four.
    let mut sid = [0_u64; 16];
    let mut size = SECURITY_MAX_SID_SIZE;
    let into = sid.as_mut_ptr().cast();
    // SAFETY: `sid` has room for the longest SID there is.
    let made =
        unsafe { CreateWellKnownSid(WinBuiltinAdministratorsSid, ptr::null_mut(), into, &raw mut size) };
    let mut member = 0;
    // SAFETY: null is the token of this thread; the SID was made just before.
    let asked = made != 0 && unsafe { CheckTokenMembership(ptr::null_mut(), into, &raw mut member) } != 0;
    asked && member != 0
}

/// The SID of the process's user, as text.
fn own_sid() -> Result<String, HostError> {
    let what = "asking for the account of this process";
    let token = Token::own()?;
    let mut user = [0_u64; 32];
    let size = u32::try_from(size_of_val(&user)).unwrap_or_default();
    let mut needed = 0;
    // SAFETY: the token is open; `user` has `size` bytes, more than a `TOKEN_USER` with the longest SID.
    let done =
        unsafe { GetTokenInformation(token.0, TokenUser, user.as_mut_ptr().cast(), size, &raw mut needed) };
    if done == 0 {
        return Err(last_error(what));
    }
    let found: *const TOKEN_USER = user.as_ptr().cast();
    // SAFETY: the call has put the structure there, aligned.
    let sid = unsafe { found.read() }.User.Sid;
    let mut shown = ptr::null_mut();
    // SAFETY: the SID lies in `user`; the call allocates the text.
    if unsafe { ConvertSidToStringSidW(sid, &raw mut shown) } == 0 {
        return Err(last_error(what));
    }
    let sid = text(shown);
    // SAFETY: the text was allocated for us with LocalAlloc, and is not used after this.
    unsafe { LocalFree(shown.cast()) };
    Ok(sid)
}

struct Token(HANDLE);

impl Token {
    fn own() -> Result<Self, HostError> {
        // SAFETY: gives a constant, which needs no closing.
        let process = unsafe { GetCurrentProcess() };
        let mut token = ptr::null_mut();
        // SAFETY: the process is ours; the handle is written.
        if unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) } == 0 {
            return Err(last_error("opening the token of this process"));
        }
        Ok(Self(token))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and is not used after this.
        unsafe { CloseHandle(self.0) };
    }
}

/// A security descriptor that the system has allocated.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    fn of(rule: &str) -> Result<Self, HostError> {
        let wide: Vec<u16> = rule.encode_utf16().chain([0]).collect();
        let mut made = ptr::null_mut();
        // SAFETY: the text is terminated; the pointer is written, the size is not asked for.
        let done = unsafe {
            let (text, size) = (wide.as_ptr(), ptr::null_mut());
            ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, &raw mut made, size)
        };
        if done == 0 { Err(last_error("making a security descriptor")) } else { Ok(Self(made)) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: it was allocated for us with LocalAlloc, and is not used after this.
        unsafe { LocalFree(self.0) };
    }
}
