//! Which rows a defect concerns, in words.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;

use super::plan::{Kind, Tree};
use super::tree::Range;
use crate::finding::Affected;
use crate::reader::{ColumnType, Index, Table};

/// The part of the table with the rows between two keys of the tree.
pub(super) fn affected(tree: &Tree<'_>, range: &Range) -> Box<Affected> {
    let rows = match tree.kind {
        Kind::Rows | Kind::Index => rows_between(tree, range),
        Kind::LongValues | Kind::Space => String::new(),
    };
    Box::new(Affected { table: tree.table_name(), part: tree.part(), rows })
}

/// The same for rows that are known in words.
pub(super) fn affected_rows(tree: &Tree<'_>, rows: String) -> Box<Affected> {
    Box::new(Affected { table: tree.table_name(), part: tree.part(), rows })
}

/// The row with a primary key: `RequestID 4711`, or the key in hex.
pub(super) fn row(table: &Table, key: &[u8]) -> String {
    let number = Number::of_table(table).and_then(|number| {
        let value = number.exact(key)?;
        Some((number.name, value))
    });
    number.map_or_else(|| hex(key), |(name, value)| format!("{name} {value}"))
}

/// The row that an index entry stands for, by the part of its key that is a number.
pub(super) fn entry(table: &Table, index: &Index, key: &[u8], bookmark: &[u8]) -> String {
    if table.primary().is_some() {
        return row(table, bookmark);
    }
    let number = Number::of_index(table, index).and_then(|number| {
        let value = number.exact(key)?;
        Some((number.name, value))
    });
    number.map_or_else(|| row(table, bookmark), |(name, value)| format!("{name} {value}"))
}

fn rows_between(tree: &Tree<'_>, range: &Range) -> String {
    let Some(table) = tree.table else { return String::new() };
    let number = match tree.index {
        None => Number::of_table(table),
        Some(index) => Number::of_index(table, index),
    };
    let (from, to) = (range.from.as_deref(), range.to.as_deref());
    if from.is_none() && to.is_none() {
        return String::from("all");
    }
    let Some(Number { name, width, .. }) = &number else {
        return match (from, to) {
            (Some(from), Some(to)) => format!("keys {} to below {}", hex(from), hex(to)),
            (Some(from), None) => format!("keys from {}", hex(from)),
            (None, to) => format!("keys below {}", hex(to.unwrap_or(&[]))),
        };
    };
    let low = from.and_then(|key| number.as_ref()?.lowest(key));
    let high = to.and_then(|key| {
        let lowest = number.as_ref()?.lowest(key)?;
        // A longer key goes on behind the number: rows with the number may lie below it.
        Some(if key.len() > *width { lowest } else { lowest.saturating_sub(1) })
    });
    match (low, high) {
        (Some(low), Some(high)) if low >= high => format!("{name} {low}"),
        (Some(low), Some(high)) => format!("{name} {low} to {high}"),
        (Some(low), None) => format!("{name} from {low}"),
        (None, Some(high)) => format!("{name} up to {high}"),
        (None, None) => String::new(),
    }
}

/// An integer at the beginning of a key.
struct Number {
    name: String,
    /// Bytes in the key, the marker before it included.
    width: usize,
    has_marker: bool,
    is_signed: bool,
}

impl Number {
    fn of_table(table: &Table) -> Option<Self> {
        match table.primary() {
            Some(index) => Self::of_index(table, index),
            None => Some(Self { name: String::from("row"), width: 4, has_marker: false, is_signed: false }),
        }
    }

    fn of_index(table: &Table, index: &Index) -> Option<Self> {
        let segment = index.segments.first().filter(|segment| !segment.descending)?;
        let column = table.segment_column(segment)?;
        let is_signed = match column.kind {
            ColumnType::Short | ColumnType::Long | ColumnType::LongLong | ColumnType::Currency => true,
            ColumnType::UnsignedByte
            | ColumnType::UnsignedShort
            | ColumnType::UnsignedLong
            | ColumnType::UnsignedLongLong => false,
            _ => return None,
        };
        let width = usize::from(column.kind.width()?).saturating_add(1);
        Some(Self { name: column.name.clone(), width, has_marker: true, is_signed })
    }

    /// The number at the beginning of a whole key.
    fn exact(&self, key: &[u8]) -> Option<i128> {
        (key.len() >= self.width).then_some(())?;
        self.lowest(key)
    }

    /// The lowest number whose key is not below `key`, which may be cut short.
    fn lowest(&self, key: &[u8]) -> Option<i128> {
        let mut bytes = key.iter().copied();
        let mut width = self.width;
        if self.has_marker {
            match bytes.next() {
                Some(PRESENT) => width = width.saturating_sub(1),
                _ => return None,
            }
        }
        let mut value = 0_i128;
        for _ in 0..width {
            value = value.wrapping_mul(256).wrapping_add(i128::from(bytes.next().unwrap_or(0)));
        }
        let bits = u32::try_from(width.saturating_mul(8)).ok()?;
        let half = 1_i128.checked_shl(bits.checked_sub(1)?)?;
        Some(if self.is_signed { value.wrapping_sub(half) } else { value })
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(LONGEST) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > LONGEST {
        text.push_str("..");
    }
    text
}

/// Joins words of rows: `RequestID 5, RequestID 9 and 3 more`.
pub(super) fn list(words: &[String], all: usize) -> String {
    let mut text = words.join(", ");
    let more = all.saturating_sub(words.len());
    if more > 0 {
        text.push_str(" and ");
        text.push_str(&more.to_string());
        text.push_str(" more");
    }
    text
}

/// First byte of a key part that is not NULL.
const PRESENT: u8 = 0x7F;

/// Bytes of a key that are shown.
const LONGEST: usize = 24;
