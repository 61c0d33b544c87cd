//! Which pages a record changes.

use super::Record;
use super::node::{NodeHead, PageHead};
use super::operation::Operation;
use super::tree::{Merge, NewTree, PageMove, Split};
use crate::numbers::PageNumber;

/// Who changes pages, and to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Author {
    /// The session.
    pub procid: u16,
    /// The database.
    pub dbid: u8,
    /// Change counter of all changed pages afterwards.
    pub dbtime: u64,
}

/// What a page has to be before a record changes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageBefore {
    /// It has this change counter.
    Dbtime(u64),
    /// Nothing: another record of the same macro changes the page.
    Covered,
    /// Nothing: the page is formatted.
    New,
}

impl PageBefore {
    fn of(before: u64) -> Self {
        if before == u64::MAX { Self::Covered } else { Self::Dbtime(before) }
    }
}

impl Record<'_> {
    /// The header of a record about a single page or tree.
    pub fn head(&self) -> Option<PageHead> {
        Some(match self.operation {
            Operation::NewTree(NewTree { head, .. })
            | Operation::Split(Split { head, .. })
            | Operation::Merge(Merge { head, .. })
            | Operation::PageMove(PageMove { head, .. }) => head,
            _ => self.node()?.head,
        })
    }

    /// The header of a record about a node.
    pub fn node(&self) -> Option<NodeHead> {
        Some(match self.operation {
            Operation::FlagDelete(node) | Operation::Delete(node) => node,
            Operation::EmptyTree { node, .. }
            | Operation::Insert { node, .. }
            | Operation::FlagInsert { node, .. }
            | Operation::Replace { node, .. }
            | Operation::Delta { node, .. }
            | Operation::SetExternalHeader { node, .. }
            | Operation::Undo { node, .. }
            | Operation::UndoInfo { node, .. }
            | Operation::Scrub { node, .. } => node,
            _ => return None,
        })
    }

    /// Who changes pages by this record; `None` when it changes none.
    pub fn author(&self) -> Option<Author> {
        match self.operation {
            Operation::UndoInfo { .. } => None,
            Operation::NewPage { procid, dbid, dbtime, .. } => Some(Author { procid, dbid, dbtime }),
            _ => self.head().map(|head| Author { procid: head.procid, dbid: head.dbid, dbtime: head.dbtime }),
        }
    }

    /// Calls `change` with every page that the record changes, in the order in which redo has to
    /// look at them.
    ///
    /// Source: format digest sections 15 and 17.
    pub fn for_each_page(&self, mut change: impl FnMut(PageNumber, PageBefore)) {
        let mut linked = |page: PageNumber, before| {
            if page.0 != 0 {
                change(page, before);
            }
        };
        match &self.operation {
            Operation::UndoInfo { .. } => return,
            Operation::NewPage { page, .. } => return linked(*page, PageBefore::New),
            _ => {}
        }
        let Some(head) = self.head() else { return };
        let own = PageBefore::of(head.before);
        match &self.operation {
            Operation::NewTree(tree) => {
                linked(head.page, if tree.second.is_some() { own } else { PageBefore::New });
                if let Some((owned, available)) = tree.space {
                    linked(owned, PageBefore::New);
                    linked(available, PageBefore::New);
                }
            }
            Operation::Split(split) => {
                linked(head.page, own);
                linked(split.new, PageBefore::New);
                linked(split.right, PageBefore::of(split.right_before));
                linked(split.parent, PageBefore::of(split.parent_before));
            }
            Operation::Merge(merge) => {
                linked(head.page, own);
                linked(merge.right, PageBefore::of(merge.right_before));
                linked(merge.left, PageBefore::of(merge.left_before));
                linked(merge.parent, PageBefore::of(merge.parent_before));
            }
            Operation::PageMove(moved) => {
                linked(head.page, own);
                linked(moved.to, PageBefore::New);
                linked(moved.left, PageBefore::of(moved.left_before));
                linked(moved.right, PageBefore::of(moved.right_before));
                linked(moved.parent, PageBefore::of(moved.parent_before));
            }
            Operation::EmptyTree { pages, .. } => {
                linked(head.page, own);
                pages.pages().for_each(|page| linked(page.page, PageBefore::of(page.before)));
            }
            _ => linked(head.page, own),
        }
    }
}
