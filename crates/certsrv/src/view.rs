//! Views of the database: the columns of its tables, and the rows of `view.toml`.
//!
//! The database itself is not read yet: a state's folder may have a `view.toml` instead.
//!
//! ```toml
//! [[request]]                       # also [[extension]], [[attribute]], [[crl]]
//! "Request.RequestID" = 7           # a number, a text, or { hex = ".." }; dates are numbers of 100 ns
//! "SerialNumber" = "6100000007"     # since 1601
//! ```

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use csra::method::{Restriction, Table};
use csra::value::{Cell, Column, ColumnType, Row, encode_text};
use dtyp::HResult;
use serde::Deserialize;

use crate::config::hex;
use crate::disk;
use crate::site::Site;

mod schema;

/// All columns of a table, in the order of their numbers.
pub(crate) fn columns(table: Table) -> Vec<Column> {
    let groups = schema::GROUPS.iter().filter(|group| group.table == table);
    groups
        .flat_map(|group| {
            (group.first..).zip(group.columns).map(|(id, (name, kind, max_size, indexed))| Column {
                kind: *kind,
                indexed: *indexed,
                id,
                max_size: *max_size,
                name: format!("{}{name}", group.prefix),
                display_name: format!("{}{name}", group.prefix),
            })
        })
        .collect()
}

/// The columns of a usual view (`CV_COLUMN_*`).
pub(crate) fn default_columns(view: u32) -> Option<Vec<u32>> {
    let (table, names) =
        schema::DEFAULTS.iter().find(|(view_of, ..)| *view_of == view).map(|d| (d.1, d.2))?;
    let columns = columns(table);
    let id = |name: &&str| columns.iter().find(|column| column.name == **name).map(|column| column.id);
    Some(names.iter().filter_map(id).collect())
}

/// All rows that meet the restrictions, sorted, with the columns wanted.
pub(crate) fn rows(
    site: &Site,
    restrictions: &[Restriction],
    wanted: &[u32],
) -> Result<Vec<Row<'static>>, HResult> {
    let table =
        table_of(restrictions.iter().map(|restriction| restriction.column).chain(wanted.iter().copied()))?;
    let columns = columns(table);
    let find = |id: u32| columns.iter().find(|column| column.id == id).ok_or(HResult::INVALID_ARG);
    for restriction in restrictions {
        check(find(restriction.column)?, restriction)?;
    }
    if wanted.len() > columns.len() {
        // The same one again and again would multiply with the rows.
        return Err(HResult::INVALID_ARG);
    }
    let wanted: Vec<&Column> = wanted.iter().map(|id| find(*id)).collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for values in read(site, table, &columns)? {
        let meets = |restriction: &Restriction| {
            let column = columns.iter().find(|column| column.id == restriction.column);
            let value = values.get(&restriction.column).map(Vec::as_slice).unwrap_or_default();
            column.is_some_and(|column| meets(column.kind, value, restriction))
        };
        if restrictions.iter().all(meets) {
            rows.push(values);
        }
    }
    if let Some(sort) = restrictions.iter().find(|restriction| restriction.sort != 0) {
        let kind = find(sort.column)?.kind;
        let value = |row: &Values| row.get(&sort.column).cloned().unwrap_or_default();
        rows.sort_by(|a, b| compare(kind, &value(a), &value(b)));
        if sort.sort == DESCENDING {
            rows.reverse();
        }
    }
    let row =
        |(values, id): (Values, u32)| Row { id, cells: wanted.iter().map(|c| cell(c, &values)).collect() };
    Ok(rows.into_iter().zip(1..).map(row).collect())
}

/// Values of a row, encoded, by column.
type Values = BTreeMap<u32, Vec<u8>>;

fn cell(column: &Column, values: &Values) -> Cell<'static> {
    let value = Cow::Owned(values.get(&column.id).cloned().unwrap_or_default());
    Cell { kind: column.kind, indexed: column.indexed, column: column.id, value }
}

/// The one table that all the columns are of.
fn table_of(ids: impl Iterator<Item = u32>) -> Result<Table, HResult> {
    let mut table = None;
    for id in ids {
        let group = schema::GROUPS.iter().find(|group| group.has(id)).ok_or(HResult::INVALID_ARG)?;
        if *table.get_or_insert(group.table) != group.table {
            return Err(HResult::INVALID_ARG);
        }
    }
    table.ok_or(HResult::INVALID_ARG)
}

fn check(column: &Column, restriction: &Restriction) -> Result<(), HResult> {
    let size_fits = match column.kind {
        ColumnType::Long => restriction.value.len() == 4,
        ColumnType::Date => restriction.value.len() == 8,
        ColumnType::String => restriction.value.len().is_multiple_of(2),
        ColumnType::Binary => true,
    };
    let is_operator = matches!(restriction.seek, EQ | LT | LE | GE | GT)
        && (column.kind != ColumnType::Binary || restriction.seek == EQ);
    let is_order = (0..=DESCENDING).contains(&restriction.sort);
    if size_fits && is_operator && is_order { Ok(()) } else { Err(HResult::INVALID_ARG) }
}

/// `SeekOperator`.
const EQ: i32 = 1;
const LT: i32 = 2;
const LE: i32 = 4;
const GE: i32 = 8;
const GT: i32 = 16;
/// `SortOrder`.
const DESCENDING: i32 = 2;

/// A value that is not there meets nothing.
fn meets(kind: ColumnType, value: &[u8], restriction: &Restriction) -> bool {
    if value.is_empty() {
        return false;
    }
    let order = compare(kind, value, &restriction.value);
    match restriction.seek {
        EQ => order == Ordering::Equal,
        LT => order == Ordering::Less,
        LE => order != Ordering::Greater,
        GE => order != Ordering::Less,
        GT => order == Ordering::Greater,
        _ => false,
    }
}

fn compare(kind: ColumnType, a: &[u8], b: &[u8]) -> Ordering {
    match kind {
        ColumnType::Long => long(a).cmp(&long(b)),
        ColumnType::Date => date(a).cmp(&date(b)),
        ColumnType::Binary => a.cmp(b),
        ColumnType::String => text(a).cmp(&text(b)),
    }
}

fn long(bytes: &[u8]) -> Option<i32> {
    bytes.first_chunk().map(|bytes| i32::from_le_bytes(*bytes))
}

fn date(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Text compares without case, and with or without its NUL.
fn text(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let text = String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>());
    text.to_lowercase()
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    request: Vec<BTreeMap<String, Item>>,
    extension: Vec<BTreeMap<String, Item>>,
    attribute: Vec<BTreeMap<String, Item>>,
    crl: Vec<BTreeMap<String, Item>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Number(i64),
    Text(String),
    Binary { hex: String },
}

fn read(site: &Site, table: Table, columns: &[Column]) -> Result<Vec<Values>, HResult> {
    let state = site.current().map_err(|_| HResult::DISK_IO)?.state;
    let path = Site::state_folder(&site.dir, state).join("view.toml");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let file: File = disk::read_toml(&path).map_err(|_| HResult::DISK_IO)?;
    let rows = match table {
        Table::Request => file.request,
        Table::Extension => file.extension,
        Table::Attribute => file.attribute,
        Table::Crl => file.crl,
    };
    let encode = |row: BTreeMap<String, Item>| -> Option<Values> {
        row.into_iter()
            .map(|(name, item)| {
                let column = columns.iter().find(|column| column.name == name)?;
                Some((column.id, item.encode(column.kind)?))
            })
            .collect()
    };
    rows.into_iter().map(encode).collect::<Option<_>>().ok_or(HResult::INVALID_DATA)
}

impl Item {
    fn encode(self, kind: ColumnType) -> Option<Vec<u8>> {
        Some(match (self, kind) {
            (Self::Number(number), ColumnType::Long) => i32::try_from(number).ok()?.to_le_bytes().to_vec(),
            (Self::Number(number), ColumnType::Date) => u64::try_from(number).ok()?.to_le_bytes().to_vec(),
            (Self::Text(text), ColumnType::String) => encode_text(&text),
            (Self::Binary { hex: digits }, ColumnType::Binary) => hex(&digits)?,
            _ => return None,
        })
    }
}
