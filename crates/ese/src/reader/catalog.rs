//! The catalog: tables, columns and indexes from the rows of `MSysObjects`.
//!
//! Source: format digest section 8.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::schema::{Column, ColumnFlags, ColumnType, Index, IndexFlags, IndexSegment, LongValueTree, Table};
use super::{Database, ReadError, ReadErrorKind, Row, Rows, value};
use crate::bytes::Fields;
use crate::numbers::PageNumber;
use crate::source::PageSource;

/// What the catalog says.
#[derive(Default)]
pub(super) struct Catalog {
    pub(super) tables: Vec<Table>,
    pub(super) errors: Vec<ReadError>,
}

impl Catalog {
    /// Reads the catalog; where that is damaged and its copy is not, the copy.
    pub(super) fn read<S: PageSource>(database: &Database<S>) -> Self {
        let main = Self::read_from(database, CATALOG);
        if main.errors.is_empty() && !main.tables.is_empty() {
            return main;
        }
        // Before Windows 7 this page is any other.
        if !database.page(CATALOG_COPY).is_ok_and(|page| page.view().object() == COPY_OBJECT) {
            return main;
        }
        let copy = Self::read_from(database, CATALOG_COPY);
        let better = !copy.tables.is_empty()
            && (copy.errors.len() < main.errors.len() || copy.tables.len() > main.tables.len());
        if better { Self { tables: copy.tables, errors: main.errors } } else { main }
    }

    fn read_from<S: PageSource>(database: &Database<S>, root: PageNumber) -> Self {
        let entries = entry_columns();
        let schema = entry_table(root);
        let mut reading = Reading::default();
        let mut errors = Vec::new();
        for row in Rows::new(database, root) {
            let entry = row.and_then(|row| {
                let entry = Entry { database, row: &row, columns: &entries, schema: &schema };
                entry.add_to(&mut reading)?.ok_or_else(|| row.error(ReadErrorKind::CatalogEntry))
            });
            errors.extend(entry.err());
        }
        Self { tables: reading.finish(), errors }
    }
}

/// Tables while their entries come in.
#[derive(Default)]
struct Reading {
    tables: BTreeMap<u32, Table>,
}

impl Reading {
    fn finish(mut self) -> Vec<Table> {
        let names: BTreeMap<String, u32> =
            self.tables.iter().map(|(object, table)| (table.name.clone(), *object)).collect();
        let mut inherited = 0_usize;
        let templates: Vec<(u32, Vec<Column>)> = self
            .tables
            .iter()
            .filter_map(|(object, table)| {
                let template = self.tables.get(names.get(table.template.as_ref()?)?)?;
                inherited = inherited.saturating_add(template.columns.len());
                if inherited > MOST_INHERITED {
                    return None;
                }
                let inherit = |column: &Column| Column { is_inherited: true, ..column.clone() };
                Some((*object, template.columns.iter().map(inherit).collect()))
            })
            .collect();
        for (object, mut columns) in templates {
            if let Some(table) = self.tables.get_mut(&object) {
                columns.append(&mut table.columns);
                table.columns = columns;
            }
        }
        self.tables.into_values().map(place_fixed_columns).collect()
    }
}

/// Fixed columns lie behind each other, with gaps where columns were deleted. For its own columns the
/// catalog names no place or the first one for all of them.
fn place_fixed_columns(mut table: Table) -> Table {
    let mut next = 4_u16;
    for column in table.columns.iter_mut().filter(|column| column.is_fixed()) {
        column.offset = column.offset.max(next);
        let width = column.kind.width().or_else(|| u16::try_from(column.size).ok());
        next = column.offset.saturating_add(width.unwrap_or(0));
    }
    table
}

/// One row of the catalog.
struct Entry<'e, S> {
    database: &'e Database<S>,
    row: &'e Row,
    columns: &'e [Column],
    schema: &'e Table,
}

impl<S: PageSource> Entry<'_, S> {
    fn bytes(&self, id: u16) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(column) = self.columns.iter().find(|column| column.id == id) else { return Ok(None) };
        self.database.value(self.schema, self.row, column)
    }

    /// A fixed column; NULL is 0.
    fn number(&self, id: u16) -> Result<u32, ReadError> {
        let mut padded = [0; 4];
        for (to, from) in padded.iter_mut().zip(self.bytes(id)?.unwrap_or_default()) {
            *to = from;
        }
        Ok(u32::from_le_bytes(padded))
    }

    fn short(&self, id: u16) -> Result<u16, ReadError> {
        Ok(u16::try_from(self.number(id)? & 0xFFFF).unwrap_or(0))
    }

    fn text(&self, id: u16, code_page: u16) -> Result<Option<String>, ReadError> {
        Ok(self.bytes(id)?.map(|bytes| value::text(&bytes, code_page)))
    }

    /// `None` when the entry means nothing.
    fn add_to(&self, reading: &mut Reading) -> Result<Option<()>, ReadError> {
        let table = self.number(id::TABLE)?;
        let own = self.number(id::ID)?;
        let name = self.text(id::NAME, 1252)?.unwrap_or_default();
        match self.short(id::TYPE)? {
            1 => {
                let entry = Table {
                    name,
                    object: table,
                    root: PageNumber(self.number(id::ROOT)?),
                    columns: Vec::new(),
                    indexes: Vec::new(),
                    long_values: None,
                    flags: self.number(id::FLAGS)?,
                    template: self.text(id::TEMPLATE, 1252)?.filter(|name| !name.is_empty()),
                };
                reading.tables.insert(table, entry);
                Ok(Some(()))
            }
            2 => {
                let column = self.column(own, name)?;
                Ok(reading
                    .tables
                    .get_mut(&table)
                    .zip(column)
                    .map(|(table, column)| table.columns.push(column)))
            }
            3 => {
                let index = self.index(own, name)?;
                Ok(reading.tables.get_mut(&table).map(|table| table.indexes.push(index)))
            }
            4 => {
                let tree = LongValueTree { object: own, root: PageNumber(self.number(id::ROOT)?) };
                Ok(reading.tables.get_mut(&table).map(|table| table.long_values = Some(tree)))
            }
            // Callbacks and what later versions add say nothing about where rows are.
            _ => Ok(Some(())),
        }
    }

    fn column(&self, own: u32, name: String) -> Result<Option<Column>, ReadError> {
        let Ok(own) = u16::try_from(own) else { return Ok(None) };
        let default = self.bytes(id::DEFAULT)?;
        let kind = ColumnType::from_catalog(self.number(id::ROOT)?);
        let flags = ColumnFlags(self.number(id::FLAGS)?);
        let code_page = if kind.is_text() { self.short(id::PAGES)? } else { 0 };
        Ok((own != 0).then_some(Column {
            name,
            id: own,
            kind,
            code_page,
            flags,
            size: self.number(id::SPACE)?,
            offset: if own < 128 { self.short(id::OFFSET)? } else { 0 },
            // A default that the application computes is not in the file.
            default: default.filter(|_| !flags.has_computed_default()),
            is_inherited: false,
        }))
    }

    fn index(&self, own: u32, name: String) -> Result<Index, ReadError> {
        let flags = self.number(id::FLAGS)?;
        let segments = self.bytes(id::SEGMENTS)?.unwrap_or_default();
        let key_most = self.short(id::KEY_MOST)?;
        Ok(Index {
            name,
            object: own,
            root: PageNumber(self.number(id::ROOT)?),
            flags: IndexFlags(flags),
            segments: index_segments(&segments, flags & LONG_SEGMENTS != 0),
            key_most: if key_most == 0 { KEY_MOST } else { key_most },
            segment_most: self.bytes(id::SEGMENT_MOST)?.map_or(0, |bytes| Fields(&bytes).u16(0)),
            locale: self.number(id::PAGES)?,
            locale_name: self.text(id::LOCALE_NAME, 1200)?,
            map_flags: self.number(id::MAP_FLAGS)?,
            is_conditional: self.bytes(id::CONDITIONS)?.is_some(),
            is_tuple: self.bytes(id::TUPLES)?.is_some(),
        })
    }
}

fn index_segments(bytes: &[u8], is_long: bool) -> Vec<IndexSegment> {
    if is_long {
        let (segments, _) = bytes.as_chunks::<4>();
        let segment = |&[flags, _, low, high]: &[u8; 4]| IndexSegment {
            column: u16::from_le_bytes([low, high]),
            descending: flags & 0x40 != 0,
            must_be_null: flags & 0x20 != 0,
            template: flags & 0x80 != 0,
        };
        return segments.iter().map(segment).collect();
    }
    // Before Windows XP: signed numbers, negative ones descending.
    let (segments, _) = bytes.as_chunks::<2>();
    let segment = |bytes: &[u8; 2]| {
        let number = i16::from_le_bytes(*bytes);
        let (column, descending) = (number.unsigned_abs(), number < 0);
        IndexSegment { column, descending, must_be_null: false, template: false }
    };
    segments.iter().map(segment).collect()
}

/// The catalog as a table, for reading it by its own rules.
fn entry_table(root: PageNumber) -> Table {
    Table {
        name: String::from("MSysObjects"),
        object: 2,
        root,
        columns: Vec::new(),
        indexes: Vec::new(),
        long_values: None,
        flags: 0,
        template: None,
    }
}

fn entry_columns() -> Vec<Column> {
    let column = |id, kind, offset| Column {
        name: String::new(),
        id,
        kind,
        code_page: 0,
        flags: ColumnFlags(0),
        size: 0,
        offset,
        default: None,
        is_inherited: false,
    };
    let fixed = [
        (id::TABLE, ColumnType::Long, 4),
        (id::TYPE, ColumnType::Short, 8),
        (id::ID, ColumnType::Long, 10),
        (id::ROOT, ColumnType::Long, 14),
        (id::SPACE, ColumnType::Long, 18),
        (id::FLAGS, ColumnType::Long, 22),
        (id::PAGES, ColumnType::Long, 26),
        (id::OFFSET, ColumnType::Short, 31),
        (id::MAP_FLAGS, ColumnType::Long, 33),
        (id::KEY_MOST, ColumnType::UnsignedShort, 37),
    ];
    let others = [
        id::NAME,
        id::TEMPLATE,
        id::DEFAULT,
        id::SEGMENTS,
        id::SEGMENT_MOST,
        id::CONDITIONS,
        id::TUPLES,
        id::LOCALE_NAME,
    ];
    let mut columns = vec![];
    columns.extend(fixed.map(|(id, kind, offset)| column(id, kind, offset)));
    columns.extend(others.map(|id| column(id, ColumnType::Binary, 0)));
    columns
}

/// Columns of the catalog.
mod id {
    pub(super) const TABLE: u16 = 1;
    pub(super) const TYPE: u16 = 2;
    pub(super) const ID: u16 = 3;
    /// The root of a tree, or the type of a column.
    pub(super) const ROOT: u16 = 4;
    pub(super) const SPACE: u16 = 5;
    pub(super) const FLAGS: u16 = 6;
    /// Pages, or the code page of a column, or the locale of an index.
    pub(super) const PAGES: u16 = 7;
    pub(super) const OFFSET: u16 = 9;
    pub(super) const MAP_FLAGS: u16 = 10;
    pub(super) const KEY_MOST: u16 = 11;
    pub(super) const NAME: u16 = 128;
    pub(super) const TEMPLATE: u16 = 130;
    pub(super) const DEFAULT: u16 = 131;
    pub(super) const SEGMENTS: u16 = 132;
    pub(super) const SEGMENT_MOST: u16 = 133;
    pub(super) const CONDITIONS: u16 = 134;
    pub(super) const TUPLES: u16 = 135;
    pub(super) const LOCALE_NAME: u16 = 261;
}

/// Root of the catalog, in every database.
const CATALOG: PageNumber = PageNumber(4);

/// Root of its copy, in databases made by Windows 7 and later.
const CATALOG_COPY: PageNumber = PageNumber(24);

/// Object of the copy.
const COPY_OBJECT: u32 = 3;

/// Columns that all tables together may inherit: a small file could ask for any number.
const MOST_INHERITED: usize = 1 << 18;

/// Index flag above the 16 of the index itself: segments have four bytes.
const LONG_SEGMENTS: u32 = 0x1_0000;

/// Longest key where the catalog says nothing.
const KEY_MOST: u16 = 255;
