//! Long values: every one whole, every reference with a value.
//!
//! Source: format digest section 10.

use alloc::vec::Vec;
use core::cmp::Ordering;

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
    /// The stored bytes of the last piece, where they will be decompressed.
    stored: Vec<u8>,
}

/// The value whose pieces follow.
struct Value {
    id: u64,
    size: u32,
    page: PageNumber,
    /// Not to be judged: deleted, uncommitted, or already found broken.
    ignored: bool,
    /// The last piece so far: its offset and stored length. What follows tells how long it has to be.
    last: Option<(u32, usize)>,
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
        self.current = Some(Value { id, size, page, ignored, last: None });
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
        let defect = match value.last.replace((offset, node.data.len())) {
            None => (offset != 0).then_some(StructureDefect::LongValueHole { id, offset: 0 }),
            Some(last) => {
                let defect = self.judge(id, last, offset);
                // All pieces but the last one of a value are equally long.
                if defect.is_none() && usize::try_from(offset.saturating_sub(last.0)) == Ok(last.1) {
                    self.step = Some(offset.saturating_sub(last.0));
                }
                defect
            }
        };
        if self.deep {
            self.stored.clear();
            self.stored.extend_from_slice(node.data);
        }
        if let Some(defect) = defect {
            self.broken(page, id, defect);
        }
    }

    /// The value ends: are all its bytes there?
    fn close(&mut self) {
        let Some(value) = self.current.take().filter(|value| !value.ignored) else { return };
        let (id, size) = (value.id, value.size);
        let defect = match value.last {
            None => (size != 0).then_some(StructureDefect::LongValueHole { id, offset: 0 }),
            Some(last) => self.judge(id, last, size),
        };
        if let Some(defect) = defect {
            self.broken(value.page, id, defect);
        }
    }

    /// The piece at an offset, with its stored length, which has to go up to `end`. It is compressed
    /// when it is stored in fewer bytes.
    fn judge(&mut self, id: u64, (offset, stored): (u32, usize), end: u32) -> Option<StructureDefect> {
        let damaged = Some(StructureDefect::LongValuePiece { id, offset });
        let Some(length) = end.checked_sub(offset) else { return damaged };
        if let Some(step) = self.step.filter(|step| length > *step) {
            return Some(StructureDefect::LongValueHole { id, offset: offset.saturating_add(step) });
        }
        match stored.cmp(&index(length)) {
            Ordering::Equal => None,
            Ordering::Less if self.deep => {
                let plain = decompress(&self.stored, index(length));
                if plain.is_ok_and(|plain| plain.len() == index(length)) { None } else { damaged }
            }
            Ordering::Less => None,
            Ordering::Greater => damaged,
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

/// The lowest id of a value whose keys are not below `key`, which may be cut short.
pub(super) fn first_id(key: &[u8]) -> u64 {
    let length = if key.first().is_some_and(|first| first & 0x80 != 0) { 8 } else { 4 };
    (0..length).fold(0, |id, at| (id << 8) | u64::from(key.get(at).copied().unwrap_or(0)))
}

fn number(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Defects that are kept of one tree.
const KEPT: usize = 1000;
