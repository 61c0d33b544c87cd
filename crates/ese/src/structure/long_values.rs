//! Long values: every one whole, every reference with a value.
//!
//! Source: format digest section 10.

use alloc::vec::Vec;

use super::defect::StructureDefect;
use super::tree::Leaf;
use crate::bytes::index;
use crate::compress::decompress;
use crate::numbers::PageNumber;
use crate::view::Node;

/// What the leaves of a tree of long values hold.
#[derive(Default)]
pub(super) struct LongValues {
    /// Id and reference count of each, in ascending order of ids.
    pub(super) roots: Vec<(u64, u32)>,
    /// Defects, with the value.
    pub(super) broken: Vec<(PageNumber, u64, StructureDefect)>,
    /// Is every piece decompressed?
    deep: bool,
    /// Values with uncommitted changes are not judged.
    skip_versioned: bool,
    current: Option<Value>,
    /// What came before is unknown: pages are missing.
    lost: bool,
    /// Bytes of all pieces but the last, once known.
    step: Option<u32>,
}

/// The value whose pieces follow.
struct Value {
    id: u64,
    size: u32,
    page: PageNumber,
    /// Not to be judged: deleted, uncommitted, or already found broken.
    ignored: bool,
    /// Where the next piece has to begin.
    next: u32,
    /// A first piece that is not followed yet: the step is unknown.
    first: Option<(u32, Vec<u8>)>,
}

impl LongValues {
    pub(super) fn new(deep: bool, skip_versioned: bool) -> Self {
        Self { deep, skip_versioned, ..Self::default() }
    }

    pub(super) fn leaf(&mut self, leaf: &Leaf<'_>) {
        if !leaf.follows || !leaf.settled {
            self.current = None;
            self.lost = true;
        }
        if !leaf.settled {
            return;
        }
        let (page, view) = (leaf.page.number(), leaf.page.view());
        for (node, line) in view.nodes().zip(0_u16..) {
            let Some(node) = node else { continue };
            match parse(&node) {
                None => self.broken(page, 0, StructureDefect::Node { line }),
                Some((id, None)) => self.root(page, id, &node, line),
                Some((id, Some(offset))) => self.piece(page, id, offset, &node),
            }
        }
    }

    /// The tree ends here, unless the caller ended it.
    pub(super) fn end(&mut self, is_end: bool) {
        if is_end {
            self.close();
        }
    }

    fn broken(&mut self, page: PageNumber, id: u64, defect: StructureDefect) {
        if self.broken.len() < KEPT {
            self.broken.push((page, id, defect));
        }
        if let Some(value) = &mut self.current {
            value.ignored = true;
        }
    }

    fn root(&mut self, page: PageNumber, id: u64, node: &Node<'_>, line: u16) {
        self.close();
        self.lost = false;
        let (Some(references), Some(size)) = (number(node.data, 0), number(node.data, 4)) else {
            if !node.flags.is_deleted() {
                self.broken(page, id, StructureDefect::Node { line });
            }
            self.lost = true;
            return;
        };
        let ignored =
            node.flags.is_deleted() || references == 0 || (self.skip_versioned && node.flags.is_versioned());
        if !node.flags.is_deleted() {
            self.roots.push((id, references));
        }
        self.current = Some(Value { id, size, page, ignored, next: 0, first: None });
    }

    fn piece(&mut self, page: PageNumber, id: u64, offset: u32, node: &Node<'_>) {
        let skip_versioned = self.skip_versioned;
        let Some(value) = self.current.as_mut().filter(|value| value.id == id) else {
            // A piece that is deleted, or whose root lies on a page that is missing.
            let excused = node.flags.is_deleted() || (skip_versioned && node.flags.is_versioned());
            if !excused && !self.lost {
                self.close();
                self.current = None;
                self.lost = true;
                self.broken(page, id, StructureDefect::LongValueRoot { id });
            }
            return;
        };
        value.ignored |= skip_versioned && node.flags.is_versioned();
        if value.ignored || node.flags.is_deleted() {
            return;
        }
        if let Some((_, first)) = value.first.take() {
            // The second piece shows how long the first one is.
            let step = *self.step.get_or_insert(offset);
            value.next = step;
            let size = value.size;
            if let Some(defect) = judge(id, 0, step.min(size), &first, self.deep) {
                return self.broken(page, id, defect);
            }
        }
        let Some(value) = &mut self.current else { return };
        if offset != value.next {
            let defect = StructureDefect::LongValueHole { id, offset: value.next.min(offset) };
            return self.broken(page, id, defect);
        }
        match self.step {
            None if offset == 0 => value.first = Some((offset, node.data.to_vec())),
            step => {
                let length = step.unwrap_or(u32::MAX).min(value.size.saturating_sub(offset));
                value.next = offset.saturating_add(step.unwrap_or(u32::MAX));
                if let Some(defect) = judge(id, offset, length, node.data, self.deep) {
                    self.broken(page, id, defect);
                }
            }
        }
    }

    /// The value ends: are all its bytes there?
    fn close(&mut self) {
        let Some(mut value) = self.current.take().filter(|value| !value.ignored) else { return };
        let (id, size, page) = (value.id, value.size, value.page);
        let defect = match value.first.take() {
            // A value of one piece.
            Some((_, only)) => judge(id, 0, size, &only, self.deep),
            None if value.next < size => Some(StructureDefect::LongValueHole { id, offset: value.next }),
            None => None,
        };
        if let Some(defect) = defect {
            self.broken(page, id, defect);
        }
    }
}

/// Id of a node, and the offset of a piece; a root has none.
fn parse(node: &Node<'_>) -> Option<(u64, Option<u32>)> {
    let mut key = [0_u8; 12];
    let length = node.key_len();
    key.get_mut(..length)?.iter_mut().zip(node.key()).for_each(|(to, byte)| *to = byte);
    let id_length = if key.first()? & 0x80 != 0 { 8 } else { 4 };
    let (id, offset) = key.get(..length)?.split_at_checked(id_length)?;
    let id = id.iter().fold(0_u64, |id, byte| (id << 8) | u64::from(*byte));
    match offset.len() {
        0 => Some((id, None)),
        4 => Some((id, offset.first_chunk().map(|offset| u32::from_be_bytes(*offset)))),
        _ => None,
    }
}

fn number(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// A piece of `length` bytes, which is compressed when it is stored in fewer.
fn judge(id: u64, offset: u32, length: u32, stored: &[u8], deep: bool) -> Option<StructureDefect> {
    let length = index(length);
    let fits = stored.len() == length
        || (stored.len() < length
            && (!deep || decompress(stored, length).is_ok_and(|plain| plain.len() == length)));
    (!fits).then_some(StructureDefect::LongValuePiece { id, offset })
}

/// Defects that are kept of one tree.
const KEPT: usize = 1000;
