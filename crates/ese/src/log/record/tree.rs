//! Records that change several pages of a tree.

use super::node::PageHead;
use crate::numbers::PageNumber;

/// The root of a tree is formatted (`CreateMultipleExtentFDP`, `CreateSingleExtentFDP`,
/// `ConvertFDP`, `ConvertFDP2`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewTree {
    /// The root.
    pub head: PageHead,
    /// Its object.
    pub object: u32,
    /// Roots of its two space trees, owned and available, which are formatted too; `None` for a
    /// tree of a single extent.
    pub space: Option<(PageNumber, PageNumber)>,
    /// Root of the parent.
    pub parent: PageNumber,
    /// First page and number of pages of the second extent of a converted tree.
    pub second: Option<(PageNumber, u32)>,
    /// Pages of its first extent.
    pub primary: u32,
    /// Bit map of the free pages of a converted tree.
    pub available: u32,
    /// Flags of the new pages.
    pub flags: u32,
}

/// A page is split (`Split`, `Split2`).
///
/// Source: format digest section 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split<'a> {
    /// The page that is split.
    pub head: PageHead,
    /// The new page; 0 when the page is only on the path to the one that is split.
    pub new: PageNumber,
    /// The leaf behind; 0 for none.
    pub right: PageNumber,
    /// Its change counter before.
    pub right_before: u64,
    /// The parent; 0 for none.
    pub parent: PageNumber,
    /// Its change counter before.
    pub parent_before: u64,
    /// Root of the tree.
    pub root: PageNumber,
    /// Object of the tree.
    pub object: u32,
    /// 0 vertical, 1 right, 2 append.
    pub split_type: u8,
    /// What else is done: 0 nothing, 1 insert, 2 replace, 3 flag-insert and replace.
    pub change: u8,
    /// Node that the change is about.
    pub change_line: u16,
    /// First node that moves.
    pub line: u16,
    /// Nodes before the split, the changed one included.
    pub lines: u16,
    /// Flags of the new page, and of the split page.
    pub flags: (u32, u32),
    /// Uncommitted free bytes of the split page, and of the new one.
    pub uncommitted_free: (i16, i16),
    /// Nodes that give the split page, and the new one, its prefix; -1 for none.
    pub prefix_lines: (i32, i32),
    /// Key of the pointer in the parent.
    pub parent_key: &'a [u8],
    /// Prefix of the split page before.
    pub old_prefix: &'a [u8],
    /// Prefix of the new page.
    pub new_prefix: &'a [u8],
    /// The split page before.
    pub image: Image<'a>,
}

/// A page as it was before the change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Image<'a> {
    /// 1: the unused middle is left out; 2: compressed with Xpress.
    pub flags: u32,
    /// The bytes; empty when the record has no image.
    pub bytes: &'a [u8],
}

/// A page is emptied into a neighbour (`Merge`, `Merge2`).
///
/// Source: format digest section 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Merge<'a> {
    /// The page that gives its nodes.
    pub head: PageHead,
    /// The leaf behind; 0 for none.
    pub right: PageNumber,
    /// Its change counter before.
    pub right_before: u64,
    /// The leaf in front; 0 for none.
    pub left: PageNumber,
    /// Its change counter before.
    pub left_before: u64,
    /// The parent; 0 for none.
    pub parent: PageNumber,
    /// Its change counter before.
    pub parent_before: u64,
    /// Root of the tree.
    pub root: PageNumber,
    /// Object of the tree.
    pub object: u32,
    /// Bytes that move, and at most.
    pub sizes: (u16, u16),
    /// Uncommitted free bytes of the page that takes the nodes.
    pub uncommitted_free: u16,
    /// First, or last, node that moves.
    pub line: u16,
    /// 1 key of the parent changes, 2 node of the parent goes, 4 page becomes empty.
    pub flags: u8,
    /// 1 empty page, 2 full right, 3 partial right, 4 empty tree, 5 full left, 6 partial left,
    /// 7 page move.
    pub merge_type: u8,
    /// New key in the parent.
    pub parent_key: &'a [u8],
    /// The page before.
    pub image: Image<'a>,
}

/// A page moves to another place (`PageMove`).
///
/// Source: format digest section 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageMove<'a> {
    /// The old place.
    pub head: PageHead,
    /// The new place.
    pub to: PageNumber,
    /// The leaf in front; 0 for none.
    pub left: PageNumber,
    /// Its change counter before.
    pub left_before: u64,
    /// The leaf behind; 0 for none.
    pub right: PageNumber,
    /// Its change counter before.
    pub right_before: u64,
    /// The parent; 0 for none.
    pub parent: PageNumber,
    /// Its change counter before.
    pub parent_before: u64,
    /// Root of the tree.
    pub root: PageNumber,
    /// Object of the tree.
    pub object: u32,
    /// Node in the parent.
    pub parent_line: u32,
    /// 1 root, 2 root of the owned space, 4 root of the available space.
    pub flags: u32,
    /// The start of the page.
    pub start: &'a [u8],
    /// The end of the page.
    pub end: &'a [u8],
}
