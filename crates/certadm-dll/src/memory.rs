//! Memory that the caller gets: of the system's allocator, so that it does not matter which Rust was linked
//! into what, and so that a tool that watches that allocator sees what the caller forgets.

use std::ffi::c_void;

use certadm_sys::WCHAR;
use dtyp::HResult;

use crate::failure::Failure;

/// Copies a list into memory for the caller, who gives it back by [`free`].
pub(crate) fn hand_out(list: &[u8]) -> Result<*mut WCHAR, Failure> {
    // Never a request for nothing, whose answer may be null.
    let pointer = system::allocate(list.len().max(1));
    if pointer.is_null() {
        let text = format!("there is no memory for a list of {} bytes", list.len());
        return Err(Failure::new(HResult::OUT_OF_MEMORY, text));
    }
    let bytes: *mut u8 = pointer.cast();
    // SAFETY: both sides have that many bytes, and one of them is new.
    unsafe { bytes.copy_from_nonoverlapping(list.as_ptr(), list.len()) };
    Ok(pointer.cast())
}

/// Frees what [`hand_out`] gave; null is nothing.
///
/// # Safety
/// `memory` is null, or came from there and was not freed yet.
pub(crate) unsafe fn free(memory: *mut c_void) {
    if !memory.is_null() {
        // SAFETY: the caller's promise.
        unsafe { system::release(memory) }
    }
}

/// As in Microsoft's library, whose callers know that it is `LocalAlloc`.
#[cfg(windows)]
mod system {
    use std::ffi::c_void;

    pub(super) fn allocate(size: usize) -> *mut c_void {
        LocalAlloc(0, size)
    }

    pub(super) unsafe fn release(memory: *mut c_void) {
        // SAFETY: the caller's promise; what comes back is null.
        unsafe { LocalFree(memory) };
    }

    #[link(name = "kernel32")]
    unsafe extern "system" {
        safe fn LocalAlloc(flags: u32, size: usize) -> *mut c_void;
        fn LocalFree(memory: *mut c_void) -> *mut c_void;
    }
}

#[cfg(not(windows))]
mod system {
    use std::ffi::c_void;

    pub(super) fn allocate(size: usize) -> *mut c_void {
        malloc(size)
    }

    pub(super) unsafe fn release(memory: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { free(memory) }
    }

    unsafe extern "C" {
        safe fn malloc(size: usize) -> *mut c_void;
        fn free(memory: *mut c_void);
    }
}
