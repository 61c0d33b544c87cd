//! Long values: in pieces, in a tree of their own.
//!
//! Source: format digest section 10.

use alloc::vec::Vec;

use super::schema::LongValueTree;
use super::tree::{NodePlace, Walk};
use super::{Database, ReadError, ReadErrorKind, Row};
use crate::bytes::{Fields, index};
use crate::compress::decompress;
use crate::source::PageSource;

/// Reads the long value whose id a record holds; of a longer one the first `limit` bytes.
pub(super) fn read<S: PageSource>(
    database: &Database<S>,
    tree: &LongValueTree,
    id: &[u8],
    row: &Row,
    limit: usize,
) -> Result<Vec<u8>, ReadError> {
    // Little-endian in a record, big-endian in the tree.
    let key: Vec<u8> = id.iter().rev().copied().collect();
    if !matches!(key.len(), 4 | 8) {
        return Err(row.error(ReadErrorKind::LongValueMissing));
    }
    let mut walk = Walk::from(&database.pages, tree.root, &key);
    let mut next = || walk.next(&database.pages, database.is_dirty()).transpose();
    let size = match next()? {
        Some(root) => root_size(&root, &key)?,
        None => None,
    };
    let size = size.ok_or_else(|| row.error(ReadErrorKind::LongValueMissing))?;
    let mut value = Vec::new();
    let mut last: Option<(u32, NodePlace)> = None;
    loop {
        let place = next()?;
        let offset = place.as_ref().map(|place| chunk_offset(place, &key)).transpose()?.flatten();
        // A piece ends where the next one begins, or the value does.
        let end = offset.unwrap_or(size).min(size);
        match &last {
            Some((start, piece)) => append(&mut value, piece, *start, end)?,
            None if end > 0 && offset != Some(0) => {
                return Err(row.error(ReadErrorKind::LongValueDamaged { offset: 0 }));
            }
            None => {}
        }
        if value.len() >= limit {
            value.truncate(limit);
            return Ok(value);
        }
        match (place, offset) {
            (Some(place), Some(offset)) if offset < size => last = Some((offset, place)),
            _ => return Ok(value),
        }
    }
}

/// The size that the root of a value names; `None` when the node is not its root.
fn root_size(place: &NodePlace, key: &[u8]) -> Result<Option<u32>, ReadError> {
    let node = place.node()?;
    if !node.key().eq(key.iter().copied()) || node.data.len() < 8 || node.flags.is_deleted() {
        return Ok(None);
    }
    let fields = Fields(node.data);
    if node.data.len() > 8 && fields.u8(8) & ENCRYPTED != 0 {
        return Err(place.page.error(ReadErrorKind::Encrypted));
    }
    let size = fields.u32(4);
    if size > LONGEST {
        return Err(place.page.error(ReadErrorKind::LongValueDamaged { offset: LONGEST }));
    }
    Ok(Some(size))
}

/// The offset of a piece in its value; `None` when the node is of another value.
fn chunk_offset(place: &NodePlace, key: &[u8]) -> Result<Option<u32>, ReadError> {
    let node = place.node()?;
    let own: Vec<u8> = node.key().collect();
    let offset = own.strip_prefix(key).and_then(|rest| <[u8; 4]>::try_from(rest).ok());
    Ok(offset.map(u32::from_be_bytes))
}

/// Adds the piece from `start` to `end`. It is compressed exactly when it is shorter than that.
fn append(value: &mut Vec<u8>, piece: &NodePlace, start: u32, end: u32) -> Result<(), ReadError> {
    let damaged = || piece.page.error(ReadErrorKind::LongValueDamaged { offset: start });
    let length = index(end.checked_sub(start).ok_or_else(damaged)?);
    let stored = piece.node()?.data;
    if value.len() != index(start) || stored.len() > length {
        return Err(damaged());
    }
    if stored.len() == length {
        value.extend_from_slice(stored);
        return Ok(());
    }
    let plain = decompress(stored, length);
    let plain = plain.map_err(|error| piece.page.error(ReadErrorKind::Compression(error)))?;
    if plain.len() != length {
        return Err(damaged());
    }
    value.extend_from_slice(&plain);
    Ok(())
}

/// Longest value that is read: what a CA allows its longest column (`RawCRL`).
const LONGEST: u32 = 512 << 20;

/// Flag in the root of an encrypted value.
const ENCRYPTED: u8 = 1;
