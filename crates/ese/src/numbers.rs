//! Numbers with a unit: page sizes, page numbers, generations, log positions.

use core::fmt;

use crate::bytes::{Fields, index};

/// Bytes in a database page: a power of two from 2048 to 32768 (`cbPage`).
///
/// Source: format digest section 4 (`@236`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PageSize(u32);

impl PageSize {
    /// The size of AD CS databases, and what a header field of 0 means.
    pub const DEFAULT: Self = Self(4096);

    /// All page sizes, in the order in which an unknown one is tried.
    pub const ALL: [Self; 5] = [Self(4096), Self(8192), Self(16384), Self(32768), Self(2048)];

    /// `None` when the engine has no pages of this size.
    pub const fn new(bytes: u32) -> Option<Self> {
        match bytes {
            2048 | 4096 | 8192 | 16384 | 32768 => Some(Self(bytes)),
            _ => None,
        }
    }

    /// The header field `cbPage`, where 0 means 4096.
    pub(crate) const fn from_field(field: u32) -> Option<Self> {
        if field == 0 { Some(Self::DEFAULT) } else { Self::new(field) }
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// The size in bytes, as a length in memory.
    pub(crate) fn len(self) -> usize {
        index(self.0)
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Number of a database page (`pgno`): 1 for the first page behind the two header pages.
///
/// Page `n` starts at byte `(n + 1) * page_size` of the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PageNumber(pub u32);

impl PageNumber {
    /// Where the page starts in its file, in bytes.
    pub fn offset(self, size: PageSize) -> u64 {
        u64::from(self.0).saturating_add(1).saturating_mul(u64::from(size.bytes()))
    }
}

impl fmt::Display for PageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Number of a log file in its stream (`lGeneration`); prints as `0x1e2ec`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Generation(pub u32);

impl Generation {
    /// The generation after this one; `None` at the end of the number space.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The generation before this one; `None` for 0.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// Whether the field says "none" (0).
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A position in the log stream (`LGPOS`); prints as `1e2ec:0013:0268`.
///
/// ```text
/// 0  2  ib           byte in the sector (format 7) or segment (format 8)
/// 2  2  isec         sector or segment, counted from the start of the file
/// 4  4  lGeneration
/// ```
///
/// Source: format digest section 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LogPosition {
    /// Log generation.
    pub generation: Generation,
    /// Sector or segment in the log file.
    pub sector: u16,
    /// Byte in the sector or segment.
    pub offset: u16,
}

impl LogPosition {
    pub(crate) fn at(fields: Fields<'_>, at: usize) -> Self {
        let [ib0, ib1, isec0, isec1, g0, g1, g2, g3] = fields.array(at);
        Self {
            generation: Generation(u32::from_le_bytes([g0, g1, g2, g3])),
            sector: u16::from_le_bytes([isec0, isec1]),
            offset: u16::from_le_bytes([ib0, ib1]),
        }
    }

    /// The eight bytes that stand for it in a file.
    pub(crate) const fn to_bytes(self) -> [u8; 8] {
        let [ib0, ib1] = self.offset.to_le_bytes();
        let [isec0, isec1] = self.sector.to_le_bytes();
        let [g0, g1, g2, g3] = self.generation.0.to_le_bytes();
        [ib0, ib1, isec0, isec1, g0, g1, g2, g3]
    }

    /// Whether the position was ever set.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{:04x}:{:04x}", self.generation.0, self.sector, self.offset)
    }
}
