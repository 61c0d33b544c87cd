//! What the check of one tree has found so far.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::StructureDefect;
use super::plan::{Kind, Tree};
use super::report::TreeCounts;
use super::tree::Range;
use super::words::{affected, affected_rows};
use crate::finding::{Affected, Finding, FindingKind, Findings, Place, Severity};
use crate::numbers::{PageNumber, PageSize};

pub(super) struct Outcome<'o> {
    pub(super) findings: Findings,
    pub(super) counts: TreeCounts,
    /// Pages of it could not be read: what it holds is not all known.
    pub(super) incomplete: bool,
    /// Logs still change pages of it.
    pub(super) moving: bool,
    /// Pages of long values with a defect, with the values that may lie in them.
    pub(super) lost: Vec<(PageNumber, Range)>,
    /// The caller wants no more.
    pub(super) stopped: bool,
    /// How bad a contradiction is: no more than a warning where logs would be needed to judge it.
    severity: Severity,
    page_size: PageSize,
    progress: &'o mut dyn FnMut(u64) -> bool,
}

impl<'o> Outcome<'o> {
    pub(super) fn new(
        counts: TreeCounts,
        severity: Severity,
        page_size: PageSize,
        progress: &'o mut dyn FnMut(u64) -> bool,
    ) -> Self {
        let findings = Findings::default();
        let (incomplete, moving, stopped) = (false, false, false);
        let lost = Vec::new();
        Self { findings, counts, incomplete, moving, lost, stopped, severity, page_size, progress }
    }

    /// Tells the caller of one more page.
    pub(super) fn advance(&mut self) {
        self.stopped |= !(self.progress)(1);
    }

    /// A defect of a page as a whole.
    pub(super) fn report(&mut self, tree: &Tree<'_>, page: PageNumber, defect: StructureDefect) {
        self.push(page, defect, affected_rows(tree, alloc::string::String::new()));
    }

    /// A defect that concerns the rows in a range of keys.
    pub(super) fn report_range(
        &mut self,
        tree: &Tree<'_>,
        page: PageNumber,
        defect: StructureDefect,
        range: &Range,
    ) {
        if tree.kind == Kind::LongValues && self.lost.len() < LOST {
            self.lost.push((page, range.clone()));
        }
        self.push(page, defect, affected(tree, range));
    }

    pub(super) fn push(&mut self, page: PageNumber, defect: StructureDefect, affected: Box<Affected>) {
        let severity = match defect {
            // A wrong checksum is damage whatever the logs say.
            StructureDefect::Unreadable | StructureDefect::ReadFailed(_) => Severity::Error,
            // Met in a database of the field that the engine reads.
            StructureDefect::Overlap { .. } | StructureDefect::FreeBytes { .. } => Severity::Warning,
            _ => self.severity,
        };
        self.findings.push_place(finding(self.page_size, severity, page, defect, affected));
    }
}

/// A finding about one page.
pub(super) fn finding(
    size: PageSize,
    severity: Severity,
    page: PageNumber,
    defect: StructureDefect,
    affected: Box<Affected>,
) -> Finding {
    let place = Place::Pages { first: page, last: page, offset: page.offset(size) };
    let affected = Some(affected);
    Finding { severity, place, kind: FindingKind::Structure(defect), affected }
}

/// Pages of one tree whose rows are named.
const LOST: usize = 1000;
