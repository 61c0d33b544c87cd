//! Text of 7-bit characters, packed without gaps, lowest bits first.
//!
//! ```text
//! 0  1  scheme << 3 | (used bits of the last byte - 1)
//! 1  .. characters
//! ```

use alloc::vec::Vec;

use super::CompressionError;

/// One byte a character.
pub(super) fn ascii(last_bits: u8, packed: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let count = characters(last_bits, packed).filter(|&count| count <= limit);
    let mut text = Vec::with_capacity(count.ok_or_else(|| refused(packed))?.saturating_add(8));
    unpack(packed, |group| text.extend_from_slice(&group));
    text.truncate(count.unwrap_or(0));
    Ok(text)
}

/// One UTF-16 unit a character.
pub(super) fn unicode(last_bits: u8, packed: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let count = characters(last_bits, packed).filter(|&count| count <= limit / 2);
    let bytes = count.ok_or_else(|| refused(packed))?.saturating_mul(2);
    let mut text = Vec::with_capacity(bytes.saturating_add(16));
    unpack(packed, |group| text.extend_from_slice(group.map(u16::from).map(u16::to_le_bytes).as_flattened()));
    text.truncate(bytes);
    Ok(text)
}

/// How many characters there are; `None` without any byte.
fn characters(last_bits: u8, packed: &[u8]) -> Option<usize> {
    let full = packed.len().checked_sub(1)?;
    Some(full.saturating_mul(8).saturating_add(usize::from(last_bits)).saturating_add(1) / 7)
}

fn refused(packed: &[u8]) -> CompressionError {
    if packed.is_empty() { CompressionError::Damaged } else { CompressionError::TooLong }
}

/// Hands out eight characters for each seven bytes; behind the last character zeros follow.
fn unpack(packed: &[u8], mut take: impl FnMut([u8; 8])) {
    for chunk in packed.chunks(7) {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        let word = u64::from_le_bytes(word);
        take([0, 7, 14, 21, 28, 35, 42, 49].map(|bit| (word >> bit).to_le_bytes()[0] & 0x7f));
    }
}
