//! Backups of a database that a restore was recovered to: their stream, marks and logs are made here.
//!
//! As with an engine whose database nobody changes: a backup is noted in a new log, which is closed when the
//! logs are asked for.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ese::{
    BackupBegin, DatabaseHeader, Generation, LogEnd, LogPosition, LogTime, NextLog, stream_header,
    stream_trailer,
};

use crate::bookkeeping::Current;
use crate::site::Site;
use crate::{Error, disk, names};

/// The next log of a live database, not in its folder yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) generation: u32,
    name: String,
    bytes: Vec<u8>,
}

/// A live database as a stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    path: PathBuf,
    /// The header page, which stands twice at the beginning, and the trailer.
    header: Vec<u8>,
    trailer: Vec<u8>,
    /// In bytes.
    pages: u64,
    /// First generation that recovering from it needs.
    pub(crate) low: u32,
}

/// Begins a backup of the database `name` in `CertLog`: the log that notes it, and for a full one the stream.
///
/// # Errors
/// The last log or the database cannot be read, or makes no sense.
pub(crate) fn begin(
    site: &Site,
    current: &Current,
    name: &str,
    is_full: bool,
) -> Result<(Pending, Option<Stream>), Error> {
    let folder = site.log_folder();
    let logs = disk::logs(&folder).map_err(Error::io("list", &folder))?;
    let last = logs.get(&current.highest).ok_or_else(|| missing(&folder, current.highest))?;
    let path = folder.join(name);
    let header = header_page(&path).map_err(Error::io("read", &path))?;
    let facts = DatabaseHeader::parse(&header).map_err(|error| Error::invalid(&path, error.to_string()))?;
    let of_log = |error: ese::ComposeError| Error::invalid(last, error.to_string());
    let end = LogEnd::read(&fs::read(last).map_err(Error::io("read", last))?).map_err(of_log)?;

    let now = now();
    let mut bytes = vec![0; end.length()];
    let mut log =
        NextLog::begin(&end, now, Some((&facts, &names::local(name))), &mut bytes).map_err(of_log)?;
    let generation = log.generation();
    log.backup(is_full, now).map_err(of_log)?;
    log.finish();
    let last = last.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let pending = Pending { generation: generation.0, name: names::log_after(last, generation.0), bytes };
    let stream = match is_full {
        true => Some(Stream::new(path, header, (end.generation(), generation), now)?),
        false => None,
    };
    Ok((pending, stream))
}

impl Pending {
    /// Puts the log into its folder.
    pub(crate) fn write(&self, site: &Site) -> Result<(), Error> {
        let folder = site.log_folder();
        let path = folder.join(&self.name);
        let temp = path.with_added_extension("tmp");
        disk::write(&temp, &self.bytes)?;
        disk::rename(&temp, &path)?;
        disk::sync_folder(&folder)
    }
}

impl Stream {
    /// The last closed log has the checkpoint: nothing has changed since.
    fn new(
        path: PathBuf,
        mut header: Vec<u8>,
        (closed, generation): (Generation, Generation),
        now: LogTime,
    ) -> Result<Self, Error> {
        let begin = BackupBegin {
            mark: LogPosition { generation, sector: 1, offset: 0 },
            time: now,
            low: closed,
            high: generation,
            high_created: now,
        };
        let mut trailer = vec![0; header.len()];
        let made =
            stream_header(&mut header, &begin).and_then(|()| stream_trailer(&header, &begin, &mut trailer));
        made.map_err(|error| Error::invalid(&path, error.to_string()))?;
        let size = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
        let pages = size.saturating_sub(length(&header).saturating_mul(2));
        Ok(Self { path, header, trailer, pages, low: closed.0 })
    }

    /// Bytes of a page.
    pub(crate) fn page_size(&self) -> usize {
        self.header.len()
    }

    /// Its bytes, and how many.
    pub(crate) fn open(&self) -> io::Result<(Box<dyn Read + Send>, u64)> {
        let mut file = File::open(&self.path)?;
        let page = length(&self.header);
        file.seek(SeekFrom::Start(page.saturating_mul(2)))?;
        let (header, trailer) = (Cursor::new(self.header.repeat(2)), Cursor::new(self.trailer.clone()));
        let stream = header.chain(file.take(self.pages)).chain(trailer);
        Ok((Box::new(stream), page.saturating_mul(3).saturating_add(self.pages)))
    }
}

/// The first header page of a database.
pub(crate) fn header_page(path: &Path) -> io::Result<Vec<u8>> {
    let mut page = Vec::with_capacity(LARGEST_PAGE);
    File::open(path)?.take(u64::try_from(LARGEST_PAGE).unwrap_or(u64::MAX)).read_to_end(&mut page)?;
    if let Ok(header) = DatabaseHeader::parse(&page) {
        page.truncate(usize::try_from(header.page_size.bytes()).unwrap_or(LARGEST_PAGE));
    }
    Ok(page)
}

/// Writes both header pages of a database, durably.
pub(crate) fn write_header(path: &Path, page: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.write_all(page)?;
    file.write_all(page)?;
    file.sync_all()
}

pub(crate) fn now() -> LogTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_unix(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn missing(folder: &Path, generation: u32) -> Error {
    let cause = io::Error::new(io::ErrorKind::NotFound, format!("log 0x{generation:x} is not there"));
    Error::io("read the logs of", folder)(cause)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

const LARGEST_PAGE: usize = 32768;
