//! Which tree uses a page.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::bytes::index;
use crate::numbers::PageNumber;

/// The object that uses each page, filled by all threads; 4 bytes for a page.
pub(super) struct PageMap(Vec<AtomicU32>);

impl PageMap {
    /// For pages 1 to `pages`.
    pub(super) fn new(pages: u32) -> Self {
        Self((0..=pages).map(|_| AtomicU32::new(0)).collect())
    }

    /// Notes that a tree of the object uses the page; `false` when one did before.
    pub(super) fn claim(&self, page: PageNumber, object: u32) -> bool {
        // Object 0 means no user; no real object has it.
        self.0.get(index(page.0)).is_some_and(|user| user.swap(object.max(1), Ordering::Relaxed) == 0)
    }

    /// The object that uses the page; 0 is none.
    pub(super) fn user(&self, page: PageNumber) -> u32 {
        self.0.get(index(page.0)).map_or(0, |user| user.load(Ordering::Relaxed))
    }

    /// All pages with their users.
    pub(super) fn users(&self) -> impl Iterator<Item = (PageNumber, u32)> {
        let users = self.0.iter().zip(0_u32..).skip(1);
        users.map(|(user, page)| (PageNumber(page), user.load(Ordering::Relaxed)))
    }
}
