//! What a dry redo has found.

use alloc::vec::Vec;

use super::pages::RedoPages;
use crate::finding::Finding;

/// The result of a [`super::DryRedo`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RedoReport {
    /// How many records and changes there were.
    pub counts: RedoCounts,
    /// All defects: those of logs, then those of pages by page number.
    pub findings: Vec<Finding>,
    /// Findings of pages beyond the first thousand, which are only counted.
    pub suppressed: u64,
    /// The pages that the logs are about.
    pub pages: RedoPages,
    /// All logs were followed to their ends; else [`Self::pages`] does not know all that change.
    pub is_complete: bool,
    /// Highest change counter in the logs: in a database that is not closed, no page is newer.
    pub highest_dbtime: u64,
}

/// Records, and the changes of single pages that they make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RedoCounts {
    /// Records of all kinds.
    pub records: u64,
    /// Of these: up to the last attach of this database.
    pub before_attach: u64,
    /// Changes that continue the page.
    pub redone: u64,
    /// Different pages that are formatted.
    pub new_pages: u64,
    /// Changes that the page in the file has already.
    pub on_disk: u64,
    /// Changes that another record of the same macro makes.
    pub covered: u64,
    /// Pages that old engines made without a record when they created the database.
    pub unlogged: u64,
    /// Changes that do not fit the page.
    pub mismatches: u64,
}

/// What becomes of a change.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// The page has it already.
    OnDisk,
    /// The header promises that the page has it, and it has not.
    Lost,
    /// It continues the page.
    Redone,
    /// It formats the page.
    New,
    /// Another record of the macro makes it.
    Covered,
    /// It continues a page that was made without a record.
    Unlogged,
    /// It continues a newer page with this counter.
    Older(u64),
    /// It continues an older page with this counter.
    Newer(u64),
}

impl RedoCounts {
    pub(super) fn add(&mut self, step: Step) {
        let count = match step {
            Step::OnDisk => &mut self.on_disk,
            Step::Redone => &mut self.redone,
            Step::New => &mut self.new_pages,
            Step::Covered => &mut self.covered,
            Step::Unlogged => &mut self.unlogged,
            Step::Lost | Step::Older(_) | Step::Newer(_) => &mut self.mismatches,
        };
        *count = count.saturating_add(1);
    }
}
