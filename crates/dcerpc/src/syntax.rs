use core::fmt;

use dtyp::Guid;
use ndr::{Reader, Writer};

/// An interface or a transfer syntax with its version (`p_syntax_id_t`): 20 bytes.
///
/// ```text
///  0  16  if_uuid
/// 16   2  if_version, major
/// 18   2  if_version, minor
/// ```
///
/// Source: [C706] 12.6.3.1.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Syntax {
    /// The interface or encoding.
    pub uuid: Guid,
    /// Major version: both sides must have the same.
    pub major: u16,
    /// Minor version: the server's must not be lower.
    pub minor: u16,
}

impl Syntax {
    /// NDR 2.0: the only transfer syntax spoken here.
    pub const NDR: Self = Self {
        uuid: Guid::new(0x8a88_5d04, 0x1ceb, 0x11c9, [0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60]),
        major: 2,
        minor: 0,
    };

    /// NDR64: Windows clients offer it; it is rejected here.
    pub const NDR64: Self = Self {
        uuid: Guid::new(0x7171_0533, 0xbeba, 0x4937, [0x83, 0x19, 0xb5, 0xdb, 0xef, 0x9c, 0xcc, 0x36]),
        major: 1,
        minor: 0,
    };

    /// Nothing: what a rejected context carries.
    pub const NIL: Self = Self { uuid: Guid::NIL, major: 0, minor: 0 };

    /// A server of `self` can serve a client that asks for `wanted`.
    pub fn serves(&self, wanted: &Self) -> bool {
        self.uuid == wanted.uuid && self.major == wanted.major && self.minor >= wanted.minor
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.guid(self.uuid);
        writer.u16(self.major);
        writer.u16(self.minor);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        Ok(Self {
            uuid: reader.guid("if_uuid")?,
            major: reader.u16("if_version")?,
            minor: reader.u16("if_version")?,
        })
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}.{}", self.uuid, self.major, self.minor)
    }
}
