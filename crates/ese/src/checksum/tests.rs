//! The ECC pass against the bit-by-bit definition (a private invariant of its tree).

use super::{Block, xor_ecc};
use std::vec::Vec;

fn by_definition(bytes: &[u8], tag: u32) -> u64 {
    let (mut set, mut clear, mut xor) = (0_u64, 0_u64, 0_u64);
    let all = u64::try_from(bytes.len() * 8 - 1).unwrap();
    for (byte, value) in bytes.iter().enumerate() {
        for bit in 0..8 {
            if value >> bit & 1 == 1 {
                let index = u64::try_from(byte * 8 + bit).unwrap();
                set ^= index;
                clear ^= !index & all;
                xor ^= 1 << (index & 31);
            }
        }
    }
    clear << 48 | set << 32 | (xor ^ u64::from(tag))
}

#[test]
fn fast_pass_equals_the_definition() {
    let mut state = 7_u64;
    for length in [2048, 4096, 8192] {
        for _ in 0..40 {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    (state >> 56).to_le_bytes()[0]
                })
                .collect();
            assert_eq!(xor_ecc(&bytes, 99, Block::Plain), Some(by_definition(&bytes, 99)));
            let mut zeroed = bytes.clone();
            zeroed[..8].fill(0);
            assert_eq!(xor_ecc(&bytes, 3, Block::WithChecksum), Some(by_definition(&zeroed, 3)));
        }
    }
}

#[test]
fn other_lengths_have_no_checksum() {
    for length in [0, 1, 256, 1024, 4095, 4097, 16384] {
        assert_eq!(xor_ecc(&std::vec![0; length], 1, Block::Plain), None);
    }
}
