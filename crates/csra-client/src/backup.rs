use std::time::{Duration, Instant};

use certadm::{BackupContext, Call, Error, FileKind, FileList, ListError, RestoreMap};
use csra::method::{
    BackupCloseFile, BackupEnd, BackupGetAttachmentInformation, BackupGetBackupLogs, BackupGetDynamicFiles,
    BackupOpenFile, BackupReadFile, BackupTruncateLogs, Method, RestoreGetDatabaseLocations,
};
use dtyp::{HResult, multi_string};

use crate::ca::{answered, failed};
use crate::object::Object;

/// A backup session on the object that opened it.
pub(crate) struct RemoteBackup<'a> {
    object: &'a mut Object,
    /// Bytes of the open file that were not fetched yet.
    left: u64,
    /// What was fetched and not handed out yet.
    chunk: Option<Chunk>,
    /// The fastest of the calls with a small answer so far: little more than the way there and back.
    round_trip: Duration,
    /// A reply was lost: where the CA stands is unknown, and only the last calls of a session follow.
    lost: bool,
}

struct Chunk {
    request: BackupReadFile,
    stub: Vec<u8>,
    taken: usize,
}

/// Size of one read, in bytes: that of a log, so that a log is one call.
const READ: u32 = 1024 * 1024;
/// Size of one read where the way is long: the largest that the API's documentation allows. One read is
/// under way at a time, so that the rate cannot exceed its size per round trip.
const LONG_READ: u32 = csra::method::MAX_READ;
/// From here on the way is long: [`READ`] per round trip is less than a gigabit per second.
const LONG_WAY: Duration = Duration::from_millis(8);

/// Reads are multiples of this, in bytes: a multiple of every page size a database can have, and more
/// than two of the smaller ones.
const READ_UNIT: u64 = 64 * 1024;

impl<'a> RemoteBackup<'a> {
    pub(crate) fn new(object: &'a mut Object) -> Self {
        Self { object, left: 0, chunk: None, round_trip: Duration::MAX, lost: false }
    }

    fn invoke<M: Method>(&mut self, method: &M) -> Result<M::Reply, Error> {
        let begin = Instant::now();
        let stub = self.call(M::CALL, method)?;
        self.round_trip = self.round_trip.min(begin.elapsed());
        answered::<M>(stub)
    }

    /// Fetches the next bytes of the open file.
    fn fetch(&mut self) -> Result<Chunk, Error> {
        let by_distance = if self.round_trip < LONG_WAY { READ } else { LONG_READ };
        let size = self.object.read_size().unwrap_or(by_distance).min(LONG_READ);
        // The answer always has the whole size asked for, whatever of it is valid: not more than what
        // is left is asked for.
        let left = self.left.max(1).checked_next_multiple_of(READ_UNIT).unwrap_or(u64::MAX);
        let request = BackupReadFile { want: u32::try_from(left).unwrap_or(size).min(size) };
        let stub = self.call(BackupReadFile::CALL, &request)?;
        let read = request.reply(&stub)?.len();
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(Chunk { request, stub, taken: 0 })
    }

    fn call(&mut self, call: Call, parameters: &impl ndr::Ndr) -> Result<Vec<u8>, Error> {
        if self.lost && !matches!(call, Call::BackupCloseFile | Call::BackupEnd) {
            return Err(Error::Lost { call, cause: "the connection broke before".into() });
        }
        let reply = self.object.call(call, parameters).map_err(failed(call));
        self.lost |= reply.as_ref().is_err_and(Error::is_lost);
        reply
    }
}

impl BackupContext for RemoteBackup<'_> {
    fn restore_map(&mut self) -> Result<RestoreMap, Error> {
        let names = self.invoke(&RestoreGetDatabaseLocations)?;
        RestoreMap::decode(names.0).map_err(malformed(Call::RestoreGetDatabaseLocations))
    }

    fn database_files(&mut self) -> Result<FileList, Error> {
        let names = self.invoke(&BackupGetAttachmentInformation)?;
        let call = Call::BackupGetAttachmentInformation;
        tagged(names.0, &[FileKind::Database]).map_err(malformed(call))
    }

    fn log_files(&mut self) -> Result<FileList, Error> {
        let names = self.invoke(&BackupGetBackupLogs)?;
        tagged(names.0, &[FileKind::Log, FileKind::PatchFile]).map_err(malformed(Call::BackupGetBackupLogs))
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, Error> {
        let names = self.invoke(&BackupGetDynamicFiles)?;
        if names.0.is_empty() {
            return Ok(Vec::new());
        }
        multi_string::decode(&names.0).map_err(malformed(Call::BackupGetDynamicFiles))
    }

    fn open_file(&mut self, name: &str) -> Result<u64, Error> {
        self.chunk = None;
        self.left = self.invoke(&BackupOpenFile { path: Some(name.to_owned()) })?.0;
        Ok(self.left)
    }

    /// Fills the buffer from as many reads as that takes; what is short of it is the CA's short read,
    /// or the end.
    ///
    /// At the announced end the CA is asked once more: a file that goes on there is not what was
    /// announced.
    fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(space) = buffer.get_mut(filled..).filter(|space| !space.is_empty()) {
            let chunk = match self.chunk.take() {
                Some(chunk) => chunk,
                None if filled > 0 && self.left == 0 => break,
                None => self.fetch()?,
            };
            let data = chunk.request.reply(&chunk.stub)?;
            let is_short = u64::try_from(data.len()).unwrap_or(u64::MAX) < u64::from(chunk.request.want);
            let rest = data.get(chunk.taken..).unwrap_or_default();
            let count = rest.len().min(space.len());
            if let (Some(target), Some(source)) = (space.get_mut(..count), rest.get(..count)) {
                target.copy_from_slice(source);
            }
            filled = filled.saturating_add(count);
            if count < rest.len() {
                self.chunk = Some(Chunk { taken: chunk.taken.saturating_add(count), ..chunk });
            } else if is_short {
                break;
            }
        }
        Ok(filled)
    }

    fn close_file(&mut self) -> Result<(), Error> {
        self.invoke(&BackupCloseFile).map(drop)
    }

    fn truncate_logs(&mut self) -> Result<(), Error> {
        let call = Call::BackupTruncateLogs;
        // The way was idle while the set was read back, perhaps for hours. Whether it still leads anywhere
        // is better found out by a call that does nothing: then nothing was truncated for certain.
        if let Err(error) = self.invoke(&RestoreGetDatabaseLocations) {
            let code = error.code().unwrap_or(HResult::RPC_UNAVAILABLE);
            return Err(Error::Refused { call, code });
        }
        let stub = self.object.call(call, &BackupTruncateLogs).map_err(|error| match error {
            // It may come after the deed, and it is not signed.
            fault @ crate::Error::Fault { .. } => Error::Lost { call, cause: fault.into() },
            error => failed(call)(error),
        });
        self.lost |= stub.as_ref().is_err_and(Error::is_lost);
        answered::<BackupTruncateLogs>(stub?).map(drop)
    }

    fn end(&mut self) -> Result<(), Error> {
        self.invoke(&BackupEnd).map(drop)
    }
}

/// No files at all are no list at all ([MS-CSRA] 3.1.4.1.20).
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
fn tagged(raw: Vec<u8>, kinds: &[FileKind]) -> Result<FileList, ListError> {
    if raw.is_empty() { Ok(FileList::encode(Vec::new())) } else { FileList::decode_kinds(raw, kinds) }
}

fn malformed<E: std::error::Error + Send + Sync + 'static>(call: Call) -> impl FnOnce(E) -> Error {
    move |reason| Error::Malformed { call, reason: reason.into() }
}
