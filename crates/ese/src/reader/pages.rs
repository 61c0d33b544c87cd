//! Pages by number, checked, the last few hundred kept.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::{ReadError, ReadErrorKind};
use crate::bytes::index;
use crate::database::Origin;
use crate::database::open::Opened;
use crate::finding::Findings;
use crate::header::DatabaseHeader;
use crate::numbers::{PageNumber, PageSize};
use crate::page::{FLAG_ECC_BIT, PageDefect, PageState, check_page};
use crate::source::PageSource;
use crate::trailer::LastPage;
use crate::view::PageView;

/// A page with a right checksum; cheap to clone.
#[derive(Clone)]
pub struct Page {
    number: PageNumber,
    size: PageSize,
    bytes: Arc<Vec<u8>>,
}

impl Page {
    /// Its number.
    pub fn number(&self) -> PageNumber {
        self.number
    }

    /// Its bytes, as long as the page size.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its header and nodes.
    pub fn view(&self) -> PageView<'_> {
        PageView::of(&self.bytes, self.size)
    }

    pub(super) fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError::at(self.number, kind)
    }
}

pub(super) struct Pages<S> {
    source: S,
    size: PageSize,
    count: u32,
    /// A page has one place here, its number modulo the length.
    kept: RefCell<Vec<Option<Page>>>,
}

impl<S: PageSource> Pages<S> {
    pub(super) fn open(source: S) -> Result<(Self, Option<DatabaseHeader>), ReadError> {
        let length = usize::try_from(source.size()).unwrap_or(usize::MAX).min(START);
        let mut start = vec![0; length];
        source.read_at(0, &mut start)?;
        let opened = Opened::judge(&start, Origin::Raw, &mut Findings::default());
        let Opened { header, size } = opened.ok_or(ReadError::file(ReadErrorKind::NotADatabase))?;
        let page = u64::from(size.bytes());
        let pages = source.size().checked_div(page).unwrap_or(0).saturating_sub(2);
        let mut count = u32::try_from(pages).unwrap_or(u32::MAX);
        if header.is_some_and(|header| header.is_backup_copy()) && count > 0 {
            let mut last = vec![0; size.len()];
            source.read_at(PageNumber(count).offset(size), &mut last)?;
            if LastPage::classify(&last) != LastPage::Data {
                count = count.saturating_sub(1);
            }
        }
        Ok((Self { source, size, count, kept: RefCell::new(vec![None; KEPT]) }, header))
    }

    pub(super) fn size(&self) -> PageSize {
        self.size
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn source(&self) -> &S {
        &self.source
    }

    pub(super) fn page(&self, number: PageNumber) -> Result<Page, ReadError> {
        if number.0 == 0 || number.0 > self.count {
            return Err(ReadError::at(number, ReadErrorKind::BehindEnd));
        }
        let place = index(number.0) % KEPT;
        // The place is emptied meanwhile, so that its buffer can be used again.
        let old = self.kept.borrow_mut().get_mut(place).and_then(Option::take);
        let (page, result) = match old {
            Some(page) if page.number == number => (Some(page.clone()), Ok(page)),
            old => {
                let result = self.load(number, old);
                (result.as_ref().ok().cloned(), result)
            }
        };
        if let Some(kept) = self.kept.borrow_mut().get_mut(place) {
            *kept = page;
        }
        result
    }

    fn load(&self, number: PageNumber, old: Option<Page>) -> Result<Page, ReadError> {
        let buffer = old.and_then(|old| Arc::into_inner(old.bytes));
        let mut bytes = buffer.unwrap_or_else(|| vec![0; self.size.len()]);
        let failed = |kind| ReadError::at(number, kind);
        let read = self.source.read_at(number.offset(self.size), &mut bytes);
        read.map_err(|error| failed(ReadErrorKind::Source(error)))?;
        match check_page(&bytes, number, self.size) {
            PageState::Xor { .. } | PageState::Ecc { .. } => {}
            PageState::Zero => return Err(failed(ReadErrorKind::NotInitialised)),
            PageState::Bad(defect) if self.repair(&mut bytes, number, defect) => {}
            PageState::Bad(_) => return Err(failed(ReadErrorKind::Damaged)),
        }
        Ok(Page { number, size: self.size, bytes: Arc::new(bytes) })
    }

    /// Turns one flipped bit back; the engine does not do that to the flag that chooses the checksum.
    fn repair(&self, bytes: &mut [u8], number: PageNumber, defect: PageDefect) -> bool {
        let PageDefect::Bit(bit) = defect else { return false };
        if bit == FLAG_ECC_BIT {
            return false;
        }
        let Some(byte) = bytes.get_mut(index(bit >> 3)) else { return false };
        *byte ^= 1 << (bit & 7);
        matches!(check_page(bytes, number, self.size), PageState::Ecc { .. })
    }
}

/// Both header pages and a page behind them, of the largest size.
const START: usize = 3 * 32768;

/// Pages kept: at most 8 MiB.
const KEPT: usize = 256;
