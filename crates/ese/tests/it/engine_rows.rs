//! Every table and index of every engine database against the hashes that the engine's own reading gave.

use std::fs;
use std::path::{Path, PathBuf};

use ese::{Database, Index, Row, Table};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::golden::hex;
use crate::support::read;

/// Sets with databases whose rows are known; `big` holds only streams, which redo has yet to finish.
pub(crate) const SETS: [&str; 6] = ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"];

/// The databases of a set that are at rest, with the file that tells their rows.
pub(crate) fn resting(set: &Path) -> Vec<(PathBuf, PathBuf)> {
    let folders = ["clean", "crash-recovered", "hot-restored", "hot-inc1-restored", "hot-inc2-restored"];
    let pair = |folder: &str| (set.join(folder).join("ExampleCA.edb"), set.join(format!("{folder}.json")));
    folders
        .map(pair)
        .into_iter()
        .filter(|(database, expected)| database.is_file() && expected.is_file())
        .collect()
}

#[test]
fn rows_and_indexes_are_those_that_the_engine_read() {
    for set in SETS {
        let Some(folder) = testkit::data::engine_set(set) else { continue };
        let databases = resting(&folder);
        assert_eq!(databases.len(), if set == "jtxnames" { 2 } else { 5 }, "{set}");
        for (path, expected) in databases {
            let facts: Json = serde_json::from_slice(&read(&expected)).unwrap();
            let database = Database::open(read(&path)).unwrap();
            assert_eq!(database.catalog_errors(), [], "{set}");
            let rows = fs::read_to_string(expected.with_extension("rows.tsv")).unwrap();
            for (name, facts) in facts["tables"].as_object().unwrap() {
                let place = format!("{}: {name}", path.display());
                let lines: Vec<&str> =
                    rows.lines().filter(|line| line.split('\t').next() == Some(name)).collect();
                compare(&database, name, facts, &lines, &place);
            }
        }
    }
}

pub(crate) fn compare(database: &Database<Vec<u8>>, name: &str, facts: &Json, lines: &[&str], place: &str) {
    let table = database.table(name).unwrap();
    let mut hashes = Vec::new();
    for (row, line) in database.rows(table).zip(lines) {
        let row = row.unwrap();
        let hash = Sha256::digest(text(database, table, &row));
        assert_eq!(format!("{name}\t{}\t{}", hex(row.key()), hex(&hash[..8])), *line, "{place}");
        hashes.push(hash);
    }
    assert_eq!(hashes.len(), lines.len(), "{place}");
    assert_eq!(database.rows(table).count() as u64, facts["rows"].as_u64().unwrap(), "{place}");
    hashes.sort();
    assert_eq!(hex(&Sha256::digest(hashes.concat())), facts["sha256"].as_str().unwrap(), "{place}");
    for (name, facts) in facts["indexes"].as_object().unwrap() {
        let index = table.index(name).unwrap();
        assert_eq!(index_facts(database, index), *facts, "{place}: {name}");
    }
}

/// The row in the words of the data's description.
pub(crate) fn text(database: &Database<Vec<u8>>, table: &Table, row: &Row) -> String {
    let mut columns: Vec<_> = table.columns.iter().collect();
    columns.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let column = |column: &ese::Column| {
        let values = database.values(table, row, column).unwrap();
        let values: Vec<String> = values.iter().map(|value| hex(value)).collect();
        let text = if values.is_empty() { "~".to_owned() } else { values.join(",") };
        format!("{}={text};", column.name)
    };
    columns.into_iter().map(column).collect()
}

fn index_facts(database: &Database<Vec<u8>>, index: &Index) -> Json {
    let (mut keys, mut bookmarks, mut entries) = (Sha256::new(), Sha256::new(), 0);
    for node in database.nodes(index.root) {
        let node = node.unwrap();
        if node.flags.is_deleted() {
            continue;
        }
        entries += 1;
        let bookmark = if index.flags.is_primary() { &node.key } else { &node.data };
        for (hash, bytes) in [(&mut keys, &node.key), (&mut bookmarks, bookmark)] {
            hash.update(u16::try_from(bytes.len()).unwrap().to_le_bytes());
            hash.update(bytes);
        }
    }
    serde_json::json!({
        "entries": entries,
        "keys_sha256": hex(&keys.finalize()),
        "bookmarks_sha256": hex(&bookmarks.finalize()),
    })
}
