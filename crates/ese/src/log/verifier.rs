//! The streaming verifier of a log file.

use alloc::vec::Vec;

use super::header::{LogFormat, LogHeader};
use super::ranges::Ranges;
use super::segments::Segments;
use crate::bytes::{Fields, length};
use crate::database::Origin;
use crate::finding::{Finding, FindingKind, Findings, Place, Severity};
use crate::header::HeaderError;

/// Segments of a log by what they are; checksum ranges in format 7.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SegmentCounts {
    /// Right, and of this generation; those with one flipped bit count here too.
    pub valid: u32,
    /// Not written yet: all zero.
    pub zero: u32,
    /// Not written yet: left over from an older generation (circular logging).
    pub stale: u32,
    /// Copies of the segment before them, made against torn writes.
    pub shadow: u32,
    /// Damaged.
    pub bad: u32,
    /// Of the valid ones: with one flipped bit, which the engine corrects.
    pub correctable: u32,
}

/// What a log file says about itself, as far as a set of files needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogFacts {
    /// Its header.
    pub header: LogHeader,
    /// Number of the last valid segment, counted from the start of the file; the last sector in
    /// use in format 7; 0 when there is none.
    pub last_segment: u32,
    /// XOR of the checksums of all valid segments, which the next generation remembers; 0 in
    /// format 7.
    pub checksum: u64,
    /// Whether the last write is damaged.
    pub torn: bool,
    /// Whether something before the last write is damaged, or the length is wrong; then
    /// `checksum` cannot be compared.
    pub damaged: bool,
    /// Bytes of the file.
    pub size: u64,
}

/// The result of a [`LogVerifier`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogReport {
    /// What the file says; `None` when its header is damaged.
    pub facts: Option<LogFacts>,
    /// All defects: header, then segments, then the file as a whole.
    pub findings: Vec<Finding>,
    /// Findings of segments beyond the first thousand, which are only counted.
    pub suppressed: u64,
    /// Segments by kind.
    pub segments: SegmentCounts,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Checks a log file while its bytes pass by.
///
/// Any division of the file into pushes gives the same report; memory is a few KiB and the
/// findings.
///
/// Source: format digest sections 13 and 14.
#[derive(Debug)]
pub struct LogVerifier {
    origin: Origin,
    expected_size: Option<u64>,
    bytes: u64,
    findings: Findings,
    header: Option<LogHeader>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The header, as far as it is there.
    Start(Vec<u8>),
    Segments(Segments),
    Ranges(Ranges),
    /// Not a log: the rest is only counted.
    Lost,
}

/// What is left to say when all segments have passed.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tip {
    pub(super) last_segment: u32,
    pub(super) checksum: u64,
    pub(super) torn: bool,
    pub(super) damaged: bool,
    pub(super) counts: SegmentCounts,
}

impl LogVerifier {
    /// A verifier for one file.
    ///
    /// `expected_size` is the announced size in bytes, for example that of `BackupOpenFile`.
    pub fn new(origin: Origin, expected_size: Option<u64>) -> Self {
        let state = State::Start(Vec::new());
        Self { origin, expected_size, bytes: 0, findings: Findings::default(), header: None, state }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(length(bytes.len()));
        let mut rest = bytes;
        if let State::Start(start) = &mut self.state {
            let missing = LogHeader::LENGTH.saturating_sub(start.len());
            let (taken, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            start.extend_from_slice(taken);
            rest = behind;
            if start.len() < LogHeader::LENGTH {
                return;
            }
            self.open();
        }
        match &mut self.state {
            State::Segments(segments) => segments.push(rest, &mut self.findings),
            State::Ranges(ranges) => ranges.push(rest),
            State::Start(_) | State::Lost => {}
        }
    }

    /// Ends the file and reports everything.
    pub fn finish(mut self) -> LogReport {
        self.open();
        let mut tip = match &mut self.state {
            State::Segments(segments) => segments.finish(&mut self.findings),
            State::Ranges(ranges) => ranges.finish(&mut self.findings),
            State::Start(_) | State::Lost => Tip::default(),
        };
        if let Some(header) = self.header {
            self.check_tip(&header, &mut tip);
        }
        if let Some(expected) = self.expected_size.filter(|&expected| expected != self.bytes) {
            self.error(FindingKind::Size { size: self.bytes, expected });
        }
        let size = self.bytes;
        let Tip { last_segment, checksum, torn, damaged, counts } = tip;
        let facts = |header| LogFacts { header, last_segment, checksum, torn, damaged, size };
        let (findings, suppressed) = self.findings.finish();
        LogReport { facts: self.header.map(facts), findings, suppressed, segments: counts, bytes: size }
    }

    fn open(&mut self) {
        let State::Start(start) = &mut self.state else { return };
        let start = core::mem::take(start);
        self.state = match LogHeader::parse(&start) {
            Ok(header) => {
                self.header = Some(header);
                match header.format {
                    LogFormat::Segments => {
                        State::Segments(Segments::new(self.origin, Some(header.generation)))
                    }
                    LogFormat::Ranges => State::Ranges(Ranges::new(self.origin, header.generation)),
                }
            }
            Err(error) => {
                let kind = FindingKind::Header(error);
                self.findings.push(Finding::new(Severity::Error, Place::LogHeader, kind));
                // The segments name their generation themselves.
                let has_segments =
                    matches!(error, HeaderError::LogChecksum { .. }) && Fields(&start).u16(8) != 512;
                if has_segments { State::Segments(Segments::new(self.origin, None)) } else { State::Lost }
            }
        };
    }

    fn check_tip(&mut self, header: &LogHeader, tip: &mut Tip) {
        let LogHeader { version, .. } = header;
        if version.major > 8 {
            let kind = FindingKind::LogVersion { major: version.major, update: version.update_major };
            self.findings.push(Finding::new(Severity::Warning, Place::LogHeader, kind));
        }
        let is_empty = tip.counts.valid == 0 && !tip.torn && !tip.damaged;
        if is_empty && self.origin == Origin::Streamed {
            self.error(FindingKind::LogEmpty);
        }
        let expected = header.file_size();
        if expected != self.bytes {
            tip.damaged = true;
            self.error(FindingKind::LogSize { size: self.bytes, expected });
        }
    }

    fn error(&mut self, kind: FindingKind) {
        self.findings.push(Finding::new(Severity::Error, Place::File, kind));
    }
}
