//! The guard of invariant 4: once prepared, Close (if a file is open) and End, on every path, once.

use certadm::{Authority, BackupContext, Call, FileKind, FileList, RestoreMap, base_name};

use crate::{Error, shown_name};

/// A backup session of the CA. Dropping it ends it.
pub(crate) struct Session<'a> {
    context: Box<dyn BackupContext + 'a>,
    ca: Authority,
    open: bool,
    /// The file that is or was open, for error messages.
    file: String,
    ended: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn new(context: Box<dyn BackupContext + 'a>, ca: Authority) -> Self {
        Self { context, ca, open: false, file: String::new(), ended: false }
    }

    pub(crate) fn restore_map(&mut self) -> Result<RestoreMap, Error> {
        self.context.restore_map().map_err(server(&self.ca, "fetch the restore map of"))
    }

    pub(crate) fn database_files(&mut self) -> Result<FileList, Error> {
        let kinds = [FileKind::Database];
        let (call, listed) = (Call::BackupGetAttachmentInformation, self.context.database_files());
        listed.and_then(of_kinds(call, &kinds)).map_err(server(&self.ca, "list the database files of"))
    }

    pub(crate) fn log_files(&mut self) -> Result<FileList, Error> {
        let kinds = [FileKind::Log, FileKind::PatchFile];
        let (call, listed) = (Call::BackupGetBackupLogs, self.context.log_files());
        listed.and_then(of_kinds(call, &kinds)).map_err(server(&self.ca, "list the log files of"))
    }

    pub(crate) fn dynamic_files(&mut self) -> Result<Vec<String>, Error> {
        self.context.dynamic_files().map_err(server(&self.ca, "list the files outside the database of"))
    }

    pub(crate) fn open(&mut self, name: &str) -> Result<u64, Error> {
        self.file = shown_name(base_name(name));
        let opened = self.context.open_file(name);
        // A lost reply may have opened the file: then it needs its Close too.
        self.open = opened.is_ok() || opened.as_ref().is_err_and(certadm::Error::is_lost);
        opened.map_err(server(&self.ca, format!("open `{}` of", self.file)))
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.context.read_file(buffer);
        read.map_err(|error| server(&self.ca, format!("read `{}` of", self.file))(error))
    }

    pub(crate) fn close(&mut self) -> Result<(), Error> {
        self.open = false;
        self.context.close_file().map_err(server(&self.ca, format!("close `{}` of", self.file)))
    }

    /// The raw answer: a lost reply is not a failure here.
    pub(crate) fn truncate(&mut self) -> Result<(), certadm::Error> {
        self.context.truncate_logs()
    }

    pub(crate) fn end(mut self) -> Result<(), certadm::Error> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), certadm::Error> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        if std::mem::take(&mut self.open) {
            // What Close says does not change that End is owed.
            let _ = self.context.close_file();
        }
        self.context.end()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // On an error path the error that led here is the one to report.
        let _ = self.finish();
    }
}

/// A list that names something else than it should is no list to work from.
fn of_kinds(call: Call, kinds: &[FileKind]) -> impl FnOnce(FileList) -> Result<FileList, certadm::Error> {
    move |list| match list.check_kinds(kinds) {
        Ok(()) => Ok(list),
        Err(reason) => Err(certadm::Error::Malformed { call, reason: reason.into() }),
    }
}

pub(crate) fn server(ca: &Authority, doing: impl Into<String>) -> impl FnOnce(certadm::Error) -> Error {
    let (ca, doing) = (ca.clone(), doing.into());
    move |source| Error::Server { doing, ca, source }
}
