//! The two checksums: XOR-32 of headers, XOR and ECC of pages and log segments.

mod diagnosis;
mod ecc;
#[cfg(test)]
mod tests;

pub use diagnosis::Block;
pub(crate) use diagnosis::{Diagnosis, diagnose};
pub use ecc::xor_ecc;

use crate::bytes::Fields;

/// The start value of [`xor32`], also the magic number of a database header.
pub(crate) const SEED: u32 = 0x89AB_CDEF;

/// XOR-32 of a header, a trailer page or a pre-Vista page: all dwords but the first.
///
/// The first dword holds the stored value and is left out. Bytes behind the last whole dword
/// do not count.
///
/// Source: format digest section 3.1.
pub fn xor32(bytes: &[u8]) -> u32 {
    let (rows, rest) = bytes.as_chunks::<32>();
    let mut sum = [0_u64; 4];
    for row in rows {
        let (words, _) = row.as_chunks::<8>();
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum ^= u64::from_le_bytes(*word);
        }
    }
    let wide = sum.iter().fold(0, |all, word| all ^ word);
    let (tail, _) = rest.as_chunks::<4>();
    let tail = tail.iter().fold(0, |all, word| all ^ u32::from_le_bytes(*word));
    SEED ^ low(wide) ^ high(wide) ^ tail ^ Fields(bytes).u32(0)
}

/// The low half of a stored checksum: the XOR of all dwords.
pub(crate) fn low(wide: u64) -> u32 {
    let [a, b, c, d, ..] = wide.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The high half of a stored checksum: the two ECC words.
pub(crate) fn high(wide: u64) -> u32 {
    let [.., a, b, c, d] = wide.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
