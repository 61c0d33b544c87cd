//! Header and trailer of a streamed copy.

use super::ComposeError;
use crate::bytes::{index, set};
use crate::checksum::xor32;
use crate::header::DatabaseHeader;
use crate::numbers::{Generation, LogPosition};
use crate::time::{LogTime, Signature};

/// The beginning of a full backup, as the stream of the database tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackupBegin {
    /// Where in the log stream (`lgposMark`).
    pub mark: LogPosition,
    /// When (`logtimeMark`).
    pub time: LogTime,
    /// Generation of the checkpoint: the first log of the backup, and the first one that replay needs.
    pub low: Generation,
    /// The current generation.
    pub high: Generation,
    /// When [`Self::high`] was begun.
    pub high_created: LogTime,
}

/// Makes the header of a closed database that of one which was attached at a position, and has not been
/// changed since: it forgets the backups of its earlier life.
///
/// `page` is the header page; both copies in the file are to be the same. In a stream of logs that is not its
/// own it is consistent from there on.
///
/// # Errors
/// It is no header.
///
/// Source: format digest section 4.
pub fn attach_database(
    page: &mut [u8],
    attach: LogPosition,
    time: LogTime,
    logs: Signature,
) -> Result<(), ComposeError> {
    let is_own = DatabaseHeader::parse(page)?.log_signature == logs;
    let page = header_page(page)?;
    if !is_own {
        set(page, 56, &attach.to_bytes());
        set(page, 108, logs.as_bytes());
    }
    set(page, 72, time.as_bytes());
    set(page, 80, &attach.to_bytes());
    // bkinfoFullPrev and IncPrev with their types, bkinfoCopyPrev and DiffPrev with theirs.
    for (at, length) in [(136, 48), (356, 8), (420, 56)] {
        clear(page, at, length);
    }
    seal(page);
    Ok(())
}

/// Makes the header of a closed database that of its streamed copy: dirty, with the mark of the backup.
///
/// `page` is the header page, which stands twice at the beginning of the stream.
///
/// # Errors
/// It is no header.
///
/// Source: format digest sections 4 and 18.
pub fn stream_header(page: &mut [u8], begin: &BackupBegin) -> Result<(), ComposeError> {
    let efv = DatabaseHeader::parse(page)?.efv;
    let page = header_page(page)?;
    let (low, high) = (begin.low.0.to_le_bytes(), begin.high.0.to_le_bytes());
    set(page, 52, &DIRTY.to_le_bytes());
    // It is attached: the last detach does not count any more.
    clear(page, 88, 16);
    set(page, 184, &backup_info(begin, Generation::default()));
    set(page, 296, &low);
    set(page, 300, &high);
    set(page, 348, begin.high_created.as_bytes());
    set(page, 416, &high);
    set(page, 640, &low);
    if efv >= KNOWS_REQUIRED {
        set(page, 672, begin.high_created.as_bytes());
    }
    seal(page);
    Ok(())
}

/// Makes the trailer page of a stream with this header, `into` a page.
///
/// # Errors
/// `header` is no header, `into` is not as long as a page.
///
/// Source: format digest section 18.
pub fn stream_trailer(header: &[u8], begin: &BackupBegin, into: &mut [u8]) -> Result<(), ComposeError> {
    let header = DatabaseHeader::parse(header)?;
    let need = header.page_size.len();
    if into.len() != need {
        return Err(ComposeError::Length { buffer: into.len(), need });
    }
    into.fill(0);
    set(into, 40, &backup_info(begin, begin.high));
    set(into, 64, header.signature.as_bytes());
    set(into, 92, header.log_signature.as_bytes());
    if header.efv >= KNOWS_REQUIRED {
        let high = begin.high.0.to_le_bytes();
        set(into, 120, &begin.low.0.to_le_bytes());
        set(into, 124, &high);
        set(into, 128, &high);
        set(into, 132, begin.high_created.as_bytes());
        set(into, 140, begin.high_created.as_bytes());
    }
    seal(into);
    Ok(())
}

/// `BKINFO`, format digest section 2.
fn backup_info(begin: &BackupBegin, high: Generation) -> [u8; 24] {
    let mut info = [0; 24];
    set(&mut info, 0, &begin.mark.to_bytes());
    set(&mut info, 8, begin.time.as_bytes());
    set(&mut info, 16, &begin.low.0.to_le_bytes());
    set(&mut info, 20, &high.0.to_le_bytes());
    info
}

/// The page of a header, without what may follow it.
fn header_page(page: &mut [u8]) -> Result<&mut [u8], ComposeError> {
    let size = DatabaseHeader::parse(page)?.page_size;
    let buffer = page.len();
    page.get_mut(..index(size.bytes())).ok_or(ComposeError::Length { buffer, need: size.len() })
}

fn clear(page: &mut [u8], at: usize, length: usize) {
    if let Some(field) = page.get_mut(at..at.saturating_add(length)) {
        field.fill(0);
    }
}

fn seal(page: &mut [u8]) {
    let sum = xor32(page);
    set(page, 0, &sum.to_le_bytes());
}

/// State of a database that needs logs.
const DIRTY: u32 = 2;

/// Engines from this version on tell the required generations in the trailer, and when the last was begun.
const KNOWS_REQUIRED: u32 = 9300;
