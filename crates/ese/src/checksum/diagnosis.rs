//! What the difference of a stored and a computed checksum says.

use super::ecc::index_mask;
use super::{high, low};

/// Whether the checksum of a block is stored in its own first eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Block {
    /// The first eight bytes hold the checksum and count as zero: log segments, pages up to 8 KiB,
    /// the first quarter of larger pages.
    WithChecksum,
    /// All bytes count: the other quarters of a 16 or 32 KiB page.
    Plain,
}

/// What a wrong XOR and ECC checksum of one block says about the damage.
///
/// Source: format digest section 3.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Diagnosis {
    /// The checksum is right.
    Good,
    /// The content fits itself, but was written for the place with this number.
    ///
    /// One flipped bit in the low dword of the stored checksum looks the same; then `owner`
    /// differs from the expected number in exactly that bit.
    OtherPlace {
        /// The page or segment number that the content was written for.
        owner: u32,
    },
    /// Exactly one bit of the block is flipped: its index, 8 * byte + bit.
    DataBit(u32),
    /// Exactly one bit of the ECC half of the stored checksum is flipped (32 to 63).
    ChecksumBit(u32),
    /// More than one bit is wrong.
    Uncorrectable,
}

/// Compares a stored with a computed checksum of a block of `length` bytes.
pub(crate) fn diagnose(stored: u64, computed: u64, tag: u32, length: usize, kind: Block) -> Diagnosis {
    let difference = stored ^ computed;
    if difference == 0 {
        return Diagnosis::Good;
    }
    let [.., set0, set1, clear0, clear1] = difference.to_le_bytes();
    let (set, clear) = (u16::from_le_bytes([set0, set1]), u16::from_le_bytes([clear0, clear1]));
    if high(difference) == 0 {
        return Diagnosis::OtherPlace { owner: tag ^ low(difference) };
    }
    if difference.is_power_of_two() {
        return Diagnosis::ChecksumBit(difference.trailing_zeros());
    }
    let one_bit = set ^ clear == index_mask(length) && low(difference) == 1 << (set & 31);
    let possible = kind == Block::Plain || set >= 64;
    if one_bit && possible { Diagnosis::DataBit(u32::from(set)) } else { Diagnosis::Uncorrectable }
}
