//! Whether the pages of a database are the trees that its catalog describes.
//!
//! Source: format digest sections 5 to 10 and 19.

mod defect;
mod finish;
mod index;
mod long_values;
mod map;
mod outcome;
mod page;
mod plan;
mod record;
mod references;
mod report;
mod rows;
mod settle;
mod space;
mod sum;
mod tree;
mod words;

pub use defect::StructureDefect;
pub use report::{StructureReport, TreeCounts, TreeReport};

use alloc::vec::Vec;
use core::fmt;

use crate::finding::Severity;
use crate::numbers::PageNumber;
use crate::reader::Database;
use crate::source::PageSource;
use long_values::LongValues;
use map::PageMap;
use outcome::Outcome;
use plan::{Kind, Plan};
use rows::Rows;

/// How a structure is checked.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct StructureOptions<'m> {
    /// Compare all rows with all indexes, and decompress every long value; else a sample of one row in
    /// sixteen, the same ones each time, and the number of entries.
    pub deep: bool,
    /// Whether the logs of the set still change a page. Such a page cannot be judged: it is in the
    /// middle of a change. `None`: there are no logs; in a database that was not closed cleanly
    /// everything is then no more than a warning.
    pub in_motion: Option<&'m (dyn Fn(PageNumber) -> bool + Sync)>,
    /// The highest dbtime that the logs of the set know ([`crate::RedoReport::highest_dbtime`]). In a
    /// database that was not closed cleanly, a later page is of a later moment than its logs. Used only
    /// together with `in_motion`; `None`: not compared.
    pub highest_dbtime: Option<u64>,
}

impl fmt::Debug for StructureOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_logs = self.in_motion.is_some();
        f.debug_struct("StructureOptions")
            .field("deep", &self.deep)
            .field("in_motion", &has_logs)
            .field("highest_dbtime", &self.highest_dbtime)
            .finish()
    }
}

/// The check of one database, tree by tree; shared by the threads that share the work.
///
/// Each thread opens a [`Database`] of its own over the same source, takes numbers below
/// [`Self::trees`] that nobody took before, lowest first, and calls [`Self::check_tree`];
/// [`Self::finish`] then gets all reports, in any order. [`check_structure`] does that with one thread.
///
/// Memory: 9 bytes for a page of the file, 8 for a reference to a long value and 16 for a long value;
/// 16 more for a row while it is found out how an index differs.
pub struct StructureCheck<'m> {
    options: StructureOptions<'m>,
    map: PageMap,
    plans: Vec<Plan>,
    is_dirty: bool,
}

impl fmt::Debug for StructureCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StructureCheck").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'m> StructureCheck<'m> {
    /// Plans the check of all trees of the catalog.
    pub fn new<S: PageSource>(database: &Database<S>, options: StructureOptions<'m>) -> Self {
        let map = PageMap::new(database.page_count());
        Self { options, map, plans: Plan::all(database), is_dirty: database.is_dirty() }
    }

    /// Number of trees. Those that take longest come first.
    pub fn trees(&self) -> usize {
        self.plans.len()
    }

    /// Checks one tree and the space that it owns.
    ///
    /// `progress` gets the pages that were checked since its last call; when it says `false`, the check
    /// ends early.
    pub fn check_tree<S: PageSource>(
        &self,
        database: &Database<S>,
        number: usize,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> TreeReport {
        let plan = self.plans.get(number).copied().unwrap_or(Plan::System);
        let mut report = TreeReport::new(plan);
        let Some(tree) = plan.tree(database) else { return report };
        let counts = TreeCounts::of(&tree);
        let mut outcome = Outcome::new(counts, self.severity(), database.page_size(), progress);
        match tree.kind {
            Kind::LongValues => {
                let mut values = LongValues::new(self.options.deep, self.is_dirty);
                tree::walk(self, database, &tree, &mut outcome, &mut |leaf, outcome| {
                    rows::count(leaf, outcome);
                    values.leaf(leaf);
                });
                values.end(!outcome.stopped && !outcome.incomplete && !outcome.moving);
                outcome.counts.long_values = crate::bytes::length(values.roots.len());
                report.values = values;
            }
            _ => {
                let mut rows = Rows::new(self, database, &tree);
                tree::walk(self, database, &tree, &mut outcome, &mut |leaf, outcome| {
                    rows::count(leaf, outcome);
                    rows.leaf(leaf, outcome);
                });
                report.rows = rows.finish();
            }
        }
        report.space = space::read(self, database, &tree, &mut outcome);
        report.take(outcome);
        report
    }

    /// Judges what the trees have to do with each other.
    pub fn finish<S: PageSource>(self, database: &Database<S>, trees: Vec<TreeReport>) -> StructureReport {
        finish::finish(self, database, trees)
    }

    fn is_in_motion(&self, page: PageNumber) -> bool {
        self.options.in_motion.is_some_and(|in_motion| in_motion(page))
    }

    /// Nothing can be said for sure of a database that needs logs which are not there.
    fn needs_logs(&self) -> bool {
        self.is_dirty && self.options.in_motion.is_none()
    }

    /// The last moment that the logs know, when that limits the pages.
    fn highest_dbtime(&self) -> u64 {
        let has_limit = self.is_dirty && self.options.in_motion.is_some();
        self.options.highest_dbtime.filter(|_| has_limit).unwrap_or(u64::MAX)
    }

    fn severity(&self) -> Severity {
        if self.needs_logs() { Severity::Warning } else { Severity::Error }
    }
}

/// Checks all trees of a database, one after the other.
///
/// `progress` as for [`StructureCheck::check_tree`].
pub fn check_structure<S: PageSource>(
    database: &Database<S>,
    options: StructureOptions<'_>,
    progress: &mut dyn FnMut(u64) -> bool,
) -> StructureReport {
    let check = StructureCheck::new(database, options);
    let trees = (0..check.trees()).map(|tree| check.check_tree(database, tree, progress)).collect();
    check.finish(database, trees)
}
