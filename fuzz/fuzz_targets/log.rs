//! Any bytes, in any chunking, give the same report; nothing panics, alone or in a set.
#![no_main]

use ese::{LogVerifier, NamedLog, Origin, SetInput};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u16, &[u8])| {
    let (streamed, chunk, bytes) = input;
    let origin = if streamed { Origin::Streamed } else { Origin::Raw };
    let size = Some(bytes.len() as u64);
    let mut whole = LogVerifier::new(origin, size);
    whole.push(bytes);
    let mut parts = LogVerifier::new(origin, size);
    bytes.chunks(usize::from(chunk).max(1)).for_each(|part| parts.push(part));
    let (whole, parts) = (whole.finish(), parts.finish());
    assert_eq!(whole.findings, parts.findings);
    let logs: Vec<NamedLog> =
        whole.facts.map(|facts| NamedLog { name: "edb00001.log".to_owned(), facts }).into_iter().collect();
    let input = SetInput { origin, databases: &[], logs: &logs, listed: None };
    ese::check_set(&input).iter().for_each(|finding| drop(finding.to_string()));
});
