//! Changing the nodes of one page.

use alloc::vec::Vec;

use super::store::set;
use crate::bytes::Fields;
use crate::numbers::{PageNumber, PageSize};
use crate::view::{Node, NodeFlags, PageView};

/// A page that is being changed. Every call changes all of what it says, or returns `None` and nothing.
///
/// INVARIANT: the bytes are as long as the page size.
pub(super) struct Edit<'p> {
    bytes: &'p mut [u8],
    size: PageSize,
}

/// A node that is on no page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Loose {
    pub(super) key: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) is_deleted: bool,
}

impl Loose {
    pub(super) fn of(node: &Node<'_>) -> Self {
        let mut key = Vec::with_capacity(node.key_len());
        key.extend_from_slice(node.prefix);
        key.extend_from_slice(node.suffix);
        Self { key, data: node.data.to_vec(), is_deleted: node.flags.is_deleted() }
    }

    /// The pointer to a page of an internal node.
    pub(super) fn pointer(key: &[u8], child: PageNumber) -> Self {
        Self { key: key.to_vec(), data: child.0.to_le_bytes().to_vec(), is_deleted: false }
    }
}

/// All nodes of a page; `None` when one of them does not fit it.
pub(super) fn nodes(view: PageView<'_>) -> Option<Vec<Loose>> {
    view.nodes().map(|node| node.as_ref().map(Loose::of)).collect()
}

/// Bytes that both begin with.
pub(super) fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl<'p> Edit<'p> {
    pub(super) fn new(bytes: &'p mut [u8], size: PageSize) -> Self {
        Self { bytes, size }
    }

    pub(super) fn view(&self) -> PageView<'_> {
        PageView::of(self.bytes, self.size)
    }

    /// Makes it a page without nodes: what `ConsumePreInitPage` leaves of a new page.
    pub(super) fn format(&mut self, number: PageNumber, object: u32, flags: u32, reserved: u16) {
        self.bytes.fill(0);
        self.set_u32(24, object);
        self.set_flags(flags);
        let free = self.room().saturating_sub(TAG);
        self.set_u16(28, free);
        self.set_u16(34, 1 | reserved);
        if self.view().is_large() {
            self.set_u32(64, number.0);
        }
    }

    /// Bytes between the page header and the end.
    fn room(&self) -> usize {
        self.bytes.len().saturating_sub(self.view().header_length())
    }

    pub(super) fn set_dbtime(&mut self, dbtime: u64) {
        set(self.bytes, 8, &dbtime.to_le_bytes());
    }

    pub(super) fn set_previous(&mut self, page: PageNumber) {
        self.set_u32(16, page.0);
    }

    pub(super) fn set_next(&mut self, page: PageNumber) {
        self.set_u32(20, page.0);
    }

    pub(super) fn set_flags(&mut self, flags: u32) {
        self.set_u32(36, flags);
    }

    fn set_u32(&mut self, at: usize, value: u32) {
        set(self.bytes, at, &value.to_le_bytes());
    }

    fn set_u16(&mut self, at: usize, value: impl TryInto<u16>) {
        set(self.bytes, at, &value.try_into().unwrap_or(u16::MAX).to_le_bytes());
    }

    fn count(&self) -> usize {
        self.view().tag_count().into()
    }

    fn set_count(&mut self, count: usize) {
        let reserved = Fields(self.bytes).u16(34) & 0xF000;
        self.set_u16(34, u16::try_from(count).unwrap_or(0) & 0xFFF | reserved);
    }

    fn free(&self) -> usize {
        self.view().free().into()
    }

    /// Sets the free bytes; none of them is held back for a rollback any more.
    fn set_free(&mut self, free: usize) {
        self.set_u16(28, free);
        self.set_u16(30, 0_u16);
    }

    fn start(&self) -> usize {
        self.view().free_start().into()
    }

    /// Where a tag is.
    fn tag_at(&self, tag: usize) -> Option<usize> {
        self.bytes.len().checked_sub(tag.checked_add(1)?.checked_mul(TAG)?)
    }

    /// Start and length of the bytes of a tag.
    fn tag(&self, tag: usize) -> Option<(usize, usize)> {
        let at = self.tag_at(tag)?;
        let mask = if self.view().is_large() { 0x7FFF } else { 0x1FFF };
        let (length, start) = (Fields(self.bytes).u16(at), Fields(self.bytes).u16(at.checked_add(2)?));
        Some((usize::from(start & mask), usize::from(length & mask)))
    }

    fn set_tag(&mut self, tag: usize, start: usize, length: usize, flags: u8) {
        let Some(at) = self.tag_at(tag) else { return };
        let is_large = self.view().is_large();
        let own = if is_large { 0 } else { u16::from(flags) << 13 };
        self.set_u16(at, length);
        self.set_u16(at.saturating_add(2), u16::try_from(start).unwrap_or(0) | own);
        // In a large page the flags of a node are in its first word.
        if is_large && tag != 0 && length >= 2 {
            let first = start.saturating_add(self.view().header_length());
            let word = Fields(self.bytes).u16(first) & 0x1FFF | u16::from(flags) << 13;
            self.set_u16(first, word);
        }
    }

    fn write(&mut self, start: usize, pieces: &[&[u8]]) {
        let mut at = start.saturating_add(self.view().header_length());
        for piece in pieces {
            set(self.bytes, at, piece);
            at = at.saturating_add(piece.len());
        }
    }

    /// Moves all data together, so that the free bytes are in one piece.
    fn compact(&mut self) -> Option<()> {
        let old = self.bytes.to_vec();
        let header = self.view().header_length();
        let mut end = 0_usize;
        for tag in 0..self.count() {
            let (start, length) = self.tag(tag)?;
            let from = start.checked_add(header)?;
            let data = old.get(from..from.checked_add(length)?)?;
            let at = self.tag_at(tag)?;
            let flags =
                if self.view().is_large() { 0 } else { Fields(&old).u16(at.checked_add(2)?) & 0xE000 };
            set(self.bytes, end.checked_add(header)?, data);
            let start = if length == 0 { 0 } else { end };
            self.set_u16(at.checked_add(2)?, u16::try_from(start).ok()? | flags);
            end = end.checked_add(length)?;
        }
        self.set_u16(32, end);
        Some(())
    }

    /// Makes so many bytes free in one piece, with so many tags; returns where.
    fn make_room(&mut self, length: usize, tags: usize) -> Option<usize> {
        let end = self.room().checked_sub(tags.checked_mul(TAG)?)?;
        if self.start().checked_add(length)? > end {
            self.compact()?;
            if self.start().checked_add(length)? > end {
                return None;
            }
        }
        Some(self.start())
    }

    fn insert_tag(&mut self, tag: usize, pieces: &[&[u8]], flags: u8) -> Option<()> {
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let (count, need) = (self.count(), length.checked_add(TAG)?);
        let left = self.free().checked_sub(need)?;
        if tag > count || count >= 0xFFF {
            return None;
        }
        let start = self.make_room(length, count.checked_add(1)?)?;
        let (low, high) =
            (self.bytes.len().checked_sub(count.checked_mul(TAG)?)?, self.tag_at(tag)?.checked_add(TAG)?);
        self.bytes.copy_within(low..high, low.checked_sub(TAG)?);
        self.set_count(count.checked_add(1)?);
        self.write(start, pieces);
        self.set_tag(tag, start, length, flags);
        self.set_u16(32, start.checked_add(length)?);
        self.set_free(left);
        Some(())
    }

    fn remove_tag(&mut self, tag: usize) -> Option<()> {
        let count = self.count();
        if tag >= count {
            return None;
        }
        let (start, length) = self.tag(tag)?;
        let free = self.free().checked_add(length)?.checked_add(TAG)?;
        let (low, high) = (self.bytes.len().checked_sub(count.checked_mul(TAG)?)?, self.tag_at(tag)?);
        self.bytes.copy_within(low..high, low.checked_add(TAG)?);
        self.set_count(count.checked_sub(1)?);
        if length > 0 && start.checked_add(length)? == self.start() {
            self.set_u16(32, start);
        }
        self.set_free(free);
        Some(())
    }

    fn replace_tag(&mut self, tag: usize, pieces: &[&[u8]], flags: u8) -> Option<()> {
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if tag >= self.count() {
            return None;
        }
        let (start, old) = self.tag(tag)?;
        let free = self.free().checked_add(old)?.checked_sub(length)?;
        let is_last = old > 0 && start.checked_add(old)? == self.start();
        let start = if length <= old {
            start
        } else {
            // The old bytes count as free: the new ones need not fit beside them.
            let kept = self.tag(tag)?;
            self.set_tag(tag, 0, 0, 0);
            let Some(start) = self.make_room(length, self.count()) else {
                self.set_tag(tag, kept.0, kept.1, flags);
                return None;
            };
            start
        };
        self.write(start, pieces);
        self.set_tag(tag, start, length, flags);
        if length > old || is_last {
            self.set_u16(32, start.checked_add(length)?);
        }
        self.set_free(free);
        Some(())
    }

    /// Number of the tag of a node.
    fn node_tag(&self, line: usize) -> Option<usize> {
        line.checked_add(self.view().reserved_tags().into())
    }

    /// Inserts a node that shares `shared` bytes of its key with the prefix of the page.
    pub(super) fn insert(
        &mut self,
        line: usize,
        shared: usize,
        suffix: &[&[u8]],
        data: &[u8],
        deleted: bool,
    ) -> Option<()> {
        let tag = self.node_tag(line)?;
        self.with_node(shared, suffix, data, deleted, |edit, pieces, flags| {
            edit.insert_tag(tag, pieces, flags)
        })
    }

    fn with_node(
        &mut self,
        shared: usize,
        suffix: &[&[u8]],
        data: &[u8],
        deleted: bool,
        change: impl FnOnce(&mut Self, &[&[u8]], u8) -> Option<()>,
    ) -> Option<()> {
        let prefix = u16::try_from(shared).ok()?.to_le_bytes();
        let length = u16::try_from(suffix.iter().map(|piece| piece.len()).sum::<usize>()).ok()?.to_le_bytes();
        let (first, second) = match suffix {
            [] => (&[][..], &[][..]),
            [one] => (*one, &[][..]),
            [one, two, ..] => (*one, *two),
        };
        let is_compressed = shared > 0;
        let flags = if is_compressed { 4 } else { 0 } | if deleted { 2 } else { 0 };
        let prefix = if is_compressed { &prefix[..] } else { &[] };
        change(self, &[prefix, &length, first, second, data], flags)
    }

    /// Inserts a node, its key compressed as far as the prefix of the page allows.
    pub(super) fn insert_loose(&mut self, line: usize, node: &Loose) -> Option<()> {
        let shared =
            Some(common(self.view().prefix(), &node.key)).filter(|&shared| shared > OVERHEAD).unwrap_or(0);
        let suffix = node.key.get(shared..)?;
        self.insert(line, shared, &[suffix], &node.data, node.is_deleted)
    }

    pub(super) fn remove(&mut self, line: usize) -> Option<()> {
        let tag = self.node_tag(line)?;
        self.remove_tag(tag)
    }

    /// Gives a node other data and says whether it is deleted; its key stays as it is.
    pub(super) fn replace(&mut self, line: usize, data: &[u8], deleted: bool) -> Option<()> {
        let tag = self.node_tag(line)?;
        let node = self.view().node(u16::try_from(line).ok()?)?;
        let (shared, suffix) = (node.prefix.len(), node.suffix.to_vec());
        // A key that shares nothing may still be stored as a compressed one.
        let is_compressed = node.flags.is_compressed();
        if is_compressed && shared == 0 {
            return None;
        }
        self.with_node(shared, &[&suffix], data, deleted, |edit, pieces, flags| {
            edit.replace_tag(tag, pieces, flags)
        })
    }

    /// Marks a node as deleted, or as not.
    pub(super) fn set_deleted(&mut self, line: usize, deleted: bool) -> Option<()> {
        let tag = self.node_tag(line)?;
        let (_, NodeFlags(flags)) = self.view().tag(u16::try_from(tag).ok()?)?;
        let (start, length) = self.tag(tag)?;
        let flags = if deleted { flags | 2 } else { flags & !2 };
        self.set_tag(tag, start, length, flags);
        Some(())
    }

    /// Replaces tag 0.
    pub(super) fn set_external(&mut self, bytes: &[u8]) -> Option<()> {
        self.replace_tag(0, &[bytes], 0)
    }

    /// Gives the page other nodes, and `external` in tag 0; `None` when they do not fit.
    pub(super) fn refill(&mut self, external: &[u8], nodes: &[Loose]) -> Option<()> {
        let reserved = Fields(self.bytes).u16(34) & 0xF000;
        self.set_u16(32, 0_u16);
        self.set_u16(34, 1 | reserved);
        self.set_free(self.room().checked_sub(TAG)?);
        self.set_tag(0, 0, 0, 0);
        self.set_external(external)?;
        nodes.iter().enumerate().try_for_each(|(line, node)| self.insert_loose(line, node))
    }

    /// Makes it a page of no tree.
    pub(super) fn empty(&mut self) -> Option<()> {
        let is_root = self.view().flags().is_root();
        let external = if is_root { self.view().external_header().to_vec() } else { Vec::new() };
        let flags = self.view().flags().0 | EMPTY;
        self.refill(&external, &[])?;
        self.set_flags(flags);
        Some(())
    }
}

/// Bytes of a tag.
const TAG: usize = 4;

/// What a compressed key costs: shorter common beginnings are not worth it.
const OVERHEAD: usize = 2;

/// Page flag: belongs to no tree.
const EMPTY: u32 = 0x8;
