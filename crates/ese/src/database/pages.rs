//! The pages behind the headers, one after the other.

use alloc::vec::Vec;

use super::{Origin, PageCounts};
use crate::finding::{Finding, FindingKind, Findings, Place, Severity};
use crate::header::DatabaseHeader;
use crate::numbers::{PageNumber, PageSize};
use crate::page::{FLAG_ECC_BIT, PageDefect, PageState, check_page};
use crate::trailer::{LastPage, Trailer};

/// Judges pages as they come; keeps what it needs to judge the last one as a trailer.
#[derive(Debug)]
pub(super) struct Pages {
    origin: Origin,
    header: Option<DatabaseHeader>,
    size: PageSize,
    /// Bytes of a page that is not all there; shorter than a page.
    partial: Vec<u8>,
    next: PageNumber,
    counts: PageCounts,
    /// The page before `next`, when it is bad: as the last page it may be the trailer.
    held: Option<(PageNumber, PageDefect, LastPage)>,
}

impl Pages {
    pub(super) fn new(origin: Origin, header: Option<DatabaseHeader>, size: PageSize) -> Self {
        Self {
            origin,
            header,
            size,
            partial: Vec::new(),
            next: PageNumber(1),
            counts: PageCounts::default(),
            held: None,
        }
    }

    pub(super) const fn size(&self) -> PageSize {
        self.size
    }

    pub(super) const fn header(&self) -> Option<DatabaseHeader> {
        self.header
    }

    pub(super) const fn counts(&self) -> PageCounts {
        self.counts
    }

    pub(super) fn push(&mut self, bytes: &[u8], findings: &mut Findings) {
        let mut rest = bytes;
        if !self.partial.is_empty() {
            let missing = self.size.len().saturating_sub(self.partial.len());
            let (taken, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            self.partial.extend_from_slice(taken);
            rest = behind;
            if self.partial.len() < self.size.len() {
                return;
            }
            let page = core::mem::take(&mut self.partial);
            self.page(&page, findings);
            self.partial = page;
            self.partial.clear();
        }
        let pages = rest.chunks_exact(self.size.len());
        self.partial.extend_from_slice(pages.remainder());
        for page in pages {
            self.page(page, findings);
        }
    }

    fn page(&mut self, page: &[u8], findings: &mut Findings) {
        let number = self.next;
        self.next = PageNumber(number.0.saturating_add(1));
        if let Some((number, defect, _)) = self.held.take() {
            self.bad(number, defect, findings);
        }
        match check_page(page, number, self.size) {
            PageState::Zero => self.counts.zero = self.counts.zero.saturating_add(1),
            PageState::Xor { dbtime } => {
                self.counts.xor = self.counts.xor.saturating_add(1);
                self.counts.max_dbtime = self.counts.max_dbtime.max(dbtime);
            }
            PageState::Ecc { dbtime } => {
                self.counts.ecc = self.counts.ecc.saturating_add(1);
                self.counts.max_dbtime = self.counts.max_dbtime.max(dbtime);
            }
            PageState::Bad(defect) => {
                self.held = Some((number, defect, LastPage::classify(page)));
                return;
            }
        }
        self.counts.total = self.counts.total.saturating_add(1);
    }

    /// Counts and reports a bad page.
    fn bad(&mut self, number: PageNumber, defect: PageDefect, findings: &mut Findings) {
        let correctable = self.severity_of_bit();
        let counts = &mut self.counts;
        counts.total = counts.total.saturating_add(1);
        counts.bad = counts.bad.saturating_add(1);
        let reachability_unknown = self.origin == Origin::Raw;
        let mut severity = Severity::Error;
        let kind = match defect {
            PageDefect::Checksum { stored, computed } => {
                FindingKind::PageChecksum { stored, computed, reachability_unknown }
            }
            PageDefect::Misplaced { owner, or_bit, stored, computed } => {
                counts.misplaced = counts.misplaced.saturating_add(1);
                FindingKind::PageMisplaced { owner, or_bit, stored, computed, reachability_unknown }
            }
            PageDefect::NumberField { stored } => {
                FindingKind::PageNumberField { stored, reachability_unknown }
            }
            PageDefect::Bit(bit) => {
                let refused = bit == FLAG_ECC_BIT;
                if !refused {
                    counts.correctable = counts.correctable.saturating_add(1);
                    severity = correctable;
                }
                FindingKind::SingleBit { bit, refused }
            }
        };
        let place = Place::Pages { first: number, last: number, offset: number.offset(self.size) };
        findings.push_place(Finding::new(severity, place, kind));
    }

    fn severity_of_bit(&self) -> Severity {
        if self.origin == Origin::Raw { Severity::Warning } else { Severity::Error }
    }

    /// Now that the last page is known: a page cannot belong behind it.
    ///
    /// Several flipped bits may cancel out in the ECC and look like another page number; one
    /// flipped bit of the stored checksum always does.
    fn revise(&mut self, findings: &mut Findings) {
        let correctable = self.severity_of_bit();
        let (counts, last) = (&mut self.counts, PageNumber(self.next.0.saturating_sub(1)));
        findings.revise(|finding| {
            let FindingKind::PageMisplaced { owner, or_bit, stored, computed, reachability_unknown } =
                finding.kind
            else {
                return;
            };
            if owner <= last {
                return;
            }
            counts.misplaced = counts.misplaced.saturating_sub(1);
            finding.kind = match or_bit {
                Some(bit) => {
                    counts.correctable = counts.correctable.saturating_add(1);
                    finding.severity = correctable;
                    FindingKind::SingleBit { bit, refused: false }
                }
                None => FindingKind::PageChecksum { stored, computed, reachability_unknown },
            };
        });
    }

    /// Ends the file: judges the last page, the trailer where there has to be one.
    pub(super) fn finish(&mut self, findings: &mut Findings) -> Option<Trailer> {
        let trailer = self.finish_last(findings);
        self.revise(findings);
        trailer
    }

    fn finish_last(&mut self, findings: &mut Findings) -> Option<Trailer> {
        let held = self.held.take();
        let is_stream =
            self.origin == Origin::Streamed || self.header.is_some_and(|header| header.is_backup_copy());
        let mut report = |kind| findings.push(Finding::new(Severity::Error, Place::Trailer, kind));
        match held {
            Some((_, _, LastPage::Trailer(trailer))) if is_stream => {
                if let Some(header) = &self.header {
                    check_trailer(&trailer, header, report);
                }
                return Some(trailer);
            }
            Some((_, _, LastPage::Damaged { stored, computed })) if is_stream => {
                report(FindingKind::TrailerChecksum { stored, computed });
                return None;
            }
            _ => {}
        }
        if let Some((number, defect, _)) = held {
            self.bad(number, defect, findings);
        }
        if is_stream {
            findings.push(Finding::new(Severity::Error, Place::Trailer, FindingKind::TrailerMissing));
        }
        None
    }
}

/// Conditions 1 and 2 of an intact full set (format digest section 18).
fn check_trailer(trailer: &Trailer, header: &DatabaseHeader, mut report: impl FnMut(FindingKind)) {
    if let Some(field) = trailer.mismatch(header) {
        report(FindingKind::TrailerMismatch { field });
        return;
    }
    let (low, high) = (header.full_cur.low, trailer.info.high);
    let required = trailer.required.unwrap_or(header.required);
    let committed = trailer.committed.unwrap_or(header.committed);
    let (min, max) = required;
    let needs_logs = !(min.is_none() && max.is_none());
    let in_order = low <= min && min <= max && max <= high && (committed.is_none() || max <= committed);
    let in_range = low <= high && committed <= high;
    if !(in_range && (in_order || !needs_logs)) {
        report(FindingKind::TrailerOrder { low, required, committed, high });
    }
}
