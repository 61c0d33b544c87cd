//! Reading a database: tables, rows, values. Nothing is written, nothing is trusted.
//!
//! A page is read when somebody needs it; a few hundred are kept. What cannot be read is an error for
//! that page or that value, and reading goes on behind it.

mod catalog;
mod error;
mod long_value;
mod pages;
mod record;
mod rows;
mod schema;
mod tree;
mod value;

pub use error::{ReadError, ReadErrorKind};
pub use pages::Page;
pub use rows::{Row, Rows};
pub use schema::{Column, ColumnFlags, ColumnType, Index, IndexFlags, IndexSegment, LongValueTree, Table};
pub use tree::{LeafNode, Nodes};
pub use value::Value;

use alloc::string::String;
use alloc::vec::Vec;

use crate::header::{DatabaseHeader, DbState};
use crate::numbers::{PageNumber, PageSize};
use crate::source::PageSource;
use catalog::Catalog;
use pages::Pages;
use record::{Piece, Record};
use tree::Walk;

/// A database that is open for reading.
///
/// For several threads open one each over a shared source: a source is only borrowed for reading.
pub struct Database<S> {
    pages: Pages<S>,
    header: Option<DatabaseHeader>,
    catalog: Catalog,
}

impl<S: PageSource> Database<S> {
    /// Opens a database file or a streamed copy of one: its header (either copy) and its catalog.
    ///
    /// # Errors
    /// The source cannot be read, or neither the headers nor the pages tell the page size. Damage of
    /// the catalog is no error here: [`Self::catalog_errors`].
    pub fn open(source: S) -> Result<Self, ReadError> {
        let (pages, header) = Pages::open(source)?;
        let mut database = Self { pages, header, catalog: Catalog::default() };
        database.catalog = Catalog::read(&database);
        Ok(database)
    }

    /// The header copy that counts; `None` when both are damaged.
    pub fn header(&self) -> Option<&DatabaseHeader> {
        self.header.as_ref()
    }

    /// Whether the database may be in the middle of changes that are only in the logs, as every
    /// streamed copy is.
    pub fn is_dirty(&self) -> bool {
        self.header.is_none_or(|header| header.state != DbState::CleanShutdown)
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> PageSize {
        self.pages.size()
    }

    /// Number of pages, without the two header pages and the trailer of a stream.
    pub fn page_count(&self) -> u32 {
        self.pages.count()
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &S {
        self.pages.source()
    }

    /// A page whose checksum is right; one flipped bit is turned back, as the engine does.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or was never initialised.
    pub fn page(&self, number: PageNumber) -> Result<Page, ReadError> {
        self.pages.page(number)
    }

    /// All tables, those of the engine itself included, in the order of their object ids.
    pub fn tables(&self) -> &[Table] {
        &self.catalog.tables
    }

    /// The table with a name; letter case does not matter, as to the engine.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables().iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// What of the catalog could not be read: tables, columns or indexes may be missing.
    pub fn catalog_errors(&self) -> &[ReadError] {
        &self.catalog.errors
    }

    /// The nodes in the leaves of a tree in the order of keys, deleted ones included.
    pub fn nodes(&self, root: PageNumber) -> Nodes<'_, S> {
        Nodes::new(self, Walk::new(root))
    }

    /// The same from the first node whose key is not below `key`.
    pub fn nodes_from(&self, root: PageNumber, key: &[u8]) -> Nodes<'_, S> {
        Nodes::new(self, Walk::from(&self.pages, root, key))
    }

    /// The rows of a table in the order of its primary key.
    pub fn rows(&self, table: &Table) -> Rows<'_, S> {
        Rows::new(self, table.root)
    }

    /// The rows from the first whose primary key is not below `key`.
    pub fn rows_from(&self, table: &Table, key: &[u8]) -> Rows<'_, S> {
        Rows::from(self, table.root, key)
    }

    /// The row with a primary key: the bytes that an index keeps of a row.
    ///
    /// # Errors
    /// A page on the way to it is damaged.
    pub fn row(&self, table: &Table, key: &[u8]) -> Result<Option<Row>, ReadError> {
        let first = self.rows_from(table, key).next().transpose()?;
        Ok(first.filter(|row| row.key() == key))
    }

    /// The first value of a column, as `JetRetrieveColumn` returns it: `None` is NULL; defaults are
    /// applied, long values fetched, compressed ones decompressed.
    ///
    /// # Errors
    /// The record is damaged, or the long value is.
    pub fn value(&self, table: &Table, row: &Row, column: &Column) -> Result<Option<Vec<u8>>, ReadError> {
        let pieces = self.pieces(row, column)?;
        pieces.first().map(|piece| self.resolve(table, row, piece, usize::MAX)).transpose()
    }

    /// All values of a column; none for NULL.
    ///
    /// # Errors
    /// The record is damaged, or a long value is.
    pub fn values(&self, table: &Table, row: &Row, column: &Column) -> Result<Vec<Vec<u8>>, ReadError> {
        self.value_heads(table, row, column, usize::MAX)
    }

    /// All values of a column, of longer ones only the first `limit` bytes: all that an index key takes.
    ///
    /// # Errors
    /// The record is damaged, or a long value is; or the values together are longer than any real ones.
    pub fn value_heads(
        &self,
        table: &Table,
        row: &Row,
        column: &Column,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, ReadError> {
        let mut values = Vec::new();
        let mut length = 0_usize;
        for piece in self.pieces(row, column)? {
            let value = self.resolve(table, row, &piece, limit)?;
            length = length.saturating_add(value.len());
            // Many references to one long value cost the file nothing.
            if length > LONGEST_VALUES {
                return Err(row.error(ReadErrorKind::Record { column: column.name.clone() }));
            }
            values.push(value);
        }
        Ok(values)
    }

    /// The first value of a column as text; `None` for NULL. Bytes that are no text in the column's
    /// code page are replaced.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn text(&self, table: &Table, row: &Row, column: &Column) -> Result<Option<String>, ReadError> {
        Ok(self.value(table, row, column)?.map(|bytes| value::text(&bytes, column.code_page)))
    }

    /// The ids of the separated long values of a column, as the keys of their tree begin.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn long_value_keys(&self, row: &Row, column: &Column) -> Result<Vec<Vec<u8>>, ReadError> {
        let pieces = self.pieces(row, column)?;
        let separated = pieces.iter().filter(|piece| piece.separated);
        Ok(separated.map(|piece| piece.bytes.iter().rev().copied().collect()).collect())
    }

    fn pieces<'r>(&self, row: &'r Row, column: &'r Column) -> Result<Vec<Piece<'r>>, ReadError> {
        let is_large = self.page_size().bytes() > 8192;
        let pieces = Record::new(row.record(), is_large).and_then(|record| record.pieces(column));
        pieces.ok_or_else(|| row.error(ReadErrorKind::Record { column: column.name.clone() }))
    }

    fn resolve(
        &self,
        table: &Table,
        row: &Row,
        piece: &Piece<'_>,
        limit: usize,
    ) -> Result<Vec<u8>, ReadError> {
        if piece.encrypted {
            return Err(row.error(ReadErrorKind::Encrypted));
        }
        if piece.separated {
            let tree = table.long_values.as_ref();
            let tree = tree.ok_or_else(|| row.error(ReadErrorKind::LongValueMissing))?;
            return long_value::read(self, tree, piece.bytes, row, limit);
        }
        if piece.compressed {
            let plain = crate::compress::decompress(piece.bytes, LONGEST_INTRINSIC);
            return plain.map_err(|error| row.error(ReadErrorKind::Compression(error)));
        }
        Ok(piece.bytes.to_vec())
    }
}

/// Bytes of all values of a column in a row; one value of a CA has at most as many.
const LONGEST_VALUES: usize = 512 << 20;

/// Values inside a record are compressed one by one; their length has 16 bits.
const LONGEST_INTRINSIC: usize = 0x1_0000;
