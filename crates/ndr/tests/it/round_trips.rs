use dtyp::Guid;
use ndr::{Reader, Writer};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
enum Value {
    U8(u8),
    U16(u16),
    U32(u32),
    I32(i32),
    U64(u64),
    Guid([u8; 16]),
    Bytes(Vec<u8>),
    Units(Vec<u16>),
    Text(Option<String>),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u8>().prop_map(Value::U8),
        any::<u16>().prop_map(Value::U16),
        any::<u32>().prop_map(Value::U32),
        any::<i32>().prop_map(Value::I32),
        any::<u64>().prop_map(Value::U64),
        any::<[u8; 16]>().prop_map(Value::Guid),
        vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
        vec(any::<u16>(), 0..5).prop_map(Value::Units),
        proptest::option::of("[^\0]{0,6}").prop_map(Value::Text),
    ]
}

fn write(writer: &mut Writer, value: &Value) {
    match value {
        Value::U8(value) => writer.u8(*value),
        Value::U16(value) => writer.u16(*value),
        Value::U32(value) => writer.u32(*value),
        Value::I32(value) => writer.i32(*value),
        Value::U64(value) => writer.u64(*value),
        Value::Guid(value) => writer.guid(Guid::from_bytes(*value)),
        Value::Bytes(value) => writer.byte_array(value),
        Value::Units(value) => writer.unit_array(value),
        Value::Text(value) => writer.unique_wide_string(value.as_deref()),
    }
}

fn read(reader: &mut Reader<'_>, like: &Value) -> Result<Value, ndr::Error> {
    Ok(match like {
        Value::U8(_) => Value::U8(reader.u8("u8")?),
        Value::U16(_) => Value::U16(reader.u16("u16")?),
        Value::U32(_) => Value::U32(reader.u32("u32")?),
        Value::I32(_) => Value::I32(reader.i32("i32")?),
        Value::U64(_) => Value::U64(reader.u64("u64")?),
        Value::Guid(_) => Value::Guid(reader.guid("guid")?.to_bytes()),
        Value::Bytes(_) => Value::Bytes(reader.byte_array("bytes")?.to_vec()),
        Value::Units(_) => Value::Units(reader.unit_array("units")?),
        Value::Text(_) => Value::Text(reader.unique_wide_string("text")?),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(values in vec(value(), 0..12)) {
        let mut writer = Writer::new();
        values.iter().for_each(|value| write(&mut writer, value));
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        for value in &values {
            prop_assert_eq!(&read(&mut reader, value).unwrap(), value);
        }
        prop_assert_eq!(reader.remaining(), 0);
        // And a cut anywhere is noticed.
        for end in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..end]);
            prop_assert!(values.iter().any(|value| read(&mut reader, value).is_err()), "cut at {}", end);
        }
    }

    #[test]
    fn arbitrary_bytes_are_survived(bytes in vec(any::<u8>(), 0..64), values in vec(value(), 0..12)) {
        let mut reader = Reader::new(&bytes);
        for value in &values {
            let before = reader.position();
            let _ = read(&mut reader, value);
            prop_assert!(reader.position() >= before && reader.position() <= bytes.len());
        }
    }
}
