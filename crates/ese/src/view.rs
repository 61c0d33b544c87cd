//! The nodes of one database page.
//!
//! Nothing is copied and nothing is trusted: a tag that points outside the page has no node.
//!
//! Source: format digest sections 5 and 6.

use core::cmp::Ordering;

use crate::bytes::Fields;
use crate::numbers::{PageNumber, PageSize};

/// A page as the tree code sees it. Its checksum is not looked at here.
#[derive(Clone, Copy)]
pub struct PageView<'p> {
    bytes: &'p [u8],
    size: PageSize,
}

/// What a page is used for (`flags @36`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PageFlags(pub u32);

#[rustfmt::skip]
impl PageFlags {
    /// Root of a tree.
    pub const fn is_root(self) -> bool { self.0 & 0x1 != 0 }
    /// Leaf; a small tree is one page that is root and leaf.
    pub const fn is_leaf(self) -> bool { self.0 & 0x2 != 0 }
    /// Parent of leaves.
    pub const fn is_parent_of_leaf(self) -> bool { self.0 & 0x4 != 0 }
    /// Belongs to no tree any more.
    pub const fn is_empty(self) -> bool { self.0 & 0x8 != 0 }
    /// Of a space tree.
    pub const fn is_space(self) -> bool { self.0 & 0x20 != 0 }
    /// Of a secondary index.
    pub const fn is_index(self) -> bool { self.0 & 0x40 != 0 }
    /// Of a tree of long values.
    pub const fn is_long_value(self) -> bool { self.0 & 0x80 != 0 }
    /// Keys may repeat; nodes are ordered by key and data.
    pub const fn is_non_unique(self) -> bool { self.0 & 0x400 != 0 }
    /// Has the XOR and ECC checksum.
    pub const fn has_ecc(self) -> bool { self.0 & 0x2000 != 0 }
    /// Its unused part was wiped.
    pub const fn is_scrubbed(self) -> bool { self.0 & 0x4000 != 0 }
}

/// One node: a key in two parts, and data.
#[derive(Clone, Copy, Debug)]
pub struct Node<'p> {
    /// The part of the key that the page holds once, cut to what this node uses of it.
    pub prefix: &'p [u8],
    /// The rest of the key.
    pub suffix: &'p [u8],
    /// A child page number in an internal page; a record, an entry or a piece of a value in a leaf.
    pub data: &'p [u8],
    /// Flags of the tag.
    pub flags: NodeFlags,
}

/// Flags of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct NodeFlags(pub u8);

#[rustfmt::skip]
impl NodeFlags {
    /// A version of the node was kept in memory when the page was written; says nothing at rest.
    pub const fn is_versioned(self) -> bool { self.0 & 1 != 0 }
    /// Deleted, not yet cleaned up: not a row.
    pub const fn is_deleted(self) -> bool { self.0 & 2 != 0 }
    /// The key is compressed.
    pub const fn is_compressed(self) -> bool { self.0 & 4 != 0 }
}

impl<'p> PageView<'p> {
    /// `None` unless `bytes` is one page of the size.
    pub fn new(bytes: &'p [u8], size: PageSize) -> Option<Self> {
        (bytes.len() == size.len()).then_some(Self { bytes, size })
    }

    /// For bytes whose length is known.
    pub(crate) const fn of(bytes: &'p [u8], size: PageSize) -> Self {
        Self { bytes, size }
    }

    const fn fields(self) -> Fields<'p> {
        Fields(self.bytes)
    }

    /// The change counter of the database when the page was last changed (`dbtimeDirtied`).
    pub fn dbtime(self) -> u64 {
        self.fields().u64(8)
    }

    /// The leaf before this one; `None` for the first leaf and for internal pages.
    pub fn previous(self) -> Option<PageNumber> {
        self.link(16)
    }

    /// The leaf after this one.
    pub fn next(self) -> Option<PageNumber> {
        self.link(20)
    }

    fn link(self, at: usize) -> Option<PageNumber> {
        Some(self.fields().u32(at)).filter(|&number| number != 0).map(PageNumber)
    }

    /// The object that the page belongs to (`objidFDP`).
    pub fn object(self) -> u32 {
        self.fields().u32(24)
    }

    /// Unused bytes (`cbFree`).
    pub fn free(self) -> u16 {
        self.fields().u16(28)
    }

    /// Bytes of the unused that a rollback may need again (`cbUncommittedFree`).
    pub fn uncommitted_free(self) -> u16 {
        self.fields().u16(30)
    }

    /// Start of the contiguous unused area, behind the header (`ibMicFree`).
    pub fn free_start(self) -> u16 {
        self.fields().u16(32)
    }

    /// What the page is used for.
    pub fn flags(self) -> PageFlags {
        PageFlags(self.fields().u32(36))
    }

    /// Bytes of the page header.
    pub fn header_length(self) -> usize {
        if self.is_large() { 80 } else { 40 }
    }

    /// Pages above 8 KiB keep more in their header and tags.
    pub(crate) fn is_large(self) -> bool {
        self.size.bytes() > 8192
    }

    /// Tags of the page, the reserved one included: the low 12 bits of `itagState`.
    ///
    /// The bits above count reserved tags in databases of Windows 11 24H2 and later.
    pub fn tag_count(self) -> u16 {
        self.fields().u16(34) & 0xFFF
    }

    /// Tags that are no nodes; tag 0 at least.
    pub fn reserved_tags(self) -> u16 {
        let stored = (self.fields().u16(34) >> 12) & 7;
        if stored == 0 { 1 } else { stored }
    }

    /// Number of nodes.
    pub fn len(self) -> u16 {
        self.tag_count().saturating_sub(self.reserved_tags())
    }

    /// Has it no node?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of a tag with its flag bits, `None` when it points outside the page's data.
    pub fn tag(self, number: u16) -> Option<(&'p [u8], NodeFlags)> {
        if number >= self.tag_count() {
            return None;
        }
        let behind = usize::from(number).checked_add(1)?.checked_mul(4)?;
        let at = self.bytes.len().checked_sub(behind)?;
        let (length, start) = (self.fields().u16(at), self.fields().u16(at.checked_add(2)?));
        let mask = if self.is_large() { 0x7FFF } else { 0x1FFF };
        // The data ends where the array of tags begins.
        let tags = usize::from(self.tag_count()).checked_mul(4)?;
        let end = self.bytes.len().checked_sub(tags)?;
        let data = self.bytes.get(self.header_length()..end)?;
        let bytes = data.get(usize::from(start & mask)..)?.get(..usize::from(length & mask))?;
        let flags = if !self.is_large() {
            start >> 13
        } else if bytes.len() < 2 {
            0
        } else {
            Fields(bytes).u16(0) >> 13
        };
        Some((bytes, NodeFlags(u8::try_from(flags).unwrap_or(0))))
    }

    /// The bytes of tag 0: the key prefix of the page, or the header of a tree's root.
    pub fn external_header(self) -> &'p [u8] {
        self.tag(0).map_or(&[], |(bytes, _)| bytes)
    }

    /// The part of keys that this page holds once.
    ///
    /// A root keeps the header of its tree in tag 0, of 16 bytes and more: no prefix; the root of a
    /// space tree its split buffer of 16 bytes, and behind it the prefix.
    pub fn prefix(self) -> &'p [u8] {
        let header = self.external_header();
        match (self.flags().is_root(), self.flags().is_space()) {
            (false, _) => header,
            (true, true) => header.get(16..).unwrap_or(&[]),
            (true, false) => &[],
        }
    }

    /// A node, counted from 0; `None` when there is none or when it does not fit the page.
    pub fn node(self, number: u16) -> Option<Node<'p>> {
        let (bytes, flags) = self.tag(number.checked_add(self.reserved_tags())?)?;
        let (prefix, rest) = if flags.is_compressed() {
            let used = usize::from(self.key_length(bytes)?);
            (self.prefix().get(..used)?, bytes.get(2..)?)
        } else {
            (&[][..], bytes)
        };
        let length = usize::from(self.key_length(rest)?);
        let (suffix, data) = rest.get(2..)?.split_at_checked(length)?;
        Some(Node { prefix, suffix, data, flags })
    }

    /// A length at the start of a node; in a large page the flags of the node share its word.
    fn key_length(self, bytes: &[u8]) -> Option<u16> {
        let word = u16::from_le_bytes(*bytes.first_chunk()?);
        Some(if self.is_large() { word & 0x1FFF } else { word })
    }

    /// The nodes in order; `None` for one that does not fit the page.
    pub fn nodes(self) -> impl Iterator<Item = Option<Node<'p>>> {
        (0..self.len()).map(move |number| self.node(number))
    }
}

impl<'p> Node<'p> {
    /// Bytes of the key.
    pub fn key_len(&self) -> usize {
        self.prefix.len().saturating_add(self.suffix.len())
    }

    /// The bytes of the key.
    pub fn key(&self) -> impl Iterator<Item = u8> + 'p {
        self.prefix.iter().chain(self.suffix).copied()
    }

    /// The child of a node of an internal page.
    pub fn child(&self) -> Option<PageNumber> {
        let number = u32::from_le_bytes(*self.data.first_chunk()?);
        (self.data.len() == 4 && number != 0).then_some(PageNumber(number))
    }

    /// Compares the key with `key`; a proper prefix is smaller.
    pub fn compare_key(&self, key: &[u8]) -> Ordering {
        let split = self.prefix.len().min(key.len());
        let (head, tail) = key.split_at_checked(split).unwrap_or((key, &[]));
        match self.prefix.cmp(head) {
            Ordering::Equal => self.suffix.cmp(tail),
            other => other,
        }
    }
}
