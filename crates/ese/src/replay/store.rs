//! The file that is changed, and the pages of it that are in memory.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::error::{PageTrouble, ReplayError};
pub(super) use crate::bytes::set;
use crate::bytes::{Fields, index, length};
use crate::checksum::{Block, xor_ecc, xor32};
use crate::numbers::{PageNumber, PageSize};
use crate::page::{FLAG_ECC_BIT, PageDefect, PageState, check_page};
use crate::source::{PageSource, SourceError};

/// A database file that can be changed: a scratch copy, never the backup itself.
///
/// The bytes are laid out as in the file: two header pages, then the pages.
pub trait PageStore: PageSource {
    /// Writes the bytes at `offset`; they lie inside the file.
    ///
    /// # Errors
    /// The medium's.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError>;

    /// Makes the file so long; new bytes are zero.
    ///
    /// # Errors
    /// The medium's.
    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError>;
}

impl PageStore for Vec<u8> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError> {
        let missing = || SourceError { offset, reason: "the file ends before".into() };
        let start = usize::try_from(offset).map_err(|_| missing())?;
        let end = start.checked_add(bytes.len()).ok_or_else(missing)?;
        self.get_mut(start..end).ok_or_else(missing)?.copy_from_slice(bytes);
        Ok(())
    }

    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError> {
        let too_long = |_| SourceError { offset: bytes, reason: "longer than the memory".into() };
        let size = usize::try_from(bytes).map_err(too_long)?;
        self.resize(size, 0);
        Ok(())
    }
}

impl<S: PageStore + ?Sized> PageStore for alloc::boxed::Box<S> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError> {
        (**self).write_at(offset, bytes)
    }

    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError> {
        (**self).set_size(bytes)
    }
}

/// The pages of a store, so many of them in memory; changed ones are written when their place is
/// needed, with their checksums, and at [`Self::flush`].
#[derive(Clone, Debug)]
pub(super) struct Cache<S> {
    pub(super) store: S,
    pub(super) size: PageSize,
    /// Pages of the database, those included that are not in the file yet.
    count: u32,
    frames: Vec<Frame>,
    places: BTreeMap<PageNumber, usize>,
    most: usize,
    hand: usize,
    /// Pages read from the store and written to it.
    pub(super) traffic: (u64, u64),
}

#[derive(Clone, Debug)]
struct Frame {
    number: PageNumber,
    bytes: Vec<u8>,
    is_changed: bool,
    is_used: bool,
    is_damaged: bool,
}

impl<S: PageStore> Cache<S> {
    pub(super) fn new(store: S, size: PageSize, count: u32, most: usize) -> Self {
        let most = most.max(LEAST);
        let (frames, places) = (Vec::new(), BTreeMap::new());
        Self { store, size, count, frames, places, most, hand: 0, traffic: (0, 0) }
    }

    /// Number of pages of the database.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The change counter of a page: 0 when it is empty, behind the end, or damaged.
    pub(super) fn dbtime(&mut self, number: PageNumber) -> Result<u64, ReplayError> {
        let place = self.place(number)?;
        let frame = self.frames.get(place);
        Ok(frame.filter(|frame| !frame.is_damaged).map_or(0, |frame| Fields(&frame.bytes).u64(8)))
    }

    /// The bytes of a page that is in use.
    pub(super) fn page(&mut self, number: PageNumber) -> Result<&[u8], ReplayError> {
        Ok(&self.frame(number)?.bytes)
    }

    /// The same, to be changed.
    pub(super) fn page_mut(&mut self, number: PageNumber) -> Result<&mut [u8], ReplayError> {
        let frame = self.frame(number)?;
        frame.is_changed = true;
        Ok(&mut frame.bytes)
    }

    fn frame(&mut self, number: PageNumber) -> Result<&mut Frame, ReplayError> {
        let place = self.place(number)?;
        match self.frames.get_mut(place) {
            Some(frame) if frame.is_damaged => Err(ReplayError::page(number, PageTrouble::Damaged)),
            Some(frame) if Fields(&frame.bytes).u32(36) == 0 && Fields(&frame.bytes).u64(8) == 0 => {
                Err(ReplayError::page(number, PageTrouble::Empty))
            }
            Some(frame) => Ok(frame),
            None => Err(ReplayError::page(number, PageTrouble::Empty)),
        }
    }

    /// Gives a page new content.
    pub(super) fn put(&mut self, number: PageNumber, bytes: &[u8]) -> Result<(), ReplayError> {
        let place = self.place(number)?;
        if let Some(frame) = self.frames.get_mut(place) {
            frame.bytes.copy_from_slice(bytes);
            frame.is_changed = true;
            frame.is_damaged = false;
        }
        self.count = self.count.max(number.0);
        Ok(())
    }

    /// The place in memory of a page, which is read if need be.
    fn place(&mut self, number: PageNumber) -> Result<usize, ReplayError> {
        if let Some(&place) = self.places.get(&number) {
            if let Some(frame) = self.frames.get_mut(place) {
                frame.is_used = true;
            }
            return Ok(place);
        }
        if number.0 == 0 || number.0 > self.count.saturating_add(FARTHEST) {
            return Err(ReplayError::page(number, PageTrouble::BehindEnd { pages: self.count }));
        }
        let place = self.free()?;
        let Some(frame) = self.frames.get_mut(place) else {
            return Err(ReplayError::page(number, PageTrouble::Empty));
        };
        let start = number.offset(self.size);
        let end = start.saturating_add(length(frame.bytes.len()));
        frame.is_damaged = false;
        if number.0 <= self.count && end <= self.store.size() {
            self.store.read_at(start, &mut frame.bytes)?;
            frame.is_damaged = !repair(&mut frame.bytes, number, self.size);
            self.traffic.0 = self.traffic.0.saturating_add(1);
        } else {
            frame.bytes.fill(0);
        }
        (frame.number, frame.is_changed, frame.is_used) = (number, false, true);
        self.places.insert(number, place);
        Ok(place)
    }

    /// A place for a page: a new one, or that of a page that was not used lately.
    fn free(&mut self) -> Result<usize, ReplayError> {
        if self.frames.len() < self.most {
            let bytes = vec![0; self.size.len()];
            let number = PageNumber(0);
            self.frames.push(Frame { number, bytes, is_changed: false, is_used: true, is_damaged: false });
            return Ok(self.frames.len().saturating_sub(1));
        }
        loop {
            self.hand = self.hand.checked_add(1).filter(|&next| next < self.frames.len()).unwrap_or(0);
            let Some(frame) = self.frames.get_mut(self.hand) else { continue };
            if core::mem::take(&mut frame.is_used) {
                continue;
            }
            let number = frame.number;
            self.write_back(self.hand)?;
            self.places.remove(&number);
            return Ok(self.hand);
        }
    }

    fn write_back(&mut self, place: usize) -> Result<(), ReplayError> {
        let Some(frame) = self.frames.get_mut(place).filter(|frame| frame.is_changed) else { return Ok(()) };
        seal(&mut frame.bytes, frame.number, self.size);
        let start = frame.number.offset(self.size);
        let end = start.saturating_add(length(frame.bytes.len()));
        if self.store.size() < end {
            self.store.set_size(end)?;
        }
        self.store.write_at(start, &frame.bytes)?;
        frame.is_changed = false;
        self.traffic.1 = self.traffic.1.saturating_add(1);
        Ok(())
    }

    /// Writes all changed pages, in the order of their numbers.
    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        let places: Vec<usize> = self.places.values().copied().collect();
        places.into_iter().try_for_each(|place| self.write_back(place))
    }

    /// Makes the database longer.
    pub(super) fn extend(&mut self, last: PageNumber) -> Result<(), ReplayError> {
        if last.0 <= self.count {
            return Ok(());
        }
        if last.0.saturating_sub(self.count) > MOST_GROWTH {
            return Err(ReplayError::page(last, PageTrouble::BehindEnd { pages: self.count }));
        }
        self.count = last.0;
        let end = PageNumber(last.0.saturating_add(1)).offset(self.size);
        if self.store.size() < end {
            self.store.set_size(end)?;
        }
        Ok(())
    }

    /// Cuts the database off behind a page.
    pub(super) fn shrink(&mut self, last: PageNumber) -> Result<(), ReplayError> {
        if last.0 >= self.count {
            return Ok(());
        }
        self.clear(PageNumber(last.0.saturating_add(1)), PageNumber(u32::MAX));
        self.count = last.0;
        self.store.set_size(PageNumber(last.0.saturating_add(1)).offset(self.size))?;
        Ok(())
    }

    /// Makes pages empty.
    pub(super) fn trim(&mut self, first: PageNumber, last: PageNumber) -> Result<(), ReplayError> {
        let last = PageNumber(last.0.min(self.count));
        self.clear(first, last);
        let zeros = vec![0; self.size.len()];
        for number in first.0..=last.0 {
            let start = PageNumber(number).offset(self.size);
            if start.saturating_add(length(zeros.len())) <= self.store.size() {
                self.store.write_at(start, &zeros)?;
            }
        }
        Ok(())
    }

    /// Forgets what is in memory of these pages.
    fn clear(&mut self, first: PageNumber, last: PageNumber) {
        for (_, &place) in self.places.range(first..=last.max(first)) {
            if let Some(frame) = self.frames.get_mut(place) {
                frame.bytes.fill(0);
                (frame.is_changed, frame.is_damaged) = (false, false);
            }
        }
    }
}

impl From<SourceError> for ReplayError {
    fn from(error: SourceError) -> Self {
        Self::Store(error)
    }
}

/// Whether the page is right, or was after one flipped bit was turned back.
fn repair(bytes: &mut [u8], number: PageNumber, size: PageSize) -> bool {
    match check_page(bytes, number, size) {
        PageState::Zero | PageState::Xor { .. } | PageState::Ecc { .. } => true,
        PageState::Bad(PageDefect::Bit(bit)) if bit != FLAG_ECC_BIT => {
            let Some(byte) = bytes.get_mut(index(bit >> 3)) else { return false };
            *byte ^= 1 << (bit & 7);
            matches!(check_page(bytes, number, size), PageState::Ecc { .. })
        }
        PageState::Bad(_) => false,
    }
}

/// Sets the checksum of a page.
///
/// Source: format digest sections 3.1 and 3.2.
pub(super) fn seal(page: &mut [u8], number: PageNumber, size: PageSize) {
    let is_ecc = Fields(page).u32(36) & ECC != 0;
    if !is_ecc {
        set(page, 4, &number.0.to_le_bytes());
        let sum = xor32(page);
        return set(page, 0, &sum.to_le_bytes());
    }
    if size.bytes() <= 8192 {
        let sum = xor_ecc(page, number.0, Block::WithChecksum).unwrap_or(0);
        return set(page, 0, &sum.to_le_bytes());
    }
    set(page, 64, &number.0.to_le_bytes());
    let quarter = size.len() / 4;
    for (block, at) in [(1_usize, 40), (2, 48), (3, 56), (0, 0)] {
        let start = block.saturating_mul(quarter);
        let kind = if block == 0 { Block::WithChecksum } else { Block::Plain };
        let sum =
            page.get(start..start.saturating_add(quarter)).and_then(|part| xor_ecc(part, number.0, kind));
        set(page, at, &sum.unwrap_or(0).to_le_bytes());
    }
}

/// Page flag: XOR and ECC checksum.
pub(super) const ECC: u32 = 0x2000;

/// Fewest pages in memory: the pages of one change, and some more.
const LEAST: usize = 64;

/// So many pages behind the end a record may be about: old engines log no growth of the file.
const FARTHEST: u32 = 1 << 16;

/// Pages by which a record may make the file longer.
const MOST_GROWTH: u32 = 1 << 20;
