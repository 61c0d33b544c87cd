use alloc::vec::Vec;
use core::fmt;
use core::ops::BitOr;

use ndr::Reader;

use crate::Error;

/// The header that all PDUs begin with.
///
/// ```text
///  0  1  rpc_vers        5
///  1  1  rpc_vers_minor  0; 1 is taken as well
///  2  1  PTYPE           see `PacketType`
///  3  1  pfc_flags       see `Flags`
///  4  4  packed_drep     10 00 00 00: little-endian, ASCII, IEEE
///  8  2  frag_length     of the whole PDU, this header and the token included
/// 10  2  auth_length     of the token alone; 0: no security trailer
/// 12  4  call_id
/// ```
///
/// INVARIANT: a header is only decoded from the whole PDU, whose length is `frag_length` and holds the
/// security trailer.
///
/// Source: [C706] 12.6.3.1.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the PDU is (`PTYPE`).
    pub kind: PacketType,
    /// Position in the call and options (`pfc_flags`).
    pub flags: Flags,
    /// Length of the PDU in bytes (`frag_length`).
    pub frag_len: u16,
    /// Length of the token in bytes (`auth_length`); 0 without security.
    pub auth_len: u16,
    /// The call or exchange that it belongs to (`call_id`).
    pub call_id: u32,
}

/// Length of the common header in bytes.
pub(crate) const HEADER_BYTES: usize = 16;

const DREP: [u8; 4] = [0x10, 0, 0, 0];

impl Header {
    /// The header of a whole PDU.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Representation`], [`Error::PacketType`]; [`Error::FragLength`]
    /// when `pdu` is not exactly one PDU; [`Error::AuthLength`].
    pub fn decode(pdu: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(pdu);
        let announced = crate::frag_len(&reader.array("common header")?)?;
        if announced != pdu.len() {
            return Err(Error::FragLength { announced, needed: pdu.len() });
        }
        let mut reader = Reader::new(pdu);
        let (major, minor) = (reader.u8("rpc_vers")?, reader.u8("rpc_vers_minor")?);
        if minor > 1 {
            return Err(Error::Version { major, minor });
        }
        let code = reader.u8("PTYPE")?;
        let header = Self {
            kind: PacketType::of(code).ok_or(Error::PacketType(code))?,
            flags: Flags(reader.u8("pfc_flags")?),
            frag_len: {
                reader.u32("packed_drep")?;
                reader.u16("frag_length")?
            },
            auth_len: reader.u16("auth_length")?,
            call_id: reader.u32("call_id")?,
        };
        header.body_end(HEADER_BYTES)?;
        Ok(header)
    }

    /// Where the body ends, its padding included: at the security trailer, or at the end of the PDU.
    ///
    /// # Errors
    /// [`Error::AuthLength`] when that is before `head`, the end of the fixed fields.
    pub(crate) fn body_end(&self, head: usize) -> Result<usize, Error> {
        let token = usize::from(self.auth_len);
        let tail = if token == 0 { 0 } else { token.saturating_add(super::TRAILER_LEN) };
        let end = usize::from(self.frag_len).checked_sub(tail).filter(|end| *end >= head);
        end.ok_or(Error::AuthLength { token, pad: 0, left: usize::from(self.frag_len).saturating_sub(head) })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[5, 0, self.kind.code(), self.flags.0]);
        out.extend_from_slice(&DREP);
        out.extend_from_slice(&self.frag_len.to_le_bytes());
        out.extend_from_slice(&self.auth_len.to_le_bytes());
        out.extend_from_slice(&self.call_id.to_le_bytes());
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, flags, frag_len, auth_len, call_id } = self;
        write!(f, "{kind} call {call_id} flags {flags} frag_length {frag_len} auth_length {auth_len}")
    }
}

/// What a PDU is (`PTYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// Client: a fragment of a call (0).
    Request,
    /// Server: a fragment of the results (2).
    Response,
    /// Server: the call failed (3).
    Fault,
    /// Client: opens an association (11).
    Bind,
    /// Server: takes it (12).
    BindAck,
    /// Server: refuses it (13).
    BindNak,
    /// Client: more contexts, or the next leg of a security exchange (14).
    AlterContext,
    /// Server: its answer (15).
    AlterContextResp,
    /// Client: the last leg of a security exchange; has no answer (16, `rpc_auth_3`).
    Auth3,
    /// Server: please close when idle (17).
    Shutdown,
    /// Client: please end the call early (18).
    CoCancel,
    /// Client: nobody waits for the call any more (19).
    Orphaned,
}

const TYPES: [(PacketType, u8, &str); 12] = [
    (PacketType::Request, 0, "request"),
    (PacketType::Response, 2, "response"),
    (PacketType::Fault, 3, "fault"),
    (PacketType::Bind, 11, "bind"),
    (PacketType::BindAck, 12, "bind_ack"),
    (PacketType::BindNak, 13, "bind_nak"),
    (PacketType::AlterContext, 14, "alter_context"),
    (PacketType::AlterContextResp, 15, "alter_context_resp"),
    (PacketType::Auth3, 16, "auth3"),
    (PacketType::Shutdown, 17, "shutdown"),
    (PacketType::CoCancel, 18, "co_cancel"),
    (PacketType::Orphaned, 19, "orphaned"),
];

impl PacketType {
    /// The number on the wire.
    pub fn code(self) -> u8 {
        TYPES.iter().find(|entry| entry.0 == self).map_or(u8::MAX, |entry| entry.1)
    }

    /// The type of a number, when connection-oriented RPC has it.
    pub fn of(code: u8) -> Option<Self> {
        TYPES.iter().find(|entry| entry.1 == code).map(|entry| entry.0)
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TYPES.iter().find(|entry| entry.0 == *self).map_or("", |entry| entry.2))
    }
}

/// Position of a fragment and options (`pfc_flags`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// First fragment.
    pub const FIRST: Self = Self(0x01);
    /// Last fragment.
    pub const LAST: Self = Self(0x02);
    /// The only fragment.
    pub const ONLY: Self = Self(0x03);
    /// In bind, alter_context, their answers and auth3: signatures can cover the header. Elsewhere the
    /// same bit is `PFC_PENDING_CANCEL`.
    pub const HEADER_SIGN: Self = Self(0x04);
    /// Concurrent calls are possible. Never set here.
    pub const CONC_MPX: Self = Self(0x10);
    /// In a fault: the call did not begin to run.
    pub const DID_NOT_EXECUTE: Self = Self(0x20);
    /// No answer is wanted. Never set here.
    pub const MAYBE: Self = Self(0x40);
    /// A request with an object UUID.
    pub const OBJECT_UUID: Self = Self(0x80);

    /// All bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// `self` when `condition` holds, else nothing.
    pub(crate) fn when(self, condition: bool) -> Self {
        if condition { self } else { Self(0) }
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}", self.0)
    }
}
