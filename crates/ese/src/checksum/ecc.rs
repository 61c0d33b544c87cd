//! The 64-bit checksum of pages and log segments: XOR and ECC in one pass.
//!
//! Every bit of the block has an index. The ECC holds, for each bit of that index, the parity of
//! the data bits whose index has it set, and of those whose index has it clear. One flipped bit
//! therefore spells out its own index.
//!
//! The pass keeps rows of four `u64` lanes, which the compiler turns into vector registers: eight
//! rows are folded as a tree (index bits 8 to 10), the folded groups are folded again (bits 11 up),
//! and bits 0 to 7 are read off the final row.

use super::{Block, high, low};
use crate::bytes::Fields;

/// Index bits of the groups of eight rows in the largest block (8 KiB).
const GROUPS: usize = 32;

type Row = [u64; 4];

/// XOR and ECC of one block of 2, 4 or 8 KiB; `None` for any other length.
///
/// `tag` is the page number of a database page, or the segment number of a log segment; it enters
/// the low dword only. The result has the XOR of all dwords in bits 0 to 31, the ECC of set index
/// bits in bits 32 to 47 and that of clear index bits in bits 48 to 63.
///
/// Source: format digest section 3.2.
pub fn xor_ecc(block: &[u8], tag: u32, kind: Block) -> Option<u64> {
    let (groups, rest) = block.as_chunks::<256>();
    if !(rest.is_empty() && matches!(groups.len(), 8 | 16 | GROUPS)) {
        return None;
    }
    let mut sums = Sums { rows: [[0; 4]; 3], groups: [[0; 4]; GROUPS] };
    for (sum, group) in sums.groups.iter_mut().zip(groups) {
        *sum = fold_group(group, &mut sums.rows);
    }
    let stored = match kind {
        Block::WithChecksum => Fields(block).u64(0),
        Block::Plain => 0,
    };
    Some(sums.finish(groups.len(), stored, tag))
}

/// Number of index bits (`L`) of a block: 14 for 2 KiB, 15 for 4 KiB, 16 for 8 KiB.
pub(super) fn index_mask(block_length: usize) -> u16 {
    match block_length {
        2048 => 0x3FFF,
        4096 => 0x7FFF,
        _ => 0xFFFF,
    }
}

/// XORs eight rows into one, and into `rows[k]` those whose number has bit `k` set.
#[inline(always)]
fn fold_group(group: &[u8; 256], rows: &mut [Row; 3]) -> Row {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = load(group);
    let (s23, s45, s67) = (xor(r2, r3), xor(r4, r5), xor(r6, r7));
    let s4567 = xor(s45, s67);
    let [bit0, bit1, bit2] = rows;
    *bit0 = xor(*bit0, xor(xor(r1, r3), xor(r5, r7)));
    *bit1 = xor(*bit1, xor(s23, s67));
    *bit2 = xor(*bit2, s4567);
    xor(xor(xor(r0, r1), s23), s4567)
}

#[inline(always)]
fn load(group: &[u8; 256]) -> [Row; 8] {
    let mut rows = [[0; 4]; 8];
    let (chunks, _) = group.as_chunks::<32>();
    for (row, chunk) in rows.iter_mut().zip(chunks) {
        let (words, _) = chunk.as_chunks::<8>();
        for (lane, word) in row.iter_mut().zip(words) {
            *lane = u64::from_le_bytes(*word);
        }
    }
    rows
}

#[inline(always)]
fn xor(a: Row, b: Row) -> Row {
    [a[0] ^ b[0], a[1] ^ b[1], a[2] ^ b[2], a[3] ^ b[3]]
}

struct Sums {
    /// XOR of the rows whose number has bit 0, 1, 2 set.
    rows: [Row; 3],
    /// XOR of each group of eight rows.
    groups: [Row; GROUPS],
}

impl Sums {
    fn finish(mut self, count: usize, stored: u64, tag: u32) -> u64 {
        let mut words = [0; 16];
        let [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, upper @ ..] = &mut words;
        let total = self.fold_groups(count, upper);
        let [l0, l1, l2, l3] = total;
        // The stored checksum counts as zero. It is word 0: no index bit above 5 sees it.
        let x = l0 ^ l1 ^ l2 ^ l3 ^ stored;
        *w0 = x & 0xAAAA_AAAA_AAAA_AAAA;
        *w1 = x & 0xCCCC_CCCC_CCCC_CCCC;
        *w2 = x & 0xF0F0_F0F0_F0F0_F0F0;
        *w3 = x & 0xFF00_FF00_FF00_FF00;
        *w4 = x & 0xFFFF_0000_FFFF_0000;
        *w5 = x & 0xFFFF_FFFF_0000_0000;
        *w6 = l1 ^ l3;
        *w7 = l2 ^ l3;
        for (word, row) in [w8, w9, w10].into_iter().zip(&self.rows) {
            *word = squash(*row);
        }
        let set = parities(words);
        let clear = if x.count_ones() & 1 == 1 { set ^ index_mask(count.saturating_mul(256)) } else { set };
        (u64::from(clear) << 48) | (u64::from(set) << 32) | u64::from(low(x) ^ high(x) ^ tag)
    }

    /// Folds `count` groups into one; `upper[k]` becomes the XOR of those whose number has bit `k` set.
    fn fold_groups(&mut self, count: usize, upper: &mut [u64]) -> Row {
        let mut half = count / 2;
        for word in upper.iter_mut().take(count.trailing_zeros().try_into().unwrap_or(0)).rev() {
            let Some((lower, higher)) = self.groups.split_at_mut_checked(half) else { break };
            let mut sum = [0; 4];
            for (to, from) in lower.iter_mut().zip(higher) {
                sum = xor(sum, *from);
                *to = xor(*to, *from);
            }
            *word = squash(sum);
            half /= 2;
        }
        let [first, ..] = self.groups;
        first
    }
}

fn squash(row: Row) -> u64 {
    let [a, b, c, d] = row;
    a ^ b ^ c ^ d
}

/// The parities of sixteen words at once; bit `i` is the parity of word `i`.
fn parities(words: [u64; 16]) -> u16 {
    let eight: [u64; 8] = halve(words, 32, 0x0000_0000_FFFF_FFFF);
    let four: [u64; 4] = halve(eight, 16, 0x0000_FFFF_0000_FFFF);
    let two: [u64; 2] = halve(four, 8, 0x00FF_00FF_00FF_00FF);
    let [one]: [u64; 1] = halve(two, 4, 0x0F0F_0F0F_0F0F_0F0F);
    // Word i is now nibble i.
    let one = one ^ (one >> 2);
    let one = (one ^ (one >> 1)) & 0x1111_1111_1111_1111;
    let one = (one | (one >> 3)) & 0x0303_0303_0303_0303;
    let one = (one | (one >> 6)) & 0x000F_000F_000F_000F;
    let one = (one | (one >> 12)) & 0x0000_00FF_0000_00FF;
    let [low, _, _, _, high, ..] = one.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Folds word `i` into the low and word `i + M` into the high half of each field of twice `shift` bits.
#[inline(always)]
fn halve<const N: usize, const M: usize>(words: [u64; N], shift: u32, mask: u64) -> [u64; M] {
    let (low, high) = words.split_at(M);
    let mut out = [0; M];
    for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
        *out = ((low ^ (low >> shift)) & mask) | ((high ^ (high << shift)) & !mask);
    }
    out
}
