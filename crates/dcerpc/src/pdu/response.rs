use alloc::vec::Vec;
use core::fmt;

use ndr::Reader;

use super::HEADER_BYTES;
use crate::Error;

/// Body of response: a fragment of the results.
///
/// ```text
/// 16  4  alloc_hint    bytes of stub that are left, this fragment's included
/// 20  2  p_cont_id
/// 22  1  cancel_count
/// 23  1  reserved
/// 24  .  stub
/// ```
///
/// Source: [C706] 12.6.4.10.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// Bytes of stub to expect, or 0.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context: u16,
    /// Results in NDR, without padding.
    pub stub: &'a [u8],
}

/// The fields before the stub.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseHead {
    pub(crate) alloc_hint: u32,
    pub(crate) context: u16,
}

impl ResponseHead {
    /// Length of PDU header and fields in bytes.
    pub(crate) const LEN: usize = 24;

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.alloc_hint.to_le_bytes());
        out.extend_from_slice(&self.context.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
    }

    /// From a whole PDU.
    pub(crate) fn decode(pdu: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(pdu.get(HEADER_BYTES..).unwrap_or_default());
        let head = Self { alloc_hint: reader.u32("alloc_hint")?, context: reader.u16("p_cont_id")? };
        reader.raw("cancel_count", 2)?;
        Ok(head)
    }
}

impl fmt::Display for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alloc_hint, context, stub } = self;
        write!(f, "context {context} alloc_hint {alloc_hint} stub {} bytes", stub.len())
    }
}
