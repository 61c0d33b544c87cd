//! Any bytes, in any chunking, give the same report; nothing panics.
#![no_main]

use ese::{DatabaseVerifier, Origin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u16, &[u8])| {
    let (streamed, chunk, bytes) = input;
    let origin = if streamed { Origin::Streamed } else { Origin::Raw };
    let size = Some(bytes.len() as u64);
    let mut whole = DatabaseVerifier::new(origin, size);
    whole.push(bytes);
    let mut parts = DatabaseVerifier::new(origin, size);
    bytes.chunks(usize::from(chunk).max(1)).for_each(|part| parts.push(part));
    let (whole, parts) = (whole.finish(), parts.finish());
    assert_eq!(whole.findings, parts.findings);
    whole.findings.iter().for_each(|finding| drop(finding.to_string()));
});
