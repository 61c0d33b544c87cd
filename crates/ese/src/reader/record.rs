//! Records: where the values of a row lie.
//!
//! Source: format digest section 9.

use alloc::vec;
use alloc::vec::Vec;

use super::schema::Column;
use crate::bytes::Fields;

/// The record of a row.
pub(super) struct Record<'r> {
    bytes: &'r [u8],
    last_fixed: u16,
    last_variable: u16,
    /// Where the fixed columns and their NULL bits end.
    fixed_end: usize,
    /// Tags of a page above 8 KiB look different.
    is_large: bool,
}

/// The stored bytes of one value.
pub(super) struct Piece<'r> {
    pub(super) bytes: &'r [u8],
    /// `bytes` is the id of a long value.
    pub(super) separated: bool,
    pub(super) compressed: bool,
    pub(super) encrypted: bool,
}

/// What a record has of a column.
enum Stored<'r> {
    /// Nothing: the default applies.
    Absent,
    Null,
    Values(Vec<Piece<'r>>),
}

impl<'r> Record<'r> {
    /// `None` when the bytes are no record.
    pub(super) fn new(bytes: &'r [u8], is_large: bool) -> Option<Self> {
        let fields = Fields(bytes);
        let fixed_end = usize::from(fields.u16(2));
        let (last_fixed, last_variable) = (u16::from(fields.u8(0)), u16::from(fields.u8(1)));
        let bits = usize::from(last_fixed.div_ceil(8));
        let fits = (bits.saturating_add(4)..=bytes.len()).contains(&fixed_end) && last_fixed < VARIABLE;
        fits.then_some(Self { bytes, last_fixed, last_variable, fixed_end, is_large })
    }

    /// The values of a column, none for NULL; `None` when the record does not fit the column.
    pub(super) fn pieces(&self, column: &'r Column) -> Option<Vec<Piece<'r>>> {
        let stored = if column.is_fixed() {
            self.fixed(column)?
        } else if column.is_tagged() {
            self.tagged(column)?
        } else {
            self.variable(column)?
        };
        Some(match stored {
            Stored::Values(values) => values,
            Stored::Null => Vec::new(),
            Stored::Absent => column.default.as_deref().map(Piece::plain).into_iter().collect(),
        })
    }

    fn fixed(&self, column: &Column) -> Option<Stored<'r>> {
        if column.id > self.last_fixed {
            return Some(Stored::Absent);
        }
        let bits = usize::from(self.last_fixed.div_ceil(8));
        let bits_start = self.fixed_end.checked_sub(bits)?;
        let bit = column.id.checked_sub(1)?;
        let byte = self.bytes.get(bits_start.checked_add(usize::from(bit >> 3))?)?;
        if byte & (1 << (bit & 7)) != 0 {
            return Some(Stored::Null);
        }
        let width = usize::from(column.kind.width().or_else(|| u16::try_from(column.size).ok())?);
        let start = usize::from(column.offset);
        let value = self.bytes.get(..bits_start)?.get(start..)?.get(..width)?;
        Some(Stored::Values(vec![Piece::plain(value)]))
    }

    fn variable(&self, column: &Column) -> Option<Stored<'r>> {
        if column.id > self.last_variable {
            return Some(Stored::Absent);
        }
        let number = usize::from(column.id.checked_sub(VARIABLE)?);
        let end = self.variable_end(number)?;
        if end & NULL_VARIABLE != 0 {
            return Some(Stored::Null);
        }
        let start = match number.checked_sub(1) {
            Some(before) => usize::from(self.variable_end(before)? & !NULL_VARIABLE),
            None => 0,
        };
        let value = self.bytes.get(self.variable_data()?..)?.get(start..usize::from(end))?;
        Some(Stored::Values(vec![Piece::plain(value)]))
    }

    fn variable_end(&self, number: usize) -> Option<u16> {
        let at = self.fixed_end.checked_add(number.checked_mul(2)?)?;
        self.bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Where the bytes of variable columns begin.
    fn variable_data(&self) -> Option<usize> {
        self.fixed_end.checked_add(self.variables().checked_mul(2)?)
    }

    /// Number of variable columns in the record.
    fn variables(&self) -> usize {
        usize::from(self.last_variable.saturating_sub(VARIABLE.saturating_sub(1)))
    }

    fn tagged(&self, column: &Column) -> Option<Stored<'r>> {
        let variable_length = match self.variables().checked_sub(1) {
            Some(last) => usize::from(self.variable_end(last)? & !NULL_VARIABLE),
            None => 0,
        };
        let start = self.variable_data()?.checked_add(variable_length)?;
        let bytes = self.bytes.get(start..)?;
        if bytes.is_empty() {
            return Some(Stored::Absent);
        }
        let mask = if self.is_large { 0x7FFF } else { 0x1FFF };
        // The first value begins where the directory ends.
        let length = usize::from(Fields(bytes).u16(2) & mask);
        let (entries, rest) = bytes.get(..length)?.as_chunks::<4>();
        if entries.is_empty() || !rest.is_empty() {
            return None;
        }
        let split = |entry: &[u8; 4]| {
            let [a, b, c, d] = *entry;
            (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
        };
        let is_own = |entry: &[u8; 4]| {
            let (id, place) = split(entry);
            id == column.id && (place & INHERITED != 0) == column.is_inherited
        };
        let Some(number) = entries.iter().position(is_own) else { return Some(Stored::Absent) };
        let (_, place) = split(entries.get(number)?);
        let next = number.checked_add(1).and_then(|next| entries.get(next));
        let end = next.map_or(bytes.len(), |next| usize::from(split(next).1 & mask));
        let value = bytes.get(usize::from(place & mask)..end)?;
        if !self.is_large && place & NULL_TAGGED != 0 {
            return Some(Stored::Null);
        }
        if !self.is_large && place & HAS_FLAGS == 0 {
            return Some(Stored::Values(vec![Piece::plain(value)]));
        }
        let (&flags, value) = value.split_first()?;
        flagged(flags, value)
    }
}

impl<'r> Piece<'r> {
    const fn plain(bytes: &'r [u8]) -> Self {
        Self { bytes, separated: false, compressed: false, encrypted: false }
    }
}

/// Values behind a byte of flags.
fn flagged(flags: u8, value: &[u8]) -> Option<Stored<'_>> {
    let encrypted = flags & 0x40 != 0;
    let compressed = flags & 0x02 != 0;
    let piece = |bytes, separated, compressed| Piece { bytes, separated, compressed, encrypted };
    if flags & 0x20 != 0 {
        return Some(Stored::Null);
    }
    if flags & 0x10 != 0 {
        let (&length, rest) = value.split_first()?;
        let (first, second) = rest.split_at_checked(usize::from(length))?;
        return Some(Stored::Values(vec![piece(first, false, compressed), piece(second, false, false)]));
    }
    if flags & 0x08 == 0 {
        return Some(Stored::Values(vec![piece(value, flags & 0x04 != 0, compressed)]));
    }
    // An array of offsets, the first of which tells its length.
    let length = usize::from(Fields(value).u16(0) & 0x7FFF);
    let (offsets, rest) = value.get(..length)?.as_chunks::<2>();
    if offsets.is_empty() || !rest.is_empty() {
        return None;
    }
    let offsets: Vec<u16> = offsets.iter().map(|offset| u16::from_le_bytes(*offset)).collect();
    let ends = offsets.iter().skip(1).map(|end| usize::from(end & 0x7FFF)).chain([value.len()]);
    let mut pieces = Vec::with_capacity(offsets.len());
    for (start, end) in offsets.iter().zip(ends) {
        let bytes = value.get(usize::from(start & 0x7FFF)..end)?;
        // Only the first value may be compressed.
        pieces.push(piece(bytes, start & 0x8000 != 0, compressed && pieces.is_empty()));
    }
    Some(Stored::Values(pieces))
}

/// Id of the first variable column.
const VARIABLE: u16 = 128;

const NULL_VARIABLE: u16 = 0x8000;
const INHERITED: u16 = 0x8000;
const HAS_FLAGS: u16 = 0x4000;
const NULL_TAGGED: u16 = 0x2000;
