//! Every table of every field database against the golden dumps and the expected numbers of the data.

mod judged;

use std::path::PathBuf;

use ese::{Column, ColumnType, Database, Row, Table, Value};
use serde_json::Value as Json;

use crate::support::read;

/// The databases of the field data with what is expected of each; nothing when they are not here.
pub(crate) fn field_databases() -> Vec<FieldDatabase> {
    let Some(root) = testkit::data::shared().map(|dir| dir.join("ese")) else {
        testkit::data::skip("the field data is not on this machine");
        return Vec::new();
    };
    let expected: Json = serde_json::from_slice(&read(root.join("expected.json"))).unwrap();
    let databases = expected.as_object().unwrap().iter().filter(|(_, facts)| facts.get("db").is_some());
    let database = |(name, facts): (&String, &Json)| {
        let (folder, file) = name.rsplit_once('/').unwrap();
        let path = testkit::data::field_folder(folder).unwrap().join(file);
        let golden = root.join(format!("golden/{file}.jsonl.zst"));
        FieldDatabase { name: name.clone(), path, golden, tables: facts["db"]["tables"].clone() }
    };
    databases.map(database).collect()
}

pub(crate) struct FieldDatabase {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    golden: PathBuf,
    tables: Json,
}

#[test]
fn rows_are_those_of_the_golden_dumps() {
    let mut dumps = 0;
    for field in field_databases() {
        if !field.golden.is_file() {
            continue;
        }
        dumps += 1;
        let database = Database::open(read(&field.path)).unwrap();
        let text = zstd::decode_all(&read(&field.golden)[..]).unwrap();
        let mut lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).peekable();
        while let Some(line) = lines.next() {
            let head: Json = serde_json::from_slice(line).unwrap();
            let name = head["table"].as_str().unwrap();
            let table = database.table(name).unwrap_or_else(|| panic!("{}: no table {name}", field.name));
            assert_eq!(columns(table), head["columns"], "{}: {name}", field.name);
            for row in database.rows(table) {
                let expected: Json = serde_json::from_slice(lines.next().unwrap()).unwrap();
                compare(&database, table, &row.unwrap(), &expected["values"], &field.name);
            }
            let next = lines.peek().map(|line| serde_json::from_slice::<Json>(line).unwrap());
            assert!(
                next.is_none_or(|next| next.get("row").is_none()),
                "{}: {name} has more rows",
                field.name
            );
        }
    }
    assert!(dumps == 0 || dumps == 11, "{dumps} golden dumps");
}

#[test]
fn tables_have_the_rows_columns_and_nodes_that_are_known() {
    for field in field_databases() {
        let database = Database::open(read(&field.path)).unwrap();
        assert_eq!(database.catalog_errors(), [], "{}", field.name);
        let tables = field.tables.as_object().unwrap();
        let names: Vec<&str> = database.tables().iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names.len(), tables.len(), "{}: {names:?}", field.name);
        for (name, facts) in tables {
            let place = format!("{}: {name}", field.name);
            let table = database.table(name).unwrap_or_else(|| panic!("{place}: no table"));
            assert_eq!(table.columns.len() as u64, facts["columns"].as_u64().unwrap(), "{place}");
            let rows = database.rows(table).map(|row| row.unwrap_or_else(|error| panic!("{place}: {error}")));
            assert_eq!(rows.count() as u64, facts["rows"].as_u64().unwrap(), "{place}: rows");
            for (index, entries) in facts["index_entries"].as_object().into_iter().flatten() {
                let root = table.index(index).unwrap_or_else(|| panic!("{place}: no index {index}")).root;
                assert_eq!(live_nodes(&database, root), entries.as_u64().unwrap(), "{place}: {index}");
            }
            if let Some(nodes) = facts["lv_nodes"].as_u64() {
                let root = table.long_values.as_ref().unwrap().root;
                assert_eq!(live_nodes(&database, root), nodes, "{place}: long values");
            }
        }
    }
}

#[test]
fn every_value_of_every_field_database_is_read() {
    for field in field_databases() {
        let database = Database::open(read(&field.path)).unwrap();
        for table in database.tables() {
            for row in database.rows(table).map(Result::unwrap) {
                for column in &table.columns {
                    let place = || format!("{}: {}.{}", field.name, table.name, column.name);
                    let values = database.values(table, &row, column);
                    let values = values.unwrap_or_else(|error| panic!("{}: {error}", place()));
                    let fits = |value: &Vec<u8>| {
                        column.kind.width().is_none_or(|width| value.len() == usize::from(width))
                    };
                    assert!(values.iter().all(fits), "{}: {values:02x?}", place());
                }
            }
        }
    }
}

fn live_nodes(database: &Database<Vec<u8>>, root: ese::PageNumber) -> u64 {
    database.nodes(root).filter(|node| !node.as_ref().unwrap().flags.is_deleted()).count() as u64
}

fn columns(table: &Table) -> Json {
    let kind = |column: &Column| match column.kind.to_string().as_str() {
        "Single" => "IEEESingle".to_owned(),
        "Double" => "IEEEDouble".to_owned(),
        "Guid" => "GUID".to_owned(),
        other => other.to_owned(),
    };
    table.columns.iter().map(|column| serde_json::json!([column.id, column.name, kind(column)])).collect()
}

fn compare(database: &Database<Vec<u8>>, table: &Table, row: &Row, expected: &Json, file: &str) {
    for column in &table.columns {
        let place = format!("{file}: {} row {:02x?}, {}", table.name, row.key(), column.name);
        let values = database.values(table, row, column).unwrap_or_else(|error| panic!("{place}: {error}"));
        let own = values.iter().map(|value| json(column.decode(value)));
        let theirs = match expected.get(&column.name) {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(values)) => values.clone(),
            Some(value) => vec![value.clone()],
        };
        let (own, theirs): (Vec<_>, Vec<_>) = (
            own.map(|value| alike(column, value)).collect(),
            theirs.into_iter().map(|value| alike(column, value)).collect(),
        );
        assert_eq!(own, theirs, "{place}");
    }
}

/// Takes away what the dumps have in another way: several dates of a column are signed, one alone is
/// not; a fixed column of 255 bytes is padded with blanks and ends in half a character.
fn alike(column: &Column, value: Json) -> Json {
    match (column.kind, value.as_i64(), value.as_str()) {
        (ColumnType::DateTime, Some(number), _) => number.cast_unsigned().into(),
        (ColumnType::Text, _, Some(text)) if column.is_fixed() => {
            text.trim_end_matches([' ', char::REPLACEMENT_CHARACTER]).into()
        }
        _ => value,
    }
}

fn json(value: Value) -> Json {
    match value {
        Value::Bit(bit) => bit.into(),
        Value::Integer(number) => {
            i64::try_from(number).map(Json::from).unwrap_or_else(|_| u64::try_from(number).unwrap().into())
        }
        Value::Float(number) => number.into(),
        Value::Time(raw) => raw.into(),
        // The dumps leave out zeros at the end.
        Value::Text(text) => text.trim_end_matches('\0').into(),
        Value::Guid(guid) => guid_text(guid).into(),
        other => {
            let Value::Bytes(bytes) = other else { panic!("a new kind of value: {other:?}") };
            serde_json::json!({ "hex": hex(&bytes) })
        }
    }
}

fn guid_text([a, b, c, d, e, f, g, h, rest @ ..]: [u8; 16]) -> String {
    let (two, six) = rest.split_at(2);
    format!("{}-{}-{}-{}-{}", hex(&[d, c, b, a]), hex(&[f, e]), hex(&[h, g]), hex(two), hex(six))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
