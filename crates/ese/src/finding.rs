//! Findings: one defect each, as a value.

mod codes;
mod collect;
mod text;

use alloc::boxed::Box;
use alloc::string::String;

pub(crate) use collect::Findings;

use crate::header::{DbState, HeaderError};
use crate::numbers::{Generation, PageNumber, PageSize};
use crate::redo::RedoDefect;
use crate::structure::StructureDefect;
use crate::time::Signature;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing, nothing is wrong.
    Info,
    /// A restore works, but something is not as it should be.
    Warning,
    /// Data is lost or a restore may fail.
    Error,
}

impl Severity {
    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Where a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Place {
    /// The file as a whole.
    File,
    /// The first copy of a database header.
    PrimaryHeader,
    /// The second copy of a database header.
    ShadowHeader,
    /// Database pages.
    Pages {
        /// First page.
        first: PageNumber,
        /// Last page.
        last: PageNumber,
        /// Offset of the first page in the file, in bytes.
        offset: u64,
    },
    /// The last page of a streamed database.
    Trailer,
    /// The header of a log file.
    LogHeader,
    /// Segments of a log file; checksum ranges in old logs.
    Segments {
        /// Generation of the log file.
        generation: Generation,
        /// First segment or sector, counted from the start of the file.
        first: u32,
        /// Last segment or sector.
        last: u32,
        /// Offset of the first one in the file, in bytes.
        offset: u64,
    },
    /// Log files.
    Generations {
        /// First generation.
        first: Generation,
        /// Last generation.
        last: Generation,
    },
    /// The set of files.
    Set,
}

/// One defect: how bad, where, what.
///
/// Displays as one lower-case clause: `page 4711 at offset 0x1268000: checksum is ..`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub kind: FindingKind,
    /// Which rows of which table it concerns, where that is known.
    pub affected: Option<Box<Affected>>,
}

/// What a defect means for the content: a part of a table, and the rows in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Affected {
    /// The table.
    pub table: String,
    /// The part of it in words: `rows`, "index `X`", `long values`, `space`.
    pub part: String,
    /// The rows in words, empty when unknown: `RequestID 4711 to 4723`.
    pub rows: String,
}

impl Finding {
    pub(crate) const fn new(severity: Severity, place: Place, kind: FindingKind) -> Self {
        Self { severity, place, kind, affected: None }
    }
}

impl FindingKind {
    /// Whether this is a bad page of a raw copy that may be unused space: whether it is damage can
    /// only be told by following the links between pages.
    pub const fn reachability_unknown(&self) -> bool {
        matches!(
            self,
            Self::PageChecksum { reachability_unknown: true, .. }
                | Self::PageMisplaced { reachability_unknown: true, .. }
                | Self::PageNumberField { reachability_unknown: true, .. }
        )
    }
}

/// Why a missing log file is missed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Need {
    /// Between `lGenMinRequired` and `lGenMaxRequired`: without it the database cannot recover.
    Required,
    /// The current log of a live folder (`edb.log`), which a database requires.
    Current,
    /// Between `genLow` of the backup and the lowest log that is there.
    BackupStart,
    /// Between the first and the last log of the backup.
    Backup,
    /// Up to `genHigh` of the trailer, above the last log that is there.
    BackupEnd,
    /// Up to `lGenMaxCommitted`: without it the last transactions are lost.
    Committed,
    /// The server listed it.
    Listed,
    /// Between logs that are there: those behind the gap cannot be replayed.
    Chain {
        /// Whether the files came from a backup stream.
        streamed: bool,
    },
    /// Below everything that a database needs.
    Unneeded,
}

/// What a finding is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FindingKind {
    /// A header copy is unusable.
    Header(HeaderError),
    /// Both header copies are unusable and the page size cannot be inferred from the pages.
    NoHeader {
        /// What is wrong with the first copy.
        primary: HeaderError,
    },
    /// Both header copies are right, but differ.
    HeadersDiffer,
    /// The file is smaller than two header pages.
    TooSmall {
        /// Bytes of the file.
        size: u64,
    },
    /// The size is not a whole number of pages.
    PartialPage {
        /// Bytes of the file.
        size: u64,
        /// Bytes in a page.
        page_size: PageSize,
    },
    /// The size is not the one that was announced.
    Size {
        /// Bytes of the file.
        size: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// A database format version other than 0x620.
    DatabaseVersion(u32),
    /// A shutdown state that a sound database is not in.
    State(DbState),
    /// The engine itself met errors in this database.
    EngineCounters {
        /// Uncorrectable checksum errors.
        bad_checksums: u32,
        /// Flipped bits that it repaired.
        bits_repaired: u32,
        /// Flipped bits that it could not repair.
        bits_not_repaired: u32,
    },
    /// The generations of the header are not in order.
    HeaderOrder {
        /// `lGenMinRequired`.
        low: Generation,
        /// `lGenMaxRequired`.
        high: Generation,
        /// `lGenMaxCommitted`.
        committed: Generation,
    },
    /// A stream whose header is not that of a backup copy (`bkinfoFullCur.genLow` is 0).
    NotABackup,
    /// A page checksum is wrong, by more than one bit.
    PageChecksum {
        /// Stored checksum of the first page (32 bits of it for XOR-32 pages).
        stored: u64,
        /// Computed checksum of the first page.
        computed: u64,
        /// Whether the page may be unused space, as in a copy of the file of a live database.
        reachability_unknown: bool,
    },
    /// A page fits itself, but belongs to another place in the file.
    PageMisplaced {
        /// The page number that the content was written for.
        owner: PageNumber,
        /// The other explanation: this one bit of the stored checksum is flipped.
        or_bit: Option<u32>,
        /// Stored checksum.
        stored: u64,
        /// Computed checksum.
        computed: u64,
        /// Whether the page may be unused space.
        reachability_unknown: bool,
    },
    /// The page number inside the page is wrong, the checksum is right.
    PageNumberField {
        /// The stored page number.
        stored: u32,
        /// Whether the page may be unused space.
        reachability_unknown: bool,
    },
    /// Exactly one bit is flipped.
    SingleBit {
        /// Its index in the page or segment: 8 * byte + bit.
        bit: u32,
        /// Whether it is the page flag that chooses the checksum, which the engine never corrects.
        refused: bool,
    },
    /// The last page of a stream is not a trailer.
    TrailerMissing,
    /// The trailer page is damaged.
    TrailerChecksum {
        /// Stored checksum.
        stored: u32,
        /// Computed checksum.
        computed: u32,
    },
    /// Trailer and header are not of the same stream.
    TrailerMismatch {
        /// First field that differs.
        field: &'static str,
    },
    /// `genLow <= lGenMinRequired <= lGenMaxRequired <= lGenMaxCommitted <= genHigh` does not hold.
    TrailerOrder {
        /// `genLow`.
        low: Generation,
        /// `lGenMinRequired` and `lGenMaxRequired`.
        required: (Generation, Generation),
        /// `lGenMaxCommitted`.
        committed: Generation,
        /// `genHigh`.
        high: Generation,
    },
    /// A log format that is newer than this crate.
    LogVersion {
        /// Major version.
        major: u32,
        /// Update number, major.
        update: u32,
    },
    /// The log file has not the length that its header names.
    LogSize {
        /// Bytes of the file.
        size: u64,
        /// Bytes by the header.
        expected: u64,
    },
    /// A segment is damaged, and later segments are there.
    SegmentChecksum {
        /// Stored checksum of the first segment.
        stored: u64,
        /// Computed checksum of the first segment.
        computed: u64,
    },
    /// A segment is empty, and later segments are there.
    SegmentZero,
    /// A segment is of another generation or place, and later segments are there.
    SegmentForeign {
        /// Generation that the first segment names.
        generation: Generation,
        /// Segment number that the first segment names.
        sector: u16,
    },
    /// The last write of the log is damaged.
    Torn {
        /// Whether a copy of the damaged segment follows it, from which the engine recovers.
        shadow: bool,
    },
    /// A log without a single record.
    LogEmpty,
    /// The checksum record of an old log is wrong (`LRCHECKSUM`).
    RangeChecksum {
        /// Stored checksum.
        stored: u32,
        /// Computed checksum.
        computed: u32,
    },
    /// There is no checksum record where the one before points to (`LRCHECKSUM`).
    RangeMissing,
    /// The name of a log file and its header name different generations.
    LogName {
        /// The file name.
        name: String,
        /// The generation of the name.
        named: Generation,
    },
    /// A log file of another log stream.
    LogSignature {
        /// Its signature.
        signature: Signature,
        /// The signature of the set.
        expected: Signature,
        /// Whether the file came from a backup stream.
        streamed: bool,
    },
    /// A database of another log stream than all log files.
    DatabaseSignature {
        /// Its log signature.
        signature: Signature,
    },
    /// Log files are missing.
    LogMissing(Need),
    /// The creation time of the previous log is not the one that this log remembers.
    ChainTime {
        /// Whether the file came from a backup stream.
        streamed: bool,
    },
    /// The segments of the previous log are not those that this log remembers.
    ChainChecksum {
        /// Checksum that this log remembers.
        expected: u64,
        /// XOR of the segment checksums of the previous log.
        computed: u64,
    },
    /// A generation is there more than once.
    LogDuplicate,
    /// Log files of one stream have different sizes.
    LogSizes {
        /// Size of this file, in bytes.
        size: u64,
        /// Size of the first file, in bytes.
        expected: u64,
    },
    /// A log that is not the last one ends in a damaged write.
    TornInside,
    /// The log was not begun when the database header says, so it may be of another history of the
    /// same log stream.
    CommittedTime,
    /// The set ends at the generation of the trailer; nothing tells whether more logs were listed.
    EndsAtTrailer,
    /// Pages do not make the trees that the catalog describes.
    Structure(StructureDefect),
    /// Database and logs do not belong together.
    Redo(RedoDefect),
}
