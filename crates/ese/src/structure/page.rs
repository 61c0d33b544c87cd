//! One page by itself: its tags, its free bytes, the order of its keys.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::defect::StructureDefect;
use crate::bytes::Fields;
use crate::reader::Page;
use crate::view::{Node, PageView};

/// The worst defect of the tags or nodes of a page; `None` is sound.
///
/// `scratch` is any vector, kept by the caller to spare the allocation.
pub(super) fn layout(page: &Page, scratch: &mut Vec<(usize, usize, u16)>) -> Option<StructureDefect> {
    match (tags(page, scratch), order(page.view())) {
        (Some(defect @ StructureDefect::Tag { .. }), _) | (_, Some(defect)) => Some(defect),
        (defect, None) => defect,
    }
}

/// Tags lie in the data of the page and do not overlap; what they leave is `cbFree`.
fn tags(page: &Page, scratch: &mut Vec<(usize, usize, u16)>) -> Option<StructureDefect> {
    let (view, bytes) = (page.view(), page.bytes());
    let count = view.tag_count();
    if count < view.reserved_tags() {
        return Some(StructureDefect::Tag { tag: count });
    }
    let array = usize::from(count).saturating_mul(4);
    let room = bytes.len().saturating_sub(view.header_length()).saturating_sub(array);
    let mask = if view.is_large() { 0x7FFF } else { 0x1FFF };
    scratch.clear();
    let mut used = 0_usize;
    for tag in 0..count {
        let behind = usize::from(tag).saturating_add(1).saturating_mul(4);
        let at = bytes.len().saturating_sub(behind);
        let length = usize::from(Fields(bytes).u16(at) & mask);
        let start = usize::from(Fields(bytes).u16(at.saturating_add(2)) & mask);
        if length == 0 {
            // The engine leaves an old offset in a tag without bytes.
            continue;
        }
        let end = start.saturating_add(length);
        if end > room {
            return Some(StructureDefect::Tag { tag });
        }
        used = used.saturating_add(length);
        scratch.push((start, end, tag));
    }
    scratch.sort_unstable();
    for pair in scratch.windows(2) {
        if let [(_, end, _), (start, _, tag)] = pair
            && start < end
        {
            return Some(StructureDefect::Overlap { tag: *tag });
        }
    }
    let computed = room.saturating_sub(used);
    (usize::from(view.free()) != computed)
        .then(|| StructureDefect::FreeBytes { stored: view.free(), computed })
}

/// Nodes can be read and their keys ascend.
fn order(view: PageView<'_>) -> Option<StructureDefect> {
    let with_data = view.flags().is_non_unique() && view.flags().is_leaf();
    let last = view.len().saturating_sub(1);
    let mut before: Option<Node<'_>> = None;
    for (node, line) in view.nodes().zip(0_u16..) {
        let Some(node) = node else { return Some(StructureDefect::Node { line }) };
        if !view.flags().is_leaf() {
            if node.child().is_none() {
                return Some(StructureDefect::Node { line });
            }
            // The last separator may be left out: no upper bound of its own.
            if line == last && node.key_len() == 0 {
                break;
            }
        }
        if let Some(before) = before {
            let ascends = match compare_keys(&before, &node) {
                Ordering::Less => true,
                Ordering::Equal => with_data && before.data < node.data,
                Ordering::Greater => false,
            };
            if !ascends {
                return Some(StructureDefect::KeyOrder { line });
            }
        }
        before = Some(node);
    }
    None
}

/// Compares keys of the same page, whose prefixes are cut from the same bytes.
fn compare_keys(a: &Node<'_>, b: &Node<'_>) -> Ordering {
    let common = a.prefix.len().min(b.prefix.len());
    let (a_more, b_more) = (a.prefix.get(common..).unwrap_or(&[]), b.prefix.get(common..).unwrap_or(&[]));
    if a_more.is_empty() && b_more.is_empty() {
        return a.suffix.cmp(b.suffix);
    }
    compare([a_more, a.suffix], [b_more, b.suffix, &[]])
}

/// Compares two byte strings that lie in pieces.
pub(super) fn compare<const A: usize, const B: usize>(a: [&[u8]; A], b: [&[u8]; B]) -> Ordering {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let (mut left, mut right): (&[u8], &[u8]) = (&[], &[]);
    loop {
        if left.is_empty() {
            left = a.by_ref().find(|piece| !piece.is_empty()).unwrap_or(&[]);
        }
        if right.is_empty() {
            right = b.by_ref().find(|piece| !piece.is_empty()).unwrap_or(&[]);
        }
        let common = left.len().min(right.len());
        if common == 0 {
            return left.len().cmp(&right.len());
        }
        let (Some((head, tail)), Some((other_head, other_tail))) =
            (left.split_at_checked(common), right.split_at_checked(common))
        else {
            return Ordering::Equal;
        };
        match head.cmp(other_head) {
            Ordering::Equal => (left, right) = (tail, other_tail),
            differ => return differ,
        }
    }
}
