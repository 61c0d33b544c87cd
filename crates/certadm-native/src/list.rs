use certadm::{Call, Error};
use certadm_sys::{Functions, HCSBC, HRESULT};

use crate::answer::{Oddity, answered, malformed};

/// A function that hands out a list: the four have one type.
pub(crate) type GetList = unsafe extern "system" fn(HCSBC, *mut *mut u16, *mut u32) -> HRESULT;

/// Asks for a list and copies its bytes out: none where the CA has none. What the library allocated is
/// freed on every path.
///
/// # Errors
/// The library's, and an announced size that is no size of the list.
///
/// # Safety
/// `get` is one of the list functions of the library that `functions` are of, which is loaded, and
/// `handle` a context of it that was not ended.
pub(crate) unsafe fn fetch(
    functions: &Functions,
    call: Call,
    get: GetList,
    handle: HCSBC,
) -> Result<Vec<u8>, Error> {
    let mut list = std::ptr::null_mut();
    let mut size = 0;
    // SAFETY: function and context are what the caller promises, both pointers are to locals.
    let code = unsafe { get(handle, &raw mut list, &raw mut size) };
    // What a failure leaves in the pointer is nothing that was allocated.
    let list = Allocated { functions, list: if code < 0 { std::ptr::null_mut() } else { list } };
    answered(call, code)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if list.list.is_null() && size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the library says that it allocated `size` bytes there, and nothing freed them yet.
    unsafe { copy(list.list, size) }.map_err(|oddity| malformed(call, oddity))
}

/// What the library allocated. Dropping it gives it back.
struct Allocated<'a> {
    functions: &'a Functions,
    list: *mut u16,
}

impl Drop for Allocated<'_> {
    fn drop(&mut self) {
        if !self.list.is_null() {
            // SAFETY: the library allocated it for us to free, and this is the only place that does.
            unsafe { (self.functions.backup_free)(self.list.cast()) }
        }
    }
}

/// Bytes of a list that are still plausible: some thirty thousand names.
const MAX_SIZE: usize = 16 << 20;

/// Copies a list out, and reads nothing behind its final NUL: an announced size may be wrong, and then
/// that memory is not the list's. An empty list may have its second NUL.
///
/// Whether it is a list is for its decoder to say.
///
/// # Safety
/// `list` is null, or a list of `size` bytes, or a shorter one that has its final NUL.
unsafe fn copy(list: *const u16, size: usize) -> Result<Vec<u8>, Oddity> {
    if list.is_null() {
        return Err(Oddity::NullList { size });
    }
    if size > MAX_SIZE {
        return Err(Oddity::HugeList { size });
    }
    let mut bytes = Vec::new();
    let mut is_start = true;
    for index in 0..size.div_euclid(2) {
        // SAFETY: a unit within the announced size, and no final NUL was before it.
        let unit = unsafe { list.wrapping_add(index).read_unaligned() };
        bytes.extend(unit.to_le_bytes());
        if is_start && unit == 0 {
            let end = bytes.len();
            return if end == size || (index == 0 && size == 4) {
                Ok(bytes)
            } else {
                Err(Oddity::OverlongList { end, size })
            };
        }
        is_start = unit == 0;
    }
    // Not ended, and perhaps half a unit too long: the decoder refuses it for what it lacks.
    bytes.resize(size, 0);
    Ok(bytes)
}
