//! Secondary indexes against the rows of their table.
//!
//! Both sides are added up in one pass, in any order; only when the sums differ, more passes find
//! out which rows are meant.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::defect::StructureDefect;
use super::finish::Relations;
use super::plan::{Plan, Tree};
use super::report::TreeReport;
use super::sum::{Sum, hash};
use super::words;
use crate::bytes::length;
use crate::finding::Severity;
use crate::numbers::PageNumber;
use crate::reader::{Column, Database, Index, Row, Table};
use crate::source::PageSource;

/// How an index can be compared with its rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    /// Keys and the rows they lead to.
    Keys,
    /// Only the rows: keys hold sort keys of Windows.
    Rows,
    /// Not at all.
    None(&'static str),
}

impl Comparison {
    pub(super) fn of(table: &Table, index: &Index) -> Self {
        let flags = index.flags;
        let columns: Option<Vec<&Column>> =
            index.segments.iter().map(|segment| table.segment_column(segment)).collect();
        let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
            return Self::None("its columns are not known");
        };
        let has_sort_keys = columns.iter().any(|column| column.kind.is_text() && column.code_page == UTF_16);
        if index.is_tuple {
            Self::None("its keys are pieces of values")
        } else if index.is_conditional {
            Self::None("only rows that meet conditions have entries")
        } else if flags.is_incomplete() {
            Self::None("it was still being made")
        } else if columns.iter().any(|column| column.flags.has_computed_default()) {
            Self::None("the application computes values of it")
        } else if has_sort_keys && flags.is_multi_valued() {
            Self::None("its keys are made of several texts")
        } else if has_sort_keys {
            Self::Rows
        } else {
            Self::Keys
        }
    }

    fn hash(self, key: &[u8], bookmark: &[u8]) -> u64 {
        if self == Self::Rows { hash(&[bookmark]) } else { hash(&[key, bookmark]) }
    }
}

/// What rows and entries of an index add up to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct IndexSum {
    /// Of the rows or entries of the sample.
    pub(super) sample: Sum,
    /// A row could not be read.
    pub(super) unknown: bool,
}

/// Whether a row is part of the sample, by its primary key.
pub(super) fn is_sampled(bookmark: &[u8], deep: bool) -> bool {
    deep || hash(&[bookmark]) & 15 == 0
}

/// Adds the entries that an index must have for a row.
pub(super) fn add_row<S: PageSource>(
    sum: &mut IndexSum,
    database: &Database<S>,
    table: &Table,
    index: &Index,
    row: &Row,
) {
    let comparison = Comparison::of(table, index);
    match entries(database, table, index, row) {
        Some(entries) => entries.iter().for_each(|key| sum.sample.add(comparison.hash(key, row.key()))),
        None => sum.unknown = true,
    }
}

/// Adds an entry of an index.
pub(super) fn add_entry(sum: &mut IndexSum, comparison: Comparison, key: &[u8], bookmark: &[u8]) {
    sum.sample.add(comparison.hash(key, bookmark));
}

fn entries<S: PageSource>(
    database: &Database<S>,
    table: &Table,
    index: &Index,
    row: &Row,
) -> Option<Vec<Vec<u8>>> {
    let keys = database.index_keys(table, index, row).ok().flatten()?;
    Some(keys.into_iter().map(|key| key.bytes).collect())
}

/// Judges all indexes that are not in motion; returns how many were compared.
pub(super) fn check<S: PageSource>(all: &mut Relations<'_, '_, S>, trees: &[TreeReport]) -> usize {
    let mut compared = 0_usize;
    if all.check.needs_logs() {
        return compared;
    }
    // Open transactions leave rows and indexes apart.
    let is_settled = |tree: &TreeReport| tree.is_settled() && !tree.rows.versioned;
    for tree in trees.iter().filter(|tree| is_settled(tree)) {
        let Plan::Index(table, number) = tree.plan else { continue };
        let rows = trees.iter().find(|rows| rows.plan == Plan::Rows(table) && is_settled(rows));
        let Some(rows) = rows else { continue };
        let Some(of_tree) = tree.plan.tree(all.database) else { continue };
        let (Some(table), Some(index)) = (of_tree.table, of_tree.index) else { continue };
        let comparison = Comparison::of(table, index);
        if let Comparison::None(reason) = comparison {
            let defect = StructureDefect::IndexNotCompared { reason };
            all.report(Severity::Info, tree.plan, index.root, defect, String::new());
            continue;
        }
        let (Some(own), Some(expected)) = (tree.rows.sums.first(), rows.rows.sums.get(number)) else {
            continue;
        };
        compared = compared.saturating_add(1);
        if expected.unknown {
            let reason = "a row or a value of it cannot be read";
            let defect = StructureDefect::IndexNotCompared { reason };
            all.report(Severity::Info, tree.plan, index.root, defect, String::new());
            continue;
        }
        let counts_differ = has_every_row(table, index) && tree.counts.nodes != rows.counts.nodes;
        if own.sample != expected.sample || counts_differ {
            differ(all, tree.plan, &of_tree, table, index);
        }
    }
    compared
}

/// Whether every row has exactly one entry.
fn has_every_row(table: &Table, index: &Index) -> bool {
    let flags = index.flags;
    let takes_nulls = flags.allows_all_nulls() && flags.allows_first_null() && flags.allows_some_nulls();
    let not_null = |segment| table.segment_column(segment).is_some_and(|column| column.flags.is_not_null());
    let has_conditions = index.segments.iter().any(|segment| segment.must_be_null);
    !flags.is_multi_valued() && !has_conditions && (takes_nulls || index.segments.iter().all(not_null))
}

/// Finds out what differs between an index and its rows.
fn differ<S: PageSource>(
    all: &mut Relations<'_, '_, S>,
    plan: Plan,
    tree: &Tree<'_>,
    table: &Table,
    index: &Index,
) {
    let comparison = Comparison::of(table, index);
    let database = all.database;
    let mut expected = Vec::new();
    for_rows(database, table, index, &mut |key, row| expected.push(comparison.hash(key, row.key())));
    let mut found = Vec::new();
    for_entries(database, tree, &mut |key, bookmark| found.push(comparison.hash(key, bookmark)));
    expected.sort_unstable();
    found.sort_unstable();
    let (missing, extra) = difference(&expected, &found);
    drop((expected, found));
    let mut places = Places::default();
    for_rows(database, table, index, &mut |key, row| {
        if missing.binary_search(&comparison.hash(key, row.key())).is_ok() {
            let page = leaf_of(database, index.root, key).unwrap_or(index.root);
            places.add(page, words::row(table, row.key()));
        }
    });
    for (page, entries, rows) in places.finish() {
        all.report(Severity::Error, plan, page, StructureDefect::EntryMissing { entries }, rows);
    }
    let mut places = Places::default();
    for_entries(database, tree, &mut |key, bookmark| {
        if extra.binary_search(&comparison.hash(key, bookmark)).is_ok() {
            let page = leaf_of(database, table.root, bookmark).unwrap_or(table.root);
            places.add(page, words::entry(table, index, key, bookmark));
        }
    });
    for (page, entries, rows) in places.finish() {
        all.report(Severity::Error, plan, page, StructureDefect::EntryWithoutRow { entries }, rows);
    }
}

fn for_rows<S: PageSource>(
    database: &Database<S>,
    table: &Table,
    index: &Index,
    each: &mut dyn FnMut(&[u8], &Row),
) {
    for row in database.rows(table).flatten() {
        for key in entries(database, table, index, &row).unwrap_or_default() {
            each(&key, &row);
        }
    }
}

fn for_entries<S: PageSource>(database: &Database<S>, tree: &Tree<'_>, each: &mut dyn FnMut(&[u8], &[u8])) {
    for node in database.nodes(tree.root).flatten().filter(|node| !node.flags.is_deleted()) {
        each(&node.key, &node.data);
    }
}

/// What is only in the first, and what is only in the second of two sorted lists.
fn difference(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let (mut only_a, mut only_b) = (Vec::new(), Vec::new());
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) => match x.cmp(y) {
                Ordering::Less => only_a.extend(a.next()),
                Ordering::Greater => only_b.extend(b.next()),
                Ordering::Equal => {
                    a.next();
                    b.next();
                }
            },
            (Some(_), None) => only_a.extend(a.next()),
            (None, Some(_)) => only_b.extend(b.next()),
            (None, None) => return (only_a, only_b),
        }
    }
}

/// The leaf where a key is or would be.
fn leaf_of<S: PageSource>(database: &Database<S>, root: PageNumber, key: &[u8]) -> Option<PageNumber> {
    let mut number = root;
    for _ in 0..DEEPEST {
        let page = database.page(number).ok()?;
        let view = page.view();
        if view.flags().is_leaf() {
            return Some(number);
        }
        let above =
            |node: &crate::view::Node<'_>| node.key_len() == 0 || node.compare_key(key) == Ordering::Greater;
        number = view.nodes().flatten().find(above)?.child()?;
    }
    None
}

/// Rows in words, by the page that they concern.
#[derive(Default)]
struct Places(Vec<(PageNumber, u64, Vec<String>)>);

impl Places {
    fn add(&mut self, page: PageNumber, row: String) {
        // The last place stands for all others when there are too many.
        let last = self.0.len().saturating_sub(1);
        let is_full = self.0.len() >= KEPT;
        let known = self.0.iter().position(|(own, ..)| *own == page).or(is_full.then_some(last));
        let Some((_, count, rows)) = known.and_then(|at| self.0.get_mut(at)) else {
            return self.0.push((page, 1, alloc::vec![row]));
        };
        *count = count.saturating_add(1);
        if rows.len() < SHOWN && !rows.contains(&row) {
            rows.push(row);
        }
    }

    fn finish(self) -> impl Iterator<Item = (PageNumber, u64, String)> {
        self.0.into_iter().map(|(page, count, rows)| {
            let hidden = count > length(rows.len()) && rows.len() == SHOWN;
            let mut text = words::list(&rows, rows.len());
            if hidden {
                text.push_str(" and others");
            }
            (page, count, text)
        })
    }
}

/// Pages that are named for one index.
const KEPT: usize = 100;

/// Rows that are named for one page.
const SHOWN: usize = 5;

/// Levels of the deepest tree.
const DEEPEST: usize = 32;

/// Code page of UTF-16.
const UTF_16: u16 = 1200;
