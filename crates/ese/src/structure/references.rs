//! Long values against the rows that refer to them.

use alloc::string::String;
use alloc::vec::Vec;

use super::defect::StructureDefect;
use super::finish::Relations;
use super::plan::Plan;
use super::report::TreeReport;
use super::tree::Range;
use super::{finish, long_values, record, words};
use crate::bytes::length;
use crate::finding::Severity;
use crate::numbers::PageNumber;
use crate::reader::Table;
use crate::source::PageSource;

/// Judges the long values of all tables.
pub(super) fn check<S: PageSource>(all: &mut Relations<'_, '_, S>, trees: &[TreeReport]) {
    let is_catalog_known = finish::is_catalog_known(trees);
    for (table, number) in all.database.tables().iter().zip(0_usize..) {
        let find = |plan| trees.iter().find(|tree| tree.plan == plan);
        let Some(rows) = find(Plan::Rows(number)) else { continue };
        let values = find(Plan::LongValues(number));
        let mut references = rows.rows.references.clone();
        references.sort_unstable();
        let mut defects: Vec<(Severity, PageNumber, u64, StructureDefect)> = Vec::new();
        let mut unused = 0_u64;
        if let Some(values) = values {
            let broken = values.values.broken.iter().cloned();
            defects.extend(broken.map(|(page, id, defect)| (Severity::Error, page, id, defect)));
        }
        // A catalog in motion may not name the tree yet.
        if values.map_or(is_catalog_known, TreeReport::is_settled) {
            let roots = values.map_or(&[][..], |values| &values.values.roots);
            let root = values.map_or(table.root, |values| values.space.root);
            // Open transactions leave references and counts apart.
            let counts = rows.is_settled() && !all.check.is_dirty;
            let found = compare(&references, roots, counts, &mut unused);
            defects.extend(found.into_iter().map(|(severity, id, defect)| (severity, root, id, defect)));
        }
        let ids: Vec<u64> = defects.iter().map(|(_, _, id, _)| *id).filter(|id| *id != 0).collect();
        let owners = if ids.is_empty() { Vec::new() } else { owners(all, table, ids) };
        let plan = if values.is_some() { Plan::LongValues(number) } else { Plan::Rows(number) };
        for (severity, page, id, defect) in defects {
            all.report(severity, plan, page, defect, rows_of(&owners, id));
        }
        if unused > 0 {
            let root = values.map_or(table.root, |values| values.space.root);
            let defect = StructureDefect::LongValueUnused { values: unused };
            all.report(Severity::Info, plan, root, defect, String::new());
        }
    }
}

/// The rows whose long values lie in pages with a defect, by page.
pub(super) fn lost<S: PageSource>(
    all: &Relations<'_, '_, S>,
    trees: &[TreeReport],
) -> Vec<(PageNumber, String)> {
    let mut lost = Vec::new();
    for tree in trees.iter().filter(|tree| !tree.lost.is_empty()) {
        let Plan::LongValues(number) = tree.plan else { continue };
        let rows = trees.iter().find(|rows| rows.plan == Plan::Rows(number));
        let (Some(rows), Some(table)) = (rows, all.database.tables().get(number)) else { continue };
        let id = |key: &Option<Vec<u8>>, open| key.as_deref().map_or(open, long_values::first_id);
        let ids = |range: &Range| id(&range.from, 0)..=id(&range.to, u64::MAX);
        let ranges: Vec<_> = tree.lost.iter().map(|(page, range)| (*page, ids(range))).collect();
        let wanted = |id: &u64| ranges.iter().any(|(_, range)| range.contains(id));
        let wanted = rows.rows.references.iter().copied().filter(wanted).take(KEPT).collect();
        let owners = owners(all, table, wanted);
        for (page, range) in ranges {
            let mut rows = owners.iter().filter(|(id, _)| range.contains(id)).map(|(_, row)| row.clone());
            lost.push((page, in_words(&mut rows)));
        }
    }
    lost
}

/// References that lead nowhere; when `counts`, also wrong counts, and values without references.
fn compare(
    references: &[u64],
    roots: &[(u64, u32)],
    counts: bool,
    unused: &mut u64,
) -> Vec<(Severity, u64, StructureDefect)> {
    let mut defects = Vec::new();
    let mut roots = roots.iter().peekable();
    for group in references.chunk_by(|a, b| a == b) {
        let Some(&id) = group.first() else { continue };
        while roots.next_if(|(root, _)| *root < id).is_some() {
            *unused = unused.saturating_add(u64::from(counts));
        }
        let found = length(group.len());
        match roots.next_if(|(root, _)| *root == id) {
            None => defects.push((Severity::Error, id, StructureDefect::LongValueMissing { id })),
            Some(&(_, stored)) if counts && u64::from(stored) != found => {
                // Too few and the engine deletes a value that is still needed.
                let severity = if u64::from(stored) < found { Severity::Error } else { Severity::Warning };
                defects.push((severity, id, StructureDefect::LongValueReferences { id, stored, found }));
            }
            Some(_) => {}
        }
    }
    if counts {
        *unused = unused.saturating_add(length(roots.count()));
    }
    defects.truncate(KEPT);
    defects
}

/// The rows that refer to some of the ids, in words.
fn owners<S: PageSource>(all: &Relations<'_, '_, S>, table: &Table, ids: Vec<u64>) -> Vec<(u64, String)> {
    let mut ids = ids;
    ids.sort_unstable();
    let is_large = all.database.page_size().bytes() > 8192;
    let mut found = Vec::new();
    for row in all.database.rows(table).flatten() {
        record::scan(row.record(), is_large, &mut |id| {
            if ids.binary_search(&id).is_ok() && found.len() < KEPT {
                found.push((id, words::row(table, row.key())));
            }
        });
    }
    found
}

fn rows_of(owners: &[(u64, String)], id: u64) -> String {
    in_words(&mut owners.iter().filter(|(own, _)| *own == id).map(|(_, row)| row.clone()))
}

fn in_words(rows: &mut dyn Iterator<Item = String>) -> String {
    let mut rows: Vec<String> = rows.collect();
    rows.dedup();
    let all = rows.len();
    rows.truncate(SHOWN);
    words::list(&rows, all)
}

/// Defects that are kept of one table.
const KEPT: usize = 1000;

/// Rows that are named in one finding.
const SHOWN: usize = 5;
