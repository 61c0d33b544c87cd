//! What a check of the structure says.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::long_values::LongValues;
use super::map::PageMap;
use super::outcome::Outcome;
use super::plan::{Plan, Tree};
use super::rows::RowFacts;
use super::space::{Owners, Space};
use super::tree::Range;
use crate::finding::{Finding, Findings};
use crate::numbers::PageNumber;

/// The result of a check of the structure.
#[non_exhaustive]
pub struct StructureReport {
    /// All defects.
    pub findings: Vec<Finding>,
    /// Findings beyond the first thousand of a tree, which are only counted.
    pub suppressed: u64,
    /// All trees, those of space counted with their owner.
    pub trees: Vec<TreeCounts>,
    /// Secondary indexes that the catalog names.
    pub indexes: usize,
    /// Of these, compared with the rows of their tables: those that no log still changes.
    pub indexes_compared: usize,
    /// Pages that are in use.
    pub reachable: u64,
    /// The caller ended the check early.
    pub stopped: bool,
    pub(super) map: PageMap,
    pub(super) owners: Owners,
    /// Everything is known of which pages are in use.
    pub(super) is_complete: bool,
    /// Which tree owns each page is known.
    pub(super) is_space_known: bool,
    /// Which pages are free is known.
    pub(super) is_free_known: bool,
}

impl StructureReport {
    /// Whether a tree uses the page.
    pub fn is_reachable(&self, page: PageNumber) -> bool {
        self.map.user(page) != 0
    }
}

impl fmt::Debug for StructureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("StructureReport");
        debug.field("findings", &self.findings).field("suppressed", &self.suppressed);
        debug.field("trees", &self.trees).field("reachable", &self.reachable);
        debug.field("stopped", &self.stopped).finish_non_exhaustive()
    }
}

/// The size of one tree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TreeCounts {
    /// The table; `(database)` for the root of the database itself.
    pub table: String,
    /// The part of the table in words, as in [`crate::Affected`].
    pub part: String,
    /// Object id.
    pub object: u32,
    /// Pages, those of its space trees included.
    pub pages: u64,
    /// Pages of its space trees.
    pub space_pages: u64,
    /// Nodes in its leaves that are not deleted: rows, index entries, long values and their pieces.
    pub nodes: u64,
    /// Deleted nodes in its leaves.
    pub deleted: u64,
    /// Long values.
    pub long_values: u64,
}

impl TreeCounts {
    pub(super) fn of(tree: &Tree<'_>) -> Self {
        Self { table: tree.table_name(), part: tree.part(), object: tree.object, ..Self::default() }
    }
}

/// What the check of one tree found: for [`super::StructureCheck::finish`].
pub struct TreeReport {
    pub(super) plan: Plan,
    pub(super) findings: Findings,
    pub(super) counts: TreeCounts,
    pub(super) incomplete: bool,
    pub(super) moving: bool,
    pub(super) stopped: bool,
    pub(super) space: Space,
    pub(super) rows: RowFacts,
    pub(super) values: LongValues,
    pub(super) lost: Vec<(PageNumber, Range)>,
}

impl TreeReport {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            findings: Findings::default(),
            counts: TreeCounts::default(),
            incomplete: true,
            moving: false,
            stopped: false,
            space: Space::default(),
            rows: RowFacts::default(),
            values: LongValues::default(),
            lost: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, outcome: Outcome<'_>) {
        self.findings = outcome.findings;
        self.counts = outcome.counts;
        self.lost = outcome.lost;
        self.incomplete = outcome.incomplete;
        self.moving = outcome.moving;
        self.stopped = outcome.stopped;
    }

    /// Everything of the tree was read, and no log changes it.
    pub(super) fn is_settled(&self) -> bool {
        !self.incomplete && !self.moving && !self.stopped
    }
}

impl fmt::Debug for TreeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeReport").field("counts", &self.counts).finish_non_exhaustive()
    }
}
