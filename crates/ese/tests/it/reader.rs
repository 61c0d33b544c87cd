//! The reader: trees, rows and values, and what it says of damage.

use std::collections::BTreeSet;

use ese::{Database, PageNumber, PageSource, ReadErrorKind, Value};

use crate::support::{database_file, flip};

/// The cleanly closed database of an engine set.
fn clean(set: &str) -> Option<Vec<u8>> {
    testkit::data::engine_set(set).map(|folder| database_file(&folder.join("clean")))
}

fn page_at(number: u32, size: usize) -> usize {
    (usize::try_from(number).unwrap() + 1) * size
}

/// The names and counts of all tables, errors left out.
fn counts<S: PageSource>(database: &Database<S>) -> Vec<(String, usize)> {
    let count = |table| database.rows(table).filter(Result::is_ok).count();
    database.tables().iter().map(|table| (table.name.clone(), count(table))).collect()
}

/// A leaf in the middle of the table `Certificates`.
fn a_leaf(bytes: &[u8]) -> PageNumber {
    let database = Database::open(bytes).unwrap();
    let table = database.table("Certificates").unwrap();
    let rows: Vec<PageNumber> = database.rows(table).map(|row| row.unwrap().page()).collect();
    rows[rows.len() / 2]
}

#[test]
fn a_row_is_found_by_its_key() {
    let Some(bytes) = clean("main") else { return };
    let database = Database::open(bytes).unwrap();
    let table = database.table("requests").unwrap();
    let id = table.column("RequestID").unwrap();
    let mut last = 0;
    for row in database.rows(table) {
        let row = row.unwrap();
        let Some(Value::Integer(number)) =
            database.value(table, &row, id).unwrap().map(|bytes| id.decode(&bytes))
        else {
            panic!("no number")
        };
        assert!(number > last);
        last = number;
        assert_eq!(database.row(table, row.key()).unwrap(), Some(row.clone()));
        let mut beside = row.key().to_vec();
        beside.push(0);
        assert_eq!(database.row(table, &beside).unwrap(), None);
    }
    assert_eq!(database.row(table, &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF]).unwrap(), None);
}

#[test]
fn a_walk_can_begin_at_any_key() {
    let Some(bytes) = clean("page8k") else { return };
    let database = Database::open(bytes).unwrap();
    let table = database.table("CertificateExtensions").unwrap();
    for index in &table.indexes {
        let all: Vec<_> = database.nodes(index.root).map(Result::unwrap).collect();
        for (at, node) in all.iter().enumerate().step_by(97) {
            let first = all.iter().position(|other| other.key == node.key).unwrap();
            let from: Vec<_> = database.nodes_from(index.root, &node.key).map(Result::unwrap).collect();
            assert_eq!(from, all[first..], "{} from {at}", index.name);
        }
    }
}

#[test]
fn one_flipped_bit_is_turned_back() {
    let Some(mut bytes) = clean("main") else { return };
    let expected = counts(&Database::open(bytes.as_slice()).unwrap());
    let at = page_at(a_leaf(&bytes).0, 4096);
    // In the ECC, in the data. (A bit of the stored XOR could be a page number as well.)
    for bit in [50, 100 * 8, 4000 * 8 + 3] {
        flip(&mut bytes, at * 8 + bit);
        let database = Database::open(bytes.as_slice()).unwrap();
        assert_eq!(counts(&database), expected, "bit {bit}");
        flip(&mut bytes, at * 8 + bit);
    }
}

#[test]
fn a_damaged_leaf_is_one_error_and_the_rest_is_read() {
    let Some(mut bytes) = clean("main") else { return };
    let leaf = a_leaf(&bytes);
    let (lost, all) = {
        let database = Database::open(bytes.as_slice()).unwrap();
        let table = database.table("Certificates").unwrap();
        let rows: Vec<_> = database.rows(table).map(Result::unwrap).collect();
        (rows.iter().filter(|row| row.page() == leaf).count(), rows.len())
    };
    bytes[page_at(leaf.0, 4096)..][1000..1004].copy_from_slice(&[0x5A; 4]);
    let database = Database::open(bytes.as_slice()).unwrap();
    let table = database.table("Certificates").unwrap();
    let (read, errors): (Vec<_>, Vec<_>) = database.rows(table).partition(Result::is_ok);
    assert_eq!(read.len(), all - lost);
    let errors: Vec<_> = errors.into_iter().map(|error| error.unwrap_err()).collect();
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].page, &errors[0].kind), (Some(leaf), &ReadErrorKind::Damaged));
}

#[test]
fn a_page_of_another_table_is_refused() {
    let Some(mut bytes) = clean("main") else { return };
    let leaf = a_leaf(&bytes);
    let other = {
        let database = Database::open(bytes.as_slice()).unwrap();
        let requests = database.table("Requests").unwrap();
        database.rows(requests).nth(500).unwrap().unwrap().page()
    };
    let page = bytes[page_at(other.0, 4096)..][..4096].to_vec();
    let at = page_at(leaf.0, 4096);
    bytes[at..at + 4096].copy_from_slice(&page);
    // Its checksum holds its number, so a new one is needed for the place.
    let sum = ese::xor_ecc(&bytes[at..at + 4096], leaf.0, ese::Block::WithChecksum).unwrap();
    bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
    let database = Database::open(bytes.as_slice()).unwrap();
    let table = database.table("Certificates").unwrap();
    let error = database.rows(table).find_map(Result::err).unwrap();
    assert!(matches!(error.kind, ReadErrorKind::Object { .. }), "{error}");
}

#[test]
fn a_circle_comes_to_an_end() {
    let Some(mut bytes) = clean("main") else { return };
    let (root, first) = {
        let database = Database::open(bytes.as_slice()).unwrap();
        let root = database.table("Certificates").unwrap().root;
        (root, database.page(root).unwrap().view().node(0).unwrap().child().unwrap())
    };
    // The first child of the root becomes the root itself.
    let at = page_at(root.0, 4096);
    let needle = first.0.to_le_bytes();
    let place = bytes[at + 40..at + 4096].windows(4).position(|window| window == needle).unwrap() + at + 40;
    bytes[place..place + 4].copy_from_slice(&root.0.to_le_bytes());
    let sum = ese::xor_ecc(&bytes[at..at + 4096], root.0, ese::Block::WithChecksum).unwrap();
    bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
    let database = Database::open(bytes.as_slice()).unwrap();
    let error = database.rows(database.table("Certificates").unwrap()).find_map(Result::err).unwrap();
    assert_eq!(error.kind, ReadErrorKind::Circle);
}

#[test]
fn the_copy_of_the_catalog_stands_in() {
    let Some(mut bytes) = clean("main") else { return };
    let expected = counts(&Database::open(bytes.as_slice()).unwrap());
    let at = page_at(4, 4096);
    bytes[at..at + 4096].fill(0x77);
    let database = Database::open(bytes.as_slice()).unwrap();
    assert_eq!(database.catalog_errors().len(), 1);
    let found = counts(&database);
    // The catalog itself is a table too, and its rows are gone.
    for (own, other) in found.iter().zip(&expected).filter(|(own, _)| own.0 != "MSysObjects") {
        assert_eq!(own, other);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn without_any_header_the_rows_are_still_there() {
    for set in ["main", "page8k", "page32k"] {
        let Some(mut bytes) = clean(set) else { return };
        let before = Database::open(bytes.as_slice()).unwrap();
        let (expected, size) = (counts(&before), before.page_size().bytes());
        drop(before);
        bytes[..usize::try_from(size).unwrap() * 2].fill(0xAA);
        let database = Database::open(bytes.as_slice()).unwrap();
        assert!(database.header().is_none() && database.is_dirty());
        assert_eq!(counts(&database), expected, "{set}");
    }
}

#[test]
fn what_is_no_database_is_refused() {
    for bytes in [vec![], vec![0; 100], vec![0x55; 300_000], b"regf".repeat(10_000)] {
        let error = Database::open(bytes).err().unwrap();
        assert!(matches!(error.kind, ReadErrorKind::NotADatabase), "{error}");
    }
}

#[test]
fn the_trailer_of_a_stream_is_no_page() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    let bytes = database_file(&folder.join("hot"));
    let pages = u32::try_from(bytes.len() / 4096).unwrap();
    assert_eq!(Database::open(bytes).unwrap().page_count(), pages - 3);
}

/// Rows of a running database, by a digest of their bookmark: what is in the stream and what the
/// engine restored from it are not the same rows, but nearly.
#[test]
fn nearly_all_rows_of_a_running_database_are_listed_once() {
    let Some(folder) = testkit::data::engine_set("big") else { return };
    let database = Database::open(database_file(&folder.join("hot"))).unwrap();
    // Nodes of leaves of each object, wherever they lie in the file.
    let rows = |table: &str| {
        let table = database.table(table).unwrap();
        let keys: Vec<_> = database.rows(table).flatten().map(|row| row.key().to_vec()).collect();
        let different: BTreeSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len(), "{}: a row came twice", table.name);
        (keys.len(), in_leaves(&database, table.object))
    };
    for table in ["Requests", "Certificates", "CertificateExtensions", "RequestAttributes"] {
        let (listed, present) = rows(table);
        assert!(listed * 100 >= present * 95, "{table}: {listed} of {present} rows");
    }
}

/// Different keys in all leaves of an object, reachable or not.
fn in_leaves<S: PageSource>(database: &Database<S>, object: u32) -> usize {
    let mut keys = BTreeSet::new();
    for number in 1..=database.page_count() {
        let Ok(page) = database.page(PageNumber(number)) else { continue };
        let view = page.view();
        if view.object() == object && view.flags().is_leaf() && !view.flags().is_space() {
            let nodes = view.nodes().flatten().filter(|node| !node.flags.is_deleted());
            keys.extend(nodes.map(|node| node.key().collect::<Vec<u8>>()));
        }
    }
    keys.len()
}
