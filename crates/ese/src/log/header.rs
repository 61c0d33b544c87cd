//! The header of a log file, the same in both log formats.

use core::fmt;

use crate::bytes::Fields;
use crate::checksum::xor32;
use crate::header::HeaderError;
use crate::numbers::{Generation, LogPosition};
use crate::time::{LogTime, Signature};

/// Version of a log file; prints as `8.4000.5.16`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct LogVersion {
    /// Major: 8 since Windows 8, 7 before.
    pub major: u32,
    /// Minor: 4000 with major 8, 3704 with major 7.
    pub minor: u32,
    /// Update, major.
    pub update_major: u32,
    /// Update, minor; since 13 a log remembers the checksum of the previous one.
    pub update_minor: u32,
}

impl fmt::Display for LogVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.update_major, self.update_minor)
    }
}

/// How the records of a log are protected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LogFormat {
    /// Format 8: segments of 4096 bytes, each with an XOR and ECC checksum.
    Segments,
    /// Format 7: sectors of 512 bytes, ranges chained by `LRCHECKSUM` records.
    Ranges,
}

/// The first 4096 bytes of a log file (ESE `LGFILEHDR`).
///
/// ```text
///   0   4  checksum          XOR-32 over 4096 bytes
///   4   4  lGeneration
///   8   2  cbSec             4096 (format 8) or 512 (format 7)
///  10   2  csecHeader        1 or 8
///  12   2  csecLGFile        sectors of the file, the header included
///  14   2  cbPage            page size of the databases
///  16   8  tmCreate
///  24   8  tmPrevGen         tmCreate of the previous generation
///  32  12  version           major, minor, update major
///  44  28  signLog
/// 639   1  fLGFlags
/// 640   8  lgposCheckpoint
/// 648   4  update minor
/// 653   8  checksum of the segments of the previous generation
/// 661   4  engine format version
/// 667   4  file type         3, or 0 in old files
/// ```
///
/// INVARIANT: only built from a header whose checksum is right and whose sectors make sense.
///
/// Source: format digest section 13.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogHeader {
    /// Stored XOR-32 checksum, which is right.
    pub xor32: u32,
    /// Generation.
    pub generation: Generation,
    /// When this generation was begun.
    pub created: LogTime,
    /// When the previous generation was begun; unset in generation 1.
    pub previous_created: LogTime,
    /// Identity of the log stream.
    pub signature: Signature,
    /// Format version.
    pub version: LogVersion,
    /// Bytes in a sector or segment.
    pub sector_size: u16,
    /// Sectors of this header.
    pub header_sectors: u16,
    /// Sectors of the file, the header included.
    pub file_sectors: u16,
    /// Page size of the databases on the machine that wrote the log, as stored.
    pub page_size: u16,
    /// Flags: 1 reserve log used, 2 circular logging on, 4 circular logging happened before.
    pub flags: u8,
    /// Checkpoint when this generation was begun; unset in old logs.
    pub checkpoint: LogPosition,
    /// XOR of the segment checksums of the previous generation; 0 when not recorded.
    ///
    /// Official since update minor 13. Newer engines that write an older format set it all the
    /// same (measured: 8.4000.4.3 written by the public engine), Server 2012 R2 does not.
    pub previous_checksum: u64,
    /// Engine format version (efv); 0 in old logs.
    pub efv: u32,
    /// How the records are protected.
    pub format: LogFormat,
}

impl LogHeader {
    /// Bytes of the header in both formats.
    pub const LENGTH: usize = 4096;

    /// Reads a log header from the first 4096 bytes of a log file; bytes behind them are ignored.
    ///
    /// Errors: fewer bytes, a wrong checksum, or sector sizes of neither format.
    ///
    /// Source: format digest section 13.1.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(bytes) = bytes.get(..Self::LENGTH) else {
            return Err(HeaderError::TooShort { bytes: bytes.len(), need: Self::LENGTH });
        };
        let f = Fields(bytes);
        let (stored, computed) = (f.u32(0), xor32(bytes));
        if stored != computed {
            return Err(HeaderError::LogChecksum { stored, computed });
        }
        let (sector_size, header_sectors, version) = (f.u16(8), f.u16(10), version(f));
        let format = match (sector_size, header_sectors) {
            (4096, 1) => LogFormat::Segments,
            (512, 8) => LogFormat::Ranges,
            _ => return Err(HeaderError::NotALog { sector_size, header_sectors, major: version.major }),
        };
        Ok(Self {
            xor32: stored,
            generation: Generation(f.u32(4)),
            created: LogTime::at(f, 16),
            previous_created: LogTime::at(f, 24),
            signature: Signature::at(f, 44),
            version,
            sector_size,
            header_sectors,
            file_sectors: f.u16(12),
            page_size: f.u16(14),
            flags: f.u8(639),
            checkpoint: LogPosition::at(f, 640),
            previous_checksum: f.u64(653),
            efv: f.u32(661),
            format,
        })
    }

    /// Length of the file by its own header, in bytes.
    pub fn file_size(&self) -> u64 {
        u64::from(self.file_sectors).saturating_mul(u64::from(self.sector_size))
    }
}

fn version(f: Fields<'_>) -> LogVersion {
    LogVersion { major: f.u32(32), minor: f.u32(36), update_major: f.u32(40), update_minor: f.u32(648) }
}
