//! The caller's memory: results, strings and buffers behind pointers that may be null.

use std::ffi::c_void;

use certadm_sys::WCHAR;

use crate::failure::Failure;

/// Longest string that is taken, in UTF-16 units without its NUL: that of Windows for a path.
const MAX_UNITS: usize = 32_767;

/// Where a result goes.
///
/// INVARIANT: points to room for a `T` that may be written until this is dropped.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Takes a pointer for the result `what`, which reads `empty` until it is set.
    ///
    /// # Safety
    /// `pointer` is null, or points to room for a `T` that may be written until the call returns.
    pub(crate) unsafe fn new(pointer: *mut T, empty: T, what: &str) -> Result<Self, Failure> {
        if pointer.is_null() {
            return Err(Failure::invalid(format!("{what} is a null pointer")));
        }
        let mut out = Self(pointer);
        out.set(empty);
        Ok(out)
    }

    pub(crate) fn set(&mut self, value: T) {
        // SAFETY: the invariant; whatever is there is overwritten unread, so need not be initialised, and
        // C compilers can be made to misalign it.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// The caller's buffer, filled from its beginning.
///
/// INVARIANT: `left` bytes from `next` on may be written until this is dropped.
pub(crate) struct Room {
    next: *mut u8,
    left: usize,
}

impl Room {
    /// Takes a buffer of `size` bytes.
    ///
    /// # Safety
    /// `buffer` is null, or `size` bytes from there on may be written until the call returns.
    pub(crate) unsafe fn new(buffer: *mut c_void, size: usize) -> Result<Self, Failure> {
        if buffer.is_null() && size > 0 {
            return Err(Failure::invalid("the buffer is a null pointer"));
        }
        Ok(Self { next: buffer.cast(), left: size })
    }

    /// Bytes that still fit.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Appends as much of `bytes` as fits, and says how much that was.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.left);
        // SAFETY: `count` bytes can be read, and by the invariant written; what the caller may write is
        // none of ours.
        unsafe { self.next.copy_from_nonoverlapping(bytes.as_ptr(), count) };
        self.next = self.next.wrapping_add(count);
        self.left = self.left.saturating_sub(count);
        count
    }
}

/// A string of the caller, `what` in errors.
///
/// # Safety
/// `text` is null, or points to UTF-16 that can be read up to its NUL.
pub(crate) unsafe fn string(text: *const WCHAR, what: &str) -> Result<String, Failure> {
    // SAFETY: the caller's promise is the same.
    match unsafe { optional_string(text, what) }? {
        Some(text) => Ok(text),
        None => Err(Failure::invalid(format!("{what} is a null pointer"))),
    }
}

/// As [`string`], where null stands for none.
///
/// # Safety
/// That of [`string`].
pub(crate) unsafe fn optional_string(text: *const WCHAR, what: &str) -> Result<Option<String>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    let mut units = Vec::new();
    let mut next = text;
    loop {
        // SAFETY: every unit before `next` was not the NUL, so this one can be read.
        let unit = unsafe { next.read_unaligned() };
        if unit == 0 {
            break;
        }
        if units.len() == MAX_UNITS {
            return Err(Failure::invalid(format!("{what} is longer than {MAX_UNITS} characters")));
        }
        units.push(unit);
        next = next.wrapping_add(1);
    }
    match String::from_utf16(&units) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Failure::invalid(format!("{what} is not well-formed UTF-16"))),
    }
}
