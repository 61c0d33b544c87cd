use alloc::string::String;
use alloc::vec::Vec;

use ndr::{Error, Reader, Writer};

use super::blob::{push_text, text_at};

/// Type of a column and of its values: the low byte of `Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// A signed number, 4 bytes.
    Long,
    /// A point in time, 8 bytes: units of 100 ns since 1601.
    Date,
    /// Bytes.
    Binary,
    /// UTF-16LE text with a NUL.
    String,
}

impl ColumnType {
    /// From `Type`: the type and whether the column is indexed. The second byte is ignored.
    pub fn from_wire(value: u32) -> Option<(Self, bool)> {
        let kind = match value & 0xFF {
            1 => Self::Long,
            2 => Self::Date,
            3 => Self::Binary,
            4 => Self::String,
            _ => return None,
        };
        Some((kind, value & INDEXED != 0))
    }

    /// `Type`.
    pub fn to_wire(self, indexed: bool) -> u32 {
        let kind = match self {
            Self::Long => 1,
            Self::Date => 2,
            Self::Binary => 3,
            Self::String => 4,
        };
        if indexed { kind | INDEXED } else { kind }
    }
}

/// The column is indexed: lowest bit of the high word.
const INDEXED: u32 = 0x0001_0000;

/// One column of a table of the CA's database: `CERTTRANSDBCOLUMN`.
///
/// ```text
///  0  4  Type                low byte: see `ColumnType`; bit 16: indexed
///  4  4  Index               identifier of the column
///  8  4  cbMax               bytes that a value may have
/// 12  4  obwszName           offset from the first structure
/// 16  4  obwszDisplayName    offset from the first structure
/// ```
///
/// Source: [MS-CSRA] 2.2.1.7 and 2.2.1.7.1.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/2c8a82e0-8d7e-405f-bd86-e59ef4971bf1
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Type of its values.
    pub kind: ColumnType,
    /// It is indexed.
    pub indexed: bool,
    /// Identifier, for example 0x1000 for `Request.RequestID`.
    pub id: u32,
    /// Bytes that a value may have.
    pub max_size: u32,
    /// Name, the same in all languages.
    pub name: String,
    /// Name in the system language of the server.
    pub display_name: String,
}

/// Bytes of one `CERTTRANSDBCOLUMN`.
const SIZE: usize = 20;

impl Column {
    /// The array of `count` structures in a blob.
    ///
    /// # Errors
    /// Fewer bytes than structures, an unknown type, a name outside the blob or without its end.
    pub fn decode_all(bytes: &[u8], count: u32) -> Result<Vec<Self>, Error> {
        let mut budget = bytes.len();
        let mut reader = Reader::new(bytes);
        (0..count)
            .map(|_| {
                let (kind, indexed) = read_type(&mut reader)?;
                let id = reader.u32("Index")?;
                let max_size = reader.u32("cbMax")?;
                let name = reader.u32("obwszName")?;
                let display_name = reader.u32("obwszDisplayName")?;
                Ok(Self {
                    kind,
                    indexed,
                    id,
                    max_size,
                    name: text_at(bytes, "obwszName", name, &mut budget)?,
                    display_name: text_at(bytes, "obwszDisplayName", display_name, &mut budget)?,
                })
            })
            .collect()
    }

    /// The blob with these structures.
    pub fn encode_all(columns: &[Self]) -> Vec<u8> {
        let start = columns.len().saturating_mul(SIZE);
        let (mut heads, mut names) = (Writer::new(), Writer::new());
        for column in columns {
            let name = push_text(&mut names, &column.name);
            let display_name = push_text(&mut names, &column.display_name);
            heads.u32(column.kind.to_wire(column.indexed));
            heads.u32(column.id);
            heads.u32(column.max_size);
            heads.count(start.saturating_add(name));
            heads.count(start.saturating_add(display_name));
        }
        heads.raw(&names.finish());
        heads.finish()
    }
}

/// `Type` of a column.
pub(super) fn read_type(reader: &mut Reader<'_>) -> Result<(ColumnType, bool), Error> {
    let at = reader.position();
    let value = reader.u32("Type")?;
    ColumnType::from_wire(value).ok_or(Error::Invalid { what: "Type", at, value: u64::from(value) })
}
