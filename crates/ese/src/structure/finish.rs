//! What the trees have to do with each other: space, long values, the two catalogs.

use alloc::string::String;
use alloc::vec::Vec;

use super::StructureCheck;
use super::defect::StructureDefect;
use super::outcome::finding;
use super::plan::{LONG_VALUES, Plan};
use super::report::{StructureReport, TreeReport};
use super::rows::{CATALOG, SHADOW_CATALOG};
use super::space::Owners;
use super::words::affected_rows;
use super::{index, references, space};
use crate::bytes::length;
use crate::finding::{Affected, Finding, FindingKind, Findings, Place, Severity};
use crate::numbers::PageNumber;
use crate::reader::{Database, ReadErrorKind};
use crate::source::PageSource;

/// Merges the reports of all trees and judges their relations.
pub(super) fn finish<S: PageSource>(
    check: StructureCheck<'_>,
    database: &Database<S>,
    trees: Vec<TreeReport>,
) -> StructureReport {
    let mut trees = trees;
    trees.sort_by_key(|tree| check.plans.iter().position(|plan| *plan == tree.plan));
    let stopped = trees.len() < check.plans.len() || trees.iter().any(|tree| tree.stopped);
    let is_complete = !stopped
        && trees.iter().all(TreeReport::is_settled)
        && database.catalog_errors().is_empty()
        && !check.needs_logs();
    let needs_logs = check.needs_logs();
    let mut all = Relations { check: &check, database, findings: Findings::default() };
    for error in database.catalog_errors() {
        if matches!(error.kind, ReadErrorKind::CatalogEntry) {
            let page = error.page.unwrap_or_default();
            all.push(check.severity(), page, StructureDefect::CatalogEntry, "MSysObjects", "rows");
        }
    }
    let mut owners = Owners::new(0);
    let mut is_space_known = false;
    let mut lost = Vec::new();
    let mut indexes_compared = 0;
    if !stopped {
        all.catalogs(&trees);
        (owners, is_space_known) = all.space(&trees);
        references::check(&mut all, &trees);
        lost = references::lost(&all, &trees);
        indexes_compared = index::check(&mut all, &trees);
    }
    let (mut findings, mut suppressed) = (Vec::new(), 0_u64);
    let own = all.findings;
    let mut counts = Vec::new();
    let lists = trees.into_iter().map(|tree| {
        counts.push(tree.counts);
        tree.findings
    });
    for list in lists.chain([own]).collect::<Vec<_>>() {
        let (list, more) = list.finish();
        findings.extend(list);
        suppressed = suppressed.saturating_add(more);
    }
    for (page, rows) in lost {
        let of_page =
            |finding: &&mut Finding| matches!(finding.place, Place::Pages { first, .. } if first == page);
        for finding in findings.iter_mut().filter(of_page) {
            if let Some(affected) = finding.affected.as_mut().filter(|affected| affected.part == LONG_VALUES)
            {
                affected.rows.clone_from(&rows);
            }
        }
    }
    let reachable = length(check.map.users().filter(|(_, user)| *user != 0).count());
    StructureReport {
        findings,
        suppressed,
        trees: counts,
        indexes: check.plans.iter().filter(|plan| matches!(plan, Plan::Index(..))).count(),
        indexes_compared,
        reachable,
        stopped,
        map: check.map,
        owners,
        is_complete,
        is_space_known,
        is_free_known: is_space_known && !needs_logs,
    }
}

/// Findings about more than one tree.
pub(super) struct Relations<'r, 'm, S> {
    pub(super) check: &'r StructureCheck<'m>,
    pub(super) database: &'r Database<S>,
    pub(super) findings: Findings,
}

impl<S: PageSource> Relations<'_, '_, S> {
    fn push(
        &mut self,
        severity: Severity,
        page: PageNumber,
        defect: StructureDefect,
        table: &str,
        part: &str,
    ) {
        let affected = Affected { table: table.into(), part: part.into(), rows: String::new() };
        let size = self.database.page_size();
        self.findings.push_place(finding(size, severity, page, defect, affected.into()));
    }

    /// Adds a finding about a tree, with its rows in words.
    pub(super) fn report(
        &mut self,
        severity: Severity,
        plan: Plan,
        page: PageNumber,
        defect: StructureDefect,
        rows: String,
    ) {
        let Some(tree) = plan.tree(self.database) else { return };
        let severity = severity.min(self.check.severity());
        let size = self.database.page_size();
        self.findings.push_place(finding(size, severity, page, defect, affected_rows(&tree, rows)));
    }

    /// The shadow catalog is a copy of the catalog.
    fn catalogs(&mut self, trees: &[TreeReport]) {
        let of = |object| trees.iter().find(|tree| tree.counts.object == object && tree.is_settled());
        let (Some(catalog), Some(shadow)) = (of(CATALOG), of(SHADOW_CATALOG)) else { return };
        if catalog.rows.catalog != shadow.rows.catalog {
            // Only a repair by the engine would use it.
            self.push(
                Severity::Info,
                shadow.space.root,
                StructureDefect::ShadowCatalog,
                "MSysObjectsShadow",
                "rows",
            );
        }
    }

    /// Which tree owns each page; `false` when that is not known for all of them.
    fn space(&mut self, trees: &[TreeReport]) -> (Owners, bool) {
        let system = trees.iter().find(|tree| tree.plan == Plan::System);
        let Some(system) = system.filter(|system| system.space.is_known) else {
            return (Owners::new(0), false);
        };
        let mut owners = Owners::new(self.database.page_count());
        let last = system.space.owned.iter().map(|(_, last)| *last).max().unwrap_or(0);
        let pages = self.database.page_count();
        if last > pages && !self.check.is_dirty {
            let kind = FindingKind::Structure(StructureDefect::FileShort { pages, last });
            self.findings.push(Finding::new(Severity::Error, Place::File, kind));
        }
        // From the outermost tree to the innermost; inside of one that is not known nothing is.
        let mut levels: Vec<&TreeReport> = trees.iter().filter(|tree| tree.space.is_known).collect();
        levels.sort_by_key(|tree| level(tree.plan));
        let mut known: Vec<&TreeReport> = Vec::new();
        let mut doubtful: Vec<(Plan, PageNumber, space::Extent)> = Vec::new();
        for tree in levels {
            let Some(parent) = self.parent(tree.plan) else { continue };
            if parent != 0 && !known.iter().any(|other| other.space.object == parent) {
                continue;
            }
            known.push(tree);
            for &extent in &tree.space.owned {
                if !owners.give(extent, parent, tree.space.object) {
                    doubtful.push((tree.plan, tree.space.root, extent));
                }
            }
        }
        for tree in &known {
            for &extent in &tree.space.available {
                if !owners.set_free(extent, tree.space.object) {
                    doubtful.push((tree.plan, tree.space.root, extent));
                }
            }
        }
        // What is said of the pages of such a tree would only repeat it.
        let doubted = |tree: &&TreeReport| doubtful.iter().any(|(plan, ..)| *plan == tree.plan);
        let certain = known.iter().copied().filter(|tree| !doubted(tree)).collect();
        let is_known = known.len() == trees.len();
        if is_catalog_known(trees) {
            self.use_of_space(certain, &owners);
        }
        for (plan, root, (first, last)) in doubtful {
            let defect = StructureDefect::Extent { first, last };
            self.report(Severity::Error, plan, root, defect, String::new());
        }
        (owners, is_known)
    }

    /// Pages in use are owned by their tree and not free.
    fn use_of_space(&mut self, trees: Vec<&TreeReport>, owners: &Owners) {
        let mut known: Vec<(u32, Plan, bool)> = Vec::new();
        for tree in trees {
            known.push((tree.space.object, tree.plan, tree.is_settled()));
        }
        known.sort_unstable_by_key(|(object, ..)| *object);
        let is_all = known.len() == self.check.plans.len();
        let all_known = is_all && known.iter().all(|(.., is_settled)| *is_settled);
        let plan_of = |object: u32| {
            let found = known.binary_search_by_key(&object, |(object, ..)| *object).ok();
            found.and_then(|at| known.get(at)).copied()
        };
        let mut leaked: Vec<(Plan, u32)> = Vec::new();
        let mut wrong = Vec::new();
        for (page, user) in self.check.map.users() {
            let (owner, free) = (owners.owner(page), owners.is_free(page));
            if user == 0 {
                if let Some((_, plan, _)) = plan_of(owner).filter(|_| all_known && !free) {
                    match leaked.last_mut().filter(|(last, _)| *last == plan) {
                        Some((_, pages)) => *pages = pages.saturating_add(1),
                        None => leaked.push((plan, 1)),
                    }
                }
                continue;
            }
            let Some((_, plan, _)) = plan_of(user).filter(|(.., is_settled)| *is_settled) else { continue };
            if owner != user && (owner == 0 || plan_of(owner).is_some()) {
                wrong.push((plan, page, StructureDefect::UsedByOther { owner }));
            } else if owner == user && free {
                wrong.push((plan, page, StructureDefect::UsedButFree));
            }
        }
        for (plan, page, defect) in wrong {
            self.report(Severity::Error, plan, page, defect, String::new());
        }
        leaked.sort_unstable_by_key(|(plan, _)| self.check.plans.iter().position(|other| other == plan));
        for group in leaked.chunk_by(|(a, _), (b, _)| a == b) {
            let pages = group.iter().fold(0_u32, |sum, (_, pages)| sum.saturating_add(*pages));
            let Some((plan, _)) = group.first() else { continue };
            let Some(root) = plan.tree(self.database).map(|tree| tree.root) else { continue };
            let rows = String::new();
            self.report(Severity::Info, *plan, root, StructureDefect::Leaked { pages }, rows);
        }
    }

    /// Object of the tree from which a tree has its space; 0 for the database itself.
    fn parent(&self, plan: Plan) -> Option<u32> {
        Some(match plan {
            Plan::System => 0,
            Plan::Rows(_) => Plan::System.tree(self.database)?.object,
            Plan::Index(table, _) | Plan::LongValues(table) => Plan::Rows(table).tree(self.database)?.object,
        })
    }
}

/// Whether the catalog names all trees: nothing of it is damaged, and no log changes it.
pub(super) fn is_catalog_known(trees: &[TreeReport]) -> bool {
    trees.iter().any(|tree| tree.counts.object == CATALOG && tree.is_settled())
}

fn level(plan: Plan) -> u8 {
    match plan {
        Plan::System => 0,
        Plan::Rows(_) => 1,
        Plan::Index(..) | Plan::LongValues(_) => 2,
    }
}
