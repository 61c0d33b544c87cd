//! Records about one node, or one page.

use alloc::vec::Vec;

use super::edit::{Edit, Loose};
use super::error::ReplayError;
use super::image::patched;
use super::sessions::{Bookmark, Tree, Undo, Version};
use super::store::PageStore;
use super::{Change, Replay};
use crate::bytes::Fields;
use crate::log::record::{EmptyTree, NodeHead, Operation, Record};
use crate::numbers::PageNumber;

/// Record flags.
const VERSIONED: u8 = 1;
const UNIQUE: u8 = 4;

/// Type of the record that changes a number of 8 bytes.
const DELTA_64: u8 = 93;

/// What `undone` says of a record.
const OPER_REPLACE: u16 = 2;

impl<S: PageStore> Replay<S> {
    /// Applies a record about a node; its page may have it already.
    pub(super) fn node(&mut self, node: NodeHead, record: &Record<'_>) -> Result<(), ReplayError> {
        let (page, operation) = (node.head.page, &record.operation);
        let change = Change { page, before: node.head.before, dbtime: node.head.dbtime };
        let is_needed = match operation {
            Operation::UndoInfo { .. } => return self.undo_info(node, operation),
            Operation::EmptyTree { pages, .. } => return self.empty_tree(node, *pages),
            _ => self.needs(change)?,
        };
        if let Operation::Undo { undone, .. } = operation {
            let version = self.sessions.take(node.head.procid, node.rceid, *undone);
            if !is_needed {
                return Ok(());
            }
            let Some(version) = version else {
                return Err(self.rollback_error(node, "the change is not known"));
            };
            let line = usize::from(node.head.line);
            return self.undo_on(page, line, &version, node.head.procid, node.head.dbtime);
        }
        let before = if is_needed { self.node_before(node, operation)? } else { None };
        self.keep_version(node, record, before.as_ref())?;
        if is_needed {
            self.apply(node, record, before)?;
            self.edit(page)?.set_dbtime(node.head.dbtime);
        }
        Ok(())
    }

    /// The node that a record changes, as it is before.
    fn node_before(
        &mut self,
        node: NodeHead,
        operation: &Operation<'_>,
    ) -> Result<Option<Loose>, ReplayError> {
        let (page, line) = (node.head.page, node.head.line);
        let edit = self.edit(page)?;
        if edit.view().object() != node.object {
            return Err(ReplayError::content(page, "belongs to another object than the log record"));
        }
        if matches!(operation, Operation::Insert { .. } | Operation::SetExternalHeader { .. }) {
            return Ok(None);
        }
        let found = edit.view().node(line);
        found.as_ref().map(Loose::of).map(Some).ok_or(ReplayError::content(page, NO_NODE))
    }

    /// Keeps what a rollback needs of a change in a transaction.
    fn keep_version(
        &mut self,
        node: NodeHead,
        record: &Record<'_>,
        before: Option<&Loose>,
    ) -> Result<(), ReplayError> {
        if node.head.flags & VERSIONED == 0 || self.start.is_rolled_back(self.now) {
            return Ok(());
        }
        let tree = tree(node);
        let mark = |key: &[&[u8]], data: &[u8]| {
            let data = if tree.is_unique { Vec::new() } else { data.to_vec() };
            Some(Bookmark { key: key.concat(), data })
        };
        let found = before.and_then(|before| mark(&[&before.key], &before.data));
        let mut keep = |rceid, bookmark, undo| {
            let version = Version { rceid, level: node.head.level, tree, bookmark, undo };
            self.sessions.keep(node.head.procid, version)
        };
        match record.operation {
            Operation::Insert { prefix, suffix, data, .. } => {
                keep(node.rceid, mark(&[prefix, suffix], data), Undo::Insert)
            }
            Operation::FlagInsert { key, data, replace_rceid, .. } => {
                keep(node.rceid, mark(&[key], data), Undo::Insert)?;
                match replace_rceid {
                    Some(rceid) => {
                        let old = before.map(|before| before.data.clone());
                        keep(rceid, found, Undo::Replace(old))
                    }
                    None => Ok(()),
                }
            }
            Operation::FlagDelete(_) => keep(node.rceid, found, Undo::FlagDelete),
            Operation::Replace { data: [], difference: Some(_), .. } => Ok(()),
            Operation::Replace { .. } => {
                let old = before.map(|before| before.data.clone());
                keep(node.rceid, found, Undo::Replace(old))
            }
            Operation::Delta { delta, offset, key, bookmark, .. } => {
                let is_long = record.kind.0 == DELTA_64;
                keep(node.rceid, mark(&[key], bookmark), Undo::Delta { delta, offset, is_long })
            }
            _ => Ok(()),
        }
    }

    /// Changes the page.
    fn apply(
        &mut self,
        node: NodeHead,
        record: &Record<'_>,
        before: Option<Loose>,
    ) -> Result<(), ReplayError> {
        let (page, line) = (node.head.page, usize::from(node.head.line));
        let is_long = record.kind.0 == DELTA_64;
        let mut edit = self.edit(page)?;
        let before = before.unwrap_or_default();
        let done = match record.operation {
            Operation::Insert { prefix, suffix, data, .. } => {
                let shares = edit.view().prefix().starts_with(prefix);
                if !shares {
                    return Err(ReplayError::content(page, "has another key prefix than the log record"));
                }
                edit.insert(line, prefix.len(), &[suffix], data, false)
            }
            Operation::FlagInsert { replace_rceid: None, .. } => edit.set_deleted(line, false),
            Operation::FlagInsert { data, .. } => edit.replace(line, data, false),
            Operation::FlagDelete(_) => edit.set_deleted(line, true),
            Operation::Delete(_) => edit.remove(line),
            Operation::Replace { lengths: (_, length), data, difference, .. } => {
                let new = match difference {
                    Some(width) => patched(&before.data, data, width, length),
                    None => Some(data.to_vec()).filter(|data| data.len() == usize::from(length)),
                };
                let Some(new) = new else {
                    return Err(ReplayError::content(page, "has a node that the log record does not fit"));
                };
                edit.replace(line, &new, before.is_deleted)
            }
            Operation::Delta { delta, offset, .. } => {
                let new = added(&before.data, delta, offset, is_long);
                new.and_then(|new| edit.replace(line, &new, before.is_deleted))
            }
            Operation::SetExternalHeader { data, .. } => edit.set_external(data),
            _ => None,
        };
        done.ok_or(ReplayError::content(page, NO_ROOM))
    }

    fn undo_info(&mut self, node: NodeHead, operation: &Operation<'_>) -> Result<(), ReplayError> {
        let Operation::UndoInfo { undone, key, bookmark, data, .. } = *operation else { return Ok(()) };
        if self.start.is_rolled_back(self.now) {
            return Ok(());
        }
        let tree = tree(node);
        let mark = Bookmark { key: key.to_vec(), data: bookmark.to_vec() };
        let undo = match undone {
            OPER_REPLACE => Undo::Replace(Some(data.to_vec())),
            _ => Undo::FlagDelete,
        };
        let version = Version { rceid: node.rceid, level: node.head.level, tree, bookmark: Some(mark), undo };
        self.sessions.complete(node.head.procid, version)
    }

    /// Rolls one change back on the node where it is.
    pub(super) fn undo_on(
        &mut self,
        page: PageNumber,
        line: usize,
        version: &Version,
        procid: u16,
        dbtime: u64,
    ) -> Result<(), ReplayError> {
        let mut edit = self.edit(page)?;
        let found = edit.view().node(u16::try_from(line).unwrap_or(u16::MAX));
        let Some(found) = found.as_ref().map(Loose::of) else {
            return Err(ReplayError::content(page, NO_NODE));
        };
        let is_it = version
            .bookmark
            .as_ref()
            .is_some_and(|own| own.key == found.key && (version.tree.is_unique || own.data == found.data));
        if !is_it {
            let reason = "the node is not where the rollback has to find it";
            return Err(ReplayError::Rollback { procid, root: version.tree.root, reason });
        }
        let done = match &version.undo {
            Undo::Insert => edit.set_deleted(line, true),
            Undo::FlagDelete => edit.set_deleted(line, false),
            Undo::Replace(Some(before)) => edit.replace(line, before, found.is_deleted),
            Undo::Replace(None) => {
                let reason = "the logs do not hold the data before the change";
                return Err(ReplayError::Rollback { procid, root: version.tree.root, reason });
            }
            Undo::Delta { delta, offset, is_long } => {
                let new = added(&found.data, delta.wrapping_neg(), *offset, *is_long);
                new.and_then(|new| edit.replace(line, &new, found.is_deleted))
            }
        };
        done.ok_or(ReplayError::content(page, NO_ROOM))?;
        edit.set_dbtime(dbtime);
        Ok(())
    }

    /// The pages of a tree become empty, and its root a leaf.
    fn empty_tree(&mut self, node: NodeHead, pages: EmptyTree<'_>) -> Result<(), ReplayError> {
        let dbtime = node.head.dbtime;
        for page in pages.pages() {
            if self.needs(Change { page: page.page, before: page.before, dbtime })? {
                let mut edit = self.edit(page.page)?;
                edit.empty().ok_or(ReplayError::content(page.page, NO_ROOM))?;
                edit.set_dbtime(dbtime);
            }
        }
        let page = node.head.page;
        if self.needs(Change { page, before: node.head.before, dbtime })? {
            let mut edit = self.edit(page)?;
            let external = edit.view().external_header().to_vec();
            let flags = edit.view().flags().0 & !PARENT_OF_LEAF | LEAF;
            edit.refill(&external, &[]).ok_or(ReplayError::content(page, NO_ROOM))?;
            edit.set_flags(flags);
            edit.set_dbtime(dbtime);
        }
        Ok(())
    }

    pub(super) fn edit(&mut self, page: PageNumber) -> Result<Edit<'_>, ReplayError> {
        let size = self.cache.size;
        Ok(Edit::new(self.cache.page_mut(page)?, size))
    }

    fn rollback_error(&self, node: NodeHead, reason: &'static str) -> ReplayError {
        ReplayError::Rollback { procid: node.head.procid, root: node.root, reason }
    }
}

pub(super) fn tree(node: NodeHead) -> Tree {
    Tree { root: node.root, object: node.object, is_unique: node.head.flags & UNIQUE != 0 }
}

/// Data with something added to the number at an offset.
fn added(data: &[u8], delta: i64, offset: u16, is_long: bool) -> Option<Vec<u8>> {
    let at = usize::from(offset);
    let width = if is_long { 8 } else { 4 };
    let mut new = data.to_vec();
    let field = new.get_mut(at..at.checked_add(width)?)?;
    let old = if is_long { Fields(data).u64(at) } else { Fields(data).u32(at).into() };
    let sum = old.wrapping_add_signed(delta).to_le_bytes();
    field.copy_from_slice(sum.get(..width)?);
    Some(new)
}

pub(super) const NO_NODE: &str = "has not the node that the log record is about";
pub(super) const NO_ROOM: &str = "cannot hold what the log record makes of it";

/// Page flags.
pub(super) const LEAF: u32 = 2;
pub(super) const PARENT_OF_LEAF: u32 = 4;
