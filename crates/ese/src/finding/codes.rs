//! Stable names, JET error numbers and hints of findings.

use super::{Finding, FindingKind, Need, Place, Severity};
use crate::header::HeaderError;

impl FindingKind {
    /// Stable name of the kind, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::NoHeader { .. } => "no-header",
            Self::HeadersDiffer => "headers-differ",
            Self::TooSmall { .. } => "too-small",
            Self::PartialPage { .. } => "partial-page",
            Self::Size { .. } => "size",
            Self::DatabaseVersion(_) => "database-version",
            Self::State(_) => "state",
            Self::EngineCounters { .. } => "engine-counters",
            Self::HeaderOrder { .. } => "header-order",
            Self::NotABackup => "not-a-backup",
            Self::PageChecksum { .. } => "page-checksum",
            Self::PageMisplaced { .. } => "page-misplaced",
            Self::PageNumberField { .. } => "page-number",
            Self::SingleBit { .. } => "single-bit",
            Self::TrailerMissing => "trailer-missing",
            Self::TrailerChecksum { .. } => "trailer-checksum",
            Self::TrailerMismatch { .. } => "trailer-mismatch",
            Self::TrailerOrder { .. } => "trailer-order",
            _ => self.log_code(),
        }
    }

    const fn log_code(&self) -> &'static str {
        match self {
            Self::LogVersion { .. } => "log-version",
            Self::LogSize { .. } => "log-size",
            Self::SegmentChecksum { .. } => "segment-checksum",
            Self::SegmentZero => "segment-zero",
            Self::SegmentForeign { .. } => "segment-foreign",
            Self::Torn { .. } => "torn-write",
            Self::LogEmpty => "log-empty",
            Self::RangeChecksum { .. } => "range-checksum",
            Self::RangeMissing => "range-missing",
            Self::LogName { .. } => "log-name",
            Self::LogSignature { .. } => "log-signature",
            Self::DatabaseSignature { .. } => "database-signature",
            Self::LogMissing(_) => "log-missing",
            Self::ChainTime { .. } => "chain-broken",
            Self::ChainChecksum { .. } => "chain-checksum",
            Self::LogDuplicate => "log-duplicate",
            Self::LogSizes { .. } => "log-sizes",
            Self::TornInside => "torn-inside",
            Self::CommittedTime => "committed-time",
            Self::EndsAtTrailer => "ends-at-trailer",
            Self::Structure(defect) => defect.code(),
            Self::Redo(defect) => defect.code(),
            _ => "other",
        }
    }

    /// The error number with which the engine refuses such a file, and its name without `JET_err`.
    const fn jet(&self) -> Option<(i32, &'static str)> {
        Some(match self {
            Self::Header(_) | Self::NoHeader { .. } | Self::PageChecksum { .. } => {
                (-1018, "ReadVerifyFailure")
            }
            Self::PageMisplaced { .. } | Self::PageNumberField { .. } => (-1018, "ReadVerifyFailure"),
            Self::SingleBit { refused: true, .. } => (-1018, "ReadVerifyFailure"),
            Self::PartialPage { .. } => (-561, "BadBackupDatabaseSize"),
            Self::NotABackup => (-615, "RestoreOfNonBackupDatabase"),
            // Measured: the engine does not tell a missing trailer (-534) from a bad one.
            Self::TrailerMissing | Self::TrailerChecksum { .. } => (-535, "BadPatchPage"),
            Self::TrailerMismatch { .. } | Self::TrailerOrder { .. } => (-552, "DatabasePatchFileMismatch"),
            Self::LogSize { .. } => (-541, "LogFileSizeMismatch"),
            Self::SegmentChecksum { .. } | Self::SegmentZero => (-501, "LogFileCorrupt"),
            Self::SegmentForeign { .. } | Self::TornInside => (-501, "LogFileCorrupt"),
            Self::RangeChecksum { .. } | Self::RangeMissing => (-501, "LogFileCorrupt"),
            Self::LogName { .. } => (-513, "LogGenerationMismatch"),
            Self::LogSignature { streamed: true, .. } => (-555, "GivenLogFileHasBadSignature"),
            Self::LogSignature { streamed: false, .. } => (-530, "BadLogSignature"),
            Self::DatabaseSignature { .. } => (-530, "BadLogSignature"),
            Self::LogMissing(need) => return need.jet(),
            Self::ChainTime { streamed: true } => (-556, "GivenLogFileIsNotContiguous"),
            Self::ChainTime { streamed: false } => (-515, "InvalidLogSequence"),
            Self::ChainChecksum { .. } => (-501, "LogFileCorrupt"),
            Self::Structure(defect) => return defect.jet(),
            Self::Redo(defect) => return defect.jet(),
            _ => return None,
        })
    }
}

impl Need {
    const fn jet(self) -> Option<(i32, &'static str)> {
        Some(match self {
            Self::Required => (-543, "RequiredLogFilesMissing"),
            Self::Current => (-528, "MissingLogFile"),
            Self::BackupStart => (-554, "StartingRestoreLogTooHigh"),
            Self::Backup | Self::Listed => (-557, "MissingRestoreLogFiles"),
            Self::BackupEnd => (-553, "EndingRestoreLogTooLow"),
            Self::Committed => (-582, "CommittedLogFilesMissing"),
            Self::Chain { streamed: true } => (-556, "GivenLogFileIsNotContiguous"),
            Self::Chain { streamed: false } => (-515, "InvalidLogSequence"),
            Self::Unneeded => return None,
        })
    }
}

impl Finding {
    /// Stable name of the kind, for machines: `page-checksum`, `log-missing`, ..
    pub const fn code(&self) -> &'static str {
        match (&self.kind, self.place) {
            (FindingKind::Header(_), Place::LogHeader) => "log-header",
            (kind, _) => kind.code(),
        }
    }

    /// The negative JET error with which the engine would refuse the file, where there is one.
    pub const fn jet(&self) -> Option<i32> {
        match self.jet_error() {
            Some((number, _)) => Some(number),
            None => None,
        }
    }

    /// The name of [`Self::jet`] without the prefix `JET_err`.
    pub const fn jet_name(&self) -> Option<&'static str> {
        match self.jet_error() {
            Some((_, name)) => Some(name),
            None => None,
        }
    }

    const fn jet_error(&self) -> Option<(i32, &'static str)> {
        match (&self.kind, self.place) {
            (FindingKind::Header(_), Place::LogHeader) => Some((-501, "LogFileCorrupt")),
            // Recovery of a live folder tolerates a torn last write, a restore does not.
            (FindingKind::Torn { .. }, _) if matches!(self.severity, Severity::Error) => {
                Some((-570, "LogTornWriteDuringHardRestore"))
            }
            (kind, _) => kind.jet(),
        }
    }

    /// Whether bytes do not match their checksum, correctable or not.
    pub const fn is_checksum(&self) -> bool {
        matches!(
            self.kind,
            FindingKind::Header(HeaderError::Checksum { .. } | HeaderError::LogChecksum { .. })
                | FindingKind::NoHeader { .. }
                | FindingKind::PageChecksum { .. }
                | FindingKind::PageMisplaced { .. }
                | FindingKind::SingleBit { .. }
                | FindingKind::TrailerChecksum { .. }
                | FindingKind::SegmentChecksum { .. }
                | FindingKind::Torn { .. }
                | FindingKind::RangeChecksum { .. }
                | FindingKind::ChainChecksum { .. }
        )
    }

    /// What the operator may do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match &self.kind {
            kind if kind.reachability_unknown() => {
                "the page may be unused space; a streamed backup shows whether the CA can read it"
            }
            // Settled by the trees: the page is in use.
            FindingKind::PageChecksum { .. } | FindingKind::PageMisplaced { .. }
                if self.affected.is_some() =>
            {
                match self.severity {
                    Severity::Error => "this copy has lost what is on the page; use another backup for it",
                    _ => "nothing refers to the page: no content is lost",
                }
            }
            // As an error it is in a streamed copy: see `Origin::Streamed`.
            FindingKind::SingleBit { refused: false, .. } if matches!(self.severity, Severity::Warning) => {
                "the engine corrects a single flipped bit when it reads it"
            }
            FindingKind::SingleBit { .. }
            | FindingKind::PageMisplaced { .. }
            | FindingKind::PageChecksum { .. } => {
                "the CA verified the page before it sent it: it was damaged on the way here or on this medium"
            }
            FindingKind::EngineCounters { .. } => {
                "the CA has met damaged pages; check its event log and its storage"
            }
            FindingKind::TrailerMissing => "the copy was cut short, or is not a streamed backup",
            FindingKind::State(_) => "the CA service has to attach the database before it can be used",
            FindingKind::LogMissing(Need::Current) => {
                "copy the folder while the service is stopped, with all its logs"
            }
            FindingKind::LogMissing(Need::BackupEnd) => {
                "the engine restores such a set and silently loses transactions"
            }
            FindingKind::LogMissing(Need::Listed) => {
                "the server listed this log for the backup; take a new full backup"
            }
            FindingKind::LogMissing(Need::Committed) => {
                "recovery needs to be told to lose committed transactions"
            }
            FindingKind::Torn { shadow: true } => "the engine recovers the write from the copy behind it",
            FindingKind::Structure(defect) => return defect.hint(),
            FindingKind::Redo(defect) => return defect.hint(),
            FindingKind::EndsAtTrailer => "keep the list of logs that the server gave with the backup",
            _ => return None,
        })
    }
}
