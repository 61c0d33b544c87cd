//! The certificate service behind a session: a CA directory as [`Engine`].

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use certadm::server::{Ending, Engine};
use certadm::{BackupType, FileKind, ListedFile};
use dtyp::HResult;

use crate::bookkeeping::{Current, Mark, Range};
use crate::site::Site;
use crate::{Error, disk, live, names};

/// The engine of one session.
#[derive(Debug)]
pub(crate) struct DirectoryEngine {
    site: Arc<Site>,
    active: Option<Active>,
}

/// A backup from begin to end.
#[derive(Debug)]
struct Active {
    kind: BackupType,
    /// INVARIANT: locked as long as the backup is active; one per CA directory and machine.
    lock: File,
    stream: Option<Stream>,
    /// The log that the beginning was noted in, until the logs are asked for; none where the CA's life is a
    /// recorded one.
    pending: Option<live::Pending>,
    /// Generations in the list of logs, once it was asked for.
    listed: Option<Range>,
    /// Listed UNC names and what lies behind them.
    files: HashMap<String, Source>,
    open: Option<OpenFile>,
}

/// The database stream of a full backup.
#[derive(Debug, Clone)]
struct Stream {
    content: Content,
    /// In bytes.
    page_size: usize,
    /// First generation that recovering from it needs (`bkinfoFullCur.genLow`).
    low: u32,
}

/// Where the bytes of a file come from.
#[derive(Debug, Clone)]
enum Content {
    File(PathBuf),
    Live(Arc<live::Stream>),
}

impl Content {
    fn open(&self) -> io::Result<(Box<dyn Read + Send>, u64)> {
        match self {
            Self::File(path) => {
                let file = File::open(path)?;
                let size = file.metadata()?.len();
                Ok((Box::new(file), size))
            }
            Self::Live(stream) => stream.open(),
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        // Closing is not enough while a child process that is just being started holds a copy.
        let _ = self.lock.unlock();
    }
}

#[derive(Debug, Clone)]
struct Source {
    content: Content,
    /// Reads are multiples of this, the first one is larger than (databases) or at least (logs) two.
    page_size: usize,
    first_read: usize,
}

struct OpenFile {
    file: io::Take<Box<dyn Read + Send>>,
    page_size: usize,
    /// Least size of the next read; 0 after the first.
    first_read: usize,
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile").field("left", &self.file.limit()).finish_non_exhaustive()
    }
}

impl DirectoryEngine {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self { site, active: None }
    }

    fn active(&mut self) -> Result<&mut Active, HResult> {
        self.active.as_mut().ok_or(HResult::NO_BACKUP)
    }

    /// The generations of `range` that have a file.
    fn existing(&self, range: RangeInclusive<u32>) -> Result<Vec<(u32, PathBuf)>, HResult> {
        let logs = disk::logs(&self.site.log_folder()).map_err(|cause| code(&cause))?;
        Ok(logs.into_iter().filter(|(generation, _)| range.contains(generation)).collect())
    }

    /// May a full backup begin, and of which stream? The log is that of a live database.
    fn begin_full(&self) -> Result<(Stream, Option<live::Pending>), HResult> {
        let current = self.site.current().map_err(internal)?;
        if let Some(name) = &current.database {
            let (pending, stream) = live::begin(&self.site, &current, name, true).map_err(internal)?;
            let stream = stream.ok_or(HResult::UNEXPECTED)?;
            let (page_size, low) = (stream.page_size(), stream.low);
            let content = Content::Live(Arc::new(stream));
            return Ok((Stream { content, page_size, low }, Some(pending)));
        }
        let (state, path) = self.site.stream(current.state).ok_or(HResult::FILE_NOT_FOUND)?;
        let checkpoint = self.site.state(state).map_err(internal)?.checkpoint;
        let stream = Stream::look(path, checkpoint).map_err(|cause| code(&cause))?;
        self.full_logs(stream.low, &current)?;
        Ok((stream, None))
    }

    /// The logs of a full backup: from `low` on, none missing.
    fn full_logs(&self, low: u32, current: &Current) -> Result<Vec<(u32, PathBuf)>, HResult> {
        let logs = self.existing(low.max(current.lowest)..=current.highest)?;
        let wanted = current.highest.checked_sub(low).and_then(|more| more.checked_add(1));
        if wanted.is_none() || wanted != u32::try_from(logs.len()).ok() {
            return Err(HResult::MISSING_LOG_FILE);
        }
        Ok(logs)
    }

    /// May an incremental backup begin? The log is that of a live database.
    fn begin_incremental(&self) -> Result<Option<live::Pending>, HResult> {
        if self.site.config.circular {
            return Err(HResult::INVALID_BACKUP);
        }
        let current = self.site.current().map_err(internal)?;
        let next = current.next_to_back_up().ok_or(HResult::MISSING_FULL_BACKUP)?;
        let logs = self.existing(current.lowest..=current.highest)?;
        match logs.first() {
            None => Err(HResult::MISSING_LOG_FILE),
            Some((lowest, _)) if *lowest > next => Err(HResult::MISSING_FILE_TO_BACKUP),
            Some(_) => match &current.database {
                Some(name) => {
                    let begun = live::begin(&self.site, &current, name, false).map_err(internal)?;
                    Ok(Some(begun.0))
                }
                None => Ok(None),
            },
        }
    }
}

impl Engine for DirectoryEngine {
    fn begin(&mut self, kind: BackupType) -> Result<(), HResult> {
        let lock = disk::lock_file(&self.site.dir.join("lock")).map_err(|cause| code(&cause))?;
        lock.try_lock().map_err(|cause| match cause {
            TryLockError::WouldBlock => HResult::BACKUP_IN_PROGRESS,
            TryLockError::Error(cause) => code(&cause),
        })?;
        let (stream, pending) = match kind {
            BackupType::Full => {
                let (stream, pending) = self.begin_full()?;
                (Some(stream), pending)
            }
            BackupType::Incremental => (None, self.begin_incremental()?),
        };
        let files = HashMap::new();
        self.active = Some(Active { kind, lock, stream, pending, listed: None, files, open: None });
        Ok(())
    }

    fn databases(&mut self) -> Result<Vec<ListedFile>, HResult> {
        let authority = &self.site.authority;
        let name = names::join(&names::log_directory(authority), &names::database(authority));
        let active = self.active()?;
        let stream = active.stream.clone().ok_or(HResult::INVALID_BACKUP_SEQUENCE)?;
        let Stream { content, page_size, .. } = stream;
        let first_read = page_size.saturating_mul(3);
        active.files.insert(name.clone(), Source { content, page_size, first_read });
        Ok(vec![ListedFile { kind: FileKind::Database, name }])
    }

    fn logs(&mut self) -> Result<Vec<ListedFile>, HResult> {
        if let Some(pending) = self.active()?.pending.take() {
            let generation = pending.generation;
            pending.write(&self.site).map_err(internal)?;
            let closed = self.site.change_current(|current| {
                current.highest = generation;
                Ok(())
            });
            closed.map_err(internal)?;
        }
        let current = self.site.current().map_err(internal)?;
        let directory = names::log_directory(&self.site.authority);
        let stream_low = self.active()?.stream.as_ref().map(|stream| stream.low);
        let logs = match stream_low {
            Some(low) => self.full_logs(low, &current)?,
            None => self.existing(current.lowest..=current.highest)?,
        };
        let (Some((low, _)), Some((high, _))) = (logs.first(), logs.last()) else {
            return Err(HResult::MISSING_LOG_FILE);
        };
        let listed = Range { low: *low, high: *high };
        let active = self.active()?;
        active.listed = Some(listed);
        let mut list = Vec::with_capacity(logs.len());
        for (_, path) in logs {
            let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let name = names::join(&directory, file);
            let first_read = LOG_PAGE.saturating_mul(2);
            let content = Content::File(path);
            active.files.insert(name.clone(), Source { content, page_size: LOG_PAGE, first_read });
            list.push(ListedFile { kind: FileKind::Log, name });
        }
        Ok(list)
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, HResult> {
        self.site.dynamic_names().map_err(internal)
    }

    fn locations(&mut self) -> Result<Vec<ListedFile>, HResult> {
        let authority = &self.site.authority;
        let directory = names::log_directory(authority);
        let database = names::join(&directory, &names::database(authority));
        Ok(vec![
            ListedFile { kind: FileKind::Database, name: database },
            ListedFile { kind: FileKind::LogDirectory, name: directory.clone() },
            ListedFile { kind: FileKind::SystemDirectory, name: directory },
        ])
    }

    fn open(&mut self, file: &ListedFile) -> Result<u64, HResult> {
        let active = self.active()?;
        let source = active.files.get(&file.name).ok_or(HResult::FILE_NOT_FOUND)?;
        let (file, size) = source.content.open().map_err(|cause| code(&cause))?;
        let (page_size, first_read) = (source.page_size, source.first_read);
        active.open = Some(OpenFile { file: file.take(size), page_size, first_read });
        Ok(size)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HResult> {
        let open = self.active()?.open.as_mut().ok_or(HResult::UNEXPECTED)?;
        if !buffer.len().is_multiple_of(open.page_size) || buffer.len() < open.first_read {
            return Err(HResult::HR_INVALID_PARAMETER);
        }
        open.first_read = 0;
        let left = usize::try_from(open.file.limit()).unwrap_or(usize::MAX);
        let want = buffer.len().min(left);
        // Fewer bytes than the size that was announced: the file shrank while it was read.
        let part = buffer.get_mut(..want).ok_or(HResult::HR_INVALID_PARAMETER)?;
        open.file.read_exact(part).map_err(|cause| code(&cause))?;
        Ok(want)
    }

    fn close(&mut self) {
        if let Some(active) = &mut self.active {
            active.open = None;
        }
    }

    fn truncate(&mut self) -> Result<(), HResult> {
        let listed = self.active()?.listed.ok_or(HResult::INVALID_BACKUP_SEQUENCE)?;
        let lowest = self.site.change_current(|current| {
            // A live database has its checkpoint where the backup is noted.
            let checkpoint = match current.database {
                Some(_) => listed.high,
                None => self.site.state(current.state)?.checkpoint_at_truncation,
            };
            let mut keep_from = checkpoint.min(listed.high.saturating_add(1));
            if self.site.config.deep_checkpoint {
                // The checkpoint moves when the service stops, and then stays behind again.
                keep_from = keep_from.min(current.stopped_at.map_or(0, |high| high.saturating_add(1)));
            }
            current.lowest = current.lowest.max(keep_from);
            Ok(current.lowest)
        });
        // From here on the logs are gone. Files that cannot be deleted now go at the next opening.
        let _ = self.site.delete_logs_below(lowest.map_err(internal)?);
        Ok(())
    }

    fn end(&mut self, ending: Ending) -> Result<(), HResult> {
        let active = self.active.take().ok_or(HResult::NO_BACKUP)?;
        let (Ending::Complete { truncated }, Some(listed)) = (ending, active.listed) else { return Ok(()) };
        let low = active.stream.as_ref().map_or(listed.low, |stream| stream.low);
        let marked = self.site.change_current(|current| {
            match (active.kind, truncated) {
                (BackupType::Full, true) => {
                    current.last_full = Some(Range { low, high: listed.high });
                    current.last_incremental = None;
                    current.last_copy = None;
                }
                (BackupType::Full, false) => current.last_copy = Some(Range { low, high: listed.high }),
                (BackupType::Incremental, _) => current.last_incremental = Some(Mark { high: listed.high }),
            }
            Ok(())
        });
        marked.map_err(internal)
    }
}

impl Stream {
    /// Reads what the header of a streamed database says. Fields without a sensible value are what
    /// they are in old or invented streams: pages of 4096 bytes, logs from the checkpoint on.
    fn look(path: PathBuf, checkpoint: u32) -> io::Result<Self> {
        let mut header = Vec::with_capacity(HEADER);
        File::open(&path)?.take(u64::try_from(HEADER).unwrap_or(u64::MAX)).read_to_end(&mut header)?;
        let field = |offset: usize| {
            let bytes = header.get(offset..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let page_size = match field(PAGE_SIZE) {
            Some(2048) => 2048,
            Some(8192) => 8192,
            Some(16384) => 16384,
            Some(32768) => 32768,
            _ => 4096,
        };
        let low = field(GEN_LOW).filter(|low| *low != 0).unwrap_or(checkpoint);
        Ok(Self { content: Content::File(path), page_size, low })
    }
}

/// What a client is told when the CA's own files fail it.
fn internal(error: Error) -> HResult {
    match error {
        Error::Io { cause, .. } => code(&cause),
        _ => HResult::DISK_IO,
    }
}

fn code(cause: &io::Error) -> HResult {
    match cause.kind() {
        io::ErrorKind::NotFound => HResult::FILE_NOT_FOUND,
        io::ErrorKind::PermissionDenied => HResult::FILE_ACCESS_DENIED,
        io::ErrorKind::OutOfMemory => HResult::HR_OUT_OF_MEMORY,
        _ => HResult::DISK_IO,
    }
}

/// Sector that logs are read in, in bytes.
const LOG_PAGE: usize = 4096;
/// Bytes of a database header that are looked at.
const HEADER: usize = 240;
/// Offset of `bkinfoFullCur.genLow`: the `BKINFO` at 184, its field at 16.
const GEN_LOW: usize = 200;
/// Offset of `cbPageSize`.
const PAGE_SIZE: usize = 236;
