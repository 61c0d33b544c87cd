//! Which header copy counts, and how large a page is.

use super::Origin;
use crate::finding::{Finding, FindingKind, Findings, Place, Severity};
use crate::header::{DatabaseHeader, HeaderError};
use crate::numbers::{PageNumber, PageSize};
use crate::page::{PageState, check_page};

/// What the start of a file says.
pub(crate) struct Opened {
    /// The header copy that counts; `None` when both are damaged.
    pub(crate) header: Option<DatabaseHeader>,
    /// The page size, inferred from the pages when there is no header.
    pub(crate) size: PageSize,
}

impl Opened {
    /// Judges the header copies in `start`, the first bytes of the file; `None` when there is
    /// neither a header nor a page to tell the page size.
    pub(crate) fn judge(start: &[u8], origin: Origin, findings: &mut Findings) -> Option<Self> {
        let one_bad = match origin {
            Origin::Streamed => Severity::Error,
            Origin::Raw => Severity::Warning,
        };
        let mut bad = |severity, place, error| {
            findings.push(Finding::new(severity, place, FindingKind::Header(error)));
        };
        match (DatabaseHeader::parse(start), shadow(start)) {
            (Ok(primary), Ok(shadow)) => return Some(Self::newer(start, primary, shadow, findings)),
            (Ok(primary), Err(error)) => {
                bad(one_bad, Place::ShadowHeader, error);
                return Some(Self { header: Some(primary), size: primary.page_size });
            }
            (Err(error), Ok(shadow)) => {
                bad(one_bad, Place::PrimaryHeader, error);
                return Some(Self { header: Some(shadow), size: shadow.page_size });
            }
            (Err(primary), Err(second)) => {
                if let Some(size) = infer(start, primary) {
                    bad(Severity::Error, Place::PrimaryHeader, primary);
                    bad(Severity::Error, Place::ShadowHeader, second);
                    return Some(Self { header: None, size });
                }
                let kind = FindingKind::NoHeader { primary };
                findings.push(Finding::new(Severity::Error, Place::File, kind));
            }
        }
        None
    }

    fn newer(start: &[u8], primary: DatabaseHeader, shadow: DatabaseHeader, findings: &mut Findings) -> Self {
        let size = primary.page_size;
        let mut copies = start.chunks(size.len());
        if copies.next() != copies.next() {
            findings.push(Finding::new(Severity::Warning, Place::ShadowHeader, FindingKind::HeadersDiffer));
        }
        let header = if shadow.dbtime > primary.dbtime { shadow } else { primary };
        Self { header: Some(header), size }
    }
}

/// The second header copy: where the first one says, or else wherever it says so itself.
fn shadow(start: &[u8]) -> Result<DatabaseHeader, HeaderError> {
    let at = |size: PageSize| {
        let copy = DatabaseHeader::parse(start.get(size.len()..).unwrap_or(&[]));
        copy.and_then(|header| {
            let same = header.page_size == size;
            if same { Ok(header) } else { Err(HeaderError::PageSize(header.page_size.bytes())) }
        })
    };
    match DatabaseHeader::parse(start) {
        Ok(primary) => at(primary.page_size),
        Err(primary) => {
            let found = PageSize::ALL.into_iter().find_map(|size| at(size).ok());
            found.map_or_else(|| at(infer(start, primary).unwrap_or(PageSize::DEFAULT)), Ok)
        }
    }
}

/// The page size for which a page fits its place, or the one that the damaged header names.
fn infer(start: &[u8], primary: HeaderError) -> Option<PageSize> {
    let fits = |size: &PageSize| {
        let pages = start.chunks_exact(size.len()).skip(2).zip(1..);
        let mut states = pages.map(|(page, number)| check_page(page, PageNumber(number), *size));
        states.any(|state| matches!(state, PageState::Ecc { .. } | PageState::Xor { .. }))
    };
    let named = match primary {
        HeaderError::Checksum { page_size, .. } => Some(page_size),
        _ => None,
    };
    PageSize::ALL.into_iter().find(fits).or(named)
}
