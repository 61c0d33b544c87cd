//! Structures inside of blobs.

use csra::method::{Counted, Table};
use csra::value::{
    Blob, CaInfo, Cell, Column, ColumnType, PropertyId, PropertyInfo, PropertyType, Row, Rows, Variant,
    decode_text, encode_text,
};
use ndr::{Error, Ndr, Reader};

use crate::bytes::bytes;

const COLUMN: &str = "
    04000100    ; Type: string, indexed
    00100000    ; Index
    10000000    ; cbMax
    14000000    ; obwszName: 20
    1C000000    ; obwszDisplayName: 28
    'ab' 0000 0000 ; padding to 4
    'c' 0000";

fn column() -> Column {
    let (name, display_name) = ("ab".into(), "c".into());
    Column { kind: ColumnType::String, indexed: true, id: 0x1000, max_size: 16, name, display_name }
}

#[test]
fn columns_have_their_names_behind_them() {
    assert_eq!(Column::encode_all(&[column()]), bytes(COLUMN));
    assert_eq!(Column::decode_all(&bytes(COLUMN), 1), Ok(vec![column()]));
    let two = [column(), Column { id: 7, indexed: false, kind: ColumnType::Date, ..column() }];
    assert_eq!(Column::decode_all(&Column::encode_all(&two), 2), Ok(two.to_vec()));
}

#[test]
fn properties_have_their_names_behind_them() {
    let property = PropertyInfo {
        id: PropertyId::BASE_CRL,
        kind: PropertyType::Binary,
        indexed: true,
        display_name: "CRL".into(),
    };
    let expected = bytes(
        "11000000 03 00 0100    ; lPropID, propType, Reserved, propFlags: indexed
         0C000000               ; obwszDisplayName: 12
         'CRL' 0000             ;",
    );
    assert_eq!(PropertyInfo::encode_all(std::slice::from_ref(&property)), expected);
    assert_eq!(PropertyInfo::decode_all(&expected, 1), Ok(vec![property]));
    let nameless = bytes("11000000 03 FF FEFF 00000000");
    let [property] = &PropertyInfo::decode_all(&nameless, 1).unwrap()[..] else { panic!() };
    assert!(!property.indexed && property.display_name.is_empty(), "Reserved and other flags are ignored");
}

#[test]
fn rows_carry_their_values() {
    let cell =
        |kind, column, value: &[u8]| Cell { kind, indexed: false, column, value: value.to_vec().into() };
    let rows = Rows {
        rows: vec![
            Row {
                id: 1,
                cells: vec![
                    cell(ColumnType::Long, 0x1000, &[7, 0, 0, 0]),
                    cell(ColumnType::Binary, 0x1001, &[1, 2, 3, 4, 5]),
                ],
            },
            Row { id: 2, cells: vec![cell(ColumnType::String, 0x1002, &[])] },
        ],
        total: Some(2),
    };
    let expected = bytes(
        "01000000 02000000 38000000             ; rowid, ccol, cbrow: 56
         01000000 00100000 2C000000 04000000    ; Type, Index, obValue: 44, cbValue
         03000000 01100000 30000000 05000000    ; Type, Index, obValue: 48, cbValue
         07000000 0102030405 000000             ; values, padded to 4
         02000000 01000000 1C000000             ; rowid, ccol, cbrow: 28
         04000000 02100000 1C000000 00000000    ; no value
         02000000 FDFFFFFF 0C000000             ; the extra row: total, its inverse",
    );
    assert_eq!(rows.encode(), expected);
    let counted = Counted { count: 2, blob: Blob(expected) };
    assert_eq!(counted.rows(), Ok(rows));
    let without_end = Counted { count: 2, blob: Blob(counted.blob.0[..84].to_vec()) };
    assert_eq!(without_end.rows().unwrap().total, None);
}

#[test]
fn values_are_typed() {
    let cell = |kind, value: &[u8]| Cell { kind, indexed: false, column: 0, value: value.to_vec().into() };
    assert_eq!(cell(ColumnType::Long, &[0xFE, 0xFF, 0xFF, 0xFF]).long(), Some(-2));
    assert_eq!(cell(ColumnType::Date, &[1, 0, 0, 0, 0, 0, 0, 0]).date(), Some(1));
    assert_eq!(cell(ColumnType::String, &bytes("'CA' 0000")).text().as_deref(), Some("CA"));
    assert_eq!(cell(ColumnType::Long, &[1, 0]).long(), None);
    assert_eq!(cell(ColumnType::Binary, &[1, 0, 0, 0]).long(), None);
    assert_eq!(cell(ColumnType::Long, &[0; 8]).date(), None);
    assert_eq!(cell(ColumnType::Binary, &[0x41, 0]).text(), None);
    assert_eq!(cell(ColumnType::String, &[0x41]).text(), None);
}

#[test]
fn ca_info() {
    let info = CaInfo {
        ca_type: 1,
        signing_certificates: 2,
        exchange_certificates: 3,
        exit_modules: 4,
        highest_property: 0x2A,
        role_separation: true,
        recovery_certificates_used: 5,
        recovery_certificates: 6,
        advanced_server: false,
    };
    let expected = bytes(
        "28000000 01000000 02000000 03000000 04000000    ; cbSize, CAType, certificates, exit modules
         2A000000 01000000 05000000 06000000 00000000    ; lPropIDMax, separation, KRA, edition",
    );
    assert_eq!(info.to_bytes(), expected);
    assert_eq!(CaInfo::from_bytes(&expected), Ok(info));
    let older = [bytes("24000000"), expected[4..36].to_vec()].concat();
    assert!(matches!(CaInfo::from_bytes(&older), Err(Error::Invalid { what: "cbSize", .. })));
}

#[test]
fn text_of_a_property_may_lack_its_nul() {
    assert_eq!(encode_text("CA"), bytes("'CA' 0000"));
    assert_eq!(decode_text(&bytes("'CA' 0000")).as_deref(), Ok("CA"));
    assert_eq!(decode_text(&bytes("'CA'")).as_deref(), Ok("CA"));
    assert_eq!(decode_text(&[]).as_deref(), Ok(""));
    assert!(decode_text(&[0x41]).is_err());
    assert!(decode_text(&bytes("00D8 0000")).is_err(), "half a surrogate pair");
}

#[test]
fn tables_and_types_go_both_ways() {
    for table in [Table::Request, Table::Extension, Table::Attribute, Table::Crl] {
        assert_eq!(Table::from_wire(table.to_wire()), Some(table));
    }
    assert_eq!(Table::from_wire(0x1000), None);
    for kind in [PropertyType::Long, PropertyType::Date, PropertyType::Binary, PropertyType::String] {
        assert_eq!(PropertyType::from_wire(kind.to_wire().into()), Some(kind));
    }
    for kind in [ColumnType::Long, ColumnType::Date, ColumnType::Binary, ColumnType::String] {
        assert_eq!(ColumnType::from_wire(kind.to_wire(true)), Some((kind, true)));
        assert_eq!(ColumnType::from_wire(kind.to_wire(false) | 0xFF00), Some((kind, false)));
    }
    assert_eq!((PropertyType::from_wire(5), ColumnType::from_wire(0)), (None, None));
}

/// One defect, one refusal: the field that is named.
#[test]
fn a_defect_in_a_blob_is_named() {
    let broken = |at: usize, value: u8, clean: &str| {
        let mut bytes = bytes(clean);
        bytes[at] = value;
        bytes
    };
    let what = |error: Error| match error {
        Error::Invalid { what, .. } | Error::Text { what, .. } | Error::TooMany { what, .. } => what,
        Error::Short { what, .. } => what,
        other => panic!("{other}"),
    };
    let column = |at, value| Column::decode_all(&broken(at, value, COLUMN), 1).map_err(what);
    assert_eq!(column(0, 9), Err("Type"));
    assert_eq!(column(12, 0xFF), Err("obwszName"));
    assert_eq!(column(16, 0x20), Err("obwszDisplayName"), "at the end: no NUL");
    assert_eq!(column(30, 1), Err("obwszDisplayName"), "no NUL");
    let row = "01000000 01000000 20000000 01000000 00100000 1C000000 04000000 07000000";
    let row = |at, value| Rows::decode(&broken(at, value, row), 1).map(drop).map_err(what);
    assert_eq!(row(0, 1), Ok(()), "clean");
    assert_eq!(row(8, 0x21), Err("cbrow"), "beyond the blob");
    assert_eq!(row(8, 0x0B), Err("cbrow"), "below its own head");
    assert_eq!(row(4, 0x02), Err("Type"), "a second column where the value lies");
    assert_eq!(row(20, 0x1D), Err("obValue"));
    assert_eq!(row(24, 0x05), Err("obValue"));
    assert_eq!(row(23, 0xFF), Err("obValue"));
}

/// Names that all lie at the same place would make a small blob large.
#[test]
fn strings_of_a_blob_may_not_be_shared_without_end() {
    let text = "x".repeat(400);
    let one = Column { name: text, ..column() };
    let mut blob = Column::encode_all(&vec![one; 100]);
    let first = blob[12..16].to_vec();
    for entry in 0..100 {
        blob[entry * 20 + 12..entry * 20 + 16].copy_from_slice(&first);
        blob[entry * 20 + 16..entry * 20 + 20].copy_from_slice(&first);
    }
    assert!(matches!(Column::decode_all(&blob, 100), Err(Error::TooMany { .. })));
}

/// As Windows and others encode what we encode otherwise: other referents, a NULL BSTR, a NULL array.
#[test]
fn variants_of_others_decode() {
    let head = "5573657200000000 03000000 00000000";
    let decode = |rest: &str| Variant::decode(&mut Reader::new(&bytes(&format!("{head} {rest}"))));
    assert_eq!(decode("0800 CCCCCCCCCCCC 08000000 00000000"), Ok(Variant::Text(String::new())));
    let null_blob = "0800 000000000000 08000000 01000000 00000000 FFFFFFFF 00000000";
    assert_eq!(decode(null_blob), Ok(Variant::Text(String::new())));
    assert_eq!(decode("0820 000000000000 00200000 00000000"), Ok(Variant::TextList(vec![])));
    assert_eq!(decode("1120 000000000000 00200000 01000000 00000000"), Ok(Variant::Bytes(vec![])));
    assert_eq!(Variant::decode(&mut Reader::new(&[0; 4])), Ok(Variant::Empty), "NULL");
}

#[test]
fn a_defect_in_a_variant_is_named() {
    let head = "0000020000000000 03000000 00000000";
    let decode = |rest: &str| match Variant::decode(&mut Reader::new(&bytes(&format!("{head} {rest}")))) {
        Err(Error::Invalid { what, .. } | Error::Short { what, .. } | Error::Text { what, .. }) => what,
        other => panic!("{rest}: {other:?}"),
    };
    assert_eq!(decode("0700 000000000000 07000000 0000000000000000"), "vt");
    assert_eq!(decode("0300 000000000000 08000000 00000000"), "_varUnion");
    assert_eq!(decode("0820 000000000000 08200000 00000000"), "_varUnion");
    let bstr = "0800 000000000000 08000000 01000000";
    assert_eq!(decode(&format!("{bstr} 02000000 02000000 01000000 4100")), "cBytes", "max_count");
    assert_eq!(decode(&format!("{bstr} 01000000 03000000 01000000 4100")), "cBytes");
    assert_eq!(decode(&format!("{bstr} 01000000 FFFFFFFF 01000000 4100")), "cBytes", "NULL with text");
    assert_eq!(decode(&format!("{bstr} FFFFFFFF FEFFFFFF FFFFFFFF 4100")), "clSize");
    assert_eq!(decode(&format!("{bstr} 01000000 02000000 01000000 00D8")), "bstrVal");
    let array = "1120 000000000000 00200000 01000000 01000000";
    let with = |bounds: &str, dims: &str, sf: &str, size: &str, rest: &str| {
        decode(&format!("{array} {bounds} {dims} 0000 01000000 00000000 {sf} {size} {rest}"))
    };
    let good = "01000000 01000000 00000000 01000000 AA";
    assert_eq!(with("02000000", "0100", "10000000", "01000000", good), "rgsabound");
    assert_eq!(with("01000000", "0200", "10000000", "01000000", good), "cDims");
    assert_eq!(with("01000000", "0100", "08000000", "01000000", good), "sfType");
    assert_eq!(with("01000000", "0100", "10000000", "02000000", good), "Size");
    let null = "00000000 01000000 00000000";
    assert_eq!(with("01000000", "0100", "10000000", "01000000", null), "Size", "NULL with elements");
    let huge = "01000000 FFFFFFFF 00000000 FFFFFFFF AA";
    assert_eq!(with("01000000", "0100", "10000000", "FFFFFFFF", huge), "pData");
}
