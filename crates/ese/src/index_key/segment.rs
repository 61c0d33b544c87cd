//! Segments of values that are there. `most` counts the first byte, `DATA`, and is at least 1.

use alloc::vec::Vec;

use super::DATA;
use crate::reader::ColumnType;

/// A number or date of the width of its type; bits but no sign are what they are.
pub(super) fn number(kind: ColumnType, value: &[u8], key: &mut Vec<u8>) {
    key.push(DATA);
    let start = key.len();
    key.extend(value.iter().rev());
    let Some(first) = key.get_mut(start) else { return };
    match kind {
        ColumnType::Bit => *first = if *first == 0 { 0 } else { 0xff },
        ColumnType::Short | ColumnType::Long | ColumnType::Currency | ColumnType::LongLong => *first ^= 0x80,
        ColumnType::Single | ColumnType::Double | ColumnType::DateTime => {
            if *first & 0x80 == 0 {
                *first ^= 0x80;
            } else {
                key.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
            }
        }
        _ => {}
    }
}

/// The engine compares the six bytes of the node first, .NET the fields as they are written.
pub(super) fn guid(guid: &[u8; 16], dotnet: bool, key: &mut Vec<u8>) {
    let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, n0, n1, n2, n3, n4, n5] = *guid;
    key.push(DATA);
    if dotnet {
        key.extend([a3, a2, a1, a0, b1, b0, c1, c0, d0, d1, n0, n1, n2, n3, n4, n5]);
    } else {
        key.extend([n0, n1, n2, n3, n4, n5, d0, d1, c0, c1, b0, b1, a0, a1, a2, a3]);
    }
}

/// Binary of a fixed column.
pub(super) fn plain(value: &[u8], most: usize, key: &mut Vec<u8>) {
    key.push(DATA);
    key.extend(value.iter().take(most.saturating_sub(1)));
}

/// Binary of other columns: pieces of 8 bytes, each with a marker.
pub(super) fn chunks(value: &[u8], most: usize, key: &mut Vec<u8>) {
    let end = key.len().saturating_add(most);
    key.push(DATA);
    let (whole, rest) = value.as_chunks::<8>();
    let is_last = |number: usize| rest.is_empty() && number.saturating_add(1) == whole.len();
    for (number, chunk) in whole.iter().enumerate() {
        if key.len() >= end {
            break;
        }
        key.extend_from_slice(chunk);
        key.push(if is_last(number) { 8 } else { 9 });
    }
    if let Ok(used @ 1..) = u8::try_from(rest.len()) {
        let mut chunk = [0; 8];
        chunk.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        key.extend_from_slice(&chunk);
        key.push(used);
    }
    key.truncate(end);
}

/// Text of 8 bits, up to its first zero byte: a-z as capitals, nothing else, in any code page.
pub(super) fn text(value: &[u8], most: usize, key: &mut Vec<u8>) {
    key.push(DATA);
    let room = most.saturating_sub(1);
    let text = value.split(|&byte| byte == 0).next().unwrap_or(&[]);
    if text.len() < room {
        key.extend(text.iter().map(u8::to_ascii_uppercase));
        key.push(0);
    } else if let Some((last, text)) = text.get(..room).and_then(|text| text.split_last()) {
        key.extend(text.iter().map(u8::to_ascii_uppercase));
        // The engine takes the last byte of text that is cut for a small letter, whatever it is.
        key.push(last.wrapping_sub(b'a' - b'A'));
    }
}
