use alloc::string::String;
use alloc::vec::Vec;

use ndr::{Error, Ndr, Reader, Writer};

/// Bytes with a length: `CERTTRANSBLOB`.
///
/// ```text
/// ULONG cb           bytes, 0 when empty
/// BYTE *pb           unique, size_is(cb), NULL when empty
/// ```
///
/// Source: [MS-CSRA] 2.2.1.4.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blob(pub Vec<u8>);

impl Ndr for Blob {
    fn encode(&self, writer: &mut Writer) {
        writer.count(self.0.len());
        writer.referent(!self.0.is_empty());
        if !self.0.is_empty() {
            writer.byte_array(&self.0);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let cb = reader.u32("cb")?;
        let bytes = if reader.referent("pb")? { reader.byte_array("pb")? } else { &[] };
        same_count("cb", cb, bytes.len(), reader)?;
        Ok(Self(bytes.to_vec()))
    }
}

/// A size that is told twice, as a field and as the conformance of the array.
pub(crate) fn same_count(
    what: &'static str,
    field: u32,
    elements: usize,
    reader: &Reader<'_>,
) -> Result<(), Error> {
    if usize::try_from(field) == Ok(elements) {
        return Ok(());
    }
    Err(Error::Invalid { what, at: reader.position(), value: u64::from(field) })
}

/// A NUL-terminated UTF-16 string at a byte offset of a blob. `budget` bounds what all strings of one
/// blob may have together: they must not overlap, so that is the blob's own length.
pub(crate) fn text_at(
    bytes: &[u8],
    what: &'static str,
    offset: u32,
    budget: &mut usize,
) -> Result<String, Error> {
    let invalid = Error::Invalid { what, at: bytes.len(), value: u64::from(offset) };
    let at = usize::try_from(offset).map_err(|_| invalid.clone())?;
    let tail = bytes.get(at..).ok_or(invalid)?;
    let (units, _) = tail.as_chunks::<2>();
    let length = units.iter().position(|unit| *unit == [0, 0]).ok_or(Error::Text { what, at })?;
    let size = length.saturating_add(1).saturating_mul(2);
    *budget = budget.checked_sub(size).ok_or_else(|| too_much(what, bytes.len()))?;
    let text = units.iter().take(length).map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(text).collect::<Result<_, _>>().map_err(|_| Error::Text { what, at })
}

/// Appends a NUL-terminated UTF-16 string at a multiple of 4 and returns its offset.
pub(crate) fn push_text(data: &mut Writer, text: &str) -> usize {
    data.align(4);
    let at = data.len();
    text.encode_utf16().chain([0]).for_each(|unit| data.raw(&unit.to_le_bytes()));
    at
}

fn too_much(what: &'static str, limit: usize) -> Error {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    Error::TooMany { what, value: limit.saturating_add(1), limit }
}
