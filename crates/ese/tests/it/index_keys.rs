//! Index keys made from values: against the digest's examples, and against every index of every database.

use std::collections::BTreeSet;

use ese::{ColumnType, Database, DbState, Index, KeyColumn, KeyForm, Table};

use crate::engine_rows::{SETS, resting};
use crate::golden::field_databases;
use crate::support::read;

const FORM: KeyForm = KeyForm { key_most: 255, segment_most: 0, nulls_high: false, dotnet_guids: false };

fn column(kind: ColumnType) -> KeyColumn {
    KeyColumn { kind, code_page: 1252, is_fixed: false, descending: false }
}

fn key(form: KeyForm, column: KeyColumn, value: Option<&[u8]>) -> Vec<u8> {
    let mut key = Vec::new();
    assert!(form.append(column, value, &mut key));
    key
}

fn plain(kind: ColumnType, value: &[u8]) -> Vec<u8> {
    key(FORM, column(kind), Some(value))
}

#[test]
fn numbers_sort_as_bytes() {
    assert_eq!(plain(ColumnType::Long, &11_i32.to_le_bytes()), [0x7f, 0x80, 0, 0, 11]);
    assert_eq!(plain(ColumnType::Long, &(-1_i32).to_le_bytes()), [0x7f, 0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(plain(ColumnType::Short, &1_i16.to_le_bytes()), [0x7f, 0x80, 1]);
    assert_eq!(plain(ColumnType::UnsignedShort, &1_u16.to_le_bytes()), [0x7f, 0, 1]);
    assert_eq!(plain(ColumnType::UnsignedLong, &1_u32.to_le_bytes()), [0x7f, 0, 0, 0, 1]);
    assert_eq!(plain(ColumnType::UnsignedByte, &[0x80]), [0x7f, 0x80]);
    assert_eq!(plain(ColumnType::Currency, &2_i64.to_le_bytes()), [0x7f, 0x80, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(plain(ColumnType::UnsignedLongLong, &2_u64.to_le_bytes()), [0x7f, 0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(
        (plain(ColumnType::Bit, &[1]), plain(ColumnType::Bit, &[0])),
        (vec![0x7f, 0xff], vec![0x7f, 0])
    );
}

#[test]
fn floats_and_dates_sort_as_bytes() {
    assert_eq!(plain(ColumnType::Single, &1.0_f32.to_le_bytes()), [0x7f, 0xbf, 0x80, 0, 0]);
    assert_eq!(plain(ColumnType::Single, &(-1.0_f32).to_le_bytes()), [0x7f, 0x40, 0x7f, 0xff, 0xff]);
    assert_eq!(plain(ColumnType::DateTime, &1_u64.to_le_bytes()), [0x7f, 0x80, 0, 0, 0, 0, 0, 0, 1]);
    let mut keys =
        [-2.5_f64, -0.5, 0.0, 0.5, 2.5].map(|value| plain(ColumnType::Double, &value.to_le_bytes()));
    let sorted = keys.clone();
    keys.sort();
    assert_eq!(keys, sorted);
}

#[test]
fn guids_sort_by_their_last_bytes_first() {
    let guid: [u8; 16] = std::array::from_fn(|number| u8::try_from(number).unwrap());
    let engine = [0x7f, 10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3];
    assert_eq!(plain(ColumnType::Guid, &guid), engine);
    let dotnet = key(KeyForm { dotnet_guids: true, ..FORM }, column(ColumnType::Guid), Some(&guid));
    assert_eq!(dotnet, [0x7f, 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]);
}

#[test]
fn binary_goes_in_marked_pieces() {
    assert_eq!(plain(ColumnType::Binary, b"abc"), [0x7f, b'a', b'b', b'c', 0, 0, 0, 0, 0, 3]);
    assert_eq!(plain(ColumnType::LongBinary, b"abcdefgh"), *b"\x7fabcdefgh\x08");
    assert_eq!(plain(ColumnType::LongBinary, b"abcdefghi"), *b"\x7fabcdefgh\x09i\0\0\0\0\0\0\0\x01");
    let fixed = KeyColumn { is_fixed: true, ..column(ColumnType::Binary) };
    assert_eq!(key(FORM, fixed, Some(b"abc")), *b"\x7fabc");
}

#[test]
fn text_of_8_bits_is_in_capitals() {
    assert_eq!(plain(ColumnType::Text, b"aZ\xe4."), *b"\x7fAZ\xe4.\0");
    assert_eq!(plain(ColumnType::LongText, b"ab\0cd"), *b"\x7fAB\0");
}

#[test]
fn utf_16_text_is_not_to_be_told() {
    let unicode = KeyColumn { code_page: 1200, ..column(ColumnType::LongText) };
    let mut bytes = vec![1];
    assert!(!FORM.append(unicode, Some(b"a\0"), &mut bytes));
    assert_eq!(bytes, [1]);
    assert_eq!((key(FORM, unicode, None), key(FORM, unicode, Some(b""))), (vec![0], vec![0x40]));
}

#[test]
fn a_value_of_a_wrong_width_is_not_to_be_told() {
    assert!(!FORM.append(column(ColumnType::Long), Some(&[1, 2, 3]), &mut Vec::new()));
    assert!(!FORM.append(column(ColumnType::Guid), Some(&[1]), &mut Vec::new()));
}

#[test]
fn nulls_and_descending_segments() {
    let high = KeyForm { nulls_high: true, ..FORM };
    let down = KeyColumn { descending: true, ..column(ColumnType::Short) };
    assert_eq!(key(FORM, column(ColumnType::Short), None), [0]);
    assert_eq!(key(high, column(ColumnType::Short), None), [0xc0]);
    assert_eq!(key(FORM, down, None), [0xff]);
    assert_eq!(key(FORM, down, Some(&1_i16.to_le_bytes())), [0x80, 0x7f, 0xfe]);
}

#[test]
fn keys_are_cut_at_the_longest_key_and_the_longest_segment() {
    let short = KeyForm { key_most: 6, ..FORM };
    assert_eq!(key(short, column(ColumnType::Binary), Some(b"abcdefghij")), *b"\x7fabcde");
    // The last byte of cut text is made a capital letter, whatever it is: `5` is 0x35.
    assert_eq!(key(short, column(ColumnType::Text), Some(b"abcd5678")), *b"\x7fABCD\x15");
    let segment = KeyForm { segment_most: 4, ..FORM };
    assert_eq!(key(segment, column(ColumnType::Text), Some(b"abcdefgh")), *b"\x7fABC");
    assert_eq!(key(segment, column(ColumnType::Binary), Some(b"ab")), *b"\x7fab\0");
    let mut full = b"123456".to_vec();
    assert!(short.append(column(ColumnType::Long), Some(&[0; 4]), &mut full));
    assert_eq!(full, b"123456");
}

#[test]
fn indexes_of_field_databases_hold_the_keys_of_their_rows() {
    let mut seen = Seen::default();
    for field in field_databases() {
        let database = Database::open(read(&field.path)).unwrap();
        check(&database, &field.name, &mut seen);
    }
    seen.judge();
}

#[test]
fn indexes_of_engine_databases_hold_the_keys_of_their_rows() {
    let mut seen = Seen::default();
    for set in SETS {
        for (path, _) in testkit::data::engine_set(set).iter().flat_map(|folder| resting(folder)) {
            check(&Database::open(read(&path)).unwrap(), &path.display().to_string(), &mut seen);
        }
    }
    seen.judge();
}

/// How many entries were compared, so that a check of nothing does not pass.
#[derive(Default, Debug)]
struct Seen {
    whole: usize,
    begun: usize,
    indexes: usize,
    untold: usize,
}

impl Seen {
    fn judge(&self) {
        assert!(self.indexes == 0 || (self.whole > 1000 && self.begun > 1000), "{self:?}");
    }
}

fn check(database: &Database<Vec<u8>>, file: &str, seen: &mut Seen) {
    let is_clean = database.header().is_some_and(|header| header.state == DbState::CleanShutdown);
    for table in database.tables() {
        for index in &table.indexes {
            seen.indexes += 1;
            let Some(expected) = expected(database, table, index) else {
                seen.untold += 1;
                continue;
            };
            let place = format!("{file}: {}.{}", table.name, index.name);
            if place == SCRUBBED {
                continue;
            }
            compare(database, index, &expected, &place, seen, is_clean);
        }
    }
}

/// The names in these rows were replaced before the file was given away, those in the keys only in part.
const SCRUBBED: &str = "backup-dhcp/dhcp.mdb: ClientTable.MachineName";

/// Key, whether it is whole, and primary key of each entry that the rows ask for.
type Entries = BTreeSet<(Vec<u8>, Vec<u8>, bool)>;

fn expected(database: &Database<Vec<u8>>, table: &Table, index: &Index) -> Option<Entries> {
    let mut entries = Entries::new();
    for row in database.rows(table) {
        let row = row.unwrap();
        for key in database.index_keys(table, index, &row).unwrap()? {
            entries.insert((row.key().to_vec(), key.bytes, key.is_whole));
        }
    }
    Some(entries)
}

fn compare(
    database: &Database<Vec<u8>>,
    index: &Index,
    expected: &Entries,
    place: &str,
    seen: &mut Seen,
    is_clean: bool,
) {
    let mut entries: BTreeSet<(Vec<u8>, Vec<u8>)> = BTreeSet::new();
    for node in database.nodes(index.root).map(Result::unwrap).filter(|node| !node.flags.is_deleted()) {
        let primary = if index.flags.is_primary() { node.key.clone() } else { node.data };
        entries.insert((primary, node.key));
    }
    for (primary, key, is_whole) in expected {
        let near = entries.range((primary.clone(), key.clone())..).next();
        let found = near.is_some_and(|(at, found)| {
            at == primary && if *is_whole { found == key } else { found.starts_with(key) }
        });
        assert!(found, "{place}: row {primary:02x?} asks for {key:02x?} ({is_whole}), next is {near:02x?}");
        if *is_whole { seen.whole += 1 } else { seen.begun += 1 }
    }
    assert!(entries.len() == expected.len() || !is_clean, "{place}: {} {}", entries.len(), expected.len());
}
