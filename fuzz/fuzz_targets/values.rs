//! What is inside the blobs of the CA's methods: VARIANT, CAINFO, rows, columns, properties, texts.
#![no_main]

use csra::value::{CaInfo, Column, PropertyInfo, Rows, Variant, decode_text, encode_text};
use libfuzzer_sys::fuzz_target;
use ndr::Ndr;

fuzz_target!(|bytes: &[u8]| {
    let Some((&count, bytes)) = bytes.split_first() else { return };
    if let Ok(value) = Variant::from_bytes(bytes) {
        assert_eq!(Variant::from_bytes(&value.to_bytes()).expect("an encoded value decodes"), value);
    }
    let _ = CaInfo::from_bytes(bytes);
    for count in [count.into(), u32::MAX] {
        if let Ok(rows) = Rows::decode(bytes, count) {
            let again = rows.encode();
            assert_eq!(Rows::decode(&again, count).expect("encoded rows decode"), rows);
        }
        if let Ok(columns) = Column::decode_all(bytes, count) {
            let again = Column::encode_all(&columns);
            assert_eq!(Column::decode_all(&again, count).expect("encoded columns decode"), columns);
        }
        if let Ok(infos) = PropertyInfo::decode_all(bytes, count) {
            let again = PropertyInfo::encode_all(&infos);
            assert_eq!(PropertyInfo::decode_all(&again, count).expect("encoded properties decode"), infos);
        }
    }
    if let Ok(text) = decode_text(bytes) {
        assert_eq!(decode_text(&encode_text(&text)).expect("an encoded text decodes"), text);
    }
});
