//! How long a record is.

use crate::bytes::{Fields, index};

/// Why there is no length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoSize {
    /// A type without a known layout.
    Unknown,
    /// The record is longer than the bytes.
    Cut,
}

/// Bytes of the record at the start of `bytes`, all of which are there.
///
/// Source: format digest section 15.
pub(super) fn size(bytes: &[u8]) -> Result<usize, NoSize> {
    let kind = bytes.first().copied().ok_or(NoSize::Cut)?;
    let fixed = usize::from(FIXED.get(usize::from(kind)).copied().unwrap_or(0));
    if fixed == 0 {
        return Err(NoSize::Unknown);
    }
    let head = bytes.get(..fixed).ok_or(NoSize::Cut)?;
    let size = fixed.checked_add(variable(kind, Fields(head))).ok_or(NoSize::Cut)?;
    if size <= bytes.len() { Ok(size) } else { Err(NoSize::Cut) }
}

/// Bytes behind the fixed part.
fn variable(kind: u8, f: Fields<'_>) -> usize {
    let parts = |fields: &[usize]| fields.iter().map(|&at| usize::from(f.u16(at))).sum::<usize>();
    let long = |at| index(f.u32(at));
    match kind {
        14 => parts(&[40]).saturating_add(if f.u8(42) & 4 != 0 { 4 } else { 0 }),
        15 => parts(&[72]),
        16 => parts(&[4]),
        19 | 20 | 45 | 59 => parts(&[1]),
        22 | 46 | 61 => parts(&[3]),
        27 => parts(&[96, 98, 100]),
        28 => parts(&[86]),
        29 => parts(&[44, 46, 48]),
        30 | 31 | 37 | 39 | 93 => parts(&[44, 46]),
        33 | 34 => usize::from(f.u16(44) & 0x7FFF),
        36 => parts(&[44, 46, 54]),
        38 | 48 => parts(&[44]),
        54 => long(3),
        60 => parts(&[33]),
        62 => parts(&[96, 98, 100]).saturating_add(long(106)),
        63 => parts(&[86]).saturating_add(long(92)),
        64 => parts(&[52]),
        65 => long(88).saturating_add(long(92)),
        67..=75 | 82..=91 => long(1),
        76 => parts(&[5]),
        77 => parts(&[1]),
        _ => 0,
    }
}

/// Bytes of the fixed part by type; 0 for types that are not known.
#[rustfmt::skip]
const FIXED: [u16; 102] = [
    1, 568, 18, 9, 1, 4, 4, 4, 8, 8,
    7, 11, 11, 11, 43, 75, 7, 1, 18, 3,
    3, 4, 5, 1, 56, 48, 60, 102, 88, 50,
    48, 52, 44, 50, 50, 44, 56, 54, 46, 51,
    0, 0, 22, 0, 0, 3, 5, 0, 46, 576,
    26, 9, 26, 8, 7, 3, 0, 3, 68, 3,
    35, 5, 110, 96, 54, 96, 46, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 7, 3, 10, 4,
    26, 10, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 14, 58, 10, 20, 16, 2, 27, 18,
    11, 19,
];
