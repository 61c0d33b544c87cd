//! Type serialization version 1: an NDR value with its own header, as DCOM's activation uses it.
//!
//! ```text
//!  0  1  Version         1
//!  1  1  Endianness      0x10, little-endian
//!  2  2  CommonHeaderLength  8
//!  4  4  Filler          0xCCCCCCCC
//!  8  4  ObjectBufferLength  bytes of the value, padded to 8
//! 12  4  Filler          0
//! 16     the value, padded to a multiple of 8; alignment counts from here
//! ```
//!
//! Source: [MS-RPCE] 2.2.6.
//!
//! [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/

use alloc::vec::Vec;

use crate::{Error, Ndr, Reader};

/// Bytes before the value: common header and private header.
pub const HEADER_LEN: usize = 16;

const LITTLE_ENDIAN: u8 = 0x10;
const FILLER: u32 = 0xCCCC_CCCC;

/// `value` with both headers, padded.
pub fn encode(value: &impl Ndr) -> Vec<u8> {
    let mut body = value.to_bytes();
    body.resize(body.len().next_multiple_of(8), 0);
    let mut bytes = Vec::with_capacity(HEADER_LEN.saturating_add(body.len()));
    bytes.extend_from_slice(&[1, LITTLE_ENDIAN, 8, 0]);
    bytes.extend_from_slice(&FILLER.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&0u32.to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// The value at the start of `bytes`, and what follows its serialized form.
///
/// # Errors
/// Another version, big-endian data, a length beyond the bytes that are there, and the value's own.
pub fn decode<T: Ndr>(bytes: &[u8]) -> Result<(T, &[u8]), Error> {
    let mut reader = Reader::new(bytes);
    let version = reader.u8("Version")?;
    let endianness = reader.u8("Endianness")?;
    let header = reader.u16("CommonHeaderLength")?;
    reader.u32("Filler")?;
    let expected = [
        ("Version", 0, u64::from(version), 1),
        ("Endianness", 1, u64::from(endianness), u64::from(LITTLE_ENDIAN)),
        ("CommonHeaderLength", 2, u64::from(header), 8),
    ];
    for (what, at, value, good) in expected {
        if value != good {
            return Err(Error::Invalid { what, at, value });
        }
    }
    let at = reader.position();
    let len = reader.u32("ObjectBufferLength")?;
    reader.u32("Filler")?;
    let short =
        Error::Short { what: "ObjectBufferLength", at, need: u64::from(len), left: reader.remaining() };
    let len = usize::try_from(len).map_err(|_| short.clone())?;
    let (body, rest) = reader.rest().split_at_checked(len).ok_or(short)?;
    Ok((T::from_bytes(body)?, rest))
}
