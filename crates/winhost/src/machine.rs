//! The machine: its name, its system, its folders.

use std::path::PathBuf;

use certadm::{HostError, LogHoarding};
use windows_registry::LOCAL_MACHINE;
use windows_sys::Win32::System::SystemInformation::{
    ComputerNameDnsFullyQualified, GetComputerNameExW, GetSystemDirectoryW, GetSystemWindowsDirectoryW,
};

use crate::failure::last_error;
use crate::release;

const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";

/// UTF-16 units of a path or name of the system; all of them are shorter.
const LONGEST: u32 = 1024;

/// The DNS name of this machine, with its domain where it has one.
pub(crate) fn dns_name() -> Result<String, HostError> {
    let mut size = LONGEST;
    let mut name = buffer();
    // SAFETY: `name` has room for `size` units.
    let done = unsafe { GetComputerNameExW(ComputerNameDnsFullyQualified, name.as_mut_ptr(), &raw mut size) };
    if done == 0 {
        return Err(last_error("asking for the DNS name of this machine"));
    }
    Ok(filled(&name, size))
}

/// `%SystemRoot%`, from the system and not from the environment.
pub(crate) fn windows_folder() -> Option<PathBuf> {
    let mut path = buffer();
    // SAFETY: `path` has room for `LONGEST` units.
    let size = unsafe { GetSystemWindowsDirectoryW(path.as_mut_ptr(), LONGEST) };
    (size > 0 && size < LONGEST).then(|| PathBuf::from(filled(&path, size)))
}

/// `%SystemRoot%\System32`.
pub(crate) fn system_folder() -> Option<PathBuf> {
    let mut path = buffer();
    // SAFETY: `path` has room for `LONGEST` units.
    let size = unsafe { GetSystemDirectoryW(path.as_mut_ptr(), LONGEST) };
    (size > 0 && size < LONGEST).then(|| PathBuf::from(filled(&path, size)))
}

/// Does the engine of this system keep superfluous logs?
///
/// `GetVersionEx` answers with the version that the program's manifest names; the registry does not.
pub(crate) fn log_hoarding() -> Option<LogHoarding> {
    let key = LOCAL_MACHINE.open(VERSION).ok()?;
    let build = key.get_string("CurrentBuildNumber").ok()?.parse().ok()?;
    let product = key.get_string("ProductName").unwrap_or_else(|_| "Windows".to_owned());
    release::log_hoarding(&product, build)
}

fn buffer() -> Vec<u16> {
    std::iter::repeat_n(0, usize::try_from(LONGEST).unwrap_or_default()).collect()
}

fn filled(units: &[u16], size: u32) -> String {
    let size = usize::try_from(size).unwrap_or_default();
    String::from_utf16_lossy(units.get(..size).unwrap_or_default())
}
