use core::ffi::c_void;

pub use windows_sys::Win32::Security::Cryptography::Certificates::CSEDB_RSTMAPW;

/// A result: 0 (`S_OK`) is success. The documentation names no other success code.
pub type HRESULT = i32;

/// 0 is false, anything else true.
pub type BOOL = i32;

/// 32 bits without sign.
pub type DWORD = u32;

/// 32 bits without sign; `unsigned long` of Windows, not of the system.
pub type ULONG = u32;

/// 32 bits with sign; `long` of Windows, not of the system.
pub type LONG = i32;

/// A byte.
pub type BYTE = u8;

/// A unit of UTF-16, on every system: not `wchar_t` outside of Windows.
pub type WCHAR = u16;

/// 64 bits with sign: the `QuadPart` of the union.
#[expect(non_camel_case_types, reason = "spelled as in the header")]
pub type LARGE_INTEGER = i64;

/// Nothing, behind a pointer.
pub type VOID = c_void;

/// A backup or restore context; opaque.
pub type HCSBC = *mut c_void;

/// The tag in front of each listed name: one unit of UTF-16.
pub type CSBFT = WCHAR;
