use certadm::{Call, Error};
use dtyp::HResult;

/// A string for the library: UTF-16, ended by NUL.
pub(crate) struct Wide(Vec<u16>);

impl Wide {
    /// # Errors
    /// A NUL inside, where the library would take the string to end.
    pub(crate) fn new(text: &str, call: Call) -> Result<Self, Error> {
        if text.contains('\0') {
            return Err(Error::Refused { call, code: HResult::INVALID_ARG });
        }
        Ok(Self(text.encode_utf16().chain([0]).collect()))
    }

    pub(crate) fn as_ptr(&self) -> *const u16 {
        self.0.as_ptr()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u16 {
        self.0.as_mut_ptr()
    }
}
