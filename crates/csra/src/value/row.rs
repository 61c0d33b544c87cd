use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use ndr::{Error, Reader, Writer};

use super::column::read_type;
use super::{ColumnType, decode_text};

/// One value of a row: `CERTTRANSDBRESULTCOLUMN` and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Type of the value.
    pub kind: ColumnType,
    /// The column is indexed.
    pub indexed: bool,
    /// Identifier of the column.
    pub column: u32,
    /// The bytes; none for a value that is not there.
    pub value: Cow<'a, [u8]>,
}

impl Cell<'_> {
    /// The number, of a value of type [`ColumnType::Long`].
    pub fn long(&self) -> Option<i32> {
        let bytes = <[u8; 4]>::try_from(self.value.as_ref()).ok()?;
        (self.kind == ColumnType::Long).then(|| i32::from_le_bytes(bytes))
    }

    /// The point in time in units of 100 ns since 1601, of a value of type [`ColumnType::Date`].
    pub fn date(&self) -> Option<u64> {
        let bytes = <[u8; 8]>::try_from(self.value.as_ref()).ok()?;
        (self.kind == ColumnType::Date).then(|| u64::from_le_bytes(bytes))
    }

    /// The text, of a value of type [`ColumnType::String`].
    pub fn text(&self) -> Option<String> {
        (self.kind == ColumnType::String).then(|| decode_text(&self.value).ok())?
    }
}

/// One row of a view: `CERTTRANSDBRESULTROW` and what belongs to it.
///
/// ```text
///  0  4  rowid
///  4  4  ccol       values
///  8  4  cbrow      bytes of the row, from rowid to the end of its last value
/// 12     ccol times:
///     0  4  Type       see `ColumnType`
///     4  4  Index      identifier of the column
///     8  4  obValue    offset from rowid, multiple of 4
///    12  4  cbValue    bytes of the value
///        the values, each padded to a multiple of 4
/// ```
///
/// Source: [MS-CSRA] 2.2.3, 2.2.3.1, 2.2.1.10 and 2.2.1.10.1.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Identifier of the row.
    pub id: u32,
    /// Its values, in the order of the columns that were asked for.
    pub cells: Vec<Cell<'a>>,
}

/// The rows of one reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows<'a> {
    /// The rows.
    pub rows: Vec<Row<'a>>,
    /// Rows of the whole view: there when the reply reaches its end ([MS-CSRA] 3.1.4.1.13).
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    pub total: Option<u32>,
}

/// Bytes of `CERTTRANSDBRESULTROW` and of `CERTTRANSDBRESULTCOLUMN`.
const ROW_SIZE: usize = 12;
const CELL_SIZE: usize = 16;

impl<'a> Rows<'a> {
    /// The `fetched` rows of a blob. Values are not copied.
    ///
    /// # Errors
    /// Fewer bytes than rows, an unknown type, a value outside its row.
    pub fn decode(bytes: &'a [u8], fetched: u32) -> Result<Self, Error> {
        let mut left = bytes;
        let mut rows = Vec::new();
        for _ in 0..fetched {
            let (row, rest) = Row::decode(left)?;
            rows.push(row);
            left = rest;
        }
        let mut reader = Reader::new(left);
        let total = match (reader.u32("rowid"), reader.u32("ccol")) {
            (Ok(total), Ok(inverse)) if inverse == !total => Some(total),
            _ => None,
        };
        Ok(Self { rows, total })
    }

    /// The blob with these rows, and the extra one at the end of the view.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.rows.iter().for_each(|row| row.encode(&mut bytes));
        if let Some(total) = self.total {
            let size = u32::try_from(ROW_SIZE).unwrap_or_default();
            bytes.extend([total, !total, size].into_iter().flat_map(u32::to_le_bytes));
        }
        bytes
    }
}

impl<'a> Row<'a> {
    fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Error> {
        let mut reader = Reader::new(bytes);
        let id = reader.u32("rowid")?;
        let count = reader.u32("ccol")?;
        let size = reader.u32("cbrow")?;
        let split = usize::try_from(size).ok().and_then(|size| bytes.split_at_checked(size));
        let Some((row, rest)) = split.filter(|(row, _)| row.len() >= ROW_SIZE) else {
            return Err(Error::Invalid { what: "cbrow", at: 8, value: u64::from(size) });
        };
        let mut reader = Reader::new(row);
        reader.raw("CERTTRANSDBRESULTROW", ROW_SIZE)?;
        let cells = (0..count).map(|_| Cell::decode(&mut reader, row)).collect::<Result<_, _>>()?;
        Ok((Self { id, cells }, rest))
    }

    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        let mut offset = self.cells.len().saturating_mul(CELL_SIZE).saturating_add(ROW_SIZE);
        let (mut heads, mut values) = (Writer::new(), Writer::new());
        for cell in &self.cells {
            heads.u32(cell.kind.to_wire(cell.indexed));
            heads.u32(cell.column);
            heads.count(offset);
            heads.count(cell.value.len());
            values.raw(&cell.value);
            values.align(4);
            offset = offset.saturating_add(cell.value.len().next_multiple_of(4));
        }
        let mut row = Writer::with_capacity(offset);
        row.u32(self.id);
        row.count(self.cells.len());
        row.count(offset);
        row.raw(&heads.finish());
        row.raw(&values.finish());
        bytes.extend(row.finish());
    }
}

impl<'a> Cell<'a> {
    fn decode(reader: &mut Reader<'_>, row: &'a [u8]) -> Result<Self, Error> {
        let (kind, indexed) = read_type(reader)?;
        let column = reader.u32("Index")?;
        let at = reader.position();
        let offset = reader.u32("obValue")?;
        let size = reader.u32("cbValue")?;
        let value = match (usize::try_from(offset), usize::try_from(size)) {
            // A value that is not there has no offset that could be wrong.
            (_, Ok(0)) => Some(&[][..]),
            (Ok(offset), Ok(size)) => row.get(offset..).and_then(|tail| tail.get(..size)),
            _ => None,
        };
        let value = value.ok_or(Error::Invalid { what: "obValue", at, value: u64::from(offset) })?;
        Ok(Self { kind, indexed, column, value: Cow::Borrowed(value) })
    }
}
