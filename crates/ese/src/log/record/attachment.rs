//! The databases that are attached when a log begins.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::bytes::Fields;
use crate::numbers::LogPosition;
use crate::time::Signature;

/// A database that was attached when a generation was begun (`ATTACHINFO` of a log header).
///
/// ```text
///  0  1  dbid
///  1  1  flags            0x20 names are UTF-16, 0x40 sparse file
///  2  2  bytes of the names
///  4  8  dbtime
/// 12  4  objidLast
/// 16  4  cpgMax
/// 20  8  lgposAttach
/// 28  8  lgposConsistent
/// 36 28  signDb
/// 64  n  names, zero terminated
/// ```
///
/// Source: format digest section 13.1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// Its number in the records.
    pub dbid: u8,
    /// Its change counter.
    pub dbtime: u64,
    /// Its last object number.
    pub last_object: u32,
    /// Where it was attached.
    pub attach: LogPosition,
    /// Its last clean detach before that; unset when never.
    pub consistent: LogPosition,
    /// Its identity.
    pub signature: Signature,
    /// Where it was, on the machine that wrote the log.
    pub path: String,
}

impl Attachment {
    /// Reads the list of a log header of at least 4096 bytes.
    pub(super) fn list(header: &[u8]) -> Vec<Self> {
        let mut rest = header.get(LIST..LIST_END).unwrap_or(&[]);
        let mut list = Vec::new();
        while let Some((&dbid, _)) = rest.split_first().filter(|(dbid, _)| **dbid != 0) {
            let f = Fields(rest);
            let behind = usize::from(f.u16(2)).saturating_add(FIXED);
            let (Some(names), Some(next)) = (rest.get(FIXED..behind), rest.get(behind..)) else { break };
            list.push(Self {
                dbid,
                dbtime: f.u64(4),
                last_object: f.u32(12),
                attach: LogPosition::at(f, 20),
                consistent: LogPosition::at(f, 28),
                signature: Signature::at(f, 36),
                path: alloc::format!("{}", DatabasePath { bytes: names, is_utf16: f.u8(1) & 0x20 != 0 }),
            });
            rest = next;
        }
        list
    }
}

/// The path of a database as a record stores it; displays up to its first zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DatabasePath<'a> {
    /// The names, each with a zero behind.
    pub bytes: &'a [u8],
    /// UTF-16, otherwise the code page of the machine.
    pub is_utf16: bool,
}

impl fmt::Display for DatabasePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_utf16 {
            let (units, _) = self.bytes.as_chunks::<2>();
            let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|&unit| unit != 0);
            return char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .try_for_each(|unit| fmt::Write::write_char(f, unit));
        }
        let text = self.bytes.split(|&byte| byte == 0).next().unwrap_or(&[]);
        f.write_str(&String::from_utf8_lossy(text))
    }
}

/// Where the list starts in a log header.
const LIST: usize = 671;

/// Where the list ends at the latest.
const LIST_END: usize = LIST + 2048;

/// Bytes before the names.
const FIXED: usize = 64;
