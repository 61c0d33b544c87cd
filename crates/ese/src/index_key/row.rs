//! The keys that an index must hold for a row.

use alloc::vec::Vec;

use super::{KeyColumn, KeyForm};
use crate::reader::{Column, Database, Index, IndexSegment, ReadError, Row, Table};
use crate::source::PageSource;

/// A key, or the beginning of one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IndexKey {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// `false`: what follows is the sort key of UTF-16 text, which only Windows can tell.
    pub is_whole: bool,
}

impl<S: PageSource> Database<S> {
    /// The keys that an index must hold for a row, in order, each once; none when the index leaves out
    /// rows with such NULLs. Of the primary index, the key of the row itself.
    ///
    /// `None`: cannot be told. The index has entries for pieces of values, for some rows only, for too
    /// many combinations of values, or is still being filled; or it names a column that is not there.
    ///
    /// # Errors
    /// A value of the row cannot be read.
    pub fn index_keys(
        &self,
        table: &Table,
        index: &Index,
        row: &Row,
    ) -> Result<Option<Vec<IndexKey>>, ReadError> {
        if index.is_tuple || index.is_conditional || index.flags.is_incomplete() {
            return Ok(None);
        }
        let mut segments = Vec::with_capacity(index.segments.len());
        for segment in &index.segments {
            let Some(column) = table.segment_column(segment) else { return Ok(None) };
            segments.push(Segment {
                column,
                segment,
                values: self.value_heads(table, row, column, KEY_SOURCE)?,
            });
        }
        Ok(keys(index, &segments))
    }
}

/// Bytes of a value that can matter for a key: the longest key has 2000 bytes, and text takes two a
/// letter.
const KEY_SOURCE: usize = 4096;

struct Segment<'a> {
    column: &'a Column,
    segment: &'a IndexSegment,
    values: Vec<Vec<u8>>,
}

fn keys(index: &Index, segments: &[Segment<'_>]) -> Option<Vec<IndexKey>> {
    let mut keys = Vec::new();
    for choice in choices(index, segments)? {
        let is_null = |(segment, &number): (&Segment<'_>, &usize)| segment.values.get(number).is_none();
        let nulls: Vec<bool> = segments.iter().zip(&choice).map(is_null).collect();
        let flags = index.flags;
        let is_left_out = if nulls.iter().all(|&null| null) {
            !flags.allows_all_nulls()
        } else if nulls.first().is_some_and(|&null| null) {
            !flags.allows_first_null()
        } else {
            nulls.contains(&true) && !flags.allows_some_nulls()
        };
        if !is_left_out {
            keys.push(key(index, segments, &choice));
        }
    }
    keys.sort();
    keys.dedup();
    Some(keys)
}

fn key(index: &Index, segments: &[Segment<'_>], choice: &[usize]) -> IndexKey {
    let form = KeyForm::from(index);
    let mut key = IndexKey { bytes: Vec::new(), is_whole: true };
    for (segment, &number) in segments.iter().zip(choice) {
        let column = KeyColumn::new(segment.column, segment.segment.descending);
        let value = segment.values.get(number).map(Vec::as_slice);
        key.is_whole = form.append(column, value, &mut key.bytes);
        if !key.is_whole {
            break;
        }
    }
    key
}

/// Which value of each segment makes a key. Only the first column with several values counts, unless
/// the index says that all combinations do, or that the first values go together, then the second, ...
fn choices(index: &Index, segments: &[Segment<'_>]) -> Option<Vec<Vec<usize>>> {
    let mut counts: Vec<usize> = segments.iter().map(|segment| several(index, segment)).collect();
    if index.flags.is_nested() {
        let rounds = counts.iter().copied().max().unwrap_or(1);
        let round = |number: usize| counts.iter().map(|&count| if count > 0 { number } else { 0 }).collect();
        return Some((0..rounds.max(1)).map(round).collect());
    }
    if !index.flags.is_cross_product() {
        let first = counts.iter().position(|&count| count > 0).unwrap_or(0);
        counts.iter_mut().skip(first.saturating_add(1)).for_each(|count| *count = 0);
    }
    counts.iter_mut().for_each(|count| *count = (*count).max(1));
    let total = counts.iter().try_fold(1_usize, |total, &count| total.checked_mul(count));
    let total = total.filter(|&total| total <= MOST_COMBINATIONS)?;
    let choice = |number: usize| {
        let mut rest = number;
        let digit = |&count: &usize| {
            let digit = rest.checked_rem(count).unwrap_or(0);
            rest = rest.checked_div(count).unwrap_or(0);
            digit
        };
        counts.iter().map(digit).collect()
    };
    Some((0..total).map(choice).collect())
}

/// How many values of a column take part; 0 when it is not one of several values.
fn several(index: &Index, segment: &Segment<'_>) -> usize {
    let column = segment.column;
    let is_multi = index.flags.is_multi_valued() && column.is_tagged() && column.flags.is_multi_valued();
    if is_multi { segment.values.len().max(1) } else { 0 }
}

/// Keys of one row; what no sane schema reaches.
const MOST_COMBINATIONS: usize = 10_000;
