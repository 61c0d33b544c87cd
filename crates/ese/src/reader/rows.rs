//! The rows of a table.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::tree::{NodePlace, Walk};
use super::{Database, ReadError, ReadErrorKind};
use crate::numbers::PageNumber;
use crate::source::PageSource;
use crate::view::Node;

/// A row: its primary key and its record, copied out of the page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Key, then record.
    bytes: Vec<u8>,
    key: usize,
    page: PageNumber,
}

impl Row {
    /// The row in a leaf node.
    pub(crate) fn of(node: &Node<'_>, page: PageNumber) -> Self {
        let key = node.key_len();
        let mut bytes = Vec::with_capacity(key.saturating_add(node.data.len()));
        for part in [node.prefix, node.suffix, node.data] {
            bytes.extend_from_slice(part);
        }
        Self { bytes, key, page }
    }

    /// The primary key: what indexes refer to a row by. Without a primary index a 4-byte counter.
    pub fn key(&self) -> &[u8] {
        self.bytes.get(..self.key).unwrap_or(&[])
    }

    /// The record as it is stored.
    pub fn record(&self) -> &[u8] {
        self.bytes.get(self.key..).unwrap_or(&[])
    }

    /// The page it lies in.
    pub fn page(&self) -> PageNumber {
        self.page
    }

    pub(super) fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError::at(self.page, kind)
    }
}

/// The rows of a table in the order of its primary key, deleted ones left out.
///
/// A page that cannot be read is one `Err`; the rows behind it follow.
pub struct Rows<'d, S> {
    database: &'d Database<S>,
    walk: Walk,
    /// Key of the row before: where pages are in motion, a row may be in two of them.
    last: Option<Vec<u8>>,
}

impl<'d, S: PageSource> Rows<'d, S> {
    pub(super) fn new(database: &'d Database<S>, root: PageNumber) -> Self {
        Self { database, walk: Walk::new(root), last: None }
    }

    pub(super) fn from(database: &'d Database<S>, root: PageNumber, key: &[u8]) -> Self {
        Self { database, walk: Walk::from(&database.pages, root, key), last: None }
    }

    /// The row at a place; `None` where there is none, or one that came before.
    fn row(&mut self, place: &NodePlace) -> Result<Option<Row>, ReadError> {
        let node = place.node()?;
        if node.flags.is_deleted() {
            return Ok(None);
        }
        if self.database.is_dirty() {
            let repeated = |last: &Vec<u8>| node.compare_key(last) != Ordering::Greater;
            if self.last.as_ref().is_some_and(repeated) {
                return Ok(None);
            }
            let last = self.last.get_or_insert_default();
            last.clear();
            last.extend(node.key());
        }
        Ok(Some(Row::of(&node, place.page.number())))
    }
}

impl<S: PageSource> Iterator for Rows<'_, S> {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let place = self.walk.next(&self.database.pages, self.database.is_dirty())?;
            if let Some(found) = place.and_then(|place| self.row(&place)).transpose() {
                return Some(found);
            }
        }
    }
}
