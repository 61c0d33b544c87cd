//! Other people's readers on the same databases, run here and now.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use ese::{Database, Row, Table, Value};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use testkit::data::{engine_set, skip, workspace};

use super::{field_databases, hex};
use crate::engine_rows::text;
use crate::replay::replay;
use crate::support::read;

/// dissect takes half a minute for its 65,000 values; the golden dump has them.
const SLOW: &str = "db32k/large.edb";

#[test]
fn dissect_reads_the_same_rows() {
    let Some(python) = std::env::var_os("CSBACKUP_JUDGES") else {
        return skip("judge dissect.database is not set up");
    };
    if !ran(Command::new(&python).args(["-c", "import dissect.database"])) {
        return skip("judge dissect.database is not installed");
    }
    for field in field_databases().into_iter().filter(|field| field.name != SLOW) {
        let deleted = |table: &str| field.tables[table]["flag_deleted"].as_u64().unwrap_or(0);
        judge(&python, &field.path, &deleted);
    }
    for set in ["page8k", "efv9600"] {
        if let Some(folder) = engine_set(set) {
            judge(&python, &folder.join("clean/ExampleCA.edb"), &|_| 0);
        }
    }
}

/// Our rows must be among dissect's, and dissect's others be rows that were deleted.
fn judge(python: &OsStr, path: &Path, deleted: &dyn Fn(&str) -> u64) {
    let script = workspace().join("judges/ese_rows.py");
    let output = Command::new(python).arg(script).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Json = serde_json::from_slice(&output.stdout).unwrap();
    let database = Database::open(read(path)).unwrap();
    let tables = theirs["tables"].as_object().unwrap();
    assert_eq!(tables.len(), database.tables().len(), "{}", path.display());
    for (name, facts) in tables {
        let place = format!("{}: {name}", path.display());
        assert_eq!(facts["unread"], serde_json::json!({}), "{place}");
        let table = database.table(name).unwrap();
        let own = database.rows(table).map(|row| hash(&database, table, &row.unwrap()));
        let mut theirs: Vec<&str> =
            facts["hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap()).collect();
        for (number, hash) in own.enumerate() {
            let found = theirs.iter().position(|other| **other == hash);
            theirs.remove(found.unwrap_or_else(|| panic!("{place}: dissect has no row {number} like ours")));
        }
        assert_eq!(theirs.len() as u64, deleted(name), "{place}");
    }
}

fn hash(database: &Database<Vec<u8>>, table: &Table, row: &Row) -> String {
    hex(&Sha256::digest(text(database, table, row))[..8])
}

#[test]
fn libesedb_reads_the_same_rows() {
    if !ran(Command::new("esedbexport").arg("-V")) {
        return skip("judge esedbexport is not on the PATH");
    }
    for set in ["page8k", "page32k", "efv7060"] {
        let Some(folder) = engine_set(set) else { continue };
        for state in ["clean", "hot-inc2-restored"] {
            exported(&folder.join(state).join("ExampleCA.edb"));
        }
    }
}

fn exported(path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    assert!(ran(Command::new("esedbexport")
        .args(["-m", "tables", "-t"])
        .arg(folder.path().join("out"))
        .arg(path)));
    let database = Database::open(read(path)).unwrap();
    let mut cells = 0;
    for entry in fs::read_dir(folder.path().join("out.export")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = String::from_utf8_lossy(&read(&file)).into_owned();
        let table = database.table(&name).unwrap();
        let place = format!("{}: {name}", path.display());
        assert_eq!(database.rows(table).count(), text.lines().count() - 1, "{place}");
        if !name.starts_with("MSys") {
            cells += same_cells(&database, table, &text, &place);
        }
    }
    assert!(cells > 1000, "{}: only {cells} values were compared", path.display());
}

/// How many numbers and texts are the same. Left out: NULL of fixed columns, of which libesedb shows what
/// happens to be there, and what it leaves empty of texts.
fn same_cells(database: &Database<Vec<u8>>, table: &Table, text: &str, place: &str) -> usize {
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().unwrap().split('\t').map(|name| table.column(name).unwrap()).collect();
    let mut same = 0;
    for (row, line) in database.rows(table).zip(lines) {
        let row = row.unwrap();
        for (column, cell) in columns.iter().zip(line.split('\t')) {
            let Some(value) = database.value(table, &row, column).unwrap() else { continue };
            let own = match column.decode(&value) {
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text.replace('\\', "\\\\").replace('\n', "\\n"),
                _ => continue,
            };
            if !(column.kind.is_long() && cell.is_empty()) {
                assert_eq!(own, cell, "{place}, {} of {:02x?}", column.name, row.key());
                same += 1;
            }
        }
    }
    same
}

fn ran(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[test]
fn libesedb_reads_the_same_rows_of_replayed_databases() {
    if !ran(Command::new("esedbexport").arg("-V")) {
        return skip("judge esedbexport is not on the PATH");
    }
    // What libesedb cannot open of efv9600 it cannot open of the engine's own result either.
    for set in ["page8k", "page32k", "efv7060"] {
        let Some(folder) = engine_set(set) else { continue };
        let (own, _) = replay(&folder, "hot", &["hot-inc1", "hot-inc2"]);
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ExampleCA.edb");
        fs::write(&path, own).unwrap();
        exported(&path);
    }
}

#[test]
fn dissect_reads_the_same_rows_of_replayed_databases() {
    let Some(python) = std::env::var_os("CSBACKUP_JUDGES") else {
        return skip("judge dissect.database is not set up");
    };
    if !ran(Command::new(&python).args(["-c", "import dissect.database"])) {
        return skip("judge dissect.database is not installed");
    }
    for set in ["page8k", "efv9600"] {
        let Some(folder) = engine_set(set) else { continue };
        let (own, _) = replay(&folder, "hot", &["hot-inc1", "hot-inc2"]);
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ExampleCA.edb");
        fs::write(&path, &own).unwrap();
        let database = Database::open(own).unwrap();
        // It shows nodes that are marked as deleted.
        let deleted = |table: &str| {
            let nodes = database.nodes(database.table(table).unwrap().root);
            nodes.filter(|node| node.as_ref().unwrap().flags.is_deleted()).count() as u64
        };
        judge(&python, &path, &deleted);
    }
}
