//! Where a reader takes the bytes of a file from.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::bytes::length;

/// A file that can be read at any place: a database or a log, on a disk, in memory, in a stored set.
///
/// The crate itself opens nothing. A source is only read, never changed.
pub trait PageSource {
    /// Bytes of the file, the trailer page of a stream included.
    fn size(&self) -> u64;

    /// Fills `into` with the bytes at `offset`.
    ///
    /// # Errors
    /// The medium's; also when the bytes are not all there.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError>;
}

/// Why a source could not be read, in words of the medium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceError {
    /// Where, in bytes.
    pub offset: u64,
    /// Why.
    pub reason: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read at offset {:#x}: {}", self.offset, self.reason)
    }
}

impl core::error::Error for SourceError {}

impl PageSource for [u8] {
    fn size(&self) -> u64 {
        length(self.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let start = usize::try_from(offset).ok();
        let found = start.and_then(|start| self.get(start..start.checked_add(into.len())?));
        let missing = || SourceError { offset, reason: String::from("the file ends before") };
        into.copy_from_slice(found.ok_or_else(missing)?);
        Ok(())
    }
}

impl PageSource for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        self.as_slice().read_at(offset, into)
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: PageSource + ?Sized> PageSource for $pointer {
            fn size(&self) -> u64 {
                (**self).size()
            }

            fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
                (**self).read_at(offset, into)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
