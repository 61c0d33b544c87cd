//! One tree, from its root down.
//!
//! Every page is visited once. A page that the logs still change proves nothing: neither what it
//! holds nor what it says of other pages is judged.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::StructureCheck;
use super::defect::StructureDefect;
use super::outcome::Outcome;
use super::page::{compare, layout};
use super::plan::{Kind, Tree};
use crate::numbers::PageNumber;
use crate::reader::{Database, Page, ReadErrorKind};
use crate::source::PageSource;
use crate::view::{Node, PageView};

/// A leaf of a tree, on its way to those who look at the nodes.
pub(super) struct Leaf<'l> {
    pub(super) page: &'l Page,
    /// Its content is final: no log changes it any more.
    pub(super) settled: bool,
    /// It follows the leaf before for sure; else pages between them may be missing.
    pub(super) follows: bool,
}

/// A range of keys; a side that is `None` is open or unknown.
#[derive(Clone, Default)]
pub(super) struct Range {
    /// The lowest key that may be in it.
    pub(super) from: Option<Vec<u8>>,
    /// The lowest key above it.
    pub(super) to: Option<Vec<u8>>,
}

/// Visits all pages of a tree and hands the leaves to `leaf`, in the order of keys.
pub(super) fn walk<S: PageSource>(
    check: &StructureCheck<'_>,
    database: &Database<S>,
    tree: &Tree<'_>,
    outcome: &mut Outcome<'_>,
    leaf: &mut dyn FnMut(&Leaf<'_>, &mut Outcome<'_>),
) {
    let mut walk = Walk {
        check,
        database,
        tree,
        outcome,
        above: Vec::new(),
        height: None,
        last: None,
        follows: true,
        first: true,
        non_unique: None,
        scratch: Vec::new(),
    };
    walk.visit(tree.root, Range::default(), true, leaf);
    while !walk.outcome.stopped && walk.step(leaf) {}
    walk.end();
}

struct Walk<'w, 'o, S> {
    check: &'w StructureCheck<'w>,
    database: &'w Database<S>,
    tree: &'w Tree<'w>,
    outcome: &'w mut Outcome<'o>,
    above: Vec<Parent>,
    /// Levels above the leaves.
    height: Option<usize>,
    /// The leaf before, with its link, when it is settled.
    last: Option<(PageNumber, u32)>,
    /// The next leaf follows the one before for sure.
    follows: bool,
    /// No leaf was seen, and none can have been missed.
    first: bool,
    non_unique: Option<bool>,
    scratch: Vec<(usize, usize, u16)>,
}

/// An internal page on the way to where the walk is.
struct Parent {
    page: Page,
    /// The next child.
    line: u16,
    range: Range,
    settled: bool,
}

impl<S: PageSource> Walk<'_, '_, S> {
    /// Goes on to the next child of the lowest parent; `false` at the end.
    fn step(&mut self, leaf: &mut dyn FnMut(&Leaf<'_>, &mut Outcome<'_>)) -> bool {
        let Some(parent) = self.above.last_mut() else { return false };
        let line = parent.line;
        parent.line = line.saturating_add(1);
        if !parent.settled && line > 0 {
            self.follows = false;
        }
        let view = parent.page.view();
        if line >= view.len() {
            self.above.pop();
            return true;
        }
        let Some(child) = view.node(line).and_then(|node| node.child()) else {
            self.gap();
            return true;
        };
        let range = if parent.settled { child_range(view, line, &parent.range) } else { Range::default() };
        let certain = parent.settled;
        self.visit(child, range, certain, leaf);
        true
    }

    /// A page that could not be entered: what lies below it is unknown.
    fn gap(&mut self) {
        self.follows = false;
        self.first = false;
        self.last = None;
        self.outcome.incomplete = true;
    }

    /// Enters a page. `certain`: its parent is settled.
    fn visit(
        &mut self,
        number: PageNumber,
        range: Range,
        certain: bool,
        leaf: &mut dyn FnMut(&Leaf<'_>, &mut Outcome<'_>),
    ) {
        self.outcome.advance();
        let settled = !self.check.is_in_motion(number);
        self.outcome.moving |= !settled;
        let page = match self.database.page(number) {
            Ok(page) => page,
            Err(error) => {
                if certain && settled {
                    let defect = unreadable(error.kind, self.database.page_count());
                    self.outcome.report_range(self.tree, number, defect, &range);
                }
                return self.gap();
            }
        };
        let judged = certain && settled;
        if let Some(defect) = self.enter(&page) {
            // Where pages are in motion, the page may rightly have gone elsewhere.
            if judged && !(self.outcome.moving && defect == StructureDefect::Shared) {
                self.outcome.report_range(self.tree, number, defect, &range);
            }
            return self.gap();
        }
        if settled && let Some(defect) = layout(&page, &mut self.scratch) {
            let unusable = matches!(defect, StructureDefect::Tag { .. } | StructureDefect::Node { .. });
            self.outcome.report_range(self.tree, number, defect, &range);
            if unusable {
                self.gap();
            }
        }
        let view = page.view();
        let (dbtime, highest) = (view.dbtime(), self.check.highest_dbtime());
        if dbtime > highest {
            self.outcome.report_range(self.tree, number, StructureDefect::Later { dbtime, highest }, &range);
        }
        if judged {
            self.judge(number, view, &range);
        }
        self.outcome.counts.pages = self.outcome.counts.pages.saturating_add(1);
        if view.flags().is_leaf() {
            return self.leaf(&page, settled, certain, leaf);
        }
        if !settled {
            self.follows = false;
        }
        if self.above.len() >= DEEPEST || view.is_empty() {
            if judged {
                let defect =
                    StructureDefect::Flags { flags: view.flags().0, expected: "a page with children" };
                self.outcome.report_range(self.tree, number, defect, &range);
            }
            return self.gap();
        }
        self.above.push(Parent { page, line: 0, range, settled });
    }

    /// Whether the page may be entered: it belongs to the tree and was not visited before.
    fn enter(&self, page: &Page) -> Option<StructureDefect> {
        let (number, view) = (page.number(), page.view());
        let (found, expected) = (view.object(), self.tree.object);
        if found != expected {
            return Some(StructureDefect::Object { found, expected });
        }
        (!self.check.map.claim(number, expected)).then_some(StructureDefect::Shared)
    }

    /// The page against its place: flags, height, the range of its keys.
    fn judge(&mut self, number: PageNumber, view: PageView<'_>, range: &Range) {
        if let Some(expected) = self.wrong_flags(view) {
            let defect = StructureDefect::Flags { flags: view.flags().0, expected };
            self.outcome.report_range(self.tree, number, defect, range);
        }
        if let Some(defect) = outside(view, range) {
            self.outcome.report_range(self.tree, number, defect, range);
        }
        // A root in motion may be about to get one more level.
        if view.flags().is_leaf() && !self.outcome.moving {
            let found = self.above.len();
            let expected = *self.height.get_or_insert(found);
            if found != expected {
                let defect = StructureDefect::Height { found, expected };
                self.outcome.report_range(self.tree, number, defect, range);
            }
        }
    }

    /// What the flags of the page should say, when they do not.
    fn wrong_flags(&mut self, view: PageView<'_>) -> Option<&'static str> {
        let flags = view.flags();
        let is_root = self.above.is_empty();
        let non_unique = *self.non_unique.get_or_insert(flags.is_non_unique());
        let below_lowest =
            self.above.last().is_some_and(|parent| parent.page.view().flags().is_parent_of_leaf());
        if flags.is_empty() || flags.0 & PRE_INIT != 0 {
            return Some("a page in use");
        }
        if flags.is_root() != is_root {
            return Some(if is_root { "a root" } else { "no root" });
        }
        if flags.is_leaf() != (below_lowest || (is_root && flags.is_leaf())) {
            return Some(if below_lowest { "a leaf" } else { "an internal page" });
        }
        if flags.is_leaf() && flags.is_parent_of_leaf() {
            return Some("a leaf or a parent of leaves");
        }
        if flags.is_non_unique() != non_unique {
            return Some("the uniqueness of the tree");
        }
        self.tree.kind.wrong_flags(flags)
    }

    fn leaf(
        &mut self,
        page: &Page,
        settled: bool,
        certain: bool,
        leaf: &mut dyn FnMut(&Leaf<'_>, &mut Outcome<'_>),
    ) {
        let (number, view) = (page.number(), page.view());
        let link = |link: Option<PageNumber>| link.map_or(0, |page| page.0);
        if settled && certain {
            let before = if self.first { Some((PageNumber(0), number.0)) } else { self.last };
            if let Some((before, next)) = before.filter(|_| self.follows) {
                if next != number.0 {
                    let defect = StructureDefect::Link { field: "pgnoNext", found: next, expected: number.0 };
                    self.outcome.report(self.tree, before, defect);
                }
                let found = link(view.previous());
                if found != before.0 {
                    let defect = StructureDefect::Link { field: "pgnoPrev", found, expected: before.0 };
                    self.outcome.report(self.tree, number, defect);
                }
            }
        }
        leaf(&Leaf { page, settled, follows: self.follows }, self.outcome);
        self.first = false;
        self.last = settled.then(|| (number, link(view.next())));
        self.follows = settled && certain;
    }

    /// After the last leaf: it has no next one.
    fn end(&mut self) {
        if let Some((number, found)) = self.last.filter(|(_, found)| self.follows && *found != 0)
            && !self.outcome.stopped
        {
            self.outcome.report(
                self.tree,
                number,
                StructureDefect::Link { field: "pgnoNext", found, expected: 0 },
            );
        }
    }
}

fn unreadable(kind: ReadErrorKind, pages: u32) -> StructureDefect {
    match kind {
        ReadErrorKind::Source(error) => StructureDefect::ReadFailed(error.reason),
        ReadErrorKind::BehindEnd => StructureDefect::BehindEnd { pages },
        ReadErrorKind::NotInitialised => StructureDefect::NotInitialised,
        _ => StructureDefect::Unreadable,
    }
}

/// What the separators of a parent say of the keys below one of its nodes.
fn child_range(view: PageView<'_>, line: u16, own: &Range) -> Range {
    let key = |line: u16| view.node(line).filter(|node| node.key_len() > 0).map(|node| node.key().collect());
    Range {
        from: line.checked_sub(1).and_then(key).or_else(|| own.from.clone()),
        to: key(line).or_else(|| own.to.clone()),
    }
}

/// Whether the keys of a page leave its range.
fn outside(view: PageView<'_>, range: &Range) -> Option<StructureDefect> {
    let is_leaf = view.flags().is_leaf();
    let with_data = is_leaf && view.flags().is_non_unique();
    let against = |node: &Node<'_>, key: &[u8]| {
        compare([node.prefix, node.suffix, if with_data { node.data } else { &[] }], [key])
    };
    if let (Some(from), Some(node)) = (&range.from, view.node(0))
        && (is_leaf || node.key_len() > 0)
        && against(&node, from) == Ordering::Less
    {
        return Some(StructureDefect::KeyRange { line: 0, below: true });
    }
    let line = view.len().checked_sub(1)?;
    let (to, node) = (range.to.as_ref()?, view.node(line)?);
    let order = against(&node, to);
    // A separator may be as high as the one above it: keys below it are smaller.
    let fits = if is_leaf { order == Ordering::Less } else { order != Ordering::Greater };
    (!fits).then_some(StructureDefect::KeyRange { line, below: false })
}

impl Kind {
    fn wrong_flags(self, flags: crate::view::PageFlags) -> Option<&'static str> {
        let (space, index, long) = (flags.is_space(), flags.is_index(), flags.is_long_value());
        match self {
            Self::Space => (!space).then_some("a page of a space tree"),
            Self::Rows => (space || index || long).then_some("a page of rows"),
            Self::Index => (space || !index || long).then_some("a page of an index"),
            Self::LongValues => (space || index || !long).then_some("a page of long values"),
        }
    }
}

/// Flag of a page that was set up, but not filled yet.
const PRE_INIT: u32 = 0x20000;

/// Levels of the deepest tree: 32-bit page numbers, at least two children each.
const DEEPEST: usize = 32;
