//! Columns by their names, and values by their types.

use std::collections::BTreeMap;

use ese::{Column, Database, IndexSegment, PageSource, ReadError, ReadErrorKind, Row, Table};

use crate::{Cause, FileTime, RowError};

/// A table and those of its columns that we know. Versions of Windows differ: a column may be absent.
pub(crate) struct Bound {
    pub(crate) table: Table,
    columns: BTreeMap<&'static str, Column>,
}

impl Bound {
    /// Finds each wanted column, written `Name|OlderName`, with and without the `$` that the CA puts before the
    /// names of text columns.
    pub(crate) fn new(table: &Table, wanted: &[&'static str]) -> Self {
        let named = |name: &str| table.column(name).or_else(|| table.column(&format!("${name}")));
        let found = wanted.iter().filter_map(|names| {
            let first = names.split('|').next()?;
            Some((first, names.split('|').find_map(named)?.clone()))
        });
        Self { table: table.clone(), columns: found.collect() }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    /// Is the column the first of these index segments, in rising order?
    pub(crate) fn leads(&self, name: &str, segments: &[IndexSegment]) -> bool {
        let Some((column, segment)) = self.column(name).zip(segments.first()) else { return false };
        !segment.descending && self.table.segment_column(segment).is_some_and(|found| found.id == column.id)
    }
}

/// The values of one row. The first value that cannot be read is remembered, the others are still given.
pub(crate) struct Cells<'a, S> {
    database: &'a Database<S>,
    bound: &'a Bound,
    row: &'a Row,
    pub(crate) error: Option<RowError>,
}

impl<'a, S: PageSource> Cells<'a, S> {
    pub(crate) fn new(database: &'a Database<S>, bound: &'a Bound, row: &'a Row) -> Self {
        Self { database, bound, row, error: None }
    }

    pub(crate) fn bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        let column = self.bound.column(name)?;
        let value = self.database.value(&self.bound.table, self.row, column);
        self.noted(name, value)
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let column = self.bound.column(name)?;
        let value = self.database.text(&self.bound.table, self.row, column);
        self.noted(name, value)
    }

    pub(crate) fn long(&mut self, name: &str) -> Option<i32> {
        Some(i32::from_le_bytes(self.bytes(name)?.try_into().ok()?))
    }

    /// The columns of times hold FILETIMEs.
    pub(crate) fn time(&mut self, name: &str) -> Option<FileTime> {
        FileTime::new(u64::from_le_bytes(self.bytes(name)?.try_into().ok()?))
    }

    fn noted<T>(&mut self, name: &str, value: Result<Option<T>, ReadError>) -> Option<T> {
        value.unwrap_or_else(|error| {
            let in_motion = is_in_motion(self.database, &error);
            let cause = if in_motion { Cause::InMotion } else { Cause::Damage };
            self.error.get_or_insert_with(|| RowError { text: format!("column {name}: {error}"), cause });
            None
        })
    }
}

/// Is an error what copying a database while it changes brings about? The pages are sound, but of different
/// moments: a split or a deletion is in one and not yet in another.
pub(crate) fn is_in_motion<S: PageSource>(database: &Database<S>, error: &ReadError) -> bool {
    let moved = matches!(
        error.kind,
        ReadErrorKind::Elsewhere
            | ReadErrorKind::Object { .. }
            | ReadErrorKind::Kind
            | ReadErrorKind::NotInitialised
            | ReadErrorKind::BehindEnd
            | ReadErrorKind::Circle
            | ReadErrorKind::LongValueMissing
            | ReadErrorKind::LongValueDamaged { .. }
    );
    moved && database.is_dirty()
}
