//! Any bytes decompress to no more than the limit, or not at all; a higher limit gives the same.
#![no_main]

use ese::{CompressionError, decompress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (limit, bytes) = (usize::from(input.0), input.1);
    let free = decompress(bytes, usize::MAX);
    match decompress(bytes, limit) {
        Ok(plain) => {
            assert!(plain.len() <= limit);
            assert_eq!(free, Ok(plain));
        }
        Err(CompressionError::TooLong) => {
            assert!(free.is_err() || free.is_ok_and(|plain| plain.len() > limit))
        }
        Err(other) => assert_eq!(free, Err(other)),
    }
});
