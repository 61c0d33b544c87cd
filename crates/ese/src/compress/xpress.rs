//! XPRESS: "Plain LZ77" of the open specification MS-XCA.
//!
//! ```text
//! 32 bits of flags, highest first, then one item for each: 0 a literal byte, 1 a match
//! match: u16 = (distance - 1) << 3 | (length - 3); length field 7: a longer one follows
//! longer: 4 bits (two matches share a byte, low half first); 15: a byte; 255: u16; 0: u32
//! ```
//!
//! Source: MS-XCA section 2.4 "Plain LZ77 Decompression Algorithm Details".

use super::output::Output;
use crate::bytes::index;

/// Fills `output`; what follows in `data` behind the last byte wanted is not looked at.
/// `None` when the data ends or points outside.
pub(super) fn expand(data: &[u8], output: &mut Output) -> Option<()> {
    let mut input = Input { rest: data, half: None };
    while !output.is_full() {
        let flags = u32::from_le_bytes(input.take()?);
        items(flags, &mut input, output)?;
    }
    Some(())
}

/// The 32 items of one word of flags, or as many as are wanted.
fn items(mut flags: u32, input: &mut Input<'_>, output: &mut Output) -> Option<()> {
    let mut left = u32::BITS;
    while left > 0 && !output.is_full() {
        if flags & (1 << 31) == 0 {
            let run = flags.leading_zeros().min(left);
            let (bytes, rest) = input.rest.split_at_checked(index(run).min(output.missing()))?;
            output.literals(bytes)?;
            input.rest = rest;
            flags = flags.checked_shl(run).unwrap_or(0);
            left = left.saturating_sub(run);
        } else {
            let code = u16::from_le_bytes(input.take()?);
            let length = input.length(usize::from(code & 7))?;
            output.repeat(usize::from(code >> 3).saturating_add(1), length.min(output.missing()))?;
            flags <<= 1;
            left = left.saturating_sub(1);
        }
    }
    Some(())
}

struct Input<'a> {
    rest: &'a [u8],
    /// Upper half of the last shared length byte, while it is unused.
    half: Option<u8>,
}

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    /// Length of a match whose 16 bits said `short`.
    fn length(&mut self, short: usize) -> Option<usize> {
        if short < 7 {
            return short.checked_add(3);
        }
        let nibble = match self.half.take() {
            Some(half) => half,
            None => {
                let byte = self.byte()?;
                self.half = Some(byte >> 4);
                byte & 15
            }
        };
        if nibble < 15 {
            return usize::from(nibble).checked_add(7 + 3);
        }
        match self.byte()? {
            255 => self.long_length()?.checked_sub(15 + 7)?.checked_add(15 + 7 + 3),
            byte => usize::from(byte).checked_add(15 + 7 + 3),
        }
    }

    /// The length less 3, in full.
    fn long_length(&mut self) -> Option<usize> {
        match u16::from_le_bytes(self.take()?) {
            0 => Some(index(u32::from_le_bytes(self.take()?))),
            length => Some(usize::from(length)),
        }
    }
}
