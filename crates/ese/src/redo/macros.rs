//! Changes of several pages, which count only when they are complete.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::log::record::{MacroId, PageBefore, RecordType};
use crate::numbers::PageNumber;

/// A change of one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) page: PageNumber,
    pub(super) before: PageBefore,
    pub(super) dbtime: u64,
    pub(super) record: RecordType,
}

/// The macros that have begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Macros {
    open: BTreeMap<MacroId, Vec<Change>>,
    /// Changes in all of them.
    kept: usize,
}

impl Macros {
    /// Sessions begin a macro only after the one before, or beside it with another counter.
    pub(super) fn begin(&mut self, id: MacroId) {
        if self.open.len() < MOST_OPEN {
            let before = self.open.insert(id, Vec::new()).unwrap_or_default();
            self.kept = self.kept.saturating_sub(before.len());
        }
    }

    /// Keeps a change for later, if it belongs to an open macro.
    pub(super) fn keep(&mut self, id: MacroId, change: Change) -> bool {
        let Some(changes) = self.open.get_mut(&id).filter(|_| self.kept < MOST_KEPT) else { return false };
        changes.push(change);
        self.kept = self.kept.saturating_add(1);
        true
    }

    /// Ends a macro.
    pub(super) fn end(&mut self, id: MacroId) -> Vec<Change> {
        let changes = self.open.remove(&id).unwrap_or_default();
        self.kept = self.kept.saturating_sub(changes.len());
        changes
    }

    /// Forgets all of them; returns one that had changes.
    pub(super) fn clear(&mut self) -> Option<MacroId> {
        let Self { open, .. } = core::mem::take(self);
        open.into_iter().find(|(_, changes)| !changes.is_empty()).map(|(id, _)| id)
    }
}

/// Macros that are kept at a time; a session has one or two, and there are 65536 numbers for them.
const MOST_OPEN: usize = 1 << 17;

/// Changes that are kept at a time; what is more counts at once.
const MOST_KEPT: usize = 1 << 20;
