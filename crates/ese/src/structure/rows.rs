//! The rows of a table and the entries of an index, as they are met in the leaves.

use alloc::vec::Vec;

use super::StructureCheck;
use super::defect::StructureDefect;
use super::index::{Comparison, IndexSum, add_entry, add_row, is_sampled};
use super::outcome::Outcome;
use super::plan::{Kind, Tree};
use super::record;
use super::sum::{Sum, hash};
use super::tree::Leaf;
use crate::index_key::IndexKey;
use crate::numbers::PageNumber;
use crate::reader::{Database, Row};
use crate::source::PageSource;
use crate::view::Node;

/// What the check of a tree keeps of its nodes.
#[derive(Default)]
pub(super) struct RowFacts {
    /// Ids of long values, one for each reference, in the order of rows.
    pub(super) references: Vec<u64>,
    /// All nodes of a catalog, to compare it with its copy.
    pub(super) catalog: Sum,
    /// Some of the nodes may belong to open transactions.
    pub(super) versioned: bool,
    /// Of a table, what the entries of each index must add up to; of an index, what they add up to.
    pub(super) sums: Vec<IndexSum>,
}

pub(super) struct Rows<'d, S> {
    database: &'d Database<S>,
    tree: Tree<'d>,
    comparisons: Vec<Comparison>,
    deep: bool,
    is_large: bool,
    is_catalog: bool,
    /// Rows of open transactions prove nothing.
    skip_versioned: bool,
    /// Rows and indexes can be compared.
    compares: bool,
    /// The key of a node, in one piece.
    key: Vec<u8>,
    facts: RowFacts,
}

impl<'d, S: PageSource> Rows<'d, S> {
    pub(super) fn new(check: &StructureCheck<'_>, database: &'d Database<S>, tree: &Tree<'d>) -> Self {
        let is_catalog = matches!(tree.object, CATALOG | SHADOW_CATALOG) && tree.kind == Kind::Rows;
        let comparisons: Vec<Comparison> = match (tree.kind, tree.table, tree.index) {
            (Kind::Rows, Some(table), _) => {
                table.indexes.iter().map(|index| Comparison::of(table, index)).collect()
            }
            (Kind::Index, Some(table), Some(index)) => [Comparison::of(table, index)].into(),
            _ => Vec::new(),
        };
        let sums = comparisons.iter().map(|_| IndexSum::default()).collect();
        Self {
            database,
            comparisons,
            deep: check.options.deep,
            tree: *tree,
            is_large: database.page_size().bytes() > 8192,
            is_catalog,
            skip_versioned: check.is_dirty,
            compares: !check.needs_logs(),
            key: Vec::new(),
            facts: RowFacts { sums, ..RowFacts::default() },
        }
    }

    pub(super) fn leaf(&mut self, leaf: &Leaf<'_>, outcome: &mut Outcome<'_>) {
        if !leaf.settled || self.tree.table.is_none() {
            return;
        }
        let view = leaf.page.view();
        for (node, line) in view.nodes().zip(0_u16..) {
            let Some(node) = node else { continue };
            let is_open = self.skip_versioned && node.flags.is_versioned();
            self.facts.versioned |= is_open;
            if node.flags.is_deleted() {
                continue;
            }
            let defect = match self.tree.kind {
                Kind::Rows => {
                    let references = &mut self.facts.references;
                    let mut add = |id| {
                        if !is_open {
                            references.push(id);
                        }
                    };
                    if record::scan(node.data, self.is_large, &mut add) {
                        self.row(&node, leaf.page.number(), line)
                    } else {
                        Some(StructureDefect::Record { line })
                    }
                }
                _ => self.entry(&node, line),
            };
            if self.is_catalog {
                self.facts.catalog.add(hash(&[node.prefix, node.suffix, node.data]));
            }
            if let Some(defect) = defect {
                let key: Vec<u8> = node.key().collect();
                let row = self.tree.table.map(|table| super::words::row(table, &key));
                let affected = super::words::affected_rows(&self.tree, row.unwrap_or_default());
                outcome.push(leaf.page.number(), defect, affected);
            }
        }
    }

    /// A row: is its key right, and what must the indexes have of it?
    fn row(&mut self, node: &Node<'_>, page: PageNumber, line: u16) -> Option<StructureDefect> {
        let table = self.tree.table?;
        if table.indexes.is_empty() || !self.compares {
            return None;
        }
        self.key.clear();
        self.key.extend(node.prefix.iter().chain(node.suffix));
        if !is_sampled(&self.key, self.deep) {
            return None;
        }
        let row = Row::of(node, page);
        let mut defect = None;
        for ((index, comparison), sum) in
            table.indexes.iter().zip(&self.comparisons).zip(&mut self.facts.sums)
        {
            if index.flags.is_primary() {
                let keys = self.database.index_keys(table, index, &row).ok().flatten();
                let is_other = |keys: Vec<IndexKey>| {
                    let fits = |key: &IndexKey| {
                        if key.is_whole { key.bytes == row.key() } else { row.key().starts_with(&key.bytes) }
                    };
                    !keys.iter().any(fits)
                };
                if keys.is_some_and(is_other) {
                    defect = Some(StructureDefect::PrimaryKey { line });
                }
            } else if !matches!(comparison, Comparison::None(_)) {
                add_row(sum, self.database, table, index, &row);
            }
        }
        defect
    }

    /// An entry of an index.
    fn entry(&mut self, node: &Node<'_>, line: u16) -> Option<StructureDefect> {
        if node.data.is_empty() {
            return Some(StructureDefect::Node { line });
        }
        if let (Some(comparison), Some(sum)) = (self.comparisons.first(), self.facts.sums.first_mut())
            && is_sampled(node.data, self.deep)
        {
            self.key.clear();
            self.key.extend(node.prefix.iter().chain(node.suffix));
            add_entry(sum, *comparison, &self.key, node.data);
        }
        None
    }

    pub(super) fn finish(self) -> RowFacts {
        self.facts
    }
}

/// Counts the nodes of a leaf.
pub(super) fn count(leaf: &Leaf<'_>, outcome: &mut Outcome<'_>) {
    let (mut nodes, mut deleted) = (0_u64, 0_u64);
    for node in leaf.page.view().nodes().flatten() {
        let count = if node.flags.is_deleted() { &mut deleted } else { &mut nodes };
        *count = count.saturating_add(1);
    }
    outcome.counts.nodes = outcome.counts.nodes.saturating_add(nodes);
    outcome.counts.deleted = outcome.counts.deleted.saturating_add(deleted);
}

/// Object ids of the catalog and of its copy.
pub(super) const CATALOG: u32 = 2;
pub(super) const SHADOW_CATALOG: u32 = 3;
