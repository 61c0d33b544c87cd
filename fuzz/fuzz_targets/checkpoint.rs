//! Checkpoints, and the list of attached databases in the header of a log: no panic, bounded memory.
#![no_main]

use ese::{AttachedDatabase, Checkpoint, xor32};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Checkpoint::parse(bytes);
    let databases = AttachedDatabase::list(bytes);
    // An entry takes 64 bytes at least.
    assert!(databases.len() <= bytes.len() / 64);
    // Behind the checksum.
    let mut copy = bytes.get(4..).unwrap_or(&[]).to_vec();
    copy.resize(Checkpoint::COPY_LENGTH - 4, 0);
    copy.splice(..0, [0; 4]);
    let sum = xor32(&copy);
    copy.splice(..4, sum.to_le_bytes());
    if let Ok(checkpoint) = Checkpoint::parse(&copy) {
        assert!(!checkpoint.from_second_copy);
    }
    let _ = AttachedDatabase::of_log(&copy);
});
