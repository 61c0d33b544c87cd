//! Settles whether bad pages are in use.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::defect::StructureDefect;
use super::report::StructureReport;
use crate::finding::{Affected, Finding, FindingKind, Place, Severity};
use crate::numbers::{PageNumber, PageSize};
use crate::page::{PageDefect, PageState, check_page};
use crate::reader::Database;
use crate::source::PageSource;

/// What is known of the use of a bad page.
#[derive(Clone, PartialEq)]
enum Verdict {
    InUse(Box<Affected>),
    Unused,
    Unknown,
}

impl StructureReport {
    /// Settles the findings of a [`crate::DatabaseVerifier`] for the same file: a bad page that is in use
    /// is an error that names its rows, one that is not is a warning. What cannot be told stays as it was.
    ///
    /// The report's own findings of the same pages are taken out of it.
    pub fn settle<S: PageSource>(&mut self, database: &Database<S>, findings: &mut Vec<Finding>) {
        let before = core::mem::take(findings);
        for finding in before {
            match finding.place {
                Place::Pages { first, last, .. } if is_page(&finding.kind) => {
                    self.settle_run(database, &finding, (first, last), findings);
                }
                _ => findings.push(finding),
            }
        }
    }

    /// Divides a run of bad pages by what is known of them.
    fn settle_run<S: PageSource>(
        &mut self,
        database: &Database<S>,
        finding: &Finding,
        (first, last): (PageNumber, PageNumber),
        into: &mut Vec<Finding>,
    ) {
        let mut run: Option<(PageNumber, PageNumber, Verdict)> = None;
        for page in (first.0..=last.0).map(PageNumber) {
            let verdict = self.verdict(page);
            match &mut run {
                Some((_, end, same)) if *same == verdict => *end = page,
                _ => {
                    let done = run.replace((page, page, verdict));
                    into.extend(done.map(|run| settled(database, finding, first, run)));
                }
            }
        }
        into.extend(run.map(|run| settled(database, finding, first, run)));
    }

    fn verdict(&mut self, page: PageNumber) -> Verdict {
        let own = self.findings.iter().position(|finding| {
            let is_twin = matches!(finding.kind, FindingKind::Structure(StructureDefect::Unreadable));
            is_twin && matches!(finding.place, Place::Pages { first, .. } if first == page)
        });
        if let Some(affected) = own.and_then(|own| self.findings.remove(own).affected) {
            return Verdict::InUse(affected);
        }
        let is_used = self.is_reachable(page);
        if is_used {
            return self.used(page).map_or(Verdict::Unknown, Verdict::InUse);
        }
        let (owner, free) = (self.owners.owner(page), self.owners.is_free(page));
        let outside = self.is_space_known && owner == 0;
        let is_unused = outside || (self.is_free_known && free) || (self.is_complete && self.suppressed == 0);
        if is_unused { Verdict::Unused } else { Verdict::Unknown }
    }

    /// A page that could be read after all: one bit of it was flipped.
    fn used(&self, page: PageNumber) -> Option<Box<Affected>> {
        let object = self.map.user(page);
        let tree = self.trees.iter().find(|tree| tree.object == object)?;
        let (table, part) = (tree.table.clone(), tree.part.clone());
        Some(Box::new(Affected { table, part, rows: String::new() }))
    }
}

fn is_page(kind: &FindingKind) -> bool {
    matches!(
        kind,
        FindingKind::PageChecksum { .. }
            | FindingKind::PageMisplaced { .. }
            | FindingKind::PageNumberField { .. }
            | FindingKind::SingleBit { .. }
    )
}

/// The finding for a part of a run that begins with page `begin`.
fn settled<S: PageSource>(
    database: &Database<S>,
    finding: &Finding,
    begin: PageNumber,
    (first, last, verdict): (PageNumber, PageNumber, Verdict),
) -> Finding {
    let size = database.page_size();
    let mut settled = finding.clone();
    settled.place = Place::Pages { first, last, offset: first.offset(size) };
    if first != begin
        && let FindingKind::PageChecksum { stored, computed, .. } = &mut settled.kind
        && let Some(sums) = checksums(database, first, size)
    {
        (*stored, *computed) = sums;
    }
    let was_unknown = settled.kind.reachability_unknown();
    match verdict {
        Verdict::Unknown => return settled,
        Verdict::InUse(affected) => settled.affected = Some(affected),
        Verdict::Unused => {
            let part = String::from("unused space");
            settled.affected = Some(Box::new(Affected { table: String::new(), part, rows: String::new() }));
            // In a stream every page was right when the CA sent it.
            if was_unknown {
                settled.severity = Severity::Warning;
            }
        }
    }
    settle_kind(&mut settled.kind);
    settled
}

fn settle_kind(kind: &mut FindingKind) {
    if let FindingKind::PageChecksum { reachability_unknown, .. }
    | FindingKind::PageMisplaced { reachability_unknown, .. }
    | FindingKind::PageNumberField { reachability_unknown, .. } = kind
    {
        *reachability_unknown = false;
    }
}

/// Stored and computed checksum of a page.
fn checksums<S: PageSource>(database: &Database<S>, page: PageNumber, size: PageSize) -> Option<(u64, u64)> {
    let mut bytes = alloc::vec![0; size.len()];
    database.source().read_at(page.offset(size), &mut bytes).ok()?;
    match check_page(&bytes, page, size) {
        PageState::Bad(
            PageDefect::Checksum { stored, computed } | PageDefect::Misplaced { stored, computed, .. },
        ) => Some((stored, computed)),
        _ => None,
    }
}
