//! Walks through the records of one log file.

use alloc::vec::Vec;
use core::fmt;

use super::attachment::Attachment;
use super::chain;
use super::size::{NoSize, size};
use super::stream::{Segment, Stream};
use super::{Record, RecordType};
use crate::bytes::{Fields, index};
use crate::header::HeaderError;
use crate::log::{LogFormat, LogHeader};
use crate::numbers::LogPosition;
use crate::source::{PageSource, SourceError};

/// The records of one log file, in order.
///
/// Reads the file in pieces of 64 KiB (format 8), or at once (format 7, at most 32 MiB). One flipped
/// bit of a segment is corrected, a torn last segment is read from its copy. Fill is skipped and
/// a record in fragments is put together, so that neither of both is seen.
///
/// ```no_run
/// # fn read(bytes: Vec<u8>) -> Result<(), ese::LogReadError> {
/// let mut log = ese::LogReader::open(bytes)?;
/// while let Some((position, record)) = log.next_record()? {
///     // 12:0046:08b9 Insert ..
///     let _line = format!("{position} {record}");
/// }
/// # Ok(()) }
/// ```
///
/// Source: format digest sections 13 and 14.
#[derive(Debug)]
pub struct LogReader<S> {
    source: S,
    header: LogHeader,
    attachments: Vec<Attachment>,
    stream: Stream,
    /// The record in fragments that is being put together, or was returned last.
    fragments: Fragments,
    is_over: bool,
    /// Whether the last write of format 7 ends inside a record.
    is_torn: bool,
}

#[derive(Debug, Default)]
struct Fragments {
    bytes: Vec<u8>,
    total: usize,
    start: LogPosition,
    /// Whether more of them have to follow.
    is_open: bool,
}

/// Why the records of a log end too early.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LogReadError {
    /// The file cannot be read.
    Source(SourceError),
    /// The file has no right log header.
    Header(HeaderError),
    /// A segment or range is damaged, and more of this generation follows.
    Damaged(LogPosition),
    /// A type that this program does not know: the log is newer, or is no log here.
    Unknown {
        /// The type.
        kind: u8,
        /// Where.
        at: LogPosition,
    },
    /// A record does not fit into what is there of it.
    Cut {
        /// Its type.
        kind: RecordType,
        /// Where.
        at: LogPosition,
    },
}

impl fmt::Display for LogReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Header(error) => error.fmt(f),
            Self::Damaged(at) => write!(f, "log is damaged at {at}, and more of it follows"),
            Self::Unknown { kind, at } => write!(f, "log record at {at} has unknown type {kind}"),
            Self::Cut { kind, at } => write!(f, "log record {kind} at {at} is cut off"),
        }
    }
}

impl core::error::Error for LogReadError {}

impl From<SourceError> for LogReadError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// Where a complete record is.
enum Found {
    /// In the stream.
    Inside { start: usize, length: usize },
    /// In the fragments.
    Together,
}

impl<S: PageSource> LogReader<S> {
    /// Reads the header of a log file.
    pub fn open(source: S) -> Result<Self, LogReadError> {
        let length = usize::try_from(source.size()).unwrap_or(usize::MAX).min(LogHeader::LENGTH);
        let mut bytes = alloc::vec![0; length];
        source.read_at(0, &mut bytes)?;
        let header = LogHeader::parse(&bytes).map_err(LogReadError::Header)?;
        let attachments = Attachment::list(&bytes);
        let stream = match header.format {
            LogFormat::Segments => Stream::segments(header.generation, source.size()),
            LogFormat::Ranges => chain::stream(&source, &header)?,
        };
        let fragments = Fragments::default();
        Ok(Self { source, header, attachments, stream, fragments, is_over: false, is_torn: false })
    }

    /// The header.
    pub fn header(&self) -> &LogHeader {
        &self.header
    }

    /// The databases that were attached when the generation was begun.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// The next record and where it starts; `None` behind the last one, and after an error.
    ///
    /// # Errors
    /// Each of them ends the file: what follows cannot be found.
    pub fn next_record(&mut self) -> Result<Option<(LogPosition, Record<'_>)>, LogReadError> {
        if self.is_over {
            return Ok(None);
        }
        let found = self.find();
        self.is_over = !matches!(found, Ok(Some(_)));
        Ok(match found? {
            None => None,
            Some((position, Found::Inside { start, length })) => {
                let bytes = self.stream.bytes(start, length);
                Some((position, Record::decode(bytes)))
            }
            Some((position, Found::Together)) => Some((position, Record::decode(&self.fragments.bytes))),
        })
    }

    /// Whether the file ends inside a record, which is right only for the last write of a crash.
    pub fn is_unfinished(&self) -> bool {
        self.fragments.is_open || self.is_torn
    }

    fn find(&mut self) -> Result<Option<(LogPosition, Found)>, LogReadError> {
        loop {
            let Some((at, rest)) = self.stream.rest() else {
                match self.stream.advance(&self.source)? {
                    Segment::Next => continue,
                    Segment::End => return Ok(None),
                }
            };
            let kind = rest.first().copied().unwrap_or(0);
            let length = match size(rest) {
                Ok(length) => length,
                Err(NoSize::Unknown) => return Err(LogReadError::Unknown { kind, at }),
                Err(NoSize::Cut) => {
                    self.is_torn = self.stream.is_torn()?;
                    let cut = LogReadError::Cut { kind: RecordType(kind), at };
                    return if self.is_torn { Ok(None) } else { Err(cut) };
                }
            };
            self.fragments.drop_torn(rest, at);
            if matches!(kind, FRAGMENT_BEGIN | FRAGMENT) {
                let piece = rest.get(..length).unwrap_or(&[]);
                let is_whole = self.fragments.add(piece, at)?;
                self.stream.skip(length);
                if is_whole {
                    return Ok(Some((self.fragments.start, Found::Together)));
                }
            } else if self.fragments.is_open {
                return Err(LogReadError::Cut { kind: self.fragments.kind(), at: self.fragments.start });
            } else {
                let start = self.stream.skip(length);
                if kind != CHECKSUM {
                    return Ok(Some((at, Found::Inside { start, length })));
                }
            }
        }
    }
}

impl Fragments {
    /// Adds a piece; whether the record is complete now.
    ///
    /// ```text
    /// FragmentBegin   1  4  bytes of the record   5  2  bytes of this piece
    /// Fragment        1  2  bytes of this piece
    /// ```
    fn add(&mut self, piece: &[u8], at: LogPosition) -> Result<bool, LogReadError> {
        let f = Fields(piece);
        let is_first = f.u8(0) == FRAGMENT_BEGIN;
        let broken = |kind, at| Err(LogReadError::Cut { kind, at });
        if is_first == self.is_open {
            let (kind, at) = if is_first { (self.kind(), self.start) } else { (RecordType(FRAGMENT), at) };
            return broken(kind, at);
        }
        if is_first {
            self.bytes.clear();
            (self.total, self.start, self.is_open) = (index(f.u32(1)), at, true);
        }
        let fixed = if is_first { 7 } else { 3 };
        self.bytes.extend_from_slice(piece.get(fixed..).unwrap_or(&[]));
        if self.bytes.len() < self.total {
            return Ok(false);
        }
        self.is_open = false;
        let kind = self.kind();
        let is_sound =
            size(&self.bytes) == Ok(self.total) && !matches!(kind.0, FRAGMENT_BEGIN | FRAGMENT | CHECKSUM);
        if is_sound && self.bytes.len() == self.total { Ok(true) } else { broken(kind, self.start) }
    }

    /// Forgets a record that a crash has cut off: recovery goes on in the next segment.
    fn drop_torn(&mut self, next: &[u8], at: LogPosition) {
        let f = Fields(next);
        let kind = if f.u8(0) == FRAGMENT_BEGIN { f.u8(7) } else { f.u8(0) };
        if at.offset == SEGMENT_HEAD && matches!(kind, RECOVERY_UNDO | RECOVERY_UNDO_2 | UNDO_INFO) {
            self.is_open = false;
        }
    }

    fn kind(&self) -> RecordType {
        RecordType(self.bytes.first().copied().unwrap_or(FRAGMENT_BEGIN))
    }
}

/// Record types that only the reader sees.
const CHECKSUM: u8 = 42;
const FRAGMENT_BEGIN: u8 = 76;
const FRAGMENT: u8 = 77;

/// With what recovery begins behind a crash.
const RECOVERY_UNDO: u8 = 17;
const RECOVERY_UNDO_2: u8 = 51;
const UNDO_INFO: u8 = 36;

/// Where the first record of a segment is.
const SEGMENT_HEAD: u16 = 40;
