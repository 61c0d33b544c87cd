use alloc::vec::Vec;
use core::fmt;

use dtyp::Guid;
use ndr::Reader;

use super::{Flags, HEADER_BYTES, Header};
use crate::Error;

/// Body of request: a fragment of a call.
///
/// ```text
/// 16  4   alloc_hint  bytes of stub that are left, this fragment's included
/// 20  2   p_cont_id
/// 22  2   opnum
/// 24  16  object      only with `Flags::OBJECT_UUID`
///  .  .   stub
/// ```
///
/// Source: [C706] 12.6.4.9.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Bytes of stub to expect, or 0.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context: u16,
    /// Number of the method.
    pub opnum: u16,
    /// The object called.
    pub object: Option<Guid>,
    /// Parameters in NDR, without padding.
    pub stub: &'a [u8],
}

/// The fields before the stub.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestHead {
    pub(crate) alloc_hint: u32,
    pub(crate) context: u16,
    pub(crate) opnum: u16,
    pub(crate) object: Option<Guid>,
}

impl RequestHead {
    /// Length of PDU header and fields in bytes: 24, or 40 with an object.
    pub(crate) fn len(object: bool) -> usize {
        if object { 40 } else { 24 }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.alloc_hint.to_le_bytes());
        out.extend_from_slice(&self.context.to_le_bytes());
        out.extend_from_slice(&self.opnum.to_le_bytes());
        if let Some(object) = self.object {
            out.extend_from_slice(&object.to_bytes());
        }
    }

    /// From a whole PDU.
    pub(crate) fn decode(header: &Header, pdu: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(pdu.get(HEADER_BYTES..).unwrap_or_default());
        Ok(Self {
            alloc_hint: reader.u32("alloc_hint")?,
            context: reader.u16("p_cont_id")?,
            opnum: reader.u16("opnum")?,
            object: if header.flags.contains(Flags::OBJECT_UUID) {
                Some(reader.guid("object")?)
            } else {
                None
            },
        })
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alloc_hint, context, opnum, object, stub } = self;
        write!(f, "context {context} opnum {opnum} alloc_hint {alloc_hint} stub {} bytes", stub.len())?;
        object.iter().try_for_each(|object| write!(f, " object {object}"))
    }
}
