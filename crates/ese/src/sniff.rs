//! What kind of file this is, by its first bytes.

use crate::bytes::Fields;
use crate::checksum::{SEED, xor32};
use crate::header::{DatabaseHeader, field};
use crate::log::LogHeader;
use crate::numbers::PageSize;

/// Kind of an ESE file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum FileType {
    /// Database (`.edb`), also a streamed copy.
    Database,
    /// Transaction log (`.log`, `.jtx`).
    Log,
    /// Checkpoint (`.chk`, `.jcp`).
    Checkpoint,
    /// Flush map (`.jfm`).
    FlushMap,
    /// Not known: another file, too few bytes, or a damaged header.
    Unknown,
}

/// Tells the kind of a file from its first bytes; 32 KiB are always enough, 4 KiB mostly.
///
/// A kind is only named when the file says it (file type at byte 667 and a header that makes
/// sense), or, in old files that do not, when the header has a right checksum.
///
/// Source: format digest sections 1, 4, 13.1 and 16.
pub fn sniff(first_bytes: &[u8]) -> FileType {
    let f = Fields(first_bytes);
    if first_bytes.len() < field::FILE_TYPE.saturating_add(4) {
        return FileType::Unknown;
    }
    let named = f.u32(field::FILE_TYPE);
    let magic = f.u32(field::MAGIC) == SEED;
    match named {
        1 if magic && PageSize::from_field(f.u32(field::PAGE_SIZE)).is_some() => FileType::Database,
        3 if !magic && is_log(f) => FileType::Log,
        4 if copy_is_right(first_bytes) => FileType::Checkpoint,
        7 if flush_map_is_right(first_bytes) => FileType::FlushMap,
        _ if magic && DatabaseHeader::parse(first_bytes).is_ok() => FileType::Database,
        _ if !magic && is_log(f) && LogHeader::parse(first_bytes).is_ok() => FileType::Log,
        _ => FileType::Unknown,
    }
}

fn is_log(f: Fields<'_>) -> bool {
    let sectors = (f.u16(8), f.u16(10));
    matches!(sectors, (4096, 1) | (512, 8)) && matches!(f.u32(32), 7 | 8) && f.u16(12) > f.u16(10)
}

fn copy_is_right(first_bytes: &[u8]) -> bool {
    first_bytes.get(..4096).is_some_and(|copy| Fields(copy).u32(0) == xor32(copy))
}

/// A flush map starts with a header of 8 KiB whatever the page size of its database is.
fn flush_map_is_right(first_bytes: &[u8]) -> bool {
    first_bytes.get(..8192).is_some_and(|header| Fields(header).u32(0) == xor32(header))
}
