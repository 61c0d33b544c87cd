//! The copy of a database that logs are replayed into.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use ese::{PageSource, PageStore, SourceError};

/// A file as a store of pages.
pub(super) struct Scratch {
    file: RefCell<File>,
    size: u64,
}

impl Scratch {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file: RefCell::new(file), size })
    }

    /// Makes all that was written durable.
    pub(super) fn close(self) -> io::Result<()> {
        self.file.into_inner().sync_all()
    }
}

fn failed(offset: u64) -> impl Fn(io::Error) -> SourceError {
    move |error| SourceError { offset, reason: error.to_string() }
}

impl PageSource for Scratch {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(into)).map_err(failed(offset))
    }
}

impl PageStore for Scratch {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError> {
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes)).map_err(failed(offset))
    }

    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.size = bytes;
        self.file.get_mut().set_len(bytes).map_err(failed(bytes))
    }
}
