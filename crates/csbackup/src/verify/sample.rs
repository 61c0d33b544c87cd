//! Reading a stored database back by a sample.
//!
//! A hash is of the whole file, so a sample has nothing to compare with but what a page says of itself:
//! its checksum, which holds its number. What that proves is said at [`crate::ReadExtent::Sample`].

use std::hash::{BuildHasher as _, RandomState};

use ese::{DatabaseHeader, PageNumber, PageSize, PageSource as _};

use crate::check::hex;
use crate::manifest::DatabaseFacts;
use crate::source::SharedSource;
use crate::{Error, Observer};

/// Bytes that are read at one place: a multiple of every page size.
const RANGE: u64 = 256 << 10;

/// Of so many ranges one is read.
const ONE_IN: u64 = 100;

/// Never fewer ranges than these, where the file has them.
const FEWEST: u64 = 16;

/// What is wrong with a stored database.
pub(super) enum Wrong {
    /// The medium could not read.
    Source,
    /// It read other bytes than were written.
    Content(String),
}

impl From<ese::SourceError> for Wrong {
    fn from(_: ese::SourceError) -> Self {
        Self::Source
    }
}

/// Reads headers, trailer and some ranges of a database of `size` bytes that had no defect when it was
/// stored.
///
/// # Errors
/// Cancellation.
pub(super) fn sample(
    source: &SharedSource,
    size: u64,
    facts: &DatabaseFacts,
    observer: &dyn Observer,
) -> Result<Result<(), Wrong>, Error> {
    if source.size() != size {
        let text = format!("has {} bytes, the manifest says {size}", source.size());
        return Ok(Err(Wrong::Content(text)));
    }
    let page_size = match headers(source, facts) {
        Ok(page_size) => page_size,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let mut buffer = vec![0; usize::try_from(RANGE).unwrap_or(0)];
    for range in chosen(size.div_ceil(RANGE)) {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let offset = range * RANGE;
        let length = usize::try_from(RANGE.min(size - offset)).unwrap_or(0);
        let bytes = buffer.get_mut(..length).unwrap_or_default();
        if let Err(error) = source.read_at(offset, bytes) {
            return Ok(Err(error.into()));
        }
        observer.bytes(length as u64);
        if let Some(text) = first_bad(bytes, offset, page_size, size, facts.backup.is_some()) {
            return Ok(Err(Wrong::Content(text)));
        }
    }
    Ok(Ok(()))
}

/// Both header copies, and the trailer page of a stream.
fn headers(source: &SharedSource, facts: &DatabaseFacts) -> Result<PageSize, Wrong> {
    let content = |text: &str| Wrong::Content(text.to_owned());
    let length = usize::try_from(facts.page_size).unwrap_or(0);
    let mut page = vec![0; length];
    let mut page_size = None;
    for (offset, which) in [(0, "header"), (u64::from(facts.page_size), "shadow header")] {
        source.read_at(offset, &mut page)?;
        let header = DatabaseHeader::parse(&page).ok();
        let header = header.ok_or_else(|| content(&format!("has a {which} that is damaged")))?;
        let same = hex(header.signature.as_bytes()) == facts.signature
            && hex(header.log_signature.as_bytes()) == facts.log_signature
            && header.page_size.bytes() == facts.page_size
            && (facts.mark.is_none() || facts.mark == Some(header.full_cur.mark.to_string()));
        if !same {
            return Err(content(&format!("has the {which} of another database or backup")));
        }
        page_size = Some(header.page_size);
    }
    if facts.backup.is_some() {
        source.read_at(source.size().saturating_sub(facts.page_size.into()), &mut page)?;
        let stored = page.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        if stored != Some(ese::xor32(&page)) {
            return Err(content("has a trailer that is damaged"));
        }
    }
    page_size.ok_or_else(|| content("has no header"))
}

/// What is wrong with the first bad page of a range; header and trailer pages are no pages of it.
fn first_bad(bytes: &[u8], offset: u64, page_size: PageSize, size: u64, has_trailer: bool) -> Option<String> {
    let length = u64::from(page_size.bytes());
    let last = size.checked_div(length)?.saturating_sub(1);
    let first = offset.checked_div(length)?;
    bytes.chunks(usize::try_from(length).ok()?).zip(first..).find_map(|(page, at)| {
        if at < 2 || (has_trailer && at == last) {
            return None;
        }
        let number = PageNumber(u32::try_from(at - 1).ok()?);
        let text =
            || format!("has other bytes than were written in page {} (offset {:#x})", number.0, at * length);
        (!ese::page_is_whole(page, number, page_size)).then(text)
    })
}

/// Numbers of ranges, one of each of as many equal parts of the file, at random.
fn chosen(ranges: u64) -> impl Iterator<Item = u64> {
    let parts = ranges.div_ceil(ONE_IN).max(FEWEST).min(ranges);
    let random = RandomState::new();
    (0..parts).map(move |part| {
        let start = |part: u64| part * ranges / parts.max(1);
        let (low, high) = (start(part), start(part + 1));
        low + random.hash_one(part) % (high - low).max(1)
    })
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn a_small_file_is_read_in_whole_and_a_large_one_in_a_hundredth_from_end_to_end() {
        assert_eq!(chosen(0).count(), 0);
        assert_eq!(chosen(16).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
        let of_many: Vec<u64> = chosen(100_000).collect();
        assert_eq!(of_many.len(), 1000);
        assert!(of_many.iter().zip(0..).all(|(range, part)| range / 100 == part), "one of each hundred");
        assert_ne!(of_many, chosen(100_000).collect::<Vec<_>>(), "others each time");
    }
}
