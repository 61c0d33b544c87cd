//! Lists from a server: decoded or refused, and what was decoded encodes to the same list.
#![no_main]

use certadm::{FileList, RestoreMap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = RestoreMap::decode(bytes.to_vec());
    if let Ok(list) = FileList::decode_tagged(bytes.to_vec()) {
        let again = FileList::encode(list.files().to_vec());
        let again = FileList::decode_tagged(again.raw().to_vec()).expect("an encoded list decodes");
        assert_eq!(again.files(), list.files());
    }
});
