//! New trees and new pages.

use alloc::vec;
use alloc::vec::Vec;

use super::edit::{Edit, Loose};
use super::error::ReplayError;
use super::single::{LEAF, NO_ROOM};
use super::store::{ECC, PageStore};
use super::{Change, Replay};
use crate::log::record::NewTree;
use crate::numbers::PageNumber;

impl<S: PageStore> Replay<S> {
    /// Formats the root of a tree and those of its space trees.
    ///
    /// Source: format digest section 7; space management of the engine (`space.cxx`), for the rules.
    pub(super) fn new_tree(&mut self, tree: &NewTree) -> Result<(), ReplayError> {
        let NewTree { head, object, space, parent, second, primary, .. } = *tree;
        let is_unique = head.flags & UNIQUE != 0;
        let needs_root = match second {
            Some(_) => self.needs(Change { page: head.page, before: head.before, dbtime: head.dbtime })?,
            None => self.needs_new(head.page, head.dbtime)?,
        };
        let flags = if space.is_some() { MULTIPLE } else { 0 } | if is_unique { 0 } else { NON_UNIQUE };
        let last_word = match space {
            Some((owned, _)) => owned.0,
            // Bits of the free pages behind the root, as far as 32 bits reach.
            None if primary > SMALL => u32::MAX,
            None => 1_u32.checked_shl(primary.saturating_sub(1)).map_or(u32::MAX, |bit| bit.wrapping_sub(1)),
        };
        let header = [primary, parent.0, flags, last_word].map(u32::to_le_bytes).concat();
        let mut pages = Vec::new();
        if needs_root {
            let bytes = if second.is_some() {
                let mut bytes = self.cache.page(head.page)?.to_vec();
                let mut edit = Edit::new(&mut bytes, self.cache.size);
                let external = with_space(edit.view().external_header(), &header);
                edit.set_external(&external).ok_or(ReplayError::content(head.page, NO_ROOM))?;
                edit.set_dbtime(head.dbtime);
                bytes
            } else {
                self.fresh(head.page, object, tree.flags | ROOT | LEAF, head.dbtime, &header, &[])?
            };
            pages.push((head.page, bytes));
        }
        if let Some((owned, available)) = space {
            for (page, is_owned) in [(owned, true), (available, false)] {
                if self.needs_new(page, head.dbtime)? {
                    let nodes = if is_owned { owned_extents(tree) } else { available_extents(tree) };
                    let nodes: Vec<Loose> = nodes.into_iter().map(extent).collect();
                    let flags = tree.flags | ROOT | LEAF | SPACE;
                    pages.push((page, self.fresh(page, object, flags, head.dbtime, &[0; 16], &nodes)?));
                }
            }
        }
        pages.iter().try_for_each(|(page, bytes)| self.cache.put(*page, bytes))
    }

    /// The bytes of a new page.
    pub(super) fn fresh(
        &self,
        page: PageNumber,
        object: u32,
        flags: u32,
        dbtime: u64,
        external: &[u8],
        nodes: &[Loose],
    ) -> Result<Vec<u8>, ReplayError> {
        let mut bytes = vec![0; self.cache.size.len()];
        let mut edit = Edit::new(&mut bytes, self.cache.size);
        let ecc = if self.habits.has_ecc { ECC } else { 0 };
        edit.format(page, object, flags & !(ECC | FLUSH) | NEW_FORMAT | ecc, self.habits.reserved);
        edit.refill(external, nodes).ok_or(ReplayError::content(page, NO_ROOM))?;
        edit.set_dbtime(dbtime);
        Ok(bytes)
    }

    /// Formats a page that belongs to an object, and is in no tree yet.
    pub(super) fn new_page(&mut self, page: PageNumber, object: u32, dbtime: u64) -> Result<(), ReplayError> {
        if self.needs_new(page, dbtime)? {
            let bytes = self.fresh(page, object, PRE_INIT, dbtime, &[], &[])?;
            self.cache.put(page, &bytes)?;
        }
        Ok(())
    }
}

/// The header of a tree with another space header: alone, or behind the byte that tells its fields.
fn with_space(external: &[u8], space: &[u8]) -> Vec<u8> {
    match external {
        [fields, rest @ ..] if external.len() > 16 && fields & 1 != 0 => {
            let behind = rest.get(16..).unwrap_or(&[]);
            [&[*fields][..], space, behind].concat()
        }
        _ => space.to_vec(),
    }
}

/// An extent of pages: its last page, and how many.
type Extent = (u32, u32);

fn owned_extents(tree: &NewTree) -> Vec<Extent> {
    let root = tree.head.page.0;
    let mut extents = vec![(root.saturating_add(tree.primary).saturating_sub(1), tree.primary)];
    if let Some((first, pages)) = tree.second {
        extents.push((first.0.saturating_add(pages).saturating_sub(1), pages));
    }
    extents.sort_unstable();
    extents
}

fn available_extents(tree: &NewTree) -> Vec<Extent> {
    let root = tree.head.page.0;
    let Some((first, pages)) = tree.second else {
        // The root and the two space trees take three pages.
        let free = tree.primary.saturating_sub(3);
        let last = root.saturating_add(tree.primary).saturating_sub(1);
        return Some((last, free)).filter(|&(_, free)| free > 0).into_iter().collect();
    };
    let mut extents: Vec<Extent> = Vec::new();
    let mut add = |last: u32, count: u32| match extents.last_mut() {
        Some((end, length)) if end.saturating_add(1) == last.saturating_sub(count).saturating_add(1) => {
            (*end, *length) = (last, length.saturating_add(count));
        }
        _ => extents.push((last, count)),
    };
    for bit in 0..SMALL {
        if tree.available >> bit & 1 != 0 {
            add(root.saturating_add(bit).saturating_add(1), 1);
        }
    }
    if tree.primary.saturating_sub(1) > SMALL {
        let behind = tree.primary.saturating_sub(SMALL).saturating_sub(1);
        add(root.saturating_add(tree.primary).saturating_sub(1), behind);
    }
    let free = pages.saturating_sub(2);
    if free > 0 {
        extents.push((first.0.saturating_add(pages).saturating_sub(1), free));
    }
    extents.sort_unstable();
    extents
}

fn extent((last, pages): Extent) -> Loose {
    Loose { key: last.to_be_bytes().to_vec(), data: pages.to_le_bytes().to_vec(), is_deleted: false }
}

/// Record flag: keys are unique.
const UNIQUE: u8 = 4;

/// Flags of a space header.
const MULTIPLE: u32 = 1;
const NON_UNIQUE: u32 = 2;

/// Pages behind a root that a space header has bits for.
const SMALL: u32 = 32;

/// Page flags: root, space tree, the only record format, never used, and the kind of last write.
const ROOT: u32 = 1;
const SPACE: u32 = 0x20;
const NEW_FORMAT: u32 = 0x800;
const PRE_INIT: u32 = 0x20000;
pub(super) const FLUSH: u32 = 0x18000;
