//! `dump table`: the catalog, and the rows of a table.

use std::path::Path;

use anyhow::Context as _;
use csbackup::FileSource;
use ese::{Column, Database, Row, Table, Value};
use serde_json::{Map, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Lines, SHOWN, database, hex, short};

pub(super) fn catalog(lines: &mut Lines, file: &Path) -> anyhow::Result<()> {
    let database = database(file)?;
    for table in database.tables() {
        let columns: Vec<_> = table.columns.iter().map(column_value).collect();
        let indexes: Vec<_> = table.indexes.iter().map(|index| index_value(table, index)).collect();
        let long_values = table.long_values.as_ref().map(|tree| tree.root.0);
        let value = json!({
            "name": table.name, "object": table.object, "root": table.root.0, "flags": table.flags,
            "long_values": long_values, "template": table.template, "columns": columns, "indexes": indexes,
        });
        let mut text = format!("table {} (object {}, root page {}", table.name, table.object, table.root);
        if let Some(root) = long_values {
            text.push_str(&format!(", long values at page {root}"));
        }
        text.push(')');
        for column in &table.columns {
            text.push_str(&format!(
                "\n  column {:>4} {:<32} {}",
                column.id,
                column.name,
                column_words(column)
            ));
        }
        for index in &table.indexes {
            text.push_str(&format!("\n  index  {:<32} {}", index.name, index_words(table, index)));
        }
        lines.say("table", value, &text);
    }
    for error in database.catalog_errors() {
        lines.problem(&error.to_string());
    }
    Ok(())
}

fn column_value(column: &Column) -> serde_json::Value {
    json!({
        "id": column.id, "name": column.name, "type": column.kind.to_string(), "size": column.size,
        "code_page": column.code_page, "flags": column.flags.0, "default": column.default.as_deref().map(hex),
    })
}

fn column_words(column: &Column) -> String {
    let mut words = format!("{} {}", column.kind, column.size);
    if column.code_page != 0 {
        words.push_str(&format!(", code page {}", column.code_page));
    }
    if column.flags.0 != 0 {
        words.push_str(&format!(", flags {:#x}", column.flags.0));
    }
    if let Some(default) = &column.default {
        words.push_str(&format!(", default {}", short(default)));
    }
    words
}

fn segments(table: &Table, index: &ese::Index) -> Vec<String> {
    let segments = index.segments.iter().map(|segment| {
        let name =
            table.segment_column(segment).map_or_else(|| segment.column.to_string(), |c| c.name.clone());
        if segment.descending { format!("-{name}") } else { format!("+{name}") }
    });
    segments.collect()
}

fn index_value(table: &Table, index: &ese::Index) -> serde_json::Value {
    json!({
        "name": index.name, "object": index.object, "root": index.root.0, "flags": index.flags.0,
        "unique": index.flags.is_unique(), "primary": index.flags.is_primary(), "key": segments(table, index),
    })
}

fn index_words(table: &Table, index: &ese::Index) -> String {
    let kind = match (index.flags.is_primary(), index.flags.is_unique()) {
        (true, _) => "primary, ",
        (false, true) => "unique, ",
        (false, false) => "",
    };
    format!(
        "{kind}{}, root page {}, flags {:#x}",
        segments(table, index).join(" "),
        index.root,
        index.flags.0
    )
}

pub(super) fn rows(
    lines: &mut Lines,
    file: &Path,
    name: &str,
    key: Option<&[u8]>,
    limit: u64,
) -> anyhow::Result<()> {
    let database = database(file)?;
    for error in database.catalog_errors() {
        lines.problem(&error.to_string());
    }
    let table = database.table(name).with_context(|| format!("there is no table `{name}`"))?;
    if let Some(key) = key {
        match database.row(table, key) {
            Ok(Some(row)) => show(lines, &database, table, &row),
            Ok(None) => anyhow::bail!("table `{}` has no row with the key {}", table.name, hex(key)),
            Err(error) => lines.problem(&error.to_string()),
        }
        return Ok(());
    }
    for (shown, row) in (0..).zip(database.rows(table)) {
        if shown == limit {
            lines.more(limit);
            break;
        }
        match row {
            Ok(row) => show(lines, &database, table, &row),
            Err(error) => lines.problem(&error.to_string()),
        }
    }
    Ok(())
}

fn show(lines: &mut Lines, database: &Database<FileSource>, table: &Table, row: &Row) {
    let mut text = format!("row {} on page {}", hex(row.key()), row.page());
    let mut values = Map::new();
    for column in &table.columns {
        match database.values(table, row, column) {
            Ok(found) if found.is_empty() => {}
            Ok(found) => {
                let shown: Vec<String> = found.iter().map(|bytes| words(column, bytes)).collect();
                text.push_str(&format!("\n  {:<32} {}", column.name, shown.join(" | ")));
                let all = found.iter().map(|bytes| value(column, bytes)).collect();
                values.insert(column.name.clone(), all);
            }
            Err(error) => {
                lines.bad = true;
                text.push_str(&format!("\n  {:<32} unreadable: {error}", column.name));
                values.insert(column.name.clone(), json!({ "unreadable": error.to_string() }));
            }
        }
    }
    let value = json!({ "key": hex(row.key()), "page": row.page().0, "values": values });
    lines.say("row", value, &text);
}

/// A value for people.
fn words(column: &Column, bytes: &[u8]) -> String {
    match column.decode(bytes) {
        Value::Text(text) if text.chars().count() > LONGEST => {
            let start: String = text.chars().take(LONGEST).collect();
            format!("{}.. ({} bytes)", csbackup::shown_name(&start), bytes.len())
        }
        Value::Text(text) => csbackup::shown_name(&text),
        Value::Bytes(bytes) if bytes.len() > SHOWN => format!("{} ({} bytes)", short(&bytes), bytes.len()),
        Value::Bytes(bytes) => hex(&bytes),
        Value::Bit(bit) => bit.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Time(ticks) => {
            filetime(ticks).map_or_else(|| format!("{ticks:#x}"), |time| format!("{ticks:#x} ({time})"))
        }
        Value::Guid(guid) => dtyp::Guid::from_bytes(guid).to_string(),
        _ => short(bytes),
    }
}

/// A value for programs. Long binary ones are cut, with their length beside.
fn value(column: &Column, bytes: &[u8]) -> serde_json::Value {
    match column.decode(bytes) {
        Value::Text(text) => json!(text),
        Value::Bit(bit) => json!(bit),
        Value::Integer(number) => {
            i64::try_from(number).map_or_else(|_| json!(number.to_string()), |n| json!(n))
        }
        Value::Float(number) => json!(number),
        Value::Time(ticks) => json!({ "raw": format!("{ticks:016x}"), "filetime": filetime(ticks) }),
        Value::Guid(guid) => json!(dtyp::Guid::from_bytes(guid).to_string()),
        _ => {
            let start = bytes.get(..bytes.len().min(LONGEST)).unwrap_or(bytes);
            json!({ "length": bytes.len(), "hex": hex(start) })
        }
    }
}

/// What a CA keeps in a `DateTime`: 100 ns since 1601; `None` where that gives no time of this age.
fn filetime(ticks: u64) -> Option<String> {
    let seconds = i64::try_from(ticks / 10_000_000).ok()? - 11_644_473_600;
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    (1970..2200).contains(&time.year()).then(|| time.format(&Rfc3339).ok())?
}

/// Characters of a text, bytes of a binary value in JSON.
const LONGEST: usize = 256;
