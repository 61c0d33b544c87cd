//! Rows in the order of their numbers, one table or two side by side.

use std::collections::VecDeque;
use std::fmt;

use ese::{Database, PageSource, ReadError, Row, Rows};

use crate::bind::{Bound, Cells, is_in_motion};

/// Rows that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The table.
    pub table: &'static str,
    /// What could not be read.
    pub error: ReadError,
    /// Number of the last row before it; `None` when it is at the beginning.
    pub after: Option<i32>,
    /// Number of the first row behind it; `None` when it is at the end.
    pub before: Option<i32>,
    /// Nothing is damaged: the database was copied while it changed, and the rows, if any, are back once the
    /// logs are replayed.
    pub in_motion: bool,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: rows of {} are lost, ", self.error, self.table)?;
        match (self.after, self.before) {
            (Some(after), Some(before)) => write!(f, "if there were any between {after} and {before}"),
            (Some(after), None) => write!(f, "those behind {after}"),
            (None, Some(before)) => write!(f, "those before {before}"),
            (None, None) => f.write_str("all of them"),
        }
    }
}

impl std::error::Error for Lost {}

/// The rows of a table with their numbers.
pub(crate) struct Walker<'d, S> {
    database: &'d Database<S>,
    bound: Option<&'d Bound>,
    rows: Option<Rows<'d, S>>,
    name: &'static str,
    number: &'static str,
    last: Option<i32>,
    /// Errors since the last row; what they cost is known at the next one.
    errors: Vec<ReadError>,
    ready: VecDeque<Result<(i32, Row), Lost>>,
}

impl<'d, S: PageSource> Walker<'d, S> {
    /// A table that is absent has no rows.
    pub(crate) fn new(
        database: &'d Database<S>,
        bound: Option<&'d Bound>,
        name: &'static str,
        number: &'static str,
    ) -> Self {
        let rows = bound.map(|bound| database.rows(&bound.table));
        Self { database, bound, rows, name, number, last: None, errors: Vec::new(), ready: VecDeque::new() }
    }

    fn number(&self, row: &Row) -> Option<i32> {
        self.bound.and_then(|bound| Cells::new(self.database, bound, row).long(self.number))
    }

    fn settle(&mut self, before: Option<i32>) {
        let (table, after) = (self.name, self.last);
        let lost = self.errors.drain(..).map(|error| {
            let in_motion = is_in_motion(self.database, &error);
            Err(Lost { table, error, after, before, in_motion })
        });
        self.ready.extend(lost);
    }
}

impl<S: PageSource> Iterator for Walker<'_, S> {
    type Item = Result<(i32, Row), Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            match self.rows.as_mut()?.next() {
                Some(Ok(row)) => {
                    // A row without its number belongs to nothing.
                    let Some(number) = self.number(&row) else { continue };
                    self.settle(Some(number));
                    self.last = Some(number);
                    self.ready.push_back(Ok((number, row)));
                }
                Some(Err(error)) => self.errors.push(error),
                None => {
                    self.rows = None;
                    self.settle(None);
                    if self.ready.is_empty() {
                        return None;
                    }
                }
            }
        }
    }
}

/// The rows of one table, each with the row of the same number in another table. Both are in the order of their
/// numbers: only one row of each is held.
pub(crate) struct Merged<'d, S> {
    left: Walker<'d, S>,
    right: Walker<'d, S>,
    /// The next row of the right table.
    waiting: Option<(i32, Row)>,
    lost: VecDeque<Lost>,
}

impl<'d, S: PageSource> Merged<'d, S> {
    pub(crate) fn new(left: Walker<'d, S>, right: Walker<'d, S>) -> Self {
        Self { left, right, waiting: None, lost: VecDeque::new() }
    }

    fn partner(&mut self, number: i32) -> Option<Row> {
        loop {
            match &self.waiting {
                Some((waiting, _)) if *waiting > number => return None,
                Some((waiting, _)) if *waiting == number => return self.waiting.take().map(|(_, row)| row),
                _ => match self.right.next()? {
                    Ok(next) => self.waiting = Some(next),
                    Err(lost) => self.lost.push_back(lost),
                },
            }
        }
    }
}

impl<S: PageSource> Iterator for Merged<'_, S> {
    type Item = Result<(i32, Row, Option<Row>), Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(lost) = self.lost.pop_front() {
            return Some(Err(lost));
        }
        match self.left.next() {
            Some(Ok((number, row))) => {
                let partner = self.partner(number);
                Some(Ok((number, row, partner)))
            }
            Some(Err(lost)) => Some(Err(lost)),
            // What the rest of the other table cannot give is lost too.
            None => self.right.find_map(Result::err).map(Err),
        }
    }
}
