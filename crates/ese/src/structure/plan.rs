//! The trees of a database, as its catalog names them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::numbers::PageNumber;
use crate::reader::{Database, Index, Table};
use crate::source::PageSource;

/// What the pages of a tree hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Rows,
    Index,
    LongValues,
    /// Owned or available extents of another tree.
    Space,
}

/// A tree by its place in the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Plan {
    /// The root of the database: no rows, but all space.
    System,
    /// The rows of the table with this number.
    Rows(usize),
    /// An index of the table.
    Index(usize, usize),
    /// The long values of the table.
    LongValues(usize),
}

impl Plan {
    /// All trees: rows first, because they take longest.
    pub(super) fn all<S: PageSource>(database: &Database<S>) -> Vec<Self> {
        let tables = || database.tables().iter().zip(0_usize..);
        let mut plans: Vec<Self> = tables().map(|(_, table)| Self::Rows(table)).collect();
        for (table, number) in tables() {
            plans.extend(table.long_values.as_ref().map(|_| Self::LongValues(number)));
            let indexes = table.indexes.iter().zip(0_usize..).filter(|(index, _)| !index.flags.is_primary());
            plans.extend(indexes.map(|(_, index)| Self::Index(number, index)));
        }
        plans.push(Self::System);
        plans
    }

    /// The tree in the catalog; `None` when the database has changed meanwhile.
    pub(super) fn tree<'d, S: PageSource>(&self, database: &'d Database<S>) -> Option<Tree<'d>> {
        let tables = database.tables();
        let (table, index, object, root, kind) = match *self {
            Self::System => (None, None, SYSTEM.0, SYSTEM.1, Kind::Rows),
            Self::Rows(table) => {
                let table = tables.get(table)?;
                (Some(table), None, table.object, table.root, Kind::Rows)
            }
            Self::Index(table, index) => {
                let table = tables.get(table)?;
                let index = table.indexes.get(index)?;
                (Some(table), Some(index), index.object, index.root, Kind::Index)
            }
            Self::LongValues(table) => {
                let table = tables.get(table)?;
                let tree = table.long_values.as_ref()?;
                (Some(table), None, tree.object, tree.root, Kind::LongValues)
            }
        };
        Some(Tree { table, index, object, root, kind })
    }
}

/// A tree, with what is needed to check it and to talk about it.
#[derive(Clone, Copy)]
pub(super) struct Tree<'d> {
    pub(super) table: Option<&'d Table>,
    pub(super) index: Option<&'d Index>,
    pub(super) object: u32,
    pub(super) root: PageNumber,
    pub(super) kind: Kind,
}

impl Tree<'_> {
    pub(super) fn table_name(&self) -> String {
        self.table.map_or_else(|| String::from("(database)"), |table| table.name.clone())
    }

    /// The part of the table in words.
    pub(super) fn part(&self) -> String {
        match (self.kind, self.index) {
            (Kind::Space, _) => String::from("space"),
            (_, Some(index)) => format!("index `{}`", index.name),
            (Kind::LongValues, _) => String::from(LONG_VALUES),
            (_, None) => String::from(if self.table.is_some() { "rows" } else { "space" }),
        }
    }

    /// The tree of its owned or available extents.
    pub(super) fn space(&self, root: PageNumber) -> Self {
        Self { root, kind: Kind::Space, ..*self }
    }
}

/// The part of a table that a tree of long values is.
pub(super) const LONG_VALUES: &str = "long values";

/// Object and root page of the database itself.
const SYSTEM: (u32, PageNumber) = (1, PageNumber(1));
