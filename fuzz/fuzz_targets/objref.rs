//! Object references and bindings: decoded or refused, and what was decoded encodes to the same.
#![no_main]

use dcom::{DualStringArray, ObjRef, choose};
use libfuzzer_sys::fuzz_target;
use ndr::Ndr;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reference) = ObjRef::from_bytes(bytes) {
        let again = ObjRef::from_bytes(&reference.to_bytes()).expect("an encoded reference decodes");
        assert_eq!(again, reference);
    }
    let count = u16::try_from(bytes.len() / 2).unwrap_or(u16::MAX);
    let security = bytes.first().map_or(0, |first| u16::from(*first));
    let head =
        [u32::from(count).to_le_bytes().to_vec(), count.to_le_bytes().into(), security.to_le_bytes().into()];
    for bytes in [bytes, &[&head.concat(), bytes].concat()] {
        if let Ok(bindings) = DualStringArray::from_bytes(bytes) {
            for binding in &bindings.strings {
                let _ = binding.host_port();
            }
            assert!(choose(&bindings, "host", 135).len() <= dcom::MAX_CANDIDATES);
            let again = DualStringArray::from_bytes(&bindings.to_bytes()).expect("encoded bindings decode");
            assert_eq!(again, bindings);
        }
    }
});
