//! The road: the seam on top of the sequencing machine on top of the directory.

use std::sync::Arc;

use certadm::server::{Caller, Session};
use certadm::{
    Authority, BackupContext, BackupType, Call, CertServer, Configuration, Error, FileList, MissingPart,
    Registration, RestoreContext, RestoreMap, ServerState,
};
use dtyp::HResult;

use crate::engine::DirectoryEngine;
use crate::site::Site;
use crate::{CallLog, Faulty, profile, restore};

/// A road to the CA of a directory, in process.
///
/// It owns all it needs: the [`crate::CaDirectory`] it comes from may go.
#[derive(Debug)]
pub struct Connection(Faulty<Local>);

impl Connection {
    pub(crate) fn new(site: Arc<Site>, caller: Caller) -> Self {
        let faults = site.config.faults.clone();
        Self(Faulty::new(Local { site, caller }, faults))
    }

    /// The calls made on this connection.
    pub fn log(&self) -> CallLog {
        self.0.log()
    }
}

impl CertServer for Connection {
    fn authority(&self) -> &Authority {
        self.0.authority()
    }

    fn state(&mut self) -> Result<ServerState, Error> {
        self.0.state()
    }

    fn configuration(&mut self) -> Result<Configuration, Error> {
        self.0.configuration()
    }

    fn shut_down(&mut self) -> Result<(), Error> {
        self.0.shut_down()
    }

    fn prepare_backup(&mut self, kind: BackupType) -> Result<Box<dyn BackupContext + '_>, Error> {
        self.0.prepare_backup(kind)
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, Error> {
        self.0.prepare_restore()
    }
}

#[derive(Debug)]
struct Local {
    site: Arc<Site>,
    caller: Caller,
}

impl Local {
    fn admit(&self, call: Call) -> Result<(), Error> {
        self.site.config.gate().admit(&self.caller, call).map_err(refused(call))
    }
}

impl CertServer for Local {
    fn authority(&self) -> &Authority {
        &self.site.authority
    }

    fn state(&mut self) -> Result<ServerState, Error> {
        let state = self.site.service();
        if state != ServerState::Stopped {
            self.admit(Call::GetServerState)?;
        }
        Ok(state)
    }

    fn configuration(&mut self) -> Result<Configuration, Error> {
        let call = Call::GetCAProperty;
        let admitted = self.site.require_running().map_err(refused(call)).and_then(|()| self.admit(call));
        let told = admitted.and_then(|()| {
            profile::configuration(&self.site)
                .map_err(|error| Error::Malformed { call, reason: error.into() })
        });
        // A backup does not need it: what cannot be had is a gap of the set.
        Ok(told.unwrap_or_else(|error| {
            let what = "configuration of the CA".to_owned();
            let missing = vec![MissingPart { what, reason: error.to_string() }];
            Configuration { missing, ..Configuration::default() }
        }))
    }

    fn shut_down(&mut self) -> Result<(), Error> {
        let call = Call::ServerControl;
        self.site.require_running().map_err(refused(call))?;
        self.admit(call)?;
        self.site.stop().map_err(|_| refused(call)(HResult::DISK_IO))
    }

    fn prepare_backup(&mut self, kind: BackupType) -> Result<Box<dyn BackupContext + '_>, Error> {
        let call = Call::BackupPrepare;
        match self.site.service() {
            ServerState::Online => {}
            ServerState::Suspended => {
                self.admit(call)?;
                return Err(refused(call)(HResult::SERVER_SUSPENDED));
            }
            ServerState::Stopped => return Err(refused(call)(HResult::SERVICE_NOT_ACTIVE)),
        }
        let engine = DirectoryEngine::new(Arc::clone(&self.site));
        let mut session = Session::new(self.site.config.gate(), self.caller, engine);
        session.prepare(kind).map_err(refused(call))?;
        Ok(Box::new(Backup { site: Arc::clone(&self.site), session }))
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, Error> {
        let call = Call::RestorePrepare;
        self.admit(call)?;
        if self.caller.remote {
            return Err(refused(call)(HResult::NOT_IMPLEMENTED));
        }
        Ok(Box::new(Restore { site: Arc::clone(&self.site), ended: false }))
    }
}

struct Backup {
    site: Arc<Site>,
    session: Session<DirectoryEngine>,
}

impl Backup {
    fn call<T>(
        &mut self,
        call: Call,
        make: impl FnOnce(&mut Session<DirectoryEngine>) -> Result<T, HResult>,
    ) -> Result<T, Error> {
        self.site.require_running().and_then(|()| make(&mut self.session)).map_err(refused(call))
    }
}

impl BackupContext for Backup {
    fn restore_map(&mut self) -> Result<RestoreMap, Error> {
        let call = Call::RestoreGetDatabaseLocations;
        let list = self.call(call, Session::locations)?;
        RestoreMap::decode(list.raw().to_vec())
            .map_err(|reason| Error::Malformed { call, reason: reason.into() })
    }

    fn database_files(&mut self) -> Result<FileList, Error> {
        self.call(Call::BackupGetAttachmentInformation, Session::database_files)
    }

    fn log_files(&mut self) -> Result<FileList, Error> {
        self.call(Call::BackupGetBackupLogs, Session::log_files)
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, Error> {
        self.call(Call::BackupGetDynamicFiles, Session::dynamic_files)
    }

    fn open_file(&mut self, name: &str) -> Result<u64, Error> {
        self.call(Call::BackupOpenFile, |session| session.open_file(name))
    }

    fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        // No look at the service here: it would be a look at the disk for each read.
        self.session.read_file(buffer).map_err(refused(Call::BackupReadFile))
    }

    fn close_file(&mut self) -> Result<(), Error> {
        self.call(Call::BackupCloseFile, Session::close_file)
    }

    fn truncate_logs(&mut self) -> Result<(), Error> {
        self.call(Call::BackupTruncateLogs, Session::truncate_logs)
    }

    fn end(&mut self) -> Result<(), Error> {
        self.call(Call::BackupEnd, Session::end)
    }
}

struct Restore {
    site: Arc<Site>,
    ended: bool,
}

impl Restore {
    fn call(&self, call: Call, make: impl FnOnce(&Site) -> Result<(), HResult>) -> Result<(), Error> {
        let open = if self.ended { Err(HResult::HR_INVALID_HANDLE) } else { Ok(()) };
        open.and_then(|()| make(&self.site)).map_err(refused(call))
    }
}

impl RestoreContext for Restore {
    fn register(&mut self, registration: &Registration) -> Result<(), Error> {
        self.call(Call::RestoreRegister, |site| restore::register(site, registration))
    }

    fn register_complete(&mut self, outcome: HResult) -> Result<(), Error> {
        self.call(Call::RestoreRegisterComplete, |site| restore::complete(site, outcome))
    }

    fn end(&mut self) -> Result<(), Error> {
        self.call(Call::RestoreEnd, restore::end)?;
        self.ended = true;
        Ok(())
    }
}

fn refused(call: Call) -> impl FnOnce(HResult) -> Error {
    move |code| Error::Refused { call, code }
}
