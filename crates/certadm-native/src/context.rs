use std::ffi::c_void;
use std::ptr::NonNull;

use certadm::{Call, Error};
use certadm_sys::{CertSrvBackupEnd, Functions, HCSBC, HRESULT};
use dtyp::HResult;

use crate::answer::{Oddity, answered, malformed};
use crate::privilege::Held;

/// A context of the library, of either kind. Dropping it ends it, where that was not done, and then puts
/// the privilege back.
///
/// It stays on its thread: the documentation promises nothing else.
pub(crate) struct Context<'a> {
    pub(crate) functions: &'a Functions,
    /// `None` once ended. INVARIANT: what is here, the library handed out and has not ended.
    handle: Option<NonNull<c_void>>,
    /// `CertSrvRestoreEnd` has the same type.
    end: CertSrvBackupEnd,
    _held: Held<'a>,
}

impl<'a> Context<'a> {
    /// Opens a context with `prepare`, which sets the handle; `end` is what it owes then.
    pub(crate) fn open(
        functions: &'a Functions,
        call: Call,
        held: Held<'a>,
        end: CertSrvBackupEnd,
        prepare: impl FnOnce(*mut HCSBC) -> HRESULT,
    ) -> Result<Self, Error> {
        let mut handle = std::ptr::null_mut();
        let code = prepare(&raw mut handle);
        // What a failure leaves in the pointer is no context.
        let handle = NonNull::new(handle).filter(|_| code >= 0);
        let context = Self { functions, handle, end, _held: held };
        answered(call, code)?;
        match context.handle {
            Some(_) => Ok(context),
            None => Err(malformed(call, Oddity::NoContext)),
        }
    }

    /// The handle, until it was ended.
    pub(crate) fn handle(&self, call: Call) -> Result<HCSBC, Error> {
        let ended = Error::Refused { call, code: HResult::HANDLE };
        self.handle.map(NonNull::as_ptr).ok_or(ended)
    }

    /// Ends the context: whatever the library answers, it is not asked again.
    pub(crate) fn end(&mut self, call: Call) -> Result<(), Error> {
        let handle = self.handle(call)?;
        self.handle = None;
        // SAFETY: a handle of the library, of the kind that this function ends, for the first time; the
        // library is loaded as long as its functions are borrowed.
        answered(call, unsafe { (self.end)(handle) })
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        if self.handle.is_some() {
            // Whatever led here without an end is the error to report.
            let _ = self.end(Call::BackupEnd);
        }
    }
}
