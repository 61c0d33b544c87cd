//! Values by their type.

use alloc::string::String;
use alloc::vec::Vec;

use super::schema::ColumnType;

/// A value of a column.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A bit.
    Bit(bool),
    /// Whole numbers of every size.
    Integer(i128),
    /// Floating point numbers.
    Float(f64),
    /// 8 bytes of a `DateTime`: whatever the application keeps there; AD CS a `FILETIME`.
    Time(u64),
    /// Text.
    Text(String),
    /// Bytes, and values whose length does not fit their type.
    Bytes(Vec<u8>),
    /// A GUID, in the order in which it is stored.
    Guid([u8; 16]),
}

pub(super) fn decode(kind: ColumnType, code_page: u16, bytes: &[u8]) -> Value {
    let known = match kind {
        ColumnType::Bit => bytes.first().map(|&byte| Value::Bit(byte != 0)),
        ColumnType::UnsignedByte => bytes.first().map(|&byte| Value::Integer(byte.into())),
        ColumnType::Short => array(bytes).map(|own| Value::Integer(i16::from_le_bytes(own).into())),
        ColumnType::UnsignedShort => array(bytes).map(|own| Value::Integer(u16::from_le_bytes(own).into())),
        ColumnType::Long => array(bytes).map(|own| Value::Integer(i32::from_le_bytes(own).into())),
        ColumnType::UnsignedLong => array(bytes).map(|own| Value::Integer(u32::from_le_bytes(own).into())),
        ColumnType::Currency | ColumnType::LongLong => {
            array(bytes).map(|own| Value::Integer(i64::from_le_bytes(own).into()))
        }
        ColumnType::UnsignedLongLong => {
            array(bytes).map(|own| Value::Integer(u64::from_le_bytes(own).into()))
        }
        ColumnType::Single => array(bytes).map(|own| Value::Float(f32::from_le_bytes(own).into())),
        ColumnType::Double => array(bytes).map(|own| Value::Float(f64::from_le_bytes(own))),
        ColumnType::DateTime => array(bytes).map(|own| Value::Time(u64::from_le_bytes(own))),
        ColumnType::Guid => array(bytes).map(Value::Guid),
        ColumnType::Text | ColumnType::LongText => Some(Value::Text(text(bytes, code_page))),
        ColumnType::Binary | ColumnType::LongBinary | ColumnType::Unknown(_) => None,
    };
    known.unwrap_or_else(|| Value::Bytes(bytes.to_vec()))
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// Text of a code page: UTF-16 for 1200, else as Windows-1252, the only other one that was seen.
///
/// What is no text becomes the replacement character; a terminating zero is left out.
pub(super) fn text(bytes: &[u8], code_page: u16) -> String {
    let mut text: String = if code_page == UTF_16 {
        let (units, rest) = bytes.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
        let lost = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .chain(lost)
            .collect()
    } else {
        bytes.iter().map(|&byte| windows_1252(byte)).collect()
    };
    if text.ends_with('\0') {
        text.pop();
    }
    text
}

/// Latin-1, with letters and signs where that has control characters.
fn windows_1252(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|high| HIGH.get(usize::from(high)));
    high.copied().unwrap_or_else(|| char::from(byte))
}

const UTF_16: u16 = 1200;

/// 0x80 to 0x9F; the five unassigned ones stay what they are.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];
