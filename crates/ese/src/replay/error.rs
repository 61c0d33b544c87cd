//! Why a replay stops.

use core::fmt;

use crate::log::record::{LogReadError, RecordType};
use crate::numbers::{Generation, LogPosition, PageNumber};
use crate::source::SourceError;
use crate::time::Signature;

/// Why a replay cannot go on.
///
/// [`Self::spoils`] tells whether what was replayed before is still good.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The database or the scratch copy of it cannot be read or written.
    Store(SourceError),
    /// The header of the database is no header, or not of a page size that the logs can be about.
    Header,
    /// The last page of a streamed copy is no trailer, or one of another stream.
    Trailer,
    /// A log cannot be read to its end.
    Log {
        /// Which one; unknown when its header is damaged.
        generation: Option<Generation>,
        /// Why.
        error: LogReadError,
    },
    /// The log belongs to another stream than the database.
    LogStream {
        /// Its generation.
        generation: Generation,
    },
    /// The log does not follow the one before it, by the time at which that was begun: the stream was
    /// continued twice, from a copy of the machine or after a restore.
    OtherHistory {
        /// Its generation.
        generation: Generation,
    },
    /// Logs are missing between those that were given, or before the first one.
    Missing {
        /// First missing one.
        first: Generation,
        /// Last missing one.
        last: Generation,
    },
    /// A log is not behind the one before it.
    Unordered(Generation),
    /// The logs are about other databases.
    OtherDatabase(Option<Signature>),
    /// The logs end before the database is consistent.
    NotConsistent {
        /// This generation has to be replayed whole.
        needed: Generation,
        /// The last one that was.
        reached: Option<Generation>,
    },
    /// A record of a type that is not replayed here.
    Refused {
        /// Its type.
        record: RecordType,
        /// Where it is.
        at: LogPosition,
    },
    /// A record does not fit the page that it changes.
    Page {
        /// The page.
        page: PageNumber,
        /// The record, unless it is the rollback at the end.
        record: Option<(RecordType, LogPosition)>,
        /// What is wrong.
        trouble: PageTrouble,
    },
    /// An open change of a session cannot be rolled back.
    Rollback {
        /// The session.
        procid: u16,
        /// Root of the tree.
        root: PageNumber,
        /// Why.
        reason: &'static str,
    },
    /// Open transactions or macros keep more than the limit in memory.
    TooMuch,
}

/// What is wrong with a page that a record is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PageTrouble {
    /// Its checksum is wrong.
    Damaged,
    /// It was never initialised.
    Empty,
    /// It lies behind the end.
    BehindEnd {
        /// Pages of the database.
        pages: u32,
    },
    /// A write was lost: the header promises that the record is on disk, and the page is older.
    LostWrite {
        /// Its change counter.
        dbtime: u64,
    },
    /// It is older than the record needs it.
    Older {
        /// Its change counter.
        dbtime: u64,
        /// The change counter that the record continues.
        expected: u64,
    },
    /// It is newer than the record needs it.
    Newer {
        /// Its change counter.
        dbtime: u64,
        /// The change counter that the record continues.
        expected: u64,
    },
    /// It does not hold what the record changes.
    Content(&'static str),
}

impl ReplayError {
    pub(super) const fn page(page: PageNumber, trouble: PageTrouble) -> Self {
        Self::Page { page, record: None, trouble }
    }

    pub(super) const fn content(page: PageNumber, what: &'static str) -> Self {
        Self::page(page, PageTrouble::Content(what))
    }

    /// Names the record during which a page made trouble.
    pub(super) fn during(self, kind: RecordType, at: LogPosition) -> Self {
        match self {
            Self::Page { page, record: None, trouble } => {
                Self::Page { page, record: Some((kind, at)), trouble }
            }
            other => other,
        }
    }

    /// Whether the database itself is spoilt, or the medium has failed: nothing can be made of it.
    ///
    /// Else the logs are at fault, and the replay is good up to where they are good.
    pub const fn spoils(&self) -> bool {
        !matches!(
            self,
            Self::Log { .. }
                | Self::LogStream { .. }
                | Self::OtherHistory { .. }
                | Self::Missing { .. }
                | Self::Unordered(_)
                | Self::Refused { .. }
        )
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Header => f.write_str("the database has no header that replay can begin with"),
            Self::Trailer => f.write_str("the streamed copy does not end with its own trailer page"),
            Self::Log { generation: Some(generation), error } => write!(f, "log {generation}: {error}"),
            Self::Log { generation: None, error } => write!(f, "log with a damaged header: {error}"),
            Self::LogStream { generation } => {
                write!(f, "log {generation} belongs to another log stream than the database")
            }
            Self::OtherHistory { generation } => {
                write!(f, "log {generation} is of another history than the log before it")
            }
            Self::Missing { first, last } if first == last => write!(f, "log {first} is missing"),
            Self::Missing { first, last } => write!(f, "logs {first} to {last} are missing"),
            Self::Unordered(generation) => write!(f, "log {generation} is not behind the log before it"),
            Self::OtherDatabase(Some(other)) => write!(f, "logs are about the database {other}"),
            Self::OtherDatabase(None) => f.write_str("logs do not mention the database"),
            Self::NotConsistent { needed, reached: Some(reached) } => {
                write!(f, "database is consistent only behind log {needed}, and replay reached {reached}")
            }
            Self::NotConsistent { needed, reached: None } => {
                write!(f, "database is consistent only behind log {needed}, and no log was replayed")
            }
            Self::Refused { record, at } => {
                write!(f, "log record {record} (type {}) at {at} is not replayed by this program", record.0)
            }
            Self::Page { page, record, trouble } => {
                write!(f, "page {page}: {trouble}")?;
                match record {
                    Some((record, at)) => write!(f, ", at log record {record} at {at}"),
                    None => f.write_str(", while open transactions are rolled back"),
                }
            }
            Self::Rollback { procid, root, reason } => {
                write!(f, "session {procid:#x} cannot be rolled back in the tree of page {root}: {reason}")
            }
            Self::TooMuch => f.write_str("open transactions of the logs need more memory than is allowed"),
        }
    }
}

impl core::error::Error for ReplayError {}

impl fmt::Display for PageTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("checksum is wrong"),
            Self::Empty => f.write_str("was never initialised"),
            Self::BehindEnd { pages } => write!(f, "lies behind the end of the database ({pages} pages)"),
            Self::LostWrite { dbtime } => {
                write!(f, "lost write: dbtime is {dbtime}, and a later change should be on disk")
            }
            Self::Older { dbtime, expected } | Self::Newer { dbtime, expected } => {
                write!(f, "dbtime is {dbtime}, and the record continues {expected}")
            }
            Self::Content(what) => f.write_str(what),
        }
    }
}
