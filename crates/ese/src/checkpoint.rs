//! Checkpoint files, and the list of attached databases that logs have too.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::bytes::Fields;
use crate::checksum::xor32;
use crate::header::DatabaseHeader;
use crate::log::LogHeader;
use crate::numbers::{Generation, LogPosition};
use crate::time::{LogTime, Signature};

/// A checkpoint file (`edb.chk`, `.jcp`): everything before its position is in the databases.
///
/// ```text
///   0   4  checksum                      XOR-32 over 4096 bytes
///   4   8  lgposLastFullBackupCheckpoint
///  12   8  lgposCheckpoint
///  20  28  signLog
///  48 567  DBMS_PARAM                    system path char[261], log path char[261], numbers
/// 615   8  lgposFullBackup, 8 time of it
/// 631   8  lgposIncBackup, 8 time of it
/// 647   1  fVersion                      bit 0: the list below is there
/// 648   8  lgposDbConsistency
/// 667   4  file type                     4, or 0 in old files
/// 679      attached databases            see `AttachedDatabase`
/// ```
///
/// The file is two copies of 4096 bytes. It is no part of a streamed backup, and no data is lost with it:
/// without one, recovery begins with the lowest log.
///
/// INVARIANT: only built from a copy whose checksum is right.
///
/// Source: format digest section 16.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Was the first copy unusable?
    pub from_second_copy: bool,
    /// Where recovery begins to redo (`lgposCheckpoint`).
    pub position: LogPosition,
    /// The checkpoint of the last full backup (`lgposLastFullBackupCheckpoint`).
    pub last_full_checkpoint: LogPosition,
    /// Identity of the log stream.
    pub log_signature: Signature,
    /// Folder of the checkpoint on the machine that wrote it; not to be trusted.
    pub system_path: String,
    /// Folder of the logs there; not to be trusted.
    pub log_path: String,
    /// Last full backup, and when.
    pub full_backup: (LogPosition, LogTime),
    /// Last incremental backup, and when.
    pub incremental_backup: (LogPosition, LogTime),
    /// Up to here the logs are needed to make the databases consistent (`lgposDbConsistency`).
    pub consistency: LogPosition,
    /// The databases that were attached.
    pub databases: Vec<AttachedDatabase>,
}

impl Checkpoint {
    /// Bytes of one copy.
    pub const COPY_LENGTH: usize = 4096;

    /// Reads the first copy that is right; bytes behind both are ignored.
    ///
    /// # Errors
    /// What is wrong with the first copy, when neither is right.
    pub fn parse(file: &[u8]) -> Result<Self, CheckpointError> {
        Self::copy(file).or_else(|first| {
            let second = Self::copy(file.get(Self::COPY_LENGTH..).unwrap_or(&[]));
            second.map(|copy| Self { from_second_copy: true, ..copy }).map_err(|_| first)
        })
    }

    fn copy(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let Some(bytes) = bytes.get(..Self::COPY_LENGTH) else {
            return Err(CheckpointError::TooShort { bytes: bytes.len() });
        };
        let f = Fields(bytes);
        let (stored, computed) = (f.u32(0), xor32(bytes));
        if stored != computed {
            let is_zero = bytes.iter().all(|&byte| byte == 0);
            return Err(if is_zero {
                CheckpointError::Zeroed
            } else {
                CheckpointError::Checksum { stored, computed }
            });
        }
        match f.u32(667) {
            0 | FILE_TYPE => {}
            other => return Err(CheckpointError::FileType(other)),
        }
        let has_list = f.u8(647) & 1 != 0;
        let list = bytes.get(679..).filter(|_| has_list).unwrap_or(&[]);
        Ok(Self {
            from_second_copy: false,
            last_full_checkpoint: LogPosition::at(f, 4),
            position: LogPosition::at(f, 12),
            log_signature: Signature::at(f, 20),
            system_path: narrow(f.bytes(48, PATH_LENGTH)),
            log_path: narrow(f.bytes(309, PATH_LENGTH)),
            full_backup: (LogPosition::at(f, 615), LogTime::at(f, 623)),
            incremental_backup: (LogPosition::at(f, 631), LogTime::at(f, 639)),
            consistency: LogPosition::at(f, 648),
            databases: AttachedDatabase::list(list),
        })
    }

    /// Whether recovery of this database may begin here.
    ///
    /// A checkpoint that is ahead of what the database has on disk is fatal: recovery would pass over
    /// changes without a word. It must not be behind for anything: then recovery only takes longer.
    ///
    /// Source: format digest section 16.
    pub fn fit(&self, database: &DatabaseHeader) -> CheckpointFit {
        if database.log_signature.is_set() && database.log_signature != self.log_signature {
            return CheckpointFit::OtherStream;
        }
        match database.requires_logs() {
            Some((needed, _)) if self.position.generation > needed => CheckpointFit::Ahead { needed },
            _ => CheckpointFit::Fits,
        }
    }
}

/// Whether a checkpoint goes with a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CheckpointFit {
    /// It does, or it is older than it could be.
    Fits,
    /// It is of another log stream than the database.
    OtherStream,
    /// It lies above the first generation that the database needs: recovery would leave changes out.
    Ahead {
        /// `lGenMinRequired` of the database.
        needed: Generation,
    },
}

/// Why bytes are no checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Shorter than one copy.
    TooShort {
        /// Bytes given.
        bytes: usize,
    },
    /// All zero.
    Zeroed,
    /// The checksum is wrong.
    Checksum {
        /// The stored checksum.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// Another kind of file by its file type.
    FileType(u32),
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { bytes } => {
                write!(f, "has {bytes} bytes, a checkpoint has {}", Checkpoint::COPY_LENGTH)
            }
            Self::Zeroed => f.write_str("is all zero"),
            Self::Checksum { stored, computed } => {
                write!(f, "checksum is {stored:#010x}, computed {computed:#010x}")
            }
            Self::FileType(other) => write!(f, "file type is {other}, a checkpoint has {FILE_TYPE}"),
        }
    }
}

impl core::error::Error for CheckpointError {}

/// A database that was attached when a log or a checkpoint was written (`ATTACHINFO`).
///
/// ```text
///  0  1  dbid
///  1  1  flags            0x20 the names are UTF-16, 0x40 sparse file
///  2  2  cbNames
///  4  8  dbtime
/// 12  4  objidLast
/// 16  4  cpgMax
/// 20  8  lgposAttach
/// 28  8  lgposConsistent
/// 36 28  signDb
/// 64     names, each with a zero behind it
/// ```
///
/// Source: format digest section 13.1.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AttachedDatabase {
    /// Its number in the logs.
    pub dbid: u8,
    /// Flags as stored.
    pub flags: u8,
    /// Change counter of the database.
    pub dbtime: u64,
    /// Last object number in use.
    pub last_object: u32,
    /// Largest size in pages that was allowed; 0 for no limit.
    pub max_pages: u32,
    /// Where it was attached.
    pub attach: LogPosition,
    /// Where it was last consistent.
    pub consistent: LogPosition,
    /// Identity of the database.
    pub signature: Signature,
    /// Path on the machine that wrote it; not to be trusted.
    pub path: String,
}

impl AttachedDatabase {
    /// Reads a list that ends at a number of 0 or with the bytes; an entry that does not fit ends it too.
    pub fn list(bytes: &[u8]) -> Vec<Self> {
        let mut found = Vec::new();
        let mut rest = bytes;
        while let Some((entry, behind)) = Self::split(rest) {
            found.push(entry);
            rest = behind;
        }
        found
    }

    /// The databases that were attached when a log was begun, from the bytes of its header.
    ///
    /// None when [`LogHeader::parse`] refuses the bytes.
    pub fn of_log(header: &[u8]) -> Vec<Self> {
        match LogHeader::parse(header) {
            Ok(_) => Self::list(Fields(header).bytes(671, LIST_LENGTH)),
            Err(_) => Vec::new(),
        }
    }

    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (fixed, behind) = bytes.split_at_checked(FIXED_LENGTH)?;
        let f = Fields(fixed);
        let (dbid, flags) = (f.u8(0), f.u8(1));
        let (names, behind) = behind.split_at_checked(f.u16(2).into())?;
        let entry = Self {
            dbid,
            flags,
            dbtime: f.u64(4),
            last_object: f.u32(12),
            max_pages: f.u32(16),
            attach: LogPosition::at(f, 20),
            consistent: LogPosition::at(f, 28),
            signature: Signature::at(f, 36),
            path: if flags & UNICODE != 0 { wide(names) } else { narrow(names) },
        };
        (dbid != 0).then_some((entry, behind))
    }
}

/// Text up to the first zero, of a code page that nobody names.
fn narrow(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or(&[]);
    String::from_utf8_lossy(text).into_owned()
}

/// UTF-16 text up to the first zero.
fn wide(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|&unit| unit != 0);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// File type of a checkpoint.
const FILE_TYPE: u32 = 4;

/// Bytes of a path in `DBMS_PARAM`.
const PATH_LENGTH: usize = 261;

/// Bytes of `ATTACHINFO` before the names.
const FIXED_LENGTH: usize = 64;

/// Bytes of the list in the header of a log.
const LIST_LENGTH: usize = 2048;

/// Flag of an entry: its names are UTF-16.
const UNICODE: u8 = 0x20;
