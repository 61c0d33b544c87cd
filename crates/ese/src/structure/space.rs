//! Space: which pages each tree owns, and which of them are free.
//!
//! Source: format digest section 7.

use alloc::vec;
use alloc::vec::Vec;

use super::StructureCheck;
use super::outcome::Outcome;
use super::plan::Tree;
use super::report::TreeCounts;
use super::tree::{Leaf, walk};
use crate::bytes::Fields;
use crate::numbers::PageNumber;
use crate::reader::{Database, Page};
use crate::source::PageSource;

/// Pages from the first to the last.
pub(super) type Extent = (u32, u32);

/// The space of one tree.
#[derive(Default)]
pub(super) struct Space {
    pub(super) object: u32,
    pub(super) root: PageNumber,
    pub(super) parent: PageNumber,
    pub(super) owned: Vec<Extent>,
    pub(super) available: Vec<Extent>,
    /// Everything of it could be read, and no log changes it.
    pub(super) is_known: bool,
}

/// Reads the space of a tree, and checks the trees in which it is kept.
pub(super) fn read<S: PageSource>(
    check: &StructureCheck<'_>,
    database: &Database<S>,
    tree: &Tree<'_>,
    outcome: &mut Outcome<'_>,
) -> Space {
    let mut space = Space { object: tree.object, root: tree.root, ..Space::default() };
    let Ok(root) = database.page(tree.root) else { return space };
    let Some(header) = header(&root) else { return space };
    let fields = Fields(header);
    space.parent = PageNumber(fields.u32(4));
    space.is_known = !check.is_in_motion(tree.root);
    let (pages, kind, last_field) = (fields.u32(0), fields.u32(8), fields.u32(12));
    if kind & 1 == 0 {
        // One extent that begins with the root; a bit for each free page behind it.
        space.owned.push((tree.root.0, tree.root.0.saturating_add(pages.saturating_sub(1))));
        for bit in (0..32_u32).filter(|bit| last_field & (1 << bit) != 0) {
            let page = tree.root.0.saturating_add(1).saturating_add(bit);
            space.available.push((page, page));
        }
        return space;
    }
    let (incomplete, moving, pages) = (outcome.incomplete, outcome.moving, outcome.counts.clone());
    let owned = PageNumber(last_field);
    let available = PageNumber(last_field.saturating_add(1));
    for (root, extents) in [(owned, &mut space.owned), (available, &mut space.available)] {
        (outcome.incomplete, outcome.moving) = (false, false);
        let tree = tree.space(root);
        walk(check, database, &tree, outcome, &mut |leaf, outcome| collect(&tree, leaf, outcome, extents));
        space.is_known &= !outcome.incomplete && !outcome.moving;
    }
    (outcome.incomplete, outcome.moving) = (incomplete, moving);
    // Only the pages of space trees count, not their nodes.
    let own = outcome.counts.pages.saturating_sub(pages.pages);
    outcome.counts = TreeCounts { pages: outcome.counts.pages, space_pages: own, ..pages };
    // Pages that the trees of extents keep for their own growth.
    for root in [owned, available] {
        if let Ok(page) = database.page(root) {
            let buffer = Fields(page.view().external_header().get(..16).unwrap_or(&[]));
            space.available.extend(extent(buffer.u32(0), buffer.u32(4)));
            space.available.extend(extent(buffer.u32(8), buffer.u32(12)));
        }
    }
    space
}

/// The space header in the root of a tree.
fn header(root: &Page) -> Option<&[u8]> {
    let tag = root.view().external_header();
    // A byte of flags is in front of it when more follows.
    let start = usize::from(tag.len() > HEADER);
    tag.get(start..)?.get(..HEADER)
}

fn collect(tree: &Tree<'_>, leaf: &Leaf<'_>, outcome: &mut Outcome<'_>, extents: &mut Vec<Extent>) {
    for (node, line) in leaf.page.view().nodes().zip(0_u16..) {
        let Some(node) = node.filter(|node| !node.flags.is_deleted()) else { continue };
        let mut key = [0_u8; 5];
        let length = node.key_len();
        let last = key.get_mut(..length).filter(|key| key.len() >= 4).and_then(|key| {
            key.iter_mut().zip(node.key()).for_each(|(to, byte)| *to = byte);
            key.last_chunk().map(|last| u32::from_be_bytes(*last))
        });
        let pages = node.data.first_chunk().map(|pages| u32::from_le_bytes(*pages));
        match (last, pages) {
            (Some(last), Some(pages)) if pages <= last => extents.extend(extent(last, pages)),
            _ if leaf.settled => {
                let defect = super::StructureDefect::Node { line };
                outcome.report(tree, leaf.page.number(), defect);
                outcome.incomplete = true;
            }
            _ => {}
        }
    }
}

/// The extent of `pages` pages up to `last`, if there are any.
fn extent(last: u32, pages: u32) -> Option<Extent> {
    let first = last.checked_sub(pages.checked_sub(1)?)?;
    (first > 0).then_some((first, last))
}

/// Bytes of a space header.
const HEADER: usize = 16;

/// Who owns each page, and which are free.
pub(super) struct Owners {
    owner: Vec<u32>,
    free: Vec<bool>,
}

impl Owners {
    /// For pages 1 to `pages`.
    pub(super) fn new(pages: u32) -> Self {
        let length = crate::bytes::index(pages).saturating_add(1);
        Self { owner: vec![0; length], free: vec![false; length] }
    }

    pub(super) fn owner(&self, page: PageNumber) -> u32 {
        self.owner.get(crate::bytes::index(page.0)).copied().unwrap_or(0)
    }

    pub(super) fn is_free(&self, page: PageNumber) -> bool {
        self.free.get(crate::bytes::index(page.0)).copied().unwrap_or(false)
    }

    /// Gives the pages of an extent from `parent` to `object`; `false` when one is not the parent's.
    ///
    /// Stops there, so that no page changes hands more often than trees are nested.
    pub(super) fn give(&mut self, extent: Extent, parent: u32, object: u32) -> bool {
        self.slots(extent).all(|(owner, _)| {
            let fits = *owner == parent;
            if fits {
                *owner = object;
            }
            fits
        })
    }

    /// Notes that pages are free; `false` when one is not the object's, or free already.
    pub(super) fn set_free(&mut self, extent: Extent, object: u32) -> bool {
        self.slots(extent).all(|(owner, free)| *owner == object && !core::mem::replace(free, true))
    }

    fn slots(&mut self, (first, last): Extent) -> impl Iterator<Item = (&mut u32, &mut bool)> {
        let (first, last) = (crate::bytes::index(first), crate::bytes::index(last));
        let count = last.saturating_sub(first).saturating_add(1);
        self.owner.iter_mut().zip(self.free.iter_mut()).skip(first).take(count)
    }
}
