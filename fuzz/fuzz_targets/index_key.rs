//! Segments of any values: never longer than the key may be, inverted when descending, and in the order
//! of the values where those are numbers.
#![no_main]

use ese::{ColumnType, KeyColumn, KeyForm};
use libfuzzer_sys::fuzz_target;

const KINDS: [ColumnType; 17] = [
    ColumnType::Bit,
    ColumnType::UnsignedByte,
    ColumnType::Short,
    ColumnType::Long,
    ColumnType::Currency,
    ColumnType::Single,
    ColumnType::Double,
    ColumnType::DateTime,
    ColumnType::Binary,
    ColumnType::Text,
    ColumnType::LongBinary,
    ColumnType::LongText,
    ColumnType::UnsignedLong,
    ColumnType::LongLong,
    ColumnType::Guid,
    ColumnType::UnsignedShort,
    ColumnType::UnsignedLongLong,
];

type Segment<'a> = (u8, bool, bool, Option<&'a [u8]>);

fuzz_target!(|input: (u8, u8, u8, Vec<Segment<'_>>, i64, i64)| {
    let (key_most, segment_most, flags, segments, one, other) = input;
    let form = KeyForm {
        key_most: usize::from(key_most),
        segment_most: usize::from(segment_most),
        nulls_high: flags & 1 != 0,
        dotnet_guids: flags & 2 != 0,
    };
    let mut key = Vec::new();
    for (kind, is_fixed, is_unicode, value) in segments {
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        let code_page = if is_unicode { 1200 } else { 1252 };
        let column = KeyColumn { kind, code_page, is_fixed, descending: false };
        let (before, mut down) = (key.len(), key.clone());
        let known = form.append(column, value, &mut key);
        assert_eq!(form.append(KeyColumn { descending: true, ..column }, value, &mut down), known);
        assert!(key.len() <= form.key_most && (known || key.len() == before));
        assert!(key[before..].iter().zip(&down[before..]).all(|(up, down)| *up == !*down));
    }
    let form = KeyForm { key_most: 255, segment_most: 0, nulls_high: false, dotnet_guids: false };
    let column = KeyColumn { kind: ColumnType::LongLong, code_page: 0, is_fixed: true, descending: false };
    let key = |value: i64| {
        let mut key = Vec::new();
        assert!(form.append(column, Some(&value.to_le_bytes()), &mut key));
        key
    };
    assert_eq!(one.cmp(&other), key(one).cmp(&key(other)));
});
