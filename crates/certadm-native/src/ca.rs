use certadm::{Authority, BackupContext, BackupType, Call, CertServer, Error, RestoreContext, ServerState};
use certadm_sys::{CSBACKUP_TYPE_FULL, CSBACKUP_TYPE_LOGS_ONLY, CSCONTROL_SHUTDOWN, CSRESTORE_TYPE_FULL};
use dtyp::HResult;

use crate::answer::answered;
use crate::backup::NativeBackup;
use crate::context::Context;
use crate::privilege::Held;
use crate::restore::NativeRestore;
use crate::wide::Wide;
use crate::{Library, Privilege, Privileges, SystemPrivileges};

/// The road to a CA through a library with the interface of `Certadm.dll`.
///
/// The interface knows hosts, not CAs: the host is what the library is told. A session keeps the privilege
/// that it needs enabled until it is dropped.
pub struct NativeCa {
    library: Library,
    authority: Authority,
    privileges: Box<dyn Privileges>,
}

impl NativeCa {
    /// The CA `authority`, through `library`, with the privileges of the process.
    pub fn new(library: Library, authority: Authority) -> Self {
        Self::with_privileges(library, authority, Box::new(SystemPrivileges))
    }

    /// As [`NativeCa::new`], with privileges from elsewhere.
    pub fn with_privileges(library: Library, authority: Authority, privileges: Box<dyn Privileges>) -> Self {
        Self { library, authority, privileges }
    }

    /// The library.
    pub fn library(&self) -> &Library {
        &self.library
    }

    fn server(&self, call: Call) -> Result<Wide, Error> {
        Wide::new(&self.authority.host, call)
    }

    fn hold(&self, privilege: Privilege, call: Call) -> Result<Held<'_>, Error> {
        Held::new(self.privileges.as_ref(), privilege, call)
    }
}

impl CertServer for NativeCa {
    fn authority(&self) -> &Authority {
        &self.authority
    }

    /// `CertSrvIsServerOnlineW`: a failure is documented to mean that the service does not run. We believe
    /// it where the code can mean that: "access denied", say, is no stopped service. A host that cannot be
    /// reached looks like a stopped service, [`HResult::RPC_UNAVAILABLE`]: the interface does not tell them
    /// apart.
    fn state(&mut self) -> Result<ServerState, Error> {
        let call = Call::GetServerState;
        let server = self.server(call)?;
        let mut online = 0;
        let is_online = self.library.functions().is_server_online;
        // SAFETY: the library is loaded, the name ends with NUL, the answer is a local.
        let code = unsafe { is_online(server.as_ptr(), &raw mut online) };
        match answered(call, code) {
            Ok(()) if online != 0 => Ok(ServerState::Online),
            Ok(()) => Ok(ServerState::Suspended),
            Err(Error::Refused { code: HResult::SERVER_SUSPENDED, .. }) => Ok(ServerState::Suspended),
            Err(Error::Refused { code, .. }) if STOPPED.contains(&code) => Ok(ServerState::Stopped),
            Err(error) => Err(error),
        }
    }

    fn shut_down(&mut self) -> Result<(), Error> {
        let call = Call::ServerControl;
        let server = self.server(call)?;
        // An operator of the CA may do it because of this privilege, an administrator of the CA without it.
        let _held = self.hold(Privilege::Backup, call).ok();
        let control = self.library.functions().server_control;
        let (size, out) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the library is loaded, the name ends with NUL, and null is documented for both results.
        answered(call, unsafe { control(server.as_ptr(), CSCONTROL_SHUTDOWN, size, out) })
    }

    fn prepare_backup(&mut self, kind: BackupType) -> Result<Box<dyn BackupContext + '_>, Error> {
        let call = Call::BackupPrepare;
        let server = self.server(call)?;
        let held = self.hold(Privilege::Backup, call)?;
        let flags = match kind {
            BackupType::Full => CSBACKUP_TYPE_FULL,
            BackupType::Incremental => CSBACKUP_TYPE_LOGS_ONLY,
        };
        let functions = self.library.functions();
        let context = Context::open(functions, call, held, functions.backup_end, |handle| {
            // SAFETY: the library is loaded, the name ends with NUL, the handle is a local of the caller's.
            unsafe { (functions.backup_prepare)(server.as_ptr(), 0, flags, handle) }
        })?;
        Ok(Box::new(NativeBackup::new(context)))
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, Error> {
        let call = Call::RestorePrepare;
        let server = self.server(call)?;
        let held = self.hold(Privilege::Restore, call)?;
        let functions = self.library.functions();
        let context = Context::open(functions, call, held, functions.restore_end, |handle| {
            // SAFETY: the library is loaded, the name ends with NUL, the handle is a local of the caller's.
            unsafe { (functions.restore_prepare)(server.as_ptr(), CSRESTORE_TYPE_FULL, handle) }
        })?;
        Ok(Box::new(NativeRestore::new(context)))
    }
}

/// What says that the service does not run: nobody answers; the class is not there, or does not come up
/// (`CO_E_SERVER_EXEC_FAILURE`); not started, or disabled (`ERROR_SERVICE_DISABLED`).
const STOPPED: [HResult; 6] = [
    HResult::RPC_UNAVAILABLE,
    HResult::CLASS_NOT_REGISTERED,
    HResult::SERVER_EXEC_FAILURE,
    HResult::SERVICE_NOT_ACTIVE,
    HResult::SERVICE_DISABLED,
    HResult::ENDPOINT_NOT_REGISTERED,
];
