//! The pages that redo has looked at.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use crate::bytes::Fields;
use crate::numbers::{PageNumber, PageSize};
use crate::page::{PageDefect, PageState, check_page};
use crate::source::{PageSource, SourceError};

/// The pages that the logs are about, after a [`super::DryRedo`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RedoPages {
    pub(super) known: BTreeMap<PageNumber, Page>,
    /// Pages that a record has cut off since redo has looked at them.
    cut: BTreeSet<PageNumber>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Page {
    /// Change counter in the file, 0 for none.
    pub(super) disk: u64,
    /// Change counter after the records so far.
    pub(super) now: u64,
    /// Whether redo changes it.
    pub(super) moves: bool,
    /// Whether redo has formatted it.
    pub(super) is_new: bool,
}

impl RedoPages {
    /// Whether redo still changes the page, so that its content in the file is not the final one.
    pub fn contains(&self, page: PageNumber) -> bool {
        self.cut.contains(&page) || self.known.get(&page).is_some_and(|page| page.moves)
    }

    /// The pages that redo still changes, in order.
    pub fn iter(&self) -> impl Iterator<Item = PageNumber> {
        let known = self.known.iter().filter(|(_, page)| page.moves).map(|(&number, _)| number);
        let mut all: Vec<_> = known.chain(self.cut.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
    }

    /// Change counter of the page when all logs are redone; `None` when the logs are not about the
    /// page, or it is gone.
    pub fn dbtime(&self, page: PageNumber) -> Option<u64> {
        self.known.get(&page).map(|page| page.now)
    }

    /// Forgets the pages of a range, and returns them.
    pub(super) fn cut(&mut self, first: PageNumber, last: PageNumber) -> Vec<PageNumber> {
        let cut: Vec<_> = self.known.range(first..=last).map(|(&number, _)| number).collect();
        for number in &cut {
            self.known.remove(number);
            self.cut.insert(*number);
        }
        cut
    }
}

/// Reads change counters from the pages of a database file; a damaged page has none, like an empty
/// one: what stands in it is no counter. For [`super::DryRedo::new`].
pub fn page_dbtimes<S: PageSource>(
    source: S,
    page_size: PageSize,
) -> impl FnMut(PageNumber) -> Result<Option<u64>, SourceError> {
    let mut bytes = vec![0; page_size.len()];
    move |page| {
        let start = page.offset(page_size);
        if start.saturating_add(page_size.bytes().into()) > source.size() {
            return Ok(None);
        }
        source.read_at(start, &mut bytes)?;
        Ok(match check_page(&bytes, page, page_size) {
            PageState::Xor { dbtime } | PageState::Ecc { dbtime } => Some(dbtime),
            PageState::Bad(PageDefect::Bit(_)) => Some(Fields(&bytes).u64(8)),
            PageState::Zero | PageState::Bad(_) => None,
        })
    }
}
