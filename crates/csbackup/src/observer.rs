use certadm::BackupType;

use crate::manifest::FindingEntry;

/// A step of a run that is done. The order is that of `design.md` section 1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The lock of this CA is held.
    Locked,
    /// The certificate service was restarted, as asked, and is online again.
    Restarted,
    /// What will be done, and why.
    Planned(BackupType, String),
    /// The CA opened a session.
    Prepared(BackupType),
    /// The restore map is stored.
    RestoreMap,
    /// A file begins: name, size in bytes.
    FileOpened(String, u64),
    /// The file is read to its end and durable.
    FileStored(String),
    /// All databases are stored.
    DatabasesStored,
    /// The CA gave its list of logs.
    LogsListed(usize),
    /// All logs are stored.
    LogsStored,
    /// The files outside the database were copied, as far as they could be.
    DynamicStored,
    /// The set has its final name.
    Published(String),
    /// What was written was read back and has the recorded hashes.
    ReadBack(String),
    /// A set was copied to another place, and read back there: place, set.
    Copied(String, String),
    /// The trees of the database and the logs were verified, as asked.
    Verified(String),
    /// The CA was asked to delete logs, and answered.
    Truncated,
    /// The session has ended.
    Ended,
    /// The logs are replayed: what came of it is verified next.
    Recovered,
    /// A set is looked into for the first time: its database is read once, for an index of it.
    Indexing,
    /// A set was removed.
    Forgotten(String),
    /// A step of a restore, for people; each is followed by one that may be the last of a run.
    Restoring(String),
}

/// Is told what happens; decides nothing, except to stop.
pub trait Observer: Sync {
    /// A step is done.
    fn step(&self, _step: &Step) {}

    /// Bytes of the current file that passed.
    fn bytes(&self, _count: u64) {}

    /// A defect was seen in this file or set.
    fn finding(&self, _file: &str, _finding: &FindingEntry) {}

    /// Something the operator should know.
    fn warning(&self, _text: &str) {}

    /// Should the run stop? Asked between reads.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {}
