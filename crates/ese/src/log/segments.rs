//! Format 8: segments of 4096 bytes, each with its own checksum.

use alloc::vec::Vec;

use super::verifier::{SegmentCounts, Tip};
use crate::bytes::{Fields, is_zero};
use crate::checksum::{Block, Diagnosis, diagnose, xor_ecc};
use crate::database::Origin;
use crate::finding::{Finding, FindingKind, Findings, Place, Severity};
use crate::numbers::{Generation, LogPosition};

/// Judges segments as they come.
///
/// What stands behind the last valid segment is kept as runs: whether it is damage is only known
/// when another valid segment follows, or the file ends.
#[derive(Debug)]
pub(super) struct Segments {
    origin: Origin,
    /// `None` until a segment names it, when the header is damaged.
    generation: Option<Generation>,
    partial: Vec<u8>,
    next: u32,
    tip: Tip,
    pending: Vec<Run>,
}

/// Neighbouring segments of one class behind the last valid one.
#[derive(Clone, Copy, Debug)]
struct Run {
    class: Class,
    first: u32,
    last: u32,
}

/// What a segment is, judged by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Of this generation and place; `bit` is flipped, if any.
    Valid {
        checksum: u64,
        bit: Option<u32>,
    },
    Zero,
    /// Of an older generation.
    Stale {
        position: LogPosition,
    },
    /// Copy of the segment before.
    Shadow {
        position: LogPosition,
    },
    /// Right checksum, but no business here.
    Foreign {
        position: LogPosition,
    },
    Corrupt {
        stored: u64,
        computed: u64,
    },
}

impl Segments {
    pub(super) fn new(origin: Origin, generation: Option<Generation>) -> Self {
        let (partial, pending) = (Vec::new(), Vec::new());
        Self { origin, generation, partial, next: 1, tip: Tip::default(), pending }
    }

    pub(super) fn push(&mut self, bytes: &[u8], findings: &mut Findings) {
        let mut rest = bytes;
        if !self.partial.is_empty() {
            let missing = LENGTH.saturating_sub(self.partial.len());
            let (taken, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            self.partial.extend_from_slice(taken);
            rest = behind;
            if self.partial.len() < LENGTH {
                return;
            }
            let segment = core::mem::take(&mut self.partial);
            self.segment(&segment, findings);
            self.partial = segment;
            self.partial.clear();
        }
        let segments = rest.chunks_exact(LENGTH);
        self.partial.extend_from_slice(segments.remainder());
        for segment in segments {
            self.segment(segment, findings);
        }
    }

    fn segment(&mut self, segment: &[u8], findings: &mut Findings) {
        let number = self.next;
        self.next = number.saturating_add(1);
        let class = classify(segment, number, &mut self.generation);
        count(&mut self.tip.counts, class);
        let Class::Valid { checksum, bit } = class else {
            self.defer(class, number);
            return;
        };
        for run in core::mem::take(&mut self.pending) {
            self.tip.damaged = true;
            let kind = inside(run.class);
            findings.push_place(Finding::new(Severity::Error, self.place(run.first, run.last), kind));
        }
        if let Some(bit) = bit {
            let severity = if self.origin == Origin::Raw { Severity::Warning } else { Severity::Error };
            let kind = FindingKind::SingleBit { bit, refused: false };
            findings.push_place(Finding::new(severity, self.place(number, number), kind));
        }
        self.tip.last_segment = number;
        self.tip.checksum ^= checksum;
    }

    fn defer(&mut self, class: Class, number: u32) {
        let is_full = self.pending.len() >= MAX_RUNS;
        match self.pending.last_mut() {
            Some(run) if is_full || run.class.is_like(class) => {
                run.last = number;
                // The last run takes in everything: what is worse must not vanish in it.
                if !matches!(run.class, Class::Corrupt { .. } | Class::Foreign { .. }) {
                    run.class = class;
                }
            }
            _ => self.pending.push(Run { class, first: number, last: number }),
        }
    }

    /// Judges what stands behind the last valid segment.
    pub(super) fn finish(&mut self, findings: &mut Findings) -> Tip {
        let severity = if self.origin == Origin::Raw { Severity::Warning } else { Severity::Error };
        let pending = core::mem::take(&mut self.pending);
        for (run, behind) in pending.iter().zip(pending.iter().skip(1).map(Some).chain([None])) {
            if !matches!(run.class, Class::Corrupt { .. } | Class::Foreign { .. }) {
                continue;
            }
            self.tip.torn = true;
            let shadow = behind.is_some_and(|run| matches!(run.class, Class::Shadow { .. }));
            let kind = FindingKind::Torn { shadow };
            findings.push_place(Finding::new(severity, self.place(run.first, run.last), kind));
        }
        self.tip
    }

    fn place(&self, first: u32, last: u32) -> Place {
        let generation = self.generation.unwrap_or_default();
        Place::Segments { generation, first, last, offset: u64::from(first).saturating_mul(4096) }
    }
}

impl Class {
    /// Whether two neighbours are one run; only where the second one says nothing new.
    fn is_like(self, next: Self) -> bool {
        match (self, next) {
            (Self::Zero, Self::Zero) | (Self::Corrupt { .. }, Self::Corrupt { .. }) => true,
            (Self::Stale { position: own }, Self::Stale { position: next }) => {
                own.generation == next.generation
            }
            _ => false,
        }
    }
}

/// What it means that a segment of this class has valid ones behind it.
fn inside(class: Class) -> FindingKind {
    match class {
        Class::Stale { position } | Class::Shadow { position } | Class::Foreign { position } => {
            FindingKind::SegmentForeign { generation: position.generation, sector: position.sector }
        }
        Class::Corrupt { stored, computed } => FindingKind::SegmentChecksum { stored, computed },
        Class::Zero | Class::Valid { .. } => FindingKind::SegmentZero,
    }
}

fn count(counts: &mut SegmentCounts, class: Class) {
    let field = match class {
        Class::Valid { bit, .. } => {
            if bit.is_some() {
                counts.correctable = counts.correctable.saturating_add(1);
            }
            &mut counts.valid
        }
        Class::Zero => &mut counts.zero,
        Class::Stale { .. } => &mut counts.stale,
        Class::Shadow { .. } => &mut counts.shadow,
        Class::Foreign { .. } | Class::Corrupt { .. } => &mut counts.bad,
    };
    *field = field.saturating_add(1);
}

/// Judges one segment by the rules of format digest section 13.2.
pub(super) fn classify(segment: &[u8], number: u32, generation: &mut Option<Generation>) -> Class {
    let fields = Fields(segment);
    let stored = fields.u64(0);
    if stored == 0 && is_zero(segment) {
        return Class::Zero;
    }
    let Some(computed) = xor_ecc(segment, number, Block::WithChecksum) else {
        return Class::Corrupt { stored, computed: 0 };
    };
    let position = LogPosition::at(fields, POSITION);
    let corrupt = Class::Corrupt { stored, computed };
    match diagnose(stored, computed, number, LENGTH, Block::WithChecksum) {
        Diagnosis::Good => place(position, number, generation, stored, None),
        Diagnosis::DataBit(bit) => {
            let position = repaired_position(fields, bit);
            place_repaired(corrupt, place(position, number, generation, stored, Some(bit)))
        }
        Diagnosis::ChecksumBit(bit) => {
            place_repaired(corrupt, place(position, number, generation, computed, Some(bit)))
        }
        Diagnosis::OtherPlace { owner } => {
            // The segment names its own place, so this is not ambiguous.
            let low_bit = owner ^ number;
            if u32::from(position.sector) == owner {
                elsewhere(position, number, *generation)
            } else if low_bit.is_power_of_two() {
                let bit = Some(low_bit.trailing_zeros());
                place_repaired(corrupt, place(position, number, generation, computed, bit))
            } else {
                corrupt
            }
        }
        Diagnosis::Uncorrectable => corrupt,
    }
}

/// A segment with a right checksum for its place.
fn place(
    position: LogPosition,
    number: u32,
    generation: &mut Option<Generation>,
    checksum: u64,
    bit: Option<u32>,
) -> Class {
    let in_place = u32::from(position.sector) == number && position.offset == 0;
    let expected = match generation {
        Some(generation) => *generation,
        None if in_place => *generation.insert(position.generation),
        None => position.generation,
    };
    match position.generation.cmp(&expected) {
        core::cmp::Ordering::Equal if in_place => Class::Valid { checksum, bit },
        core::cmp::Ordering::Less => Class::Stale { position },
        _ => Class::Foreign { position },
    }
}

/// A segment that is not what it should be after a repair was not worth repairing.
fn place_repaired(corrupt: Class, class: Class) -> Class {
    if matches!(class, Class::Foreign { .. }) { corrupt } else { class }
}

/// A segment that was written for another place in the file.
fn elsewhere(position: LogPosition, number: u32, generation: Option<Generation>) -> Class {
    let is_previous = u32::from(position.sector).checked_add(1) == Some(number) && position.offset == 0;
    match generation {
        Some(generation) if position.generation < generation => Class::Stale { position },
        Some(generation) if is_previous && position.generation == generation => Class::Shadow { position },
        None if is_previous => Class::Shadow { position },
        _ => Class::Foreign { position },
    }
}

/// The position field of a segment with the flipped bit turned back.
fn repaired_position(fields: Fields<'_>, bit: u32) -> LogPosition {
    let word = fields.u64(POSITION);
    let in_field = bit.checked_sub(POSITION_BITS).filter(|&bit| bit < 64);
    let word = in_field.map_or(word, |bit| word ^ (1 << bit));
    LogPosition::at(Fields(&word.to_le_bytes()), 0)
}

/// Bytes of a segment.
const LENGTH: usize = 4096;

/// Offset of the position in a segment.
const POSITION: usize = 8;

/// Bit index of the position in a segment.
const POSITION_BITS: u32 = 64;

/// Runs kept behind the last valid segment; more are counted into the last one.
const MAX_RUNS: usize = 256;
