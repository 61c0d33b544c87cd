//! Why something could not be read.

use alloc::string::String;
use core::fmt;

use crate::compress::CompressionError;
use crate::numbers::PageNumber;
use crate::source::SourceError;

/// What could not be read, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadError {
    /// The page, when it is one.
    pub page: Option<PageNumber>,
    /// Why.
    pub kind: ReadErrorKind,
}

/// Why it could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The medium failed.
    Source(SourceError),
    /// Neither the headers nor the pages tell what this is.
    NotADatabase,
    /// The page lies behind the end of the file.
    BehindEnd,
    /// The checksum of the page is wrong.
    Damaged,
    /// The page is all zero, but something refers to it.
    NotInitialised,
    /// The page belongs to another object than the tree that refers to it.
    Object {
        /// The object of the page.
        found: u32,
        /// The object of the tree.
        expected: u32,
    },
    /// The page is not what its place in the tree demands.
    Kind,
    /// The keys of the page belong elsewhere in its tree: it was used again after its parent was read,
    /// or a write was lost.
    Elsewhere,
    /// A node does not fit the page, or is not what its place demands.
    Node {
        /// Its number in the page, from 0.
        line: u16,
    },
    /// More pages than the file has, or more levels than a tree can have: its pages form a circle.
    Circle,
    /// A record does not fit its columns.
    Record {
        /// The column that was asked for.
        column: String,
    },
    /// A catalog entry that means nothing.
    CatalogEntry,
    /// The long value is not in its tree.
    LongValueMissing,
    /// A long value has a hole, or a piece of it does not fit.
    LongValueDamaged {
        /// Where in the value, in bytes.
        offset: u32,
    },
    /// The value is encrypted by an application.
    Encrypted,
    /// The value cannot be decompressed.
    Compression(CompressionError),
}

impl ReadError {
    pub(crate) const fn at(page: PageNumber, kind: ReadErrorKind) -> Self {
        Self { page: Some(page), kind }
    }

    pub(crate) const fn file(kind: ReadErrorKind) -> Self {
        Self { page: None, kind }
    }
}

impl From<SourceError> for ReadError {
    fn from(error: SourceError) -> Self {
        Self::file(ReadErrorKind::Source(error))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(page) = self.page {
            write!(f, "page {page}: ")?;
        }
        match &self.kind {
            ReadErrorKind::Source(error) => write!(f, "{error}"),
            ReadErrorKind::NotADatabase => f.write_str("not an ESE database, or its headers are damaged"),
            ReadErrorKind::BehindEnd => f.write_str("lies behind the end of the file"),
            ReadErrorKind::Damaged => f.write_str("checksum is wrong"),
            ReadErrorKind::NotInitialised => f.write_str("is in use but all zero"),
            ReadErrorKind::Object { found, expected } => {
                write!(f, "belongs to object {found}, expected {expected}")
            }
            ReadErrorKind::Kind => f.write_str("is not of the kind that its place in the tree demands"),
            ReadErrorKind::Elsewhere => f.write_str("holds keys of another place in its tree"),
            ReadErrorKind::Node { line } => write!(f, "node {line} does not fit the page"),
            ReadErrorKind::Circle => f.write_str("the pages of the tree form a circle"),
            ReadErrorKind::Record { column } => {
                write!(f, "column `{column}` cannot be found in a damaged record")
            }
            ReadErrorKind::CatalogEntry => f.write_str("catalog entry is damaged"),
            ReadErrorKind::LongValueMissing => f.write_str("long value is missing"),
            ReadErrorKind::LongValueDamaged { offset } => {
                write!(f, "long value is damaged at byte {offset}")
            }
            ReadErrorKind::Encrypted => f.write_str("value is encrypted"),
            ReadErrorKind::Compression(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for ReadError {}
