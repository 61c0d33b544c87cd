use alloc::vec::Vec;

use dtyp::Guid;

/// Writes NDR: little-endian, each value aligned to its size from the start of the stream.
///
/// The only place that invents referent ids: 0x00020000 and on, by 4, as Windows does.
///
/// Source: [C706] 14.2 and 14.3.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    referents: u32,
}

const FIRST_REFERENT: u32 = 0x0002_0000;

impl Writer {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty stream with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), referents: 0 }
    }

    /// Bytes written so far, which is the offset of what comes next before its alignment.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Pads with zeros to a multiple of `boundary` bytes.
    pub fn align(&mut self, boundary: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(boundary.max(1)), 0);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Two bytes, aligned.
    pub fn u16(&mut self, value: u16) {
        self.align(2);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Four bytes, aligned.
    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Four bytes, aligned.
    pub fn i32(&mut self, value: i32) {
        self.align(4);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, aligned.
    pub fn u64(&mut self, value: u64) {
        self.align(8);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A GUID: a structure of alignment 4.
    pub fn guid(&mut self, value: Guid) {
        self.align(4);
        self.bytes.extend_from_slice(&value.to_bytes());
    }

    /// Bytes as they are, without alignment and without a count.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The pointer itself: 0 for NULL, else a new referent id. What it leads to is written by the
    /// caller where NDR wants it.
    pub fn referent(&mut self, is_present: bool) {
        let id = if is_present {
            let id = FIRST_REFERENT.wrapping_add(self.referents.wrapping_mul(4));
            self.referents = self.referents.wrapping_add(1);
            id
        } else {
            0
        };
        self.u32(id);
    }

    /// A count or size: the conformance of an array, a `cb` field. Saturates at `u32::MAX`, which no
    /// stream can hold.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// A conformant array of bytes: `max_count`, then the bytes.
    pub fn byte_array(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// A conformant array of 16-bit units: `max_count`, then the units.
    pub fn unit_array(&mut self, units: &[u16]) {
        self.count(units.len());
        units.iter().for_each(|unit| self.raw(&unit.to_le_bytes()));
    }

    /// What a `[string] wchar_t *` leads to: `max_count`, `offset` 0, `actual_count`, units with the
    /// final NUL.
    pub fn wide_string(&mut self, text: &str) {
        let count = text.encode_utf16().count().saturating_add(1);
        self.count(count);
        self.u32(0);
        self.count(count);
        text.encode_utf16().chain([0]).for_each(|unit| self.raw(&unit.to_le_bytes()));
    }

    /// `[string, unique] wchar_t *` as a method's parameter: referent, then the string at once.
    pub fn unique_wide_string(&mut self, text: Option<&str>) {
        self.referent(text.is_some());
        if let Some(text) = text {
            self.wide_string(text);
        }
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
