//! The database header: both copies at the start of the file.

use core::fmt;

use crate::bytes::Fields;
use crate::checksum::{SEED, xor32};
use crate::numbers::{Generation, LogPosition, PageSize};
use crate::time::{LogTime, Signature};

/// Where and when a backup was taken (`BKINFO`, 24 bytes).
///
/// ```text
///  0  8  lgposMark
///  8  8  logtimeMark
/// 16  4  genLow
/// 20  4  genHigh
/// ```
///
/// Source: format digest section 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BackupInfo {
    /// Position in the log stream when the backup began.
    pub mark: LogPosition,
    /// Time when the backup began.
    pub time: LogTime,
    /// Lowest log generation of the backup.
    pub low: Generation,
    /// Highest log generation of the backup; 0 in the header of a streamed copy, where only the
    /// trailer knows it.
    pub high: Generation,
}

impl BackupInfo {
    pub(crate) fn at(fields: Fields<'_>, at: usize) -> Self {
        let fields = Fields(fields.bytes(at, 24));
        Self {
            mark: LogPosition::at(fields, 0),
            time: LogTime::at(fields, 8),
            low: Generation(fields.u32(16)),
            high: Generation(fields.u32(20)),
        }
    }

    /// Whether there was such a backup.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }
}

/// Shutdown state of a database (`JET_dbstate*`).
///
/// Source: format digest section 4 (`@52`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DbState {
    /// 1: created, never detached.
    JustCreated,
    /// 2: needs logs; every streamed backup copy is in this state.
    DirtyShutdown,
    /// 3: needs no logs.
    CleanShutdown,
    /// 4: a conversion was interrupted.
    BeingConverted,
    /// 5: detached by force.
    ForceDetach,
    /// 6: an incremental reseed was interrupted.
    IncrementalReseed,
    /// 7: dirty, pages were patched.
    DirtyAndPatched,
    /// 8: a revert was interrupted.
    Revert,
    /// Any other value.
    Other(u32),
}

impl From<u32> for DbState {
    fn from(value: u32) -> Self {
        match value {
            1 => Self::JustCreated,
            2 => Self::DirtyShutdown,
            3 => Self::CleanShutdown,
            4 => Self::BeingConverted,
            5 => Self::ForceDetach,
            6 => Self::IncrementalReseed,
            7 => Self::DirtyAndPatched,
            8 => Self::Revert,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for DbState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JustCreated => "just created",
            Self::DirtyShutdown => "dirty shutdown",
            Self::CleanShutdown => "clean shutdown",
            Self::BeingConverted => "being converted",
            Self::ForceDetach => "force detach",
            Self::IncrementalReseed => "incremental reseed in progress",
            Self::DirtyAndPatched => "dirty and patched shutdown",
            Self::Revert => "revert in progress",
            Self::Other(value) => return write!(f, "unknown state {value}"),
        })
    }
}

/// Version of the operating system that attached the database last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OsVersion {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
    /// Build number.
    pub build: u32,
    /// Service pack.
    pub service_pack: u32,
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.build, self.service_pack)
    }
}

/// The first page of a database (ESE `DBFILEHDR`), the fields that a backup tool needs.
///
/// ```text
///   0   4  checksum              XOR-32 over the page size
///   4   4  magic                 0x89ABCDEF
///   8   4  version               0x620
///  16   8  dbtimeDirtied
///  24  28  signDb
///  52   4  state
///  56   8  lgposConsistent, 8 time of it
///  72   8  time of attach, 8 lgposAttach
///  88   8  time of detach, 8 lgposDetach
/// 104   4  dbid
/// 108  28  signLog
/// 136  24  bkinfoFullPrev, 24 bkinfoIncPrev, 24 bkinfoFullCur
/// 216  16  OS version
/// 232   4  update major, 4 cbPage (0 is 4096)
/// 296   4  lGenMinRequired, 4 lGenMaxRequired
/// 348   8  time of log lGenMaxCommitted
/// 368   4  bits repaired, 384 not repaired, 400 uncorrectable
/// 416   4  lGenMaxCommitted
/// 420  24  bkinfoCopyPrev, 24 bkinfoDiffPrev
/// 644   4  update minor, 4 engine format version
/// 667   4  file type            1, or 0 in old files
/// ```
///
/// INVARIANT: only built from a page whose magic, page size and checksum are right.
/// The second copy starts one page size behind the first.
///
/// Source: format digest section 4; `dbfilehdr.hxx` of microsoft/Extensible-Storage-Engine (MIT).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DatabaseHeader {
    /// Stored XOR-32 checksum, which is right.
    pub checksum: u32,
    /// Format version, 0x620 since Windows 2000.
    pub version: u32,
    /// Last known logical time (`dbtimeDirtied`); it may lag behind the pages.
    pub dbtime: u64,
    /// Identity of the database (`signDb`).
    pub signature: Signature,
    /// Shutdown state.
    pub state: DbState,
    /// Last clean detach; unset when never (`lgposConsistent`).
    pub consistent: LogPosition,
    /// Time of [`Self::consistent`].
    pub consistent_time: LogTime,
    /// Last attach: earlier log records do not concern this file (`lgposAttach`).
    pub attach: LogPosition,
    /// Time of [`Self::attach`].
    pub attach_time: LogTime,
    /// Last detach (`lgposDetach`).
    pub detach: LogPosition,
    /// Time of [`Self::detach`].
    pub detach_time: LogTime,
    /// Number of the database in the logs of its instance.
    pub dbid: u32,
    /// Identity of the log stream (`signLog`); unset in a database that was never logged.
    pub log_signature: Signature,
    /// Last complete full backup (`bkinfoFullPrev`).
    pub full_prev: BackupInfo,
    /// Last incremental backup (`bkinfoIncPrev`).
    pub inc_prev: BackupInfo,
    /// The backup that this file is a copy of (`bkinfoFullCur`); never set in a live database.
    pub full_cur: BackupInfo,
    /// Last full backup that did not truncate logs (`bkinfoCopyPrev`).
    pub copy_prev: BackupInfo,
    /// Last differential backup (`bkinfoDiffPrev`).
    pub diff_prev: BackupInfo,
    /// Last object number in use.
    pub last_object: u32,
    /// Operating system of the last attach.
    pub os_version: OsVersion,
    /// Format update, major: 0x14 for Windows 8 to Server 2019.
    pub update_major: u32,
    /// Format update, minor; 0 before Windows 10 1903.
    pub update_minor: u32,
    /// Page size.
    pub page_size: PageSize,
    /// Generations needed for consistency: `lGenMinRequired` and `lGenMaxRequired`; 0 when none.
    pub required: (Generation, Generation),
    /// Highest generation needed to lose nothing (`lGenMaxCommitted`); 0 when none or in old files.
    pub committed: Generation,
    /// Creation time of log [`Self::committed`].
    pub committed_time: LogTime,
    /// Flipped bits that the engine met and repaired.
    pub bits_repaired: u32,
    /// Flipped bits that the engine met and could not repair.
    pub bits_not_repaired: u32,
    /// Uncorrectable checksum errors that the engine met.
    pub bad_checksums: u32,
    /// Engine format version (efv); 0 before Windows 10 1903.
    pub efv: u32,
}

impl DatabaseHeader {
    /// Reads one header copy from the bytes at its start; bytes behind the page are ignored.
    ///
    /// The checksum spans the page, so the page size is found by trying: the one that the header
    /// names must be the one for which the checksum is right.
    ///
    /// Errors: fewer bytes than the page, another magic number, no such page size, or a wrong
    /// checksum.
    ///
    /// Source: format digest sections 3.1 and 4.
    pub fn parse(page: &[u8]) -> Result<Self, HeaderError> {
        let fields = Fields(page);
        if page.len() < HEADER_LENGTH {
            return Err(HeaderError::TooShort { bytes: page.len(), need: HEADER_LENGTH });
        }
        let magic = fields.u32(field::MAGIC);
        if magic != SEED {
            return Err(HeaderError::Magic(magic));
        }
        let named = fields.u32(field::PAGE_SIZE);
        let Some(page_size) = PageSize::from_field(named) else { return Err(HeaderError::PageSize(named)) };
        let Some(page) = page.get(..page_size.len()) else {
            return Err(HeaderError::TooShort { bytes: page.len(), need: page_size.len() });
        };
        let (stored, computed) = (fields.u32(0), xor32(page));
        if stored != computed {
            return Err(HeaderError::Checksum { stored, computed, page_size });
        }
        Ok(Self::from_fields(Fields(page), page_size))
    }

    /// Generations needed to make the database consistent, lowest and highest; `None` when it
    /// needs no log (clean shutdown).
    pub fn requires_logs(&self) -> Option<(Generation, Generation)> {
        let (low, high) = self.required;
        (self.state != DbState::CleanShutdown && !(low.is_none() && high.is_none())).then_some((low, high))
    }

    /// Whether this is the header of a streamed backup copy, which ends with a trailer page.
    ///
    /// Source: format digest section 18.
    pub fn is_backup_copy(&self) -> bool {
        !self.full_cur.low.is_none() && self.full_cur.high.is_none()
    }

    fn from_fields(f: Fields<'_>, page_size: PageSize) -> Self {
        Self {
            checksum: f.u32(0),
            version: f.u32(field::VERSION),
            dbtime: f.u64(16),
            signature: Signature::at(f, 24),
            state: DbState::from(f.u32(52)),
            consistent: LogPosition::at(f, 56),
            consistent_time: LogTime::at(f, 64),
            attach_time: LogTime::at(f, 72),
            attach: LogPosition::at(f, 80),
            detach_time: LogTime::at(f, 88),
            detach: LogPosition::at(f, 96),
            dbid: f.u32(104),
            log_signature: Signature::at(f, 108),
            full_prev: BackupInfo::at(f, 136),
            inc_prev: BackupInfo::at(f, 160),
            full_cur: BackupInfo::at(f, 184),
            last_object: f.u32(212),
            os_version: OsVersion {
                major: f.u32(216),
                minor: f.u32(220),
                build: f.u32(224),
                service_pack: f.u32(228),
            },
            update_major: f.u32(232),
            page_size,
            required: (Generation(f.u32(296)), Generation(f.u32(300))),
            committed_time: LogTime::at(f, 348),
            bits_repaired: f.u32(368),
            bits_not_repaired: f.u32(384),
            bad_checksums: f.u32(400),
            committed: Generation(f.u32(416)),
            copy_prev: BackupInfo::at(f, 420),
            diff_prev: BackupInfo::at(f, 444),
            update_minor: f.u32(644),
            efv: f.u32(648),
        }
    }
}

/// Why bytes are not a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HeaderError {
    /// The header page is not all there.
    TooShort {
        /// Bytes given.
        bytes: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The magic number of a database is not there.
    Magic(u32),
    /// The engine has no pages of this size.
    PageSize(u32),
    /// The checksum is wrong.
    Checksum {
        /// The stored checksum.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
        /// The page size that the damaged header names.
        page_size: PageSize,
    },
    /// The checksum of a log header is wrong.
    LogChecksum {
        /// The stored checksum.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A log header whose sector sizes or version make no sense.
    NotALog {
        /// Bytes in a sector.
        sector_size: u16,
        /// Sectors of the header.
        header_sectors: u16,
        /// Format version, major.
        major: u32,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { bytes, need } => write!(f, "has {bytes} of {need} bytes"),
            Self::Magic(magic) => write!(f, "magic number is {magic:#010x}, not {SEED:#010x}"),
            Self::PageSize(size) => write!(f, "cbPage is {size}, not a page size"),
            Self::Checksum { stored, computed, .. } | Self::LogChecksum { stored, computed } => {
                write!(f, "checksum is {stored:#010x}, computed {computed:#010x}")
            }
            Self::NotALog { sector_size, header_sectors, major } => write!(
                f,
                "cbSec is {sector_size}, csecHeader {header_sectors} and version {major}, not a log header"
            ),
        }
    }
}

impl core::error::Error for HeaderError {}

/// Bytes of the header that are in use (the structure ends here, the page is longer).
const HEADER_LENGTH: usize = 748;

/// Offsets used outside [`DatabaseHeader::from_fields`].
pub(crate) mod field {
    pub(crate) const MAGIC: usize = 4;
    pub(crate) const VERSION: usize = 8;
    pub(crate) const PAGE_SIZE: usize = 236;
    pub(crate) const FILE_TYPE: usize = 667;
}
