//! The parts of a record, as far as they can be checked without its columns.
//!
//! Source: format digest section 9.

use crate::bytes::Fields;

/// Whether the parts of a record fit each other; `id` gets the ids of its long values.
pub(super) fn scan(record: &[u8], is_large: bool, id: &mut dyn FnMut(u64)) -> bool {
    tagged(record).is_some_and(|bytes| fields(bytes, is_large, id).is_some())
}

/// The tagged part, behind fixed and variable columns.
fn tagged(record: &[u8]) -> Option<&[u8]> {
    let &[last_fixed, last_variable, low, high] = record.first_chunk()?;
    let fixed_end = usize::from(u16::from_le_bytes([low, high]));
    let bits = usize::from(last_fixed.div_ceil(8));
    if last_fixed >= FIRST_VARIABLE || fixed_end < bits.checked_add(4)? {
        return None;
    }
    let variables = usize::from(last_variable.saturating_sub(FIRST_VARIABLE.saturating_sub(1)));
    let (offsets, data) = record.get(fixed_end..)?.split_at_checked(variables.checked_mul(2)?)?;
    let mut before = 0;
    for end in offsets.as_chunks::<2>().0 {
        let end = usize::from(u16::from_le_bytes(*end) & 0x7FFF);
        if end < before {
            return None;
        }
        before = end;
    }
    data.get(before..)
}

fn fields(bytes: &[u8], is_large: bool, id: &mut dyn FnMut(u64)) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    let mask = if is_large { 0x7FFF } else { 0x1FFF };
    let length = usize::from(Fields(bytes.get(..4)?).u16(2) & mask);
    let (array, rest) = bytes.get(..length)?.as_chunks::<4>();
    if array.is_empty() || !rest.is_empty() {
        return None;
    }
    let mut fields = array.iter().peekable();
    while let Some(&[.., low, high]) = fields.next() {
        let word = u16::from_le_bytes([low, high]);
        let start = usize::from(word & mask);
        let end = match fields.peek() {
            Some(&&[.., low, high]) => usize::from(u16::from_le_bytes([low, high]) & mask),
            None => bytes.len(),
        };
        let value = bytes.get(start..end)?;
        let has_flags = is_large || word & 0x4000 != 0;
        if has_flags && let Some((&flags, value)) = value.split_first() {
            long_values(flags, value, id)?;
        }
    }
    Some(())
}

/// The ids in one tagged value.
fn long_values(flags: u8, value: &[u8], id: &mut dyn FnMut(u64)) -> Option<()> {
    if flags & TWO != 0 {
        // A short length, and two values inside the record.
        let (&first, rest) = value.split_first()?;
        rest.get(..usize::from(first))?;
    } else if flags & MULTIPLE != 0 {
        let length = usize::from(Fields(value.get(..2)?).u16(0) & 0x7FFF);
        let (offsets, rest) = value.get(..length)?.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        let mut offsets = offsets.iter().map(|offset| u16::from_le_bytes(*offset)).peekable();
        while let Some(word) = offsets.next() {
            let end = offsets.peek().map_or(value.len(), |end| usize::from(end & 0x7FFF));
            let piece = value.get(usize::from(word & 0x7FFF)..end)?;
            if word & 0x8000 != 0 {
                id(long_value_id(piece)?);
            }
        }
    } else if flags & SEPARATED != 0 {
        id(long_value_id(value)?);
    }
    Some(())
}

/// An id as a record has it, 4 or 8 bytes.
fn long_value_id(bytes: &[u8]) -> Option<u64> {
    match bytes.len() {
        4 => bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes).into()),
        8 => bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
        _ => None,
    }
}

const FIRST_VARIABLE: u8 = 128;

/// Flags of a tagged value.
const SEPARATED: u8 = 0x04;
const MULTIPLE: u8 = 0x08;
const TWO: u8 = 0x10;
