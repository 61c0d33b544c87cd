//! Files that can be read at any place.

use std::fs::File;
use std::io;
use std::path::Path;

use ese::{PageSource, SourceError};

use crate::Error;

/// A file of a set or of a folder, for several readers at a time.
pub type SharedSource = Box<dyn PageSource + Send + Sync>;

/// A file on a disk.
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
    /// Opens a file; its size is taken now.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let open = || {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            io::Result::Ok(Self { file, size })
        };
        open().map_err(Error::io("read", path))
    }
}

impl PageSource for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        read_exact_at(&self.file, into, offset).map_err(|error| {
            let short = error.kind() == io::ErrorKind::UnexpectedEof;
            let reason = if short { "the file ends before".to_owned() } else { error.to_string() };
            SourceError { offset, reason }
        })
    }
}

#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

/// Windows may return less than was asked for; it moves the file's own place, which nobody uses.
#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < into.len() {
        let rest = into.get_mut(done..).unwrap_or_default();
        match std::os::windows::fs::FileExt::seek_read(file, rest, offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(())
}
