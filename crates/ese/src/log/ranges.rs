//! Format 7: a stream of records, chained by `LRCHECKSUM` records.

use alloc::vec::Vec;

use super::verifier::Tip;
use crate::bytes::{Fields, index};
use crate::database::Origin;
use crate::finding::{Finding, FindingKind, Findings, Place, Severity};
use crate::numbers::Generation;

/// Follows the chain of checksum records.
///
/// ```text
///  0  1  type            42
///  1  4  cbBackwards     bytes covered before the record
///  5  4  cbForwards      bytes covered behind it
///  9  4  cbNext          bytes from its end to the next one, 0 for none
/// 13  4  ulChecksum
/// 17  4  ulShortChecksum
/// 21  1  bUseShort       0x9A or 0xD1
/// ```
///
/// Source: format digest section 14.
#[derive(Debug)]
pub(super) struct Ranges {
    origin: Origin,
    generation: Generation,
    /// Offset in the file of the next byte.
    position: u64,
    /// The bytes before `position`, as many as a record may cover.
    window: Vec<u8>,
    state: State,
    tip: Tip,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The next record starts at this offset.
    Seek(u64),
    /// Inside the bytes behind a record.
    Cover { record: Record, sum: u32, left: u64 },
    /// Behind the last record.
    End,
    /// The chain is broken; `written` tells whether more data follows.
    Broken { kind: Broken, at: u64, written: bool },
}

#[derive(Clone, Copy, Debug)]
enum Broken {
    Checksum { stored: u32, computed: u32, last: bool },
    Missing,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: u64,
    backwards: u32,
    forwards: u32,
    next: u32,
    stored: u32,
}

impl Ranges {
    pub(super) fn new(origin: Origin, generation: Generation) -> Self {
        Self {
            origin,
            generation,
            position: START,
            window: Vec::new(),
            state: State::Seek(START),
            tip: Tip::default(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.window.len() >= WINDOW.saturating_mul(4) {
            self.window.drain(..self.window.len().saturating_sub(WINDOW));
        }
        self.window.push(byte);
        self.position = self.position.saturating_add(1);
        match &mut self.state {
            State::Seek(at) => {
                let at = *at;
                if self.position == at.saturating_add(RECORD) {
                    self.record(at);
                }
            }
            State::Cover { record, sum, left } => {
                let phase = u64::from(record.forwards).saturating_sub(*left) & 3;
                let shift = u32::try_from(phase.saturating_mul(8)).unwrap_or(0);
                *sum ^= u32::from(byte) << shift;
                *left = left.saturating_sub(1);
                if *left == 0 {
                    let (record, sum) = (*record, *sum);
                    self.covered(record, sum);
                }
            }
            State::Broken { at, written, .. } => {
                // Skip the broken sector and the shadow that may follow it.
                let behind = self.position.checked_sub(at.saturating_add(SHADOWED));
                *written |= behind.is_some() && !is_fill(self.position, byte);
            }
            State::End => {}
        }
    }

    /// Reads the record that ends here.
    fn record(&mut self, at: u64) {
        let start = self.window.len().saturating_sub(index(22));
        let (before, bytes) = self.window.split_at_checked(start).unwrap_or((&[], &[]));
        let f = Fields(bytes);
        let [.., use_short] = f.array::<22>(0);
        let record =
            Record { at, backwards: f.u32(1), forwards: f.u32(5), next: f.u32(9), stored: f.u32(13) };
        let skips_cover = record.next != 0 && record.next < record.forwards;
        let back = before.len().checked_sub(index(record.backwards)).and_then(|from| before.get(from..));
        let is_record = f.u8(0) == TYPE && matches!(use_short, 0x9A | 0xD1) && !skips_cover;
        let (true, Some(back)) = (is_record, back) else {
            self.state = State::Broken { kind: Broken::Missing, at, written: false };
            return;
        };
        let sum = SEED
            ^ lanes(back)
            ^ record.backwards
            ^ record.forwards
            ^ record.next
            ^ u32::from(use_short)
            ^ self.generation.0;
        if record.forwards == 0 {
            self.covered(record, sum);
        } else {
            self.state = State::Cover { record, sum, left: record.forwards.into() };
        }
    }

    /// Compares the sum of a range that is now complete.
    fn covered(&mut self, record: Record, computed: u32) {
        let last = record.next == 0;
        if computed != record.stored {
            let kind = Broken::Checksum { stored: record.stored, computed, last };
            self.state = State::Broken { kind, at: record.at, written: false };
            return;
        }
        self.tip.counts.valid = self.tip.counts.valid.saturating_add(1);
        self.tip.last_segment = sector(self.position.saturating_sub(1));
        let end = record.at.saturating_add(RECORD);
        self.state = if last { State::End } else { State::Seek(end.saturating_add(record.next.into())) };
    }

    pub(super) fn finish(&mut self, findings: &mut Findings) -> Tip {
        let (kind, at, is_tip) = match self.state {
            State::End => return self.tip,
            // A valid range was there, so this is not the first record.
            State::Seek(at) => (Broken::Missing, at, false),
            State::Cover { record, .. } => (Broken::Missing, record.at, false),
            State::Broken { kind, at, written } => {
                let last = matches!(kind, Broken::Missing | Broken::Checksum { last: true, .. });
                (kind, at, last && !written && at != START)
            }
        };
        self.tip.counts.bad = self.tip.counts.bad.saturating_add(1);
        let kind = match kind {
            _ if is_tip && self.origin == Origin::Raw => FindingKind::Torn { shadow: false },
            Broken::Checksum { stored, computed, .. } => FindingKind::RangeChecksum { stored, computed },
            Broken::Missing => FindingKind::RangeMissing,
        };
        let severity =
            if matches!(kind, FindingKind::Torn { .. }) { Severity::Warning } else { Severity::Error };
        (self.tip.torn, self.tip.damaged) = (is_tip, !is_tip);
        let first = sector(at);
        let place = Place::Segments { generation: self.generation, first, last: first, offset: at };
        findings.push_place(Finding::new(severity, place, kind));
        self.tip
    }
}

/// XOR of the dwords of a region, the last one padded with zeros.
fn lanes(bytes: &[u8]) -> u32 {
    bytes.chunks(4).fold(0, |sum, chunk| {
        let mut lane = [0; 4];
        for (to, from) in lane.iter_mut().zip(chunk) {
            *to = *from;
        }
        sum ^ u32::from_le_bytes(lane)
    })
}

/// Whether the byte before `position` is what an unwritten part of a log holds: the extend
/// pattern, or zero.
fn is_fill(position: u64, byte: u8) -> bool {
    let at = position.saturating_sub(1) & 511;
    let step = u8::try_from(at >> 4).unwrap_or(0);
    let pattern = if at & 15 == 0 { step.wrapping_mul(16).wrapping_add(FILL) } else { FILL };
    byte == pattern || byte == 0
}

fn sector(offset: u64) -> u32 {
    u32::try_from(offset >> 9).unwrap_or(u32::MAX)
}

/// Offset of the first record.
const START: u64 = 4096;

/// Bytes of a record.
const RECORD: u64 = 22;

/// Record type of `LRCHECKSUM`.
const TYPE: u8 = 42;

/// Start value of the full checksum.
const SEED: u32 = 0xFEED_BEAF;

/// Fill byte of unwritten sectors.
const FILL: u8 = 0xDA;

/// Most bytes that a record covers before itself: it starts in the sector that it covers.
const WINDOW: usize = 1024;

/// The broken sector and its shadow.
const SHADOWED: u64 = 1024;
