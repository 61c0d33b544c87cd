//! One database page: is its checksum right, and if not, why.

use crate::bytes::{Fields, is_zero};
use crate::checksum::{Block, Diagnosis, diagnose, xor_ecc, xor32};
use crate::numbers::{PageNumber, PageSize};

/// What a page is, judged by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageState {
    /// All zero: never initialised, and valid.
    Zero,
    /// XOR-32 checksum, right.
    Xor {
        /// Its `dbtimeDirtied`.
        dbtime: u64,
    },
    /// XOR and ECC checksum, right.
    Ecc {
        /// Its `dbtimeDirtied`.
        dbtime: u64,
    },
    /// Something is wrong.
    Bad(PageDefect),
}

/// What is wrong with a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageDefect {
    /// More than one bit; the first pair of checksums that differ.
    Checksum { stored: u64, computed: u64 },
    /// Right for another page number; or one bit of the stored checksum is flipped.
    Misplaced { owner: PageNumber, or_bit: Option<u32>, stored: u64, computed: u64 },
    /// The bit with this index in the page (8 * byte + bit) is flipped.
    Bit(u32),
    /// The checksum is right, the page number stored behind it is not.
    NumberField { stored: u32 },
}

/// Is `page` whole, as the page with this number? All zero is never initialised, and whole.
///
/// A flipped bit that an engine would turn back is a defect here: for bytes that were stored whole.
/// `page` is as long as `size`.
pub fn page_is_whole(page: &[u8], number: PageNumber, size: PageSize) -> bool {
    page.len() == size.len() && !matches!(check_page(page, number, size), PageState::Bad(_))
}

/// Judges `page`, which is as long as `size`.
pub(crate) fn check_page(page: &[u8], number: PageNumber, size: PageSize) -> PageState {
    let fields = Fields(page);
    if fields.u64(0) == 0 && is_zero(page) {
        return PageState::Zero;
    }
    let dbtime = fields.u64(field::DBTIME);
    let has_ecc = fields.u32(field::FLAGS) & FLAG_ECC != 0;
    let good = if has_ecc { PageState::Ecc { dbtime } } else { PageState::Xor { dbtime } };
    let defect = match (has_ecc, size.bytes()) {
        (false, _) => check_xor(page, number, size),
        (true, ..=SMALL) => check_small(page, number, size),
        (true, _) => check_large(page, number, size),
    };
    match defect {
        None => good,
        Some(defect) => PageState::Bad(second_opinion(page, number, size, has_ecc, defect)),
    }
}

/// The flag that chooses the checksum may itself be the flipped bit.
#[cold]
fn second_opinion(
    page: &[u8],
    number: PageNumber,
    size: PageSize,
    has_ecc: bool,
    defect: PageDefect,
) -> PageDefect {
    let fields = Fields(page);
    if has_ecc {
        let flipped = xor32(page) ^ FLAG_ECC == fields.u32(0) && fields.u32(field::XOR_NUMBER) == number.0;
        return if flipped { PageDefect::Bit(FLAG_ECC_BIT) } else { defect };
    }
    let ecc =
        if size.bytes() > SMALL { check_large(page, number, size) } else { check_small(page, number, size) };
    match ecc {
        Some(bit @ PageDefect::Bit(FLAG_ECC_BIT)) => bit,
        _ => defect,
    }
}

fn check_xor(page: &[u8], number: PageNumber, _: PageSize) -> Option<PageDefect> {
    let fields = Fields(page);
    let (stored, computed) = (fields.u32(0), xor32(page));
    if stored != computed {
        return Some(PageDefect::Checksum { stored: stored.into(), computed: computed.into() });
    }
    let owner = PageNumber(fields.u32(field::XOR_NUMBER));
    let (stored, computed) = (stored.into(), computed.into());
    (owner != number).then_some(PageDefect::Misplaced { owner, or_bit: None, stored, computed })
}

/// A page of at most 8 KiB: one block.
fn check_small(page: &[u8], number: PageNumber, _: PageSize) -> Option<PageDefect> {
    let stored = Fields(page).u64(0);
    let computed = xor_ecc(page, number.0, Block::WithChecksum)?;
    if stored == computed {
        return None;
    }
    Some(match diagnose(stored, computed, number.0, page.len(), Block::WithChecksum) {
        Diagnosis::DataBit(bit) | Diagnosis::ChecksumBit(bit) => PageDefect::Bit(bit),
        Diagnosis::OtherPlace { owner } => match (owner, one_bit(owner ^ number.0)) {
            // There is no page 0: the content was not written for another place.
            (0, Some(bit)) => PageDefect::Bit(bit),
            (0, None) => PageDefect::Checksum { stored, computed },
            (owner, or_bit) => PageDefect::Misplaced { owner: PageNumber(owner), or_bit, stored, computed },
        },
        Diagnosis::Good | Diagnosis::Uncorrectable => PageDefect::Checksum { stored, computed },
    })
}

/// A page of 16 or 32 KiB: four blocks; the first holds the checksums of the others.
fn check_large(page: &[u8], number: PageNumber, size: PageSize) -> Option<PageDefect> {
    let blocks = Blocks::new(page, number, size)?;
    if !blocks.are_good() {
        return Some(blocks.defect());
    }
    let stored = Fields(page).u32(field::LARGE_NUMBER);
    (stored != number.0).then_some(PageDefect::NumberField { stored })
}

/// Stored and computed checksums of the four blocks of a large page.
struct Blocks {
    number: u32,
    block_length: usize,
    stored: [u64; 4],
    computed: [u64; 4],
}

impl Blocks {
    fn new(page: &[u8], number: PageNumber, size: PageSize) -> Option<Self> {
        let block_length = size.len() / 4;
        let fields = Fields(page);
        let mut computed = [0; 4];
        let blocks = page.chunks_exact(block_length);
        for ((computed, block), kind) in computed.iter_mut().zip(blocks).zip(KINDS) {
            *computed = xor_ecc(block, number.0, kind)?;
        }
        let stored = [fields.u64(0), fields.u64(40), fields.u64(48), fields.u64(56)];
        Some(Self { number: number.0, block_length, stored, computed })
    }

    fn are_good(&self) -> bool {
        self.stored == self.computed
    }

    #[cold]
    fn defect(&self) -> PageDefect {
        let judged = self.diagnoses();
        let [first, second, third, fourth] = judged;
        if let Diagnosis::OtherPlace { owner } = first
            && [second, third, fourth] == [first; 3]
        {
            let ([stored, ..], [computed, ..]) = (self.stored, self.computed);
            return PageDefect::Misplaced { owner: PageNumber(owner), or_bit: None, stored, computed };
        }
        let mut bad = judged.iter().zip(0_u32..).filter(|(judged, _)| **judged != Diagnosis::Good);
        let one = match (bad.next(), bad.next()) {
            (Some((judged, block)), None) => self.page_bit(*judged, block),
            _ => None,
        };
        one.map_or_else(|| self.first_difference(), PageDefect::Bit)
    }

    fn diagnoses(&self) -> [Diagnosis; 4] {
        let mut stored = self.stored;
        let mut judged = [Diagnosis::Good; 4];
        for (at, ((judged, kind), computed)) in judged.iter_mut().zip(KINDS).zip(self.computed).enumerate() {
            let Some(&own) = stored.get(at) else { break };
            *judged = diagnose(own, computed, self.number, self.block_length, kind);
            // A flipped bit in a stored sum of another block: the first block says which.
            if let (0, Diagnosis::DataBit(bit @ 320..512)) = (at, *judged) {
                let [_, sums @ ..] = &mut stored;
                let sum = sums.iter_mut().zip([320_u32, 384, 448]).find(|(_, start)| bit & !63 == *start);
                if let Some((sum, _)) = sum {
                    *sum ^= 1 << (bit & 63);
                }
            }
        }
        judged
    }

    /// The index in the page of the only flipped bit, when that is what `judged` says.
    fn page_bit(&self, judged: Diagnosis, block: u32) -> Option<u32> {
        let block_bits = u32::try_from(self.block_length).ok()?.checked_mul(8)?;
        match (judged, block) {
            (Diagnosis::DataBit(bit), _) => bit.checked_add(block.checked_mul(block_bits)?),
            (Diagnosis::ChecksumBit(bit), 0) => Some(bit),
            // The other blocks fit the place, so the first one was written for it too.
            (Diagnosis::OtherPlace { owner }, 0) => one_bit(owner ^ self.number),
            _ => None,
        }
    }

    fn first_difference(&self) -> PageDefect {
        let mut pairs = self.stored.into_iter().zip(self.computed);
        let (stored, computed) = pairs.find(|(stored, computed)| stored != computed).unwrap_or_default();
        PageDefect::Checksum { stored, computed }
    }
}

/// The number of the only set bit.
fn one_bit(word: u32) -> Option<u32> {
    word.is_power_of_two().then(|| word.trailing_zeros())
}

const KINDS: [Block; 4] = [Block::WithChecksum, Block::Plain, Block::Plain, Block::Plain];

/// Largest page with a single checksum.
const SMALL: u32 = 8192;

/// Page flag: the page has the XOR and ECC checksum.
const FLAG_ECC: u32 = 0x2000;

/// Bit index of [`FLAG_ECC`] in the page, the one bit that the engine never corrects.
pub(crate) const FLAG_ECC_BIT: u32 = 36 * 8 + 13;

/// Offsets in a page (format digest section 5.1).
mod field {
    pub(super) const XOR_NUMBER: usize = 4;
    pub(super) const DBTIME: usize = 8;
    pub(super) const FLAGS: usize = 36;
    pub(super) const LARGE_NUMBER: usize = 64;
}
