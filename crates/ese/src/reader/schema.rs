//! What the catalog says: tables, columns, indexes.
//!
//! Source: format digest section 8.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::value::{self, Value};
use crate::numbers::PageNumber;

/// A table.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Object id of the table and of its primary tree (`objidFDP`).
    pub object: u32,
    /// Root of the tree that holds its rows.
    pub root: PageNumber,
    /// Its columns in the order of their ids, those of a template first.
    pub columns: Vec<Column>,
    /// Its indexes, the primary one included.
    pub indexes: Vec<Index>,
    /// The tree of its long values, once there was one.
    pub long_values: Option<LongValueTree>,
    /// Flags of the catalog entry.
    pub flags: u32,
    /// The table whose columns it inherits.
    pub template: Option<String>,
}

impl Table {
    /// The column with a name; letter case does not matter.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The index with a name; letter case does not matter.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name.eq_ignore_ascii_case(name))
    }

    /// The index in whose order the rows are kept; `None`: in the order of their making.
    pub fn primary(&self) -> Option<&Index> {
        self.indexes.iter().find(|index| index.flags.is_primary())
    }

    /// The column that an index segment names.
    pub fn segment_column(&self, segment: &IndexSegment) -> Option<&Column> {
        let of_template = |column: &&Column| column.is_inherited == segment.template;
        let mut columns = self.columns.iter().filter(|column| column.id == segment.column);
        columns.clone().find(of_template).or_else(|| columns.next())
    }
}

/// The tree of the long values of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LongValueTree {
    /// Object id.
    pub object: u32,
    /// Root of the tree.
    pub root: PageNumber,
}

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its id: 1 to 127 fixed, 128 to 255 variable, from 256 tagged.
    pub id: u16,
    /// The type of its values.
    pub kind: ColumnType,
    /// 1200 for UTF-16, 1252 or another for text of 8 bits; 0 for what is no text.
    pub code_page: u16,
    /// Flags.
    pub flags: ColumnFlags,
    /// Longest value, in bytes; 0: no limit of its own.
    pub size: u32,
    /// Where the value of a fixed column lies in a record.
    pub offset: u16,
    /// The value of rows that were made before the column.
    pub default: Option<Vec<u8>>,
    /// Comes from the template of the table.
    pub is_inherited: bool,
}

impl Column {
    /// Is its value at a fixed place of the record?
    pub const fn is_fixed(&self) -> bool {
        self.id < 128
    }

    /// Is it stored only in rows that have it?
    pub const fn is_tagged(&self) -> bool {
        self.id >= 256
    }

    /// A value of the column by its type; of a wrong length, as bytes.
    pub fn decode(&self, bytes: &[u8]) -> Value {
        value::decode(self.kind, self.code_page, bytes)
    }
}

/// Flags of a column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ColumnFlags(pub u32);

#[rustfmt::skip]
impl ColumnFlags {
    /// NULL is not allowed.
    pub const fn is_not_null(self) -> bool { self.0 & 0x1 != 0 }
    /// The engine numbers rows with it.
    pub const fn is_autoincrement(self) -> bool { self.0 & 0x4 != 0 }
    /// May have several values.
    pub const fn is_multi_valued(self) -> bool { self.0 & 0x8 != 0 }
    /// Its default is computed by the application.
    pub const fn has_computed_default(self) -> bool { self.0 & 0x80 != 0 }
    /// Its values may be compressed.
    pub const fn is_compressed(self) -> bool { self.0 & 0x1000 != 0 }
    /// Its values are encrypted.
    pub const fn is_encrypted(self) -> bool { self.0 & 0x2000 != 0 }
}

/// The type of the values of a column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of the engine's types say it")]
pub enum ColumnType {
    Bit,
    UnsignedByte,
    Short,
    Long,
    Currency,
    Single,
    Double,
    /// 8 bytes; AD CS keeps a `FILETIME` in them.
    DateTime,
    Binary,
    Text,
    LongBinary,
    LongText,
    UnsignedLong,
    LongLong,
    Guid,
    UnsignedShort,
    UnsignedLongLong,
    /// A type that this crate does not know; its values are bytes.
    Unknown(u32),
}

impl ColumnType {
    pub(super) const fn from_catalog(number: u32) -> Self {
        match number {
            1 => Self::Bit,
            2 => Self::UnsignedByte,
            3 => Self::Short,
            4 => Self::Long,
            5 => Self::Currency,
            6 => Self::Single,
            7 => Self::Double,
            8 => Self::DateTime,
            9 => Self::Binary,
            10 => Self::Text,
            11 => Self::LongBinary,
            12 => Self::LongText,
            14 => Self::UnsignedLong,
            15 => Self::LongLong,
            16 => Self::Guid,
            17 => Self::UnsignedShort,
            18 => Self::UnsignedLongLong,
            other => Self::Unknown(other),
        }
    }

    /// Bytes of a value, for the types that have only one length.
    pub const fn width(self) -> Option<u16> {
        Some(match self {
            Self::Bit | Self::UnsignedByte => 1,
            Self::Short | Self::UnsignedShort => 2,
            Self::Long | Self::Single | Self::UnsignedLong => 4,
            Self::Currency | Self::Double | Self::DateTime | Self::LongLong | Self::UnsignedLongLong => 8,
            Self::Guid => 16,
            _ => return None,
        })
    }

    /// Is it text?
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::LongText)
    }

    /// May its values lie in the tree of long values?
    pub const fn is_long(self) -> bool {
        matches!(self, Self::LongBinary | Self::LongText)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Unknown(number) = self { write!(f, "type {number}") } else { fmt::Debug::fmt(self, f) }
    }
}

/// An index.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Object id.
    pub object: u32,
    /// Root of its tree; of the primary index that of the table.
    pub root: PageNumber,
    /// Flags.
    pub flags: IndexFlags,
    /// The columns that make its key, in order.
    pub segments: Vec<IndexSegment>,
    /// Longest key, in bytes.
    pub key_most: u16,
    /// Longest part of a key that comes from one variable or tagged column, in bytes; 0: no limit of
    /// its own.
    pub segment_most: u16,
    /// Locale id of its text; the name when there is one says more.
    pub locale: u32,
    /// Locale name of its text, as `en-US`.
    pub locale_name: Option<String>,
    /// Flags of the text normalisation (`LCMapString`).
    pub map_flags: u32,
    /// Only rows that meet conditions have entries.
    pub is_conditional: bool,
    /// Its keys are pieces of a value.
    pub is_tuple: bool,
}

/// Flags of an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct IndexFlags(pub u32);

#[rustfmt::skip]
impl IndexFlags {
    /// No two entries with the same key.
    pub const fn is_unique(self) -> bool { self.0 & 0x1 != 0 }
    /// Rows with NULL in all columns have entries.
    pub const fn allows_all_nulls(self) -> bool { self.0 & 0x2 != 0 }
    /// Rows with NULL in the first column have entries.
    pub const fn allows_first_null(self) -> bool { self.0 & 0x4 != 0 }
    /// Rows with NULL in some columns have entries.
    pub const fn allows_some_nulls(self) -> bool { self.0 & 0x8 != 0 }
    /// NULL is an error.
    pub const fn forbids_nulls(self) -> bool { self.0 & 0x10 != 0 }
    /// The rows themselves are kept in its order.
    pub const fn is_primary(self) -> bool { self.0 & 0x20 != 0 }
    /// One of its columns may have several values.
    pub const fn is_multi_valued(self) -> bool { self.0 & 0x80 != 0 }
    /// NULL is above every value.
    pub const fn sorts_nulls_high(self) -> bool { self.0 & 0x800 != 0 }
    /// Every combination of the values of its columns has an entry.
    pub const fn is_cross_product(self) -> bool { self.0 & 0x2000 != 0 }
    /// Keys that are too long are refused instead of cut.
    pub const fn forbids_truncation(self) -> bool { self.0 & 0x4000 != 0 }
    /// The values of its columns are taken row by row.
    pub const fn is_nested(self) -> bool { self.0 & 0x8000 != 0 }
    /// GUIDs sort as the .NET library sorts them.
    pub const fn sorts_guids_as_dotnet(self) -> bool { self.0 & 0x2_0000 != 0 }
    /// Not all rows have their entries yet.
    pub const fn is_incomplete(self) -> bool { self.0 & 0x4_0000 != 0 }
}

/// One column of an index key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct IndexSegment {
    /// Id of the column.
    pub column: u16,
    /// Highest values first.
    pub descending: bool,
    /// Only rows with NULL here have entries.
    pub must_be_null: bool,
    /// The column is one of the template.
    pub template: bool,
}
