//! What records about one page share.

use crate::bytes::Fields;
use crate::numbers::PageNumber;

/// The start of every record about a page (`LRPAGE_`, 32 bytes).
///
/// ```text
///  1  2  procid
///  3  1  dbid
///  4  4  pgno
///  8  8  dbtime
/// 16  8  dbtimeBefore
/// 24  4  trxBegin0
/// 28  1  level
/// 29  2  iline
/// 31  1  flags
/// ```
///
/// Source: format digest section 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageHead {
    /// The session that made the change.
    pub procid: u16,
    /// Database, by its number in the logs.
    pub dbid: u8,
    /// The page.
    pub page: PageNumber,
    /// Its change counter afterwards.
    pub dbtime: u64,
    /// Its change counter before; [`crate::PageBefore`] says what it means.
    pub before: u64,
    /// When the transaction of the session began.
    pub begin: u32,
    /// Depth of the transaction.
    pub level: u8,
    /// Node in the page.
    pub line: u16,
    /// 1 versioned, 2 deleted, 4 unique keys, 8 space, 0x10 index being built, 0x20 system task.
    pub flags: u8,
}

impl PageHead {
    pub(super) fn at(f: Fields<'_>) -> Self {
        Self {
            procid: f.u16(1),
            dbid: f.u8(3),
            page: PageNumber(f.u32(4)),
            dbtime: f.u64(8),
            before: f.u64(16),
            begin: f.u32(24),
            level: f.u8(28),
            line: f.u16(29),
            flags: f.u8(31),
        }
    }
}

/// The start of every record about a node (`LRNODE_`, 44 bytes).
///
/// Source: format digest section 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeHead {
    /// The page.
    pub head: PageHead,
    /// Number of the version that the change made.
    pub rceid: u32,
    /// Root of the tree.
    pub root: PageNumber,
    /// Object of the tree.
    pub object: u32,
}

impl NodeHead {
    pub(super) fn at(f: Fields<'_>) -> Self {
        Self { head: PageHead::at(f), rceid: f.u32(32), root: PageNumber(f.u32(36)), object: f.u32(40) }
    }
}

/// The pages that became empty with a tree (`EMPTYPAGE`, 16 bytes each).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmptyTree<'a>(pub(super) &'a [u8]);

/// A page of a tree that was emptied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmptiedPage {
    /// Its change counter before.
    pub before: u64,
    /// The page.
    pub page: PageNumber,
    /// Its flags before.
    pub flags: u32,
}

impl<'a> EmptyTree<'a> {
    /// The list in these bytes.
    #[cfg(test)]
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The pages.
    pub fn pages(self) -> impl Iterator<Item = EmptiedPage> + 'a {
        let (pages, _) = self.0.as_chunks::<16>();
        pages.iter().map(|page| {
            let f = Fields(page);
            EmptiedPage { before: f.u64(0), page: PageNumber(f.u32(8)), flags: f.u32(12) }
        })
    }
}
