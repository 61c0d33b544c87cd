//! What can be wrong between a database and its logs.

use core::fmt;

use crate::log::record::{LogReadError, MacroId, RecordType};
use crate::numbers::LogPosition;
use crate::time::Signature;

/// What is wrong between a database and its logs.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RedoDefect {
    /// The header promises that a change is on disk, and it is not: a write was lost.
    LostWrite(PageState),
    /// A log record continues a newer state of the page: a write was lost.
    PageOlder(PageState),
    /// A log record continues an older state of the page: the logs are of another history.
    PageNewer(PageState),
    /// A page is newer than the last log record about this database.
    BeyondLogs {
        /// Change counter of the page.
        dbtime: u64,
        /// Highest change counter in the logs.
        highest: u64,
    },
    /// A log of another log stream than the database.
    LogStream {
        /// Its signature.
        signature: Signature,
        /// The log signature of the database.
        expected: Signature,
    },
    /// The logs are not about this database.
    OtherDatabase {
        /// The database that they are about, as far as known.
        found: Option<Signature>,
        /// The signature of the database.
        expected: Signature,
    },
    /// Generations are missing that redo needs.
    Missing,
    /// A log was given after one of the same or a later generation.
    Unordered,
    /// The records of a log cannot be read to its end.
    Records(LogReadError),
    /// A log that is not the last one ends inside a record.
    Unfinished,
    /// The engine ended cleanly inside a change of several pages.
    OpenMacro(MacroId),
}

/// The page, and the record that does not fit it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageState {
    /// Change counter of the page; `None` when the page is empty or not in the file.
    pub dbtime: Option<u64>,
    /// The change counter that it should have.
    pub expected: u64,
    /// Where the record is.
    pub at: LogPosition,
    /// Type of the record.
    pub record: RecordType,
}

impl RedoDefect {
    /// Stable name, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LostWrite(_) => "lost-write",
            Self::PageOlder(_) => "page-older-than-log",
            Self::PageNewer(_) => "page-newer-than-log",
            Self::BeyondLogs { .. } => "page-beyond-logs",
            Self::LogStream { .. } => "redo-log-stream",
            Self::OtherDatabase { .. } => "redo-other-database",
            Self::Missing => "redo-log-missing",
            Self::Unordered => "redo-log-order",
            Self::Records(_) => "log-records",
            Self::Unfinished => "log-record-unfinished",
            Self::OpenMacro(_) => "log-macro-open",
        }
    }

    /// The engine's error number and its name without `JET_err`.
    pub(crate) const fn jet(&self) -> Option<(i32, &'static str)> {
        Some(match self {
            Self::LostWrite(_) => (-1119, "ReadLostFlushVerifyFailure"),
            Self::PageOlder(_) => (-566, "DbTimeTooOld"),
            Self::PageNewer(_) | Self::BeyondLogs { .. } => (-567, "DbTimeTooNew"),
            Self::LogStream { .. } => (-530, "BadLogSignature"),
            Self::OtherDatabase { .. } => (-531, "BadDbSignature"),
            Self::Missing | Self::Unordered => (-515, "InvalidLogSequence"),
            Self::Records(_) | Self::Unfinished | Self::OpenMacro(_) => (-501, "LogFileCorrupt"),
        })
    }

    /// What the operator may do.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::LostWrite(_) | Self::PageOlder(_) => {
                "the storage lost a write that it had confirmed; restore an older backup with all logs since"
            }
            Self::PageNewer(_) | Self::LogStream { .. } | Self::OtherDatabase { .. } => {
                "take the logs of the same backup, or of the same folder, as the database"
            }
            Self::BeyondLogs { .. } => "later logs are missing, or the logs are of another history",
            Self::Missing => "redo stops at the gap: all later changes would be lost",
            Self::Records(LogReadError::Unknown { .. }) => {
                "the log may be of a newer engine than this program knows"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for RedoDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LostWrite(state) => {
                write!(f, "lost write: {state} should be on disk")
            }
            Self::PageOlder(state) => write!(f, "older than the logs expect: {state} needs it"),
            Self::PageNewer(state) => write!(f, "newer than the logs expect: {state} needs it"),
            Self::BeyondLogs { dbtime, highest } => {
                write!(f, "dbtime {dbtime} is beyond the end of the logs, which reach {highest}")
            }
            Self::LogStream { signature, expected } => {
                write!(f, "log stream is {signature}, the database belongs to {expected}")
            }
            Self::OtherDatabase { found: Some(found), expected } => {
                write!(f, "logs are about the database {found}, not about {expected}")
            }
            Self::OtherDatabase { found: None, expected } => {
                write!(f, "logs do not mention the database {expected}")
            }
            Self::Missing => f.write_str("not there, and redo needs it"),
            Self::Unordered => f.write_str("not behind the log before it"),
            Self::Records(error) => error.fmt(f),
            Self::Unfinished => f.write_str("ends inside a record, and the next generation follows"),
            Self::OpenMacro(id) => write!(
                f,
                "change {} of session {:#x} is incomplete, but the engine ended cleanly",
                id.dbtime, id.procid
            ),
        }
    }
}

impl fmt::Display for PageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dbtime {
            Some(dbtime) => write!(f, "dbtime is {dbtime}")?,
            None => f.write_str("page is empty")?,
        }
        write!(f, ", and dbtime {} of log record {} at {}", self.expected, self.record, self.at)
    }
}
