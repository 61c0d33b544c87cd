//! The backup methods: from parameters to the session and back.

use certadm::FileList;
use certadm::server::{Caller, Engine};
use dtyp::{HResult, multi_string};

use super::Services;
use super::object::{Empty, Object};
use crate::method::{
    BackupCloseFile, BackupEnd, BackupGetAttachmentInformation, BackupGetBackupLogs, BackupGetDynamicFiles,
    BackupOpenFile, BackupPrepare, BackupTruncateLogs, Done, FileSize, Names, RestoreGetDatabaseLocations,
};

impl<E: Engine, S: Services> Object<E, S> {
    pub(super) fn backup_prepare(&mut self, _: &Caller, request: BackupPrepare) -> Result<Done, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        let kind = request.kind().ok_or(HResult::INVALID_ARG)?;
        self.session.prepare(kind).map(|()| Done)
    }

    pub(super) fn backup_end(&mut self, _: &Caller, _: BackupEnd) -> Result<Done, HResult> {
        self.session.end().map(|()| Done)
    }

    pub(super) fn database_files(
        &mut self,
        _: &Caller,
        _: BackupGetAttachmentInformation,
    ) -> Result<Names, HResult> {
        self.session.database_files().map(names)
    }

    pub(super) fn log_files(&mut self, _: &Caller, _: BackupGetBackupLogs) -> Result<Names, HResult> {
        self.session.log_files().map(names)
    }

    pub(super) fn dynamic_files(&mut self, _: &Caller, _: BackupGetDynamicFiles) -> Result<Names, HResult> {
        let files = self.session.dynamic_files()?;
        if files.is_empty() {
            return Ok(Names::default());
        }
        Ok(Names(multi_string::encode(files.iter().map(|file| file.as_str()))))
    }

    pub(super) fn locations(&mut self, _: &Caller, _: RestoreGetDatabaseLocations) -> Result<Names, HResult> {
        self.session.locations().map(names)
    }

    pub(super) fn open_file(&mut self, _: &Caller, request: BackupOpenFile) -> Result<FileSize, HResult> {
        let path = request.path.as_deref().unwrap_or_default();
        self.session.open_file(path).map(FileSize)
    }

    pub(super) fn close_file(&mut self, _: &Caller, _: BackupCloseFile) -> Result<Done, HResult> {
        self.session.close_file().map(|()| Done)
    }

    pub(super) fn truncate_logs(&mut self, _: &Caller, _: BackupTruncateLogs) -> Result<Done, HResult> {
        self.session.truncate_logs().map(|()| Done)
    }
}

/// On the wire an empty list is no list: count 0 ([MS-CSRA] 3.1.4.1.20).
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
fn names(list: FileList) -> Names {
    if list.files().is_empty() { Names::default() } else { Names(list.raw().to_vec()) }
}
