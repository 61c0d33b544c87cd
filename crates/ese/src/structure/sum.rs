//! Sums of hashes, to compare two sets of which neither fits into memory.

/// Number of members, and the sum of their hashes: the same in any order.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sum {
    pub(super) members: u64,
    total: u64,
}

impl Sum {
    pub(super) fn add(&mut self, hash: u64) {
        self.members = self.members.saturating_add(1);
        self.total = self.total.wrapping_add(hash);
    }
}

/// A hash of byte strings and where they end. Guards against damage, not against forgery.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut state = SEED;
    for part in parts {
        let (words, rest) = part.as_chunks::<8>();
        for word in words {
            state = mix(state ^ u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
        state = mix(state ^ u64::from_le_bytes(last));
        state = mix(state ^ crate::bytes::length(part.len()));
    }
    state
}

/// Both halves of a product, folded.
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ SEED).wrapping_mul(u128::from(FACTOR));
    let [a, b, c, d, e, f, g, h, low @ ..] = product.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ u64::from_be_bytes(low)
}

/// Digits of pi and of the golden ratio.
const SEED: u64 = 0x243F_6A88_85A3_08D3;
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
