//! Splits: a page gives part of its nodes to a new one.

use alloc::vec::Vec;

use super::edit::{Edit, Loose, nodes};
use super::error::ReplayError;
use super::image;
use super::sessions::{Bookmark, Undo, Version};
use super::single::{NO_NODE, NO_ROOM, tree};
use super::store::{ECC, PageStore};
use super::trees::FLUSH;
use super::{Change, Replay};
use crate::log::record::{NodeHead, Operation, Record, Split};
use crate::numbers::PageNumber;
use crate::view::PageView;

/// Pages with their new content, which count together.
pub(super) type Pages = Vec<(PageNumber, Vec<u8>)>;

impl<S: PageStore> Replay<S> {
    /// Applies a complete split: the pages on the path from the top, and what is done to a node.
    ///
    /// Source: format digest section 17.6.
    pub(super) fn split(&mut self, records: &[Record<'_>]) -> Result<(), ReplayError> {
        let mut path: Vec<&Split<'_>> = Vec::new();
        let mut change = None;
        for record in records {
            match &record.operation {
                Operation::Split(split) => path.push(split),
                operation => change = record.node().map(|node| (node, operation)),
            }
        }
        let mut pages = Pages::new();
        let mut replaced = None;
        for (level, split) in path.iter().enumerate() {
            let child = level.checked_add(1).and_then(|below| path.get(below)).copied();
            // The page below knows what this one was before.
            let before = child
                .filter(|_| split.head.before == u64::MAX)
                .map_or(split.head.before, |child| child.parent_before);
            let own = Change { page: split.head.page, before, dbtime: split.head.dbtime };
            if split.new.0 == 0 {
                if let (true, Some(child)) = (self.needs(own)?, child) {
                    pages.push((own.page, self.with_pointer(own, child)?));
                }
                continue;
            }
            let operation = if child.is_none() { change } else { None };
            let old = self.split_page(own, split, child, operation, &mut pages)?;
            replaced = if child.is_none() { old } else { replaced };
        }
        if let Some((node, operation)) = change {
            self.split_version(node, operation, replaced)?;
        }
        pages.iter().try_for_each(|(page, bytes)| self.cache.put(*page, bytes))
    }

    /// An internal page with the pointer to the new page behind that to the split one.
    fn with_pointer(&mut self, own: Change, child: &Split<'_>) -> Result<Vec<u8>, ReplayError> {
        let mut bytes = self.cache.page(own.page)?.to_vec();
        let mut edit = Edit::new(&mut bytes, self.cache.size);
        let line = pointer_line(edit.view(), child.head.page);
        let line = line.ok_or(ReplayError::content(own.page, "has no pointer to the page that is split"))?;
        let pointer = Loose::pointer(child.parent_key, child.head.page);
        edit.insert_loose(line, &pointer)
            .and_then(|()| edit.replace(line.checked_add(1)?, &child.new.0.to_le_bytes(), false))
            .ok_or(ReplayError::content(own.page, NO_ROOM))?;
        edit.set_dbtime(own.dbtime);
        Ok(bytes)
    }

    /// Splits one page; returns the node that is replaced, as it was.
    fn split_page(
        &mut self,
        own: Change,
        split: &Split<'_>,
        child: Option<&Split<'_>>,
        operation: Option<(NodeHead, &Operation<'_>)>,
        pages: &mut Pages,
    ) -> Result<Option<Loose>, ReplayError> {
        let needs_own = self.needs(own)?;
        let needs_new = self.needs_new(split.new, own.dbtime)?;
        let right = Change { page: split.right, before: split.right_before, dbtime: own.dbtime };
        if right.page.0 != 0 && self.needs(right)? {
            let mut bytes = self.cache.page(right.page)?.to_vec();
            let mut edit = Edit::new(&mut bytes, self.cache.size);
            edit.set_previous(split.new);
            edit.set_dbtime(own.dbtime);
            pages.push((right.page, bytes));
        }
        if !needs_own && !needs_new {
            return Ok(None);
        }
        let size = self.cache.size;
        let image;
        let source: Option<&[u8]> = if needs_own {
            Some(self.cache.page(own.page)?)
        } else if moves_nodes(split) {
            image = image::page(&split.image, size).ok_or(ReplayError::content(
                own.page,
                "is newer, and the log record does not hold it as it was",
            ))?;
            Some(&image)
        } else {
            None
        };
        let (lines, replaced) = lines(source.map(|bytes| PageView::of(bytes, size)), split, child, operation)
            .ok_or(ReplayError::content(own.page, "has other nodes than the log record splits"))?;
        let at = usize::from(split.line);
        let skipped = if source.is_none() { at } else { 0 };
        let (stay, go) = lines
            .split_at_checked(at.saturating_sub(skipped))
            .ok_or(ReplayError::content(own.page, NO_NODE))?;
        if needs_new {
            let prefix = prefix_of(split.prefix_lines.1, go, own.page)?;
            let mut bytes = self.fresh(split.new, split.object, split.flags.0, own.dbtime, prefix, go)?;
            let mut edit = Edit::new(&mut bytes, size);
            if split.flags.0 & super::single::LEAF != 0 && split.split_type != VERTICAL {
                edit.set_previous(own.page);
                edit.set_next(split.right);
            }
            pages.push((split.new, bytes));
        }
        if needs_own {
            pages.push((own.page, self.split_rest(own, split, stay)?));
        }
        Ok(replaced)
    }

    /// What stays of the page that is split.
    fn split_rest(&mut self, own: Change, split: &Split<'_>, stay: &[Loose]) -> Result<Vec<u8>, ReplayError> {
        let mut bytes = self.cache.page(own.page)?.to_vec();
        let mut edit = Edit::new(&mut bytes, self.cache.size);
        let external = edit.view().external_header().to_vec();
        let done = match split.split_type {
            VERTICAL => {
                let kept = edit.view().flags().0 & (ECC | FLUSH | FDP_DELETED);
                let pointer = Loose::pointer(&[], split.new);
                edit.refill(&external, &[pointer]).map(|()| {
                    edit.set_flags(split.flags.1 & !(ECC | FLUSH | FDP_DELETED) | kept);
                })
            }
            APPEND => Some(()),
            _ => {
                let has_prefix = split.prefix_lines.0 >= 0;
                edit.refill(if has_prefix { split.new_prefix } else { &[] }, stay)
            }
        };
        done.ok_or(ReplayError::content(own.page, NO_ROOM))?;
        if split.flags.0 & super::single::LEAF != 0 && split.split_type != VERTICAL {
            edit.set_next(split.new);
        }
        edit.set_dbtime(own.dbtime);
        Ok(bytes)
    }

    /// Keeps what a rollback needs of the change that made the page split.
    fn split_version(
        &mut self,
        node: NodeHead,
        operation: &Operation<'_>,
        replaced: Option<Loose>,
    ) -> Result<(), ReplayError> {
        if node.head.flags & 1 == 0 {
            return Ok(());
        }
        let tree = tree(node);
        let mark = |key: Vec<u8>, data: &[u8]| {
            let data = if tree.is_unique { Vec::new() } else { data.to_vec() };
            Some(Bookmark { key, data })
        };
        let mut keep = |rceid, bookmark, undo| {
            let version = Version { rceid, level: node.head.level, tree, bookmark, undo };
            self.sessions.keep(node.head.procid, version)
        };
        let found = replaced.as_ref().and_then(|old| mark(old.key.clone(), &old.data));
        let old = replaced.map(|old| old.data);
        match *operation {
            Operation::Insert { prefix, suffix, data, .. } => {
                keep(node.rceid, mark([prefix, suffix].concat(), data), Undo::Insert)
            }
            Operation::FlagInsert { key, data, replace_rceid, .. } => {
                keep(node.rceid, mark(key.to_vec(), data), Undo::Insert)?;
                replace_rceid.map_or(Ok(()), |rceid| keep(rceid, found, Undo::Replace(old)))
            }
            Operation::Replace { .. } => keep(node.rceid, found, Undo::Replace(old)),
            _ => Ok(()),
        }
    }
}

/// The nodes of the page with the change done, and the node that it replaced.
fn lines(
    source: Option<PageView<'_>>,
    split: &Split<'_>,
    child: Option<&Split<'_>>,
    operation: Option<(NodeHead, &Operation<'_>)>,
) -> Option<(Vec<Loose>, Option<Loose>)> {
    let is_partial = source.is_none();
    let mut lines = source.map_or(Some(Vec::new()), nodes)?;
    let at = if is_partial { 0 } else { usize::from(split.change_line) };
    let mut replaced = None;
    match (split.change, child, operation) {
        (0, None, _) => {}
        (INSERT, Some(child), _) => {
            if at > lines.len() {
                return None;
            }
            lines.insert(at, Loose::pointer(child.parent_key, child.head.page));
            if !is_partial {
                let next = lines.get_mut(at.checked_add(1)?)?;
                if next.data != child.head.page.0.to_le_bytes() {
                    return None;
                }
                next.data = child.new.0.to_le_bytes().to_vec();
            }
        }
        (INSERT, None, Some((_, Operation::Insert { prefix, suffix, data, .. }))) => {
            if at > lines.len() {
                return None;
            }
            let key = [*prefix, *suffix].concat();
            lines.insert(at, Loose { key, data: data.to_vec(), is_deleted: false });
        }
        (REPLACE, None, Some((_, Operation::Replace { lengths: (_, length), data, difference, .. }))) => {
            let line = lines.get_mut(at)?;
            replaced = Some(line.clone());
            line.data = match difference {
                Some(width) => image::patched(&line.data, data, *width, *length)?,
                None => data.to_vec(),
            };
        }
        (FLAG_INSERT, None, Some((_, Operation::FlagInsert { data, .. }))) => {
            let line = lines.get_mut(at)?;
            replaced = Some(line.clone());
            (line.data, line.is_deleted) = (data.to_vec(), false);
        }
        _ => return None,
    }
    let expected = if is_partial { 1 } else { usize::from(split.lines) };
    (lines.len() == expected).then_some((lines, replaced))
}

/// Whether the new page gets nodes of the old one, beside the changed one.
fn moves_nodes(split: &Split<'_>) -> bool {
    let is_end = split.change == INSERT
        && split.line == split.change_line
        && split.line.checked_add(1) == Some(split.lines);
    match split.split_type {
        APPEND => false,
        RIGHT => !is_end,
        _ => true,
    }
}

/// The key of the node that gives a page its prefix.
fn prefix_of(line: i32, nodes: &[Loose], page: PageNumber) -> Result<&[u8], ReplayError> {
    let Ok(line) = usize::try_from(line) else { return Ok(&[]) };
    nodes.get(line).map(|node| node.key.as_slice()).ok_or(ReplayError::content(page, NO_NODE))
}

/// The node of an internal page that points to a page.
pub(super) fn pointer_line(view: PageView<'_>, child: PageNumber) -> Option<usize> {
    view.nodes().position(|node| node.and_then(|node| node.child()) == Some(child))
}

/// Types of splits.
const VERTICAL: u8 = 0;
const RIGHT: u8 = 1;
const APPEND: u8 = 2;

/// What is done to a node by a split.
const INSERT: u8 = 1;
const REPLACE: u8 = 2;
const FLAG_INSERT: u8 = 3;

/// Page flag: the tree is deleted.
const FDP_DELETED: u32 = 0x40000;
