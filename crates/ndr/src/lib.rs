#![doc = include_str!("../README.md")]
#![no_std]
#![warn(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

extern crate alloc;

mod error;
pub mod pickle;
mod reader;
mod writer;

pub use error::Error;
pub use reader::Reader;
pub use writer::Writer;

/// A value with an NDR form of its own, on its own: a structure or a whole method's parameters.
///
/// Fields are written and read in the order of the definition; what pointers lead to follows the
/// structure that embeds them, by hand in each implementation.
pub trait Ndr: Sized {
    /// Appends the value.
    fn encode(&self, writer: &mut Writer);

    /// Reads the value; what follows it is the caller's.
    ///
    /// # Errors
    /// See [`Error`].
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error>;

    /// The value alone, from its own start.
    fn to_bytes(&self) -> alloc::vec::Vec<u8> {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        writer.finish()
    }

    /// The value at the start of `bytes`. Bytes after it are ignored: old clients append some
    /// ([MS-DCOM] 3.2.4.2).
    ///
    /// # Errors
    /// See [`Error`].
    ///
    /// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::decode(&mut Reader::new(bytes))
    }
}
