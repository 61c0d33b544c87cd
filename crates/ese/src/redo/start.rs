//! What the header of a database says about the logs.

use crate::header::{DatabaseHeader, DbState};
use crate::numbers::{Generation, LogPosition, PageSize};
use crate::time::Signature;

/// Where redo starts, and what is on disk before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) signature: Signature,
    pub(crate) log_signature: Signature,
    pub(crate) page_size: PageSize,
    /// Whether the database is not consistent without logs.
    pub(crate) needs_logs: bool,
    /// Lowest generation that it needs.
    pub(crate) lowest: Generation,
    is_clean: bool,
    attach: LogPosition,
    /// Records before this are on disk.
    on_disk: LogPosition,
    /// Last clean detach.
    consistent: LogPosition,
}

impl Start {
    pub(crate) fn of(header: &DatabaseHeader) -> Self {
        let (lowest, _) = header.required;
        let is_clean = header.state == DbState::CleanShutdown;
        Self {
            signature: header.signature,
            log_signature: header.log_signature,
            page_size: header.page_size,
            needs_logs: header.requires_logs().is_some(),
            lowest,
            is_clean,
            attach: header.attach,
            on_disk: if is_clean {
                header.consistent
            } else {
                LogPosition { generation: lowest, sector: 0, offset: 0 }
            },
            consistent: header.consistent,
        }
    }

    /// Whether the record was written before the database was attached.
    ///
    /// All such changes are on disk: a database is attached only when it is consistent.
    pub(crate) fn is_before_attach(&self, at: LogPosition) -> bool {
        at <= self.attach
    }

    /// Whether the header promises that the record is on disk.
    pub(crate) fn is_on_disk(&self, at: LogPosition) -> bool {
        at < self.on_disk || self.is_before_attach(at)
    }

    /// Whether the database was closed after the record: its transaction was committed or rolled back.
    pub(crate) fn is_rolled_back(&self, at: LogPosition) -> bool {
        self.is_clean && at <= self.consistent
    }

    /// Whether logs of these generations have to mention the database.
    pub(crate) fn expects_mention(&self, generations: Option<(Generation, Generation)>) -> bool {
        let Some((first, last)) = generations else { return false };
        self.needs_logs || self.consistent.is_set() && (first..=last).contains(&self.consistent.generation)
    }
}
