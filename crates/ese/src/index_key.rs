//! Index keys from column values: what an index must hold for a row.
//!
//! A key is made of segments, one for each column of the index. A segment sorts bytewise as its value
//! sorts:
//!
//! ```text
//! 00, nulls high c0            NULL
//! 40                           text or binary of no length
//! 7f  ff or 00                 Bit
//! 7f  big-endian               unsigned numbers; signed with the highest bit flipped
//! 7f  big-endian               floats, dates: negative ones inverted, else the highest bit flipped
//! 7f  reordered                GUID
//! 7f  8 bytes, marker, ..      binary; marker 9 = more follows, else bytes used
//! 7f  capitals, 00             text of 8 bits
//! 7f  sort key of the locale   UTF-16 text: made by Windows, not to be had elsewhere
//! ```
//!
//! All bytes of a descending segment are inverted. A key that becomes too long is cut.
//!
//! Source: format digest section 6; Extensible-Storage-Engine `dev/ese/src/ese/fldnorm.cxx`,
//! `dev/ese/src/ese/_osu/normu.cxx`, `dev/ese/src/inc/rec.hxx` (several values).

mod row;
mod segment;

pub use row::IndexKey;

use alloc::vec::Vec;

use crate::reader::{Column, ColumnType, Index};

/// What an index says about the making of its keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyForm {
    /// Longest key, in bytes.
    pub key_most: usize,
    /// Longest segment of text or binary, in bytes with its first; 0: no limit of its own.
    pub segment_most: usize,
    /// NULL is above every value.
    pub nulls_high: bool,
    /// GUIDs sort as the .NET library sorts them, not as the engine does.
    pub dotnet_guids: bool,
}

impl From<&Index> for KeyForm {
    fn from(index: &Index) -> Self {
        Self {
            key_most: usize::from(index.key_most),
            segment_most: usize::from(index.segment_most),
            nulls_high: index.flags.sorts_nulls_high(),
            dotnet_guids: index.flags.sorts_guids_as_dotnet(),
        }
    }
}

/// What a segment of a key needs to know of its column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyColumn {
    /// Type of its values.
    pub kind: ColumnType,
    /// Code page of its text.
    pub code_page: u16,
    /// Lies at a fixed place of the record (columns 1 to 127).
    pub is_fixed: bool,
    /// Highest values first in this index.
    pub descending: bool,
}

impl KeyColumn {
    /// A column as a segment of an index.
    pub fn new(column: &Column, descending: bool) -> Self {
        let Column { kind, code_page, .. } = *column;
        Self { kind, code_page, is_fixed: column.is_fixed(), descending }
    }
}

impl KeyForm {
    /// Appends the segment of a value, `None` being NULL, to the segments before it in `key`.
    ///
    /// `false`: the segment cannot be told and nothing was added. It is UTF-16 text, which a locale
    /// of Windows sorts, or its length does not fit the type.
    #[must_use]
    pub fn append(&self, column: KeyColumn, value: Option<&[u8]>, key: &mut Vec<u8>) -> bool {
        let room = self.key_most.saturating_sub(key.len());
        if room == 0 {
            return true;
        }
        let start = key.len();
        let known = match value {
            None => {
                key.push(if self.nulls_high { NULL_HIGH } else { NULL });
                true
            }
            Some([]) if column.kind.width().is_none() => {
                key.push(ZERO_LENGTH);
                true
            }
            Some(value) => self.data(column, value, room, key),
        };
        if column.descending {
            key.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
        }
        known
    }

    fn data(&self, column: KeyColumn, value: &[u8], room: usize, key: &mut Vec<u8>) -> bool {
        let most = if self.segment_most == 0 || self.segment_most >= self.key_most {
            room
        } else {
            room.min(self.segment_most)
        };
        let end = key.len().saturating_add(room);
        match column.kind {
            kind if kind.is_text() && column.code_page == UTF_16 => return false,
            ColumnType::Text | ColumnType::LongText => segment::text(value, most, key),
            ColumnType::Binary | ColumnType::LongBinary if column.is_fixed => {
                segment::plain(value, most, key)
            }
            ColumnType::Binary | ColumnType::LongBinary => segment::chunks(value, most, key),
            ColumnType::Guid => match value.try_into() {
                Ok(guid) => segment::guid(guid, self.dotnet_guids, key),
                Err(_) => return false,
            },
            kind => {
                if kind.width().map(usize::from) != Some(value.len()) {
                    return false;
                }
                segment::number(kind, value, key);
            }
        }
        key.truncate(end);
        true
    }
}

/// Code page number of UTF-16.
const UTF_16: u16 = 1200;

const NULL: u8 = 0x00;
const NULL_HIGH: u8 = 0xc0;
const ZERO_LENGTH: u8 = 0x40;
const DATA: u8 = 0x7f;
