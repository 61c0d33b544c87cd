use core::fmt;
use core::ops::BitAnd;

use dtyp::Guid;

use crate::Syntax;

/// Bind-time features: offered as a transfer syntax, answered as the reason of `negotiate_ack`.
///
/// ```text
///  0  8  6cb71c2c-9812-4540, as the start of a UUID
///  8  8  Bitmask; only bits 0 and 1 have a meaning
/// 16  4  version 1.0
/// ```
///
/// Source: [MS-RPCE] 2.2.2.14 and 3.3.1.5.3.
///
/// [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features(pub u16);

const PREFIX: [u8; 8] = [0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45];

impl Features {
    /// None.
    pub const NONE: Self = Self(0);
    /// Several security contexts on one connection (`SecurityContextMultiplexingSupported`).
    pub const MULTIPLEXING: Self = Self(1);
    /// The connection outlives an orphaned call (`KeepConnectionOnOrphanSupported`).
    pub const KEEP_ON_ORPHAN: Self = Self(2);
    /// Both of the above.
    pub const ALL: Self = Self(3);

    /// All bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The transfer syntax that offers them.
    pub(crate) fn to_syntax(self) -> Syntax {
        let [p0, p1, p2, p3, p4, p5, p6, p7] = PREFIX;
        let [low, high] = self.0.to_le_bytes();
        let bytes = [p0, p1, p2, p3, p4, p5, p6, p7, low, high, 0, 0, 0, 0, 0, 0];
        Syntax { uuid: Guid::from_bytes(bytes), major: 1, minor: 0 }
    }

    /// What a transfer syntax offers, when it is this negotiation at all.
    pub(crate) fn of_syntax(syntax: &Syntax) -> Option<Self> {
        let bytes = syntax.uuid.to_bytes();
        let [.., low, high, _, _, _, _, _, _] = bytes;
        bytes.starts_with(&PREFIX).then(|| Self(u16::from_le_bytes([low, high])))
    }
}

impl BitAnd for Features {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.0)
    }
}
