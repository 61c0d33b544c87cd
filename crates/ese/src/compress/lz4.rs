//! LZ4 blocks, without frame.
//!
//! ```text
//! token: literals << 4 | (match length - 4); a field of 15 goes on in bytes, as long as they are 255
//! literal bytes; u16 distance; the last sequence ends behind its literals
//! ```
//!
//! Source: the public "LZ4 Block Format Description".

use super::output::Output;

/// Fills `output`; what follows in `data` behind the last byte wanted is not looked at.
/// `None` when the data ends or points outside.
pub(super) fn expand(mut data: &[u8], output: &mut Output) -> Option<()> {
    while !output.is_full() {
        let token = byte(&mut data)?;
        let literals = length(token >> 4, &mut data)?.min(output.missing());
        let (bytes, rest) = data.split_at_checked(literals)?;
        output.literals(bytes)?;
        if output.is_full() {
            break;
        }
        let (distance, rest) = rest.split_first_chunk()?;
        data = rest;
        let length = length(token & 15, &mut data)?.saturating_add(4);
        output.repeat(usize::from(u16::from_le_bytes(*distance)), length.min(output.missing()))?;
    }
    Some(())
}

fn byte(data: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = data.split_first()?;
    *data = rest;
    Some(first)
}

fn length(field: u8, data: &mut &[u8]) -> Option<usize> {
    let mut length = usize::from(field);
    if field < 15 {
        return Some(length);
    }
    loop {
        let more = byte(data)?;
        length = length.saturating_add(usize::from(more));
        if more < 255 {
            return Some(length);
        }
    }
}
