//! Collects the findings of one file: merges runs, keeps memory bounded.

use alloc::vec::Vec;

use super::{Finding, FindingKind, Place, Severity};

/// Findings of pages and segments that are kept, errors and others each; what is more is counted.
const KEPT: usize = 1000;

/// Findings in the order in which they were made.
#[derive(Default, Debug)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    errors: usize,
    others: usize,
    suppressed: u64,
}

impl Findings {
    /// Adds a finding of the file as a whole, which is always kept.
    pub(crate) fn push(&mut self, finding: Finding) {
        self.list.push(finding);
    }

    /// Adds a finding of a page or segment, of which a file may have any number.
    pub(crate) fn push_place(&mut self, finding: Finding) {
        if let Some(last) = self.list.last_mut()
            && merge(last, &finding)
        {
            return;
        }
        // Errors have room of their own: a thousand warnings must not hide one.
        let kept = if finding.severity == Severity::Error { &mut self.errors } else { &mut self.others };
        if *kept < KEPT {
            *kept = kept.saturating_add(1);
            self.list.push(finding);
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
        }
    }

    /// Changes findings in the light of later ones, and merges runs again.
    pub(crate) fn revise(&mut self, mut change: impl FnMut(&mut Finding)) {
        let before = core::mem::take(&mut self.list);
        for mut finding in before {
            change(&mut finding);
            if !self.list.last_mut().is_some_and(|last| merge(last, &finding)) {
                self.list.push(finding);
            }
        }
    }

    pub(crate) fn finish(self) -> (Vec<Finding>, u64) {
        (self.list, self.suppressed)
    }
}

/// Extends `last` by `next` when that is the next page and both are simply bad.
fn merge(last: &mut Finding, next: &Finding) -> bool {
    let same = matches!(
        (&last.kind, &next.kind),
        (FindingKind::PageChecksum { .. }, FindingKind::PageChecksum { .. })
            | (FindingKind::SegmentChecksum { .. }, FindingKind::SegmentChecksum { .. })
    );
    if !same || last.severity != next.severity {
        return false;
    }
    match (&mut last.place, next.place) {
        (Place::Pages { last, .. }, Place::Pages { first, last: end, .. })
            if last.0.checked_add(1) == Some(first.0) =>
        {
            *last = end;
            true
        }
        (Place::Segments { last, .. }, Place::Segments { first, last: end, .. })
            if last.checked_add(1) == Some(first) =>
        {
            *last = end;
            true
        }
        _ => false,
    }
}
