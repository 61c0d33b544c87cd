use certadm::{BackupContext, Call, Error, FileKind, FileList, ListError, RestoreMap};
use dtyp::multi_string;

use crate::answer::{Oddity, answered, malformed};
use crate::context::Context;
use crate::list::{self, GetList};
use crate::wide::Wide;

/// A backup session of the library.
pub(crate) struct NativeBackup<'a> {
    context: Context<'a>,
    /// A file is open, or may be.
    open: bool,
    /// Bytes of the open file that were not read yet.
    left: u64,
}

/// Size of the library's reads, in bytes: the engine's. Counts when the first file is opened.
const READ_HINT: u32 = 1 << 20;

/// Most bytes of one read: the largest that the hint can ask for.
const MAX_READ: usize = 4 << 20;

impl<'a> NativeBackup<'a> {
    pub(crate) fn new(context: Context<'a>) -> Self {
        Self { context, open: false, left: 0 }
    }

    fn list(&self, call: Call, get: GetList) -> Result<Vec<u8>, Error> {
        let handle = self.context.handle(call)?;
        // SAFETY: `get` is one of `context.functions`, and the context was not ended.
        unsafe { list::fetch(self.context.functions, call, get, handle) }
    }

    /// One read, into the first bytes of `space`.
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Error> {
        let call = Call::BackupReadFile;
        let handle = self.context.handle(call)?;
        let want = u32::try_from(space.len().min(MAX_READ)).unwrap_or_default();
        let mut read = 0;
        // SAFETY: the context was not ended; `space` has at least `want` bytes, and the counter is a local.
        let code = unsafe {
            (self.context.functions.backup_read)(handle, space.as_mut_ptr().cast(), want, &raw mut read)
        };
        answered(call, code)?;
        if read > want {
            return Err(malformed(call, Oddity::ReadTooMuch { read, want }));
        }
        self.left = self.left.saturating_sub(read.into());
        Ok(usize::try_from(read).unwrap_or_default())
    }
}

impl BackupContext for NativeBackup<'_> {
    fn restore_map(&mut self) -> Result<RestoreMap, Error> {
        let call = Call::RestoreGetDatabaseLocations;
        let raw = self.list(call, self.context.functions.restore_get_database_locations)?;
        RestoreMap::decode(raw).map_err(|reason| malformed(call, reason))
    }

    fn database_files(&mut self) -> Result<FileList, Error> {
        let call = Call::BackupGetAttachmentInformation;
        let raw = self.list(call, self.context.functions.backup_get_database_names)?;
        tagged(raw, &[FileKind::Database]).map_err(|reason| malformed(call, reason))
    }

    fn log_files(&mut self) -> Result<FileList, Error> {
        let call = Call::BackupGetBackupLogs;
        let raw = self.list(call, self.context.functions.backup_get_backup_logs)?;
        tagged(raw, &[FileKind::Log, FileKind::PatchFile]).map_err(|reason| malformed(call, reason))
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, Error> {
        let call = Call::BackupGetDynamicFiles;
        let raw = self.list(call, self.context.functions.backup_get_dynamic_file_list)?;
        multi_string::decode(&raw).map_err(|reason| malformed(call, reason))
    }

    fn open_file(&mut self, name: &str) -> Result<u64, Error> {
        let call = Call::BackupOpenFile;
        let handle = self.context.handle(call)?;
        let name = Wide::new(name, call)?;
        // Success that leaves this alone is none.
        let mut size = -1;
        // SAFETY: the context was not ended, the name ends with NUL, the size is a local.
        let code = unsafe {
            (self.context.functions.backup_open_file)(handle, name.as_ptr(), READ_HINT, &raw mut size)
        };
        let opened = answered(call, code);
        self.open |= opened.as_ref().map_or_else(Error::is_lost, |()| true);
        opened?;
        self.left = u64::try_from(size).map_err(|_| malformed(call, Oddity::FileSize { size }))?;
        Ok(self.left)
    }

    /// Fills the buffer from as many reads as that takes: whether a read may be short before the end is not
    /// documented. What is short of the buffer is the end, wherever that is.
    ///
    /// At the announced end the library is asked once more: a file that goes on there is not what was
    /// announced.
    fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled: usize = 0;
        while let Some(space) = buffer.get_mut(filled..).filter(|space| !space.is_empty()) {
            if filled > 0 && self.left == 0 {
                break;
            }
            let count = self.read(space)?;
            if count == 0 {
                break;
            }
            filled = filled.saturating_add(count);
        }
        Ok(filled)
    }

    fn close_file(&mut self) -> Result<(), Error> {
        let call = Call::BackupCloseFile;
        let handle = self.context.handle(call)?;
        self.open = false;
        // SAFETY: the context was not ended.
        answered(call, unsafe { (self.context.functions.backup_close)(handle) })
    }

    fn truncate_logs(&mut self) -> Result<(), Error> {
        let call = Call::BackupTruncateLogs;
        let handle = self.context.handle(call)?;
        // SAFETY: the context was not ended.
        answered(call, unsafe { (self.context.functions.backup_truncate_logs)(handle) })
    }

    fn end(&mut self) -> Result<(), Error> {
        self.context.end(Call::BackupEnd)
    }
}

impl Drop for NativeBackup<'_> {
    fn drop(&mut self) {
        if self.open {
            // The context ends next, whatever this says; where it has ended already, this does nothing.
            let _ = self.close_file();
        }
    }
}

/// No files at all are no list at all ([MS-CSRA] 3.1.4.1.20).
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
fn tagged(raw: Vec<u8>, kinds: &[FileKind]) -> Result<FileList, ListError> {
    if raw.is_empty() { Ok(FileList::encode(Vec::new())) } else { FileList::decode_kinds(raw, kinds) }
}
