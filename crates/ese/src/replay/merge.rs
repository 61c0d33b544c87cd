//! Merges: a page gives nodes to a neighbour, and mostly becomes empty.

use alloc::vec::Vec;

use super::edit::{Edit, Loose, nodes};
use super::error::ReplayError;
use super::image;
use super::single::{NO_NODE, NO_ROOM};
use super::split::Pages;
use super::store::PageStore;
use super::{Change, Replay};
use crate::log::record::{Merge, Operation, Record};
use crate::numbers::PageNumber;
use crate::view::PageView;

impl<S: PageStore> Replay<S> {
    /// Applies a complete merge: the pages on the path from the top, the leaf last.
    ///
    /// Source: format digest section 17.7.
    pub(super) fn merge(&mut self, records: &[Record<'_>]) -> Result<(), ReplayError> {
        let path: Vec<&Merge<'_>> = records
            .iter()
            .filter_map(|record| match &record.operation {
                Operation::Merge(merge) => Some(merge),
                _ => None,
            })
            .collect();
        let Some((leaf, above)) = path.split_last() else { return Ok(()) };
        let mut pages = Pages::new();
        for (level, merge) in above.iter().enumerate() {
            let below = level.checked_add(1).and_then(|below| path.get(below)).copied().unwrap_or(leaf);
            let before = if merge.head.before == u64::MAX { below.parent_before } else { merge.head.before };
            let own = Change { page: merge.head.page, before, dbtime: merge.head.dbtime };
            if self.needs(own)? {
                let mut bytes = self.cache.page(own.page)?.to_vec();
                let mut edit = Edit::new(&mut bytes, self.cache.size);
                above_leaf(&mut edit, merge, leaf, below.head.page).ok_or(ReplayError::content(
                    own.page,
                    "is not the parent that the log record merges in",
                ))?;
                edit.set_dbtime(own.dbtime);
                pages.push((own.page, bytes));
            }
        }
        self.merge_leaf(leaf, &mut pages)?;
        pages.iter().try_for_each(|(page, bytes)| self.cache.put(*page, bytes))
    }

    fn merge_leaf(&mut self, merge: &Merge<'_>, pages: &mut Pages) -> Result<(), ReplayError> {
        let (page, dbtime, size) = (merge.head.page, merge.head.dbtime, self.cache.size);
        let needs_own = self.needs(Change { page, before: merge.head.before, dbtime })?;
        let is_partial = matches!(merge.merge_type, PARTIAL_RIGHT | PARTIAL_LEFT);
        let takes = match merge.merge_type {
            EMPTY => None,
            FULL_RIGHT | PARTIAL_RIGHT => Some(merge.right),
            FULL_LEFT | PARTIAL_LEFT => Some(merge.left),
            _ => return Err(ReplayError::content(page, "is merged in a way that is not known")),
        };
        let sides = [(merge.left, merge.left_before, true), (merge.right, merge.right_before, false)];
        for (side, before, is_left) in sides {
            if side.0 == 0 || !self.needs(Change { page: side, before, dbtime })? {
                continue;
            }
            let given = if takes == Some(side) { self.given(merge, needs_own)? } else { Vec::new() };
            let mut bytes = self.cache.page(side)?.to_vec();
            let mut edit = Edit::new(&mut bytes, size);
            let start = if is_left { usize::from(edit.view().len()) } else { 0 };
            let done = given
                .iter()
                .enumerate()
                .try_for_each(|(line, node)| edit.insert_loose(start.checked_add(line)?, node));
            done.ok_or(ReplayError::content(side, NO_ROOM))?;
            match (is_partial, is_left) {
                (true, _) => {}
                (false, true) => edit.set_next(merge.right),
                (false, false) => edit.set_previous(merge.left),
            }
            edit.set_dbtime(dbtime);
            pages.push((side, bytes));
        }
        if needs_own {
            let mut bytes = self.cache.page(page)?.to_vec();
            let mut edit = Edit::new(&mut bytes, size);
            let gone = moved(merge, edit.view().len());
            let done = if merge.flags & EMPTY_PAGE != 0 {
                edit.empty()
            } else if is_partial {
                gone.rev().try_for_each(|line| edit.remove(line.into()))
            } else {
                Some(())
            };
            done.ok_or(ReplayError::content(page, NO_NODE))?;
            edit.set_dbtime(dbtime);
            pages.push((page, bytes));
        }
        Ok(())
    }

    /// The nodes that move; deleted ones do not.
    fn given(&mut self, merge: &Merge<'_>, has_page: bool) -> Result<Vec<Loose>, ReplayError> {
        let (page, size) = (merge.head.page, self.cache.size);
        let image;
        let bytes = if has_page {
            self.cache.page(page)?
        } else {
            image = image::page(&merge.image, size).ok_or(ReplayError::content(
                page,
                "is newer, and the log record does not hold it as it was",
            ))?;
            &image
        };
        let all = nodes(PageView::of(bytes, size)).ok_or(ReplayError::content(page, NO_NODE))?;
        let moved = moved(merge, u16::try_from(all.len()).unwrap_or(u16::MAX));
        let moved = all.get(usize::from(moved.start)..usize::from(moved.end));
        let moved = moved.ok_or(ReplayError::content(page, NO_NODE))?;
        Ok(moved.iter().filter(|node| !node.is_deleted).cloned().collect())
    }
}

/// The nodes that a merge moves.
fn moved(merge: &Merge<'_>, count: u16) -> core::ops::Range<u16> {
    match merge.merge_type {
        FULL_RIGHT | PARTIAL_RIGHT => merge.line.min(count)..count,
        FULL_LEFT | PARTIAL_LEFT => 0..merge.line.saturating_add(1).min(count),
        _ => 0..0,
    }
}

/// Changes a page above the leaf.
fn above_leaf(edit: &mut Edit<'_>, merge: &Merge<'_>, leaf: &Merge<'_>, below: PageNumber) -> Option<()> {
    let line = usize::from(merge.head.line);
    let changes_key = merge.flags & KEY_CHANGE != 0;
    if merge.flags & DELETE_NODE != 0 {
        let own = edit.view().node(merge.head.line)?;
        if own.child() != Some(below) {
            return None;
        }
        if changes_key && leaf.merge_type == FULL_LEFT {
            edit.replace(line, &leaf.left.0.to_le_bytes(), false)?;
            edit.remove(line.checked_sub(1)?)?;
        } else {
            let has_no_key = own.key_len() == 0;
            edit.remove(line)?;
            if has_no_key && let Some(last) = line.checked_sub(1) {
                set_key(edit, last, &[])?;
            }
        }
    } else if changes_key {
        let line = if leaf.merge_type == PARTIAL_LEFT { line.checked_sub(1)? } else { line };
        set_key(edit, line, leaf.parent_key)?;
    }
    if merge.flags & EMPTY_PAGE != 0 {
        edit.empty()?;
    }
    Some(())
}

/// Gives a pointer another key.
fn set_key(edit: &mut Edit<'_>, line: usize, key: &[u8]) -> Option<()> {
    let node = edit.view().node(u16::try_from(line).ok()?)?;
    let pointer = Loose::pointer(key, node.child()?);
    edit.remove(line)?;
    edit.insert_loose(line, &pointer)
}

/// Types of merges.
const EMPTY: u8 = 1;
const FULL_RIGHT: u8 = 2;
const PARTIAL_RIGHT: u8 = 3;
const FULL_LEFT: u8 = 5;
const PARTIAL_LEFT: u8 = 6;

/// What happens to a page of the path.
const KEY_CHANGE: u8 = 1;
const DELETE_NODE: u8 = 2;
const EMPTY_PAGE: u8 = 4;
