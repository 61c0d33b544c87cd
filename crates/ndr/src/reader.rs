use alloc::string::String;
use alloc::vec::Vec;

use dtyp::Guid;

use crate::Error;

/// Reads NDR: little-endian, each value aligned to its size from the start of the stream.
///
/// Never reads past the end and never allocates more than the bytes that are there. Padding is not
/// looked at: peers leave garbage in it.
///
/// Source: [C706] 14.2 and 14.3.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte, which is where alignment counts from.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// All that is left, without moving.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips the padding before a value of alignment `boundary`. At the end of the stream the
    /// padding may be missing.
    pub fn align(&mut self, boundary: usize) {
        self.at = self.at.next_multiple_of(boundary.max(1)).min(self.bytes.len());
    }

    /// The next `len` bytes as they are.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn raw(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], Error> {
        let taken = self.rest().get(..len).ok_or_else(|| self.short(what, len))?;
        self.at = self.at.saturating_add(len);
        Ok(taken)
    }

    /// The next `N` bytes as they are.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let (taken, _) = self.rest().split_first_chunk().ok_or_else(|| self.short(what, N))?;
        self.at = self.at.saturating_add(N);
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Error> {
        let [byte] = self.array(what)?;
        Ok(byte)
    }

    /// Two bytes, aligned.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn u16(&mut self, what: &'static str) -> Result<u16, Error> {
        self.align(2);
        self.array(what).map(u16::from_le_bytes)
    }

    /// Four bytes, aligned.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        self.align(4);
        self.array(what).map(u32::from_le_bytes)
    }

    /// Four bytes, aligned.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn i32(&mut self, what: &'static str) -> Result<i32, Error> {
        self.align(4);
        self.array(what).map(i32::from_le_bytes)
    }

    /// Eight bytes, aligned.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        self.align(8);
        self.array(what).map(u64::from_le_bytes)
    }

    /// A GUID: a structure of alignment 4.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn guid(&mut self, what: &'static str) -> Result<Guid, Error> {
        self.align(4);
        self.array(what).map(Guid::from_bytes)
    }

    /// The pointer itself: is it something else than NULL?
    ///
    /// Ids are not compared: unique pointers have no aliases, and nothing here follows an id twice,
    /// so that no cycle can be built.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn referent(&mut self, what: &'static str) -> Result<bool, Error> {
        Ok(self.u32(what)? != 0)
    }

    /// A pointer that must not be NULL.
    ///
    /// # Errors
    /// [`Error::Short`], [`Error::Invalid`].
    pub fn present(&mut self, what: &'static str) -> Result<(), Error> {
        let at = self.at;
        if self.referent(what)? { Ok(()) } else { Err(Error::Invalid { what, at, value: 0 }) }
    }

    /// A count of elements of `size` bytes (at least) that follow somewhere in this stream: more than
    /// could be there is refused before anything is allocated.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn count(&mut self, what: &'static str, size: usize) -> Result<usize, Error> {
        let at = self.at;
        let count = self.u32(what)?;
        let need = u64::from(count).saturating_mul(u64::try_from(size.max(1)).unwrap_or(u64::MAX));
        match usize::try_from(need) {
            Ok(bytes) if bytes <= self.remaining() => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            _ => Err(Error::Short { what, at, need, left: self.remaining() }),
        }
    }

    /// A conformant array of bytes: `max_count`, then the bytes.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn byte_array(&mut self, what: &'static str) -> Result<&'a [u8], Error> {
        let count = self.count(what, 1)?;
        self.raw(what, count)
    }

    /// A conformant array of 16-bit units: `max_count`, then the units.
    ///
    /// # Errors
    /// [`Error::Short`].
    pub fn unit_array(&mut self, what: &'static str) -> Result<Vec<u16>, Error> {
        let count = self.count(what, 2)?;
        self.units(what, count)
    }

    /// What a `[string] wchar_t *` leads to.
    ///
    /// # Errors
    /// [`Error::Short`]; [`Error::Invalid`] where offset or counts contradict; [`Error::Text`].
    pub fn wide_string(&mut self, what: &'static str) -> Result<String, Error> {
        self.align(4);
        let at = self.at;
        let max = self.u32(what)?;
        let offset = self.u32(what)?;
        if offset != 0 {
            return Err(Error::Invalid { what, at, value: u64::from(offset) });
        }
        let actual = self.count(what, 2)?;
        if u32::try_from(actual).map_or(true, |actual| actual > max) {
            return Err(Error::Invalid { what, at, value: u64::from(max) });
        }
        let units = self.units(what, actual)?;
        let Some((0, text)) = units.split_last() else { return Err(Error::Text { what, at }) };
        if text.contains(&0) {
            return Err(Error::Text { what, at });
        }
        String::from_utf16(text).map_err(|_| Error::Text { what, at })
    }

    /// `[string, unique] wchar_t *` as a method's parameter.
    ///
    /// # Errors
    /// Those of [`Reader::wide_string`].
    pub fn unique_wide_string(&mut self, what: &'static str) -> Result<Option<String>, Error> {
        if self.referent(what)? { self.wide_string(what).map(Some) } else { Ok(None) }
    }

    fn units(&mut self, what: &'static str, count: usize) -> Result<Vec<u16>, Error> {
        let bytes = self.raw(what, count.saturating_mul(2))?;
        Ok(bytes
            .chunks_exact(2)
            .map(|pair| pair.iter().rfold(0, |unit, byte| unit << 8 | u16::from(*byte)))
            .collect())
    }

    fn short(&self, what: &'static str, need: usize) -> Error {
        let need = u64::try_from(need).unwrap_or(u64::MAX);
        Error::Short { what, at: self.at, need, left: self.remaining() }
    }
}
