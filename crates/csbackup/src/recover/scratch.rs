//! The file that a database is recovered in.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempPath;

use ese::{PageSource, PageStore, SourceError};

use crate::Error;
use crate::durable::sync_directory;
use crate::source::read_exact_at;

/// A copy of a database that is changed, and the only thing that is.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    size: u64,
    trouble: Trouble,
}

/// Where the file is, and the first thing that the system said against it: the replay knows no [`io::Error`].
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    place: PathBuf,
    error: Arc<Mutex<Option<io::Error>>>,
}

impl Scratch {
    /// A file without a name below `folder`: it goes with the process, however that ends.
    ///
    /// # Errors
    /// The system's.
    pub fn nameless(folder: &Path) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io("make a scratch file in", folder))?;
        Ok(Self::of(file, folder))
    }

    /// A new file.
    ///
    /// # Errors
    /// The system's; it is there already.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        // It holds names of people and machines.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self::of(options.open(path).map_err(Error::io("create", path))?, path))
    }

    /// A file that will be at `path` when all of it is there, and goes when it does not come to that.
    ///
    /// # Errors
    /// The system's; there is something at `path`.
    pub(crate) fn for_keeping(path: &Path) -> Result<(Self, Kept), Error> {
        if path.symlink_metadata().is_ok() {
            return Err(Error::io("create", path)(io::ErrorKind::AlreadyExists.into()));
        }
        let name = path.file_name().unwrap_or_default();
        let partial = tempfile::Builder::new().prefix(name).suffix(".partial").tempfile_in(folder_of(path));
        let (file, partial) = partial.map_err(Error::io("create", path))?.into_parts();
        Ok((Self::of(file, path), Kept { path: path.to_owned(), partial }))
    }

    fn of(file: File, place: &Path) -> Self {
        let trouble = Trouble { place: place.to_owned(), error: Arc::default() };
        Self { file, size: 0, trouble }
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(Error::io("write", &self.trouble.place))
    }

    /// Reads the file from its begin.
    pub(crate) fn reader(self: &Arc<Self>) -> Box<dyn Read + Send> {
        Box::new(Reader { scratch: Arc::clone(self), at: 0 })
    }

    pub(super) fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    fn failed(&self, offset: u64, error: io::Error) -> SourceError {
        let reason = error.to_string();
        self.trouble.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        SourceError { offset, reason }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file under another name until it is whole.
pub(crate) struct Kept {
    path: PathBuf,
    partial: TempPath,
}

impl Kept {
    /// Gives the file, whose content is durable, its name.
    ///
    /// # Errors
    /// The system's; meanwhile there is something of that name.
    pub(crate) fn keep(self) -> Result<PathBuf, Error> {
        let Self { path, partial } = self;
        partial.persist_noclobber(&path).map_err(|error| Error::io("create", &path)(error.error))?;
        if let Err(error) = sync_directory(folder_of(&path)) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(path)
    }
}

impl Trouble {
    /// As an error of the system, where it was one.
    pub(super) fn error(&self, other: SourceError) -> Error {
        let told = self.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        let source = told.unwrap_or_else(|| io::Error::other(other));
        Error::io("work on the scratch copy in", &self.place)(source)
    }
}

impl PageSource for Scratch {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        read_exact_at(&self.file, into, offset).map_err(|error| self.failed(offset, error))
    }
}

impl PageStore for Scratch {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError> {
        write_all_at(&self.file, bytes, offset).map_err(|error| self.failed(offset, error))
    }

    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.file.set_len(bytes).map_err(|error| self.failed(bytes, error))?;
        self.size = bytes;
        Ok(())
    }
}

impl Scratch {
    /// Appends bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let at = self.size;
        write_all_at(&self.file, bytes, at)
            .map_err(Error::io("work on the scratch copy in", &self.trouble.place))?;
        self.size = at.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

struct Reader {
    scratch: Arc<Scratch>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.scratch.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        let part = buffer.get_mut(..count).unwrap_or_default();
        read_exact_at(&self.scratch.file, part, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let rest = bytes.get(done..).unwrap_or_default();
        match std::os::windows::fs::FileExt::seek_write(file, rest, offset + done as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => done += count,
        }
    }
    Ok(())
}
