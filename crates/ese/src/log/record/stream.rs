//! The bytes of a log between which its records stand.

use alloc::vec::Vec;

use super::reader::LogReadError;
use crate::bytes::length;
use crate::log::segments::{Class, classify};
use crate::numbers::{Generation, LogPosition};
use crate::source::PageSource;

/// A piece of the file with the records of it, of one segment or of the whole chain of ranges.
#[derive(Debug)]
pub(super) struct Stream {
    generation: Generation,
    /// Piece of the file.
    window: Vec<u8>,
    /// Bytes in a sector or segment.
    sector: usize,
    /// Sector at the start of the window.
    first: u32,
    /// Next byte in the window, and the end of what can be read.
    at: usize,
    end: usize,
    /// Segments of the file, 0 when everything is in the window.
    segments: u32,
    /// Next segment.
    next: u32,
    behind: Behind,
}

/// What stands behind the end of a chain of ranges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behind {
    /// Nothing; also in format 8.
    Nothing,
    /// A write that a crash has cut off.
    Torn,
    /// Damage.
    Damage,
}

/// What follows.
pub(super) enum Segment {
    Next,
    End,
}

impl Stream {
    /// Format 8.
    pub(super) fn segments(generation: Generation, size: u64) -> Self {
        let segments = u32::try_from(size >> 12).unwrap_or(u32::MAX);
        let (window, first) = (Vec::new(), 1);
        Self {
            generation,
            window,
            sector: SEGMENT,
            first,
            at: 0,
            end: 0,
            segments,
            next: 1,
            behind: Behind::Nothing,
        }
    }

    /// Format 7: the file from its start, and where its records start and end.
    pub(super) fn ranges(
        generation: Generation,
        window: Vec<u8>,
        (at, end): (usize, usize),
        behind: Behind,
    ) -> Self {
        Self { generation, window, sector: SECTOR, first: 0, at, end, segments: 0, next: 0, behind }
    }

    /// Whether the record here goes on behind the last range that is proven.
    ///
    /// # Errors
    /// More than the last write is damaged.
    pub(super) fn is_torn(&self) -> Result<bool, LogReadError> {
        match self.behind {
            Behind::Nothing => Ok(false),
            Behind::Torn => Ok(true),
            Behind::Damage => Err(LogReadError::Damaged(self.place(self.end))),
        }
    }

    /// The next record of this segment and where it is, with all bytes behind; fill is skipped; `None` when there are none.
    pub(super) fn rest(&mut self) -> Option<(LogPosition, &[u8])> {
        let rest = self.window.get(self.at..self.end)?;
        let fill = rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len());
        self.at = self.at.saturating_add(fill);
        let rest = self.window.get(self.at..self.end).filter(|rest| !rest.is_empty())?;
        Some((self.place(self.at), rest))
    }

    fn place(&self, at: usize) -> LogPosition {
        let sectors = u32::try_from(at.checked_div(self.sector).unwrap_or(0)).unwrap_or(u32::MAX);
        let sector = u16::try_from(self.first.saturating_add(sectors)).unwrap_or(u16::MAX);
        let offset = u16::try_from(at.checked_rem(self.sector).unwrap_or(0)).unwrap_or(0);
        LogPosition { generation: self.generation, sector, offset }
    }

    /// Goes behind a record, and returns where it starts.
    pub(super) fn skip(&mut self, length: usize) -> usize {
        let start = self.at;
        self.at = start.saturating_add(length);
        start
    }

    pub(super) fn bytes(&self, start: usize, length: usize) -> &[u8] {
        self.window.get(start..).and_then(|tail| tail.get(..length)).unwrap_or(&[])
    }

    /// Opens the next segment.
    pub(super) fn advance<S: PageSource>(&mut self, source: &S) -> Result<Segment, LogReadError> {
        self.is_torn()?;
        let number = self.next;
        let Some(class) = self.load(source, number)? else { return Ok(Segment::End) };
        match class {
            Class::Valid { bit, .. } => {
                self.repair(bit);
                self.next = number.saturating_add(1);
            }
            _ if self.has_valid_behind(source, number)? => {
                return Err(LogReadError::Damaged(self.segment_position(number)));
            }
            Class::Corrupt { .. } if self.load_shadow(source, number)? => {
                self.first = self.first.saturating_sub(1);
                self.next = self.segments;
            }
            _ => return Ok(Segment::End),
        }
        self.at = self.at.saturating_add(HEAD);
        Ok(Segment::Next)
    }

    /// Brings a segment into the window and points at it; `None` behind the last one.
    fn load<S: PageSource>(&mut self, source: &S, number: u32) -> Result<Option<Class>, LogReadError> {
        if number >= self.segments {
            return Ok(None);
        }
        let last = self.window.len() >> 12;
        let ahead = number.checked_sub(self.first).and_then(|ahead| usize::try_from(ahead).ok());
        let inside = match ahead.filter(|&ahead| ahead < last) {
            Some(inside) => inside,
            None => {
                let count = self.segments.saturating_sub(number).min(BATCH);
                self.window.resize(usize::try_from(count).unwrap_or(1).saturating_mul(SEGMENT), 0);
                source.read_at(u64::from(number).saturating_mul(length(SEGMENT)), &mut self.window)?;
                self.first = number;
                0
            }
        };
        self.at = inside.saturating_mul(SEGMENT);
        self.end = self.at.saturating_add(SEGMENT);
        let segment = self.window.get(self.at..self.end).unwrap_or(&[]);
        Ok(Some(classify(segment, number, &mut Some(self.generation))))
    }

    /// Turns a flipped bit of the segment back.
    fn repair(&mut self, bit: Option<u32>) {
        let Some(bit) = bit.and_then(|bit| usize::try_from(bit).ok()) else { return };
        if let Some(byte) = self.window.get_mut(self.at.saturating_add(bit >> 3)) {
            *byte ^= 1 << (bit & 7);
        }
    }

    /// Whether a segment of this generation stands behind one that is not right.
    fn has_valid_behind<S: PageSource>(&mut self, source: &S, number: u32) -> Result<bool, LogReadError> {
        for behind in number.saturating_add(1)..self.segments {
            if let Some(Class::Valid { .. }) = self.load(source, behind)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens the copy of a torn segment, which stands right behind it.
    fn load_shadow<S: PageSource>(&mut self, source: &S, number: u32) -> Result<bool, LogReadError> {
        let copy = self.load(source, number.saturating_add(1))?;
        Ok(matches!(copy, Some(Class::Shadow { .. })))
    }

    fn segment_position(&self, number: u32) -> LogPosition {
        let sector = u16::try_from(number).unwrap_or(u16::MAX);
        LogPosition { generation: self.generation, sector, offset: 0 }
    }
}

/// Bytes of a segment.
const SEGMENT: usize = 4096;

/// Bytes of its head.
const HEAD: usize = 40;

/// Bytes of a sector of format 7.
const SECTOR: usize = 512;

/// Segments that are read at once.
const BATCH: u32 = 16;
