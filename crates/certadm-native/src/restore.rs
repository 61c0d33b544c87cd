use std::ptr;

use certadm::{Call, Error, Registration, RestoreContext};
use certadm_sys::{CSEDB_RSTMAPW, CertSrvRestoreRegisterW};
use dtyp::HResult;

use crate::answer::answered;
use crate::context::Context;
use crate::wide::Wide;

/// A restore session of the library.
pub(crate) struct NativeRestore<'a> {
    context: Context<'a>,
}

impl<'a> NativeRestore<'a> {
    pub(crate) fn new(context: Context<'a>) -> Self {
        Self { context }
    }
}

impl RestoreContext for NativeRestore<'_> {
    /// Who is no local administrator may not register, but may register through a file: that is tried next.
    fn register(&mut self, registration: &Registration) -> Result<(), Error> {
        let functions = self.context.functions;
        match self.register_with(functions.restore_register, registration) {
            Err(Error::Refused { code: HResult::ACCESS_DENIED, .. }) => {
                self.register_with(functions.restore_register_through_file, registration)
            }
            other => other,
        }
    }

    fn register_complete(&mut self, outcome: HResult) -> Result<(), Error> {
        let call = Call::RestoreRegisterComplete;
        let handle = self.context.handle(call)?;
        let complete = self.context.functions.restore_register_complete;
        // SAFETY: the context was not ended.
        answered(call, unsafe { complete(handle, outcome.0.cast_signed()) })
    }

    fn end(&mut self) -> Result<(), Error> {
        self.context.end(Call::RestoreEnd)
    }
}

impl NativeRestore<'_> {
    /// `CertSrvRestoreRegisterThroughFile` has the same type.
    fn register_with(
        &self,
        register: CertSrvRestoreRegisterW,
        registration: &Registration,
    ) -> Result<(), Error> {
        let call = Call::RestoreRegister;
        let handle = self.context.handle(call)?;
        let checkpoint = optional(registration.checkpoint_directory.as_deref())?;
        let log = optional(registration.log_directory.as_deref())?;
        let backup_log = optional(registration.backup_log_directory.as_deref())?;
        let mut names = match &registration.database {
            Some((old, new)) => Some((Wide::new(old, call)?, Wide::new(new, call)?)),
            None => None,
        };
        let mut map = names.as_mut().map(|(old, new)| CSEDB_RSTMAPW {
            pwszDatabaseName: old.as_mut_ptr(),
            pwszNewDatabaseName: new.as_mut_ptr(),
        });
        let (map, count) = map.as_mut().map_or((ptr::null_mut(), 0), |map| (ptr::from_mut(map), 1));
        // SAFETY: the context was not ended; each pointer is null or to a string that ends with NUL, and the
        // map has `count` elements. All of them live to the end of this function.
        let code = unsafe {
            register(
                handle,
                pointer(&checkpoint),
                pointer(&log),
                map,
                count,
                pointer(&backup_log),
                registration.low,
                registration.high,
            )
        };
        answered(call, code)
    }
}

fn optional(path: Option<&str>) -> Result<Option<Wide>, Error> {
    path.map(|path| Wide::new(path, Call::RestoreRegister)).transpose()
}

fn pointer(path: &Option<Wide>) -> *const u16 {
    path.as_ref().map_or(ptr::null(), Wide::as_ptr)
}
