//! Walking a tree: from the root down, leaf by leaf, in the order of keys.
//!
//! Source: format digest section 6.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::pages::{Page, Pages};
use super::{Database, ReadError, ReadErrorKind};
use crate::numbers::PageNumber;
use crate::source::PageSource;
use crate::view::{Node, NodeFlags};

/// A node in a leaf, copied out of its page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeafNode {
    /// The whole key.
    pub key: Vec<u8>,
    /// What the tree keeps under the key.
    pub data: Vec<u8>,
    /// Flags.
    pub flags: NodeFlags,
    /// The leaf.
    pub page: PageNumber,
    /// The number of the node in the leaf, from 0.
    pub line: u16,
}

/// The leaf nodes of a tree in the order of keys.
///
/// A page that cannot be read is one `Err`; the nodes behind it follow.
pub struct Nodes<'d, S> {
    database: &'d Database<S>,
    walk: Walk,
}

impl<'d, S: PageSource> Nodes<'d, S> {
    pub(super) const fn new(database: &'d Database<S>, walk: Walk) -> Self {
        Self { database, walk }
    }
}

impl<S: PageSource> Iterator for Nodes<'_, S> {
    type Item = Result<LeafNode, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.walk.next(&self.database.pages, self.database.is_dirty())?;
        Some(place.and_then(|place| place.copy()))
    }
}

/// Where a walk stands: a node in a leaf.
pub(super) struct NodePlace {
    pub(super) page: Page,
    pub(super) line: u16,
}

impl NodePlace {
    pub(super) fn node(&self) -> Result<Node<'_>, ReadError> {
        let kind = ReadErrorKind::Node { line: self.line };
        self.page.view().node(self.line).ok_or_else(|| self.page.error(kind))
    }

    fn copy(&self) -> Result<LeafNode, ReadError> {
        let Node { data, flags, .. } = self.node()?;
        let key = self.node()?.key().collect();
        Ok(LeafNode { key, data: data.to_vec(), flags, page: self.page.number(), line: self.line })
    }
}

/// The state of a walk.
///
/// It comes to an end on any input: no deeper than [`DEEPEST`], no more pages than the file has.
pub(super) struct Walk {
    root: PageNumber,
    /// Internal pages above the leaf, each with the number of its next child.
    above: Vec<(Page, u16)>,
    leaf: Option<(Page, u16)>,
    state: State,
    /// Pages that were entered.
    entered: u32,
    /// The object of the root.
    object: u32,
    pending: VecDeque<ReadError>,
    /// The leaf that was left, whose link tells of a leaf that its parent does not know yet.
    left: Option<Page>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Inside,
    End,
}

impl Walk {
    pub(super) fn new(root: PageNumber) -> Self {
        let (above, pending) = (Vec::new(), VecDeque::new());
        Self { root, above, leaf: None, state: State::Begin, entered: 0, object: 0, pending, left: None }
    }

    /// A walk that begins at the first node whose key is not below `key`.
    pub(super) fn from<S: PageSource>(pages: &Pages<S>, root: PageNumber, key: &[u8]) -> Self {
        let mut walk = Self::new(root);
        walk.begin(pages, Some(key));
        walk
    }

    pub(super) fn next<S: PageSource>(
        &mut self,
        pages: &Pages<S>,
        is_dirty: bool,
    ) -> Option<Result<NodePlace, ReadError>> {
        if self.state == State::Begin {
            self.begin(pages, None);
        }
        loop {
            if let Some(error) = self.pending.pop_front() {
                return Some(Err(error));
            }
            if let Some((page, line)) = &mut self.leaf {
                if *line < page.view().len() {
                    let place = NodePlace { page: page.clone(), line: *line };
                    *line = line.saturating_add(1);
                    return Some(Ok(place));
                }
                self.left = self.leaf.take().map(|(page, _)| page);
            }
            if self.state == State::End {
                return None;
            }
            self.next_leaf(pages, is_dirty);
        }
    }

    fn begin<S: PageSource>(&mut self, pages: &Pages<S>, key: Option<&[u8]>) {
        self.state = State::Inside;
        match pages.page(self.root) {
            Ok(page) => {
                self.object = page.view().object();
                self.descend(pages, page, key);
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: ReadError) {
        self.pending.push_back(error);
    }

    /// The next leaf: by the parents, or by the link of the leaf before where pages are in motion.
    fn next_leaf<S: PageSource>(&mut self, pages: &Pages<S>, is_dirty: bool) {
        let before = self.left.take().filter(|_| is_dirty);
        if let Some(linked) = before.and_then(|before| self.linked(pages, &before)) {
            self.entered = self.entered.saturating_add(1);
            self.leaf = Some((linked, 0));
            return;
        }
        while let Some((page, line)) = self.above.last_mut() {
            let number = *line;
            *line = number.saturating_add(1);
            if number >= page.view().len() {
                self.above.pop();
                continue;
            }
            let Some(child) = page.view().node(number).and_then(|node| node.child()) else {
                let error = page.error(ReadErrorKind::Node { line: number });
                return self.fail(error);
            };
            return match pages.page(child) {
                Ok(page) => self.descend(pages, page, None),
                Err(error) => self.fail(error),
            };
        }
        self.state = State::End;
    }

    /// The leaf that `before` links to, unless its parent leads there as well: one that was split off
    /// after the parent was read, and whose rows would be missed.
    ///
    /// A link may also be older than its target, which meanwhile serves elsewhere in the tree. What
    /// was split off has only keys below the separator that the parent has for `before`.
    fn linked<S: PageSource>(&self, pages: &Pages<S>, before: &Page) -> Option<Page> {
        let own = before.view();
        let next = own.next()?;
        let known = |(page, line): &(Page, u16)| page.view().node(*line).and_then(|node| node.child());
        let parent = self.above.iter().rev().find_map(known);
        if parent.is_some_and(|parent| reaches(pages, parent, next)) {
            return None;
        }
        let page = pages.page(next).ok()?;
        let view = page.view();
        let mut fits = view.object() == self.object && view.flags().is_leaf();
        fits &= self.entered <= pages.count();
        fits &= last_key(before)
            .is_none_or(|key| view.node(0).is_some_and(|node| node.compare_key(&key) == Ordering::Greater));
        (fits && self.is_below_separators(&last_key(&page)?)).then_some(page)
    }

    /// Whether a key lies below the separators that led to the leaf.
    fn is_below_separators(&self, key: &[u8]) -> bool {
        self.above.iter().all(|(page, line)| {
            let node = line.checked_sub(1).and_then(|line| page.view().node(line));
            // The last child of the last page has none.
            node.is_none_or(|node| node.key_len() == 0 || node.compare_key(key) == Ordering::Greater)
        })
    }

    /// Whether a key does not lie below the separators left of the way to the leaf.
    fn is_above_separators(&self, key: &[u8]) -> bool {
        self.above.iter().all(|(page, line)| {
            let node = line.checked_sub(2).and_then(|line| page.view().node(line));
            // Where keys repeat, separators are made of key and data: the key alone is their beginning.
            let begins = |node: &Node<'_>| node.key().take(key.len()).eq(key.iter().copied());
            node.is_none_or(|node| node.compare_key(key) != Ordering::Greater || begins(&node))
        })
    }

    /// Goes down from `page` to the leaf where `key` is or would be; to the first leaf without one.
    fn descend<S: PageSource>(&mut self, pages: &Pages<S>, page: Page, key: Option<&[u8]>) {
        let mut page = page;
        loop {
            self.entered = self.entered.saturating_add(1);
            if self.above.len() >= DEEPEST || self.entered > pages.count() {
                self.state = State::End;
                self.above.clear();
                return self.fail(page.error(ReadErrorKind::Circle));
            }
            let view = page.view();
            if view.object() != self.object {
                let kind = ReadErrorKind::Object { found: view.object(), expected: self.object };
                return self.fail(page.error(kind));
            }
            let line = key.map_or(0, |key| first_line(&page, key));
            if view.flags().is_leaf() {
                let first = view.node(0).map(|node| node.key().collect::<Vec<u8>>());
                let last = last_key(&page);
                if first.is_some_and(|first| !self.is_below_separators(&first))
                    || last.is_some_and(|last| !self.is_above_separators(&last))
                {
                    return self.fail(page.error(ReadErrorKind::Elsewhere));
                }
                self.leaf = Some((page, line));
                return;
            }
            // An internal page has children; an unused one of the object has not.
            if view.flags().is_empty() || view.is_empty() {
                return self.fail(page.error(ReadErrorKind::Kind));
            }
            let line = line.min(view.len().saturating_sub(1));
            let child = view.node(line).and_then(|node| node.child());
            let error = page.error(ReadErrorKind::Node { line });
            self.above.push((page, line.saturating_add(1)));
            let Some(child) = child else { return self.fail(error) };
            match pages.page(child) {
                Ok(child) => page = child,
                Err(error) => return self.fail(error),
            }
        }
    }
}

fn last_key(page: &Page) -> Option<Vec<u8>> {
    let view = page.view();
    Some(view.node(view.len().checked_sub(1)?)?.key().collect())
}

/// Whether the first leaf below `page` is `leaf`.
fn reaches<S: PageSource>(pages: &Pages<S>, page: PageNumber, leaf: PageNumber) -> bool {
    let mut number = page;
    for _ in 0..DEEPEST {
        if number == leaf {
            return true;
        }
        let Ok(page) = pages.page(number) else { return false };
        let first = page.view().node(0).filter(|_| !page.view().flags().is_leaf());
        let Some(child) = first.and_then(|node| node.child()) else { return false };
        number = child;
    }
    false
}

/// In a leaf the first node that is not below `key`; in an internal page the first one whose
/// separator is above it: what is below a separator is smaller.
fn first_line(page: &Page, key: &[u8]) -> u16 {
    let view = page.view();
    let is_leaf = view.flags().is_leaf();
    let (mut low, mut high) = (0, view.len());
    while low < high {
        let middle = low.midpoint(high);
        let below = view.node(middle).is_some_and(|node| match node.compare_key(key) {
            Ordering::Less => is_leaf || node.key_len() > 0,
            Ordering::Equal => !is_leaf && node.key_len() > 0,
            Ordering::Greater => false,
        });
        if below {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    low
}

/// Levels of the deepest tree: 32-bit page numbers, at least two children each.
const DEEPEST: usize = 32;
