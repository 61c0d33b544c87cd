//! Pages and data as records carry them: before-images and differences.

use alloc::vec;
use alloc::vec::Vec;

use super::store::set;
use crate::bytes::Fields;
use crate::compress::decompress;
use crate::log::record::Image;
use crate::numbers::PageSize;
use crate::view::PageView;

/// The whole page of a before-image; `None` when it makes no page.
///
/// The engine leaves out the unused middle of a page (it moves the array of tags down and keeps the
/// number of free bytes that are still there), then compresses.
///
/// Source: format digest section 17.6.
pub(super) fn page(image: &Image<'_>, size: PageSize) -> Option<Vec<u8>> {
    let plain = if image.flags & XPRESS != 0 {
        decompress(image.bytes, size.len()).ok()?
    } else {
        image.bytes.to_vec()
    };
    if plain.len() == size.len() {
        return Some(plain);
    }
    if image.flags & DEHYDRATED == 0 || plain.len() > size.len() {
        return None;
    }
    let tags = usize::from(Fields(&plain).u16(34) & 0xFFF).checked_mul(4)?;
    let split = plain.len().checked_sub(tags)?;
    let header = PageView::of(&plain, size).header_length();
    if split < header || tags == 0 {
        return None;
    }
    let (data, array) = plain.split_at_checked(split)?;
    let mut page = vec![0; size.len()];
    set(&mut page, 0, data);
    set(&mut page, size.len().checked_sub(tags)?, array);
    let left_out = size.len().checked_sub(plain.len())?;
    let free = usize::from(Fields(&plain).u16(28)).checked_add(left_out)?;
    set(&mut page, 28, &u16::try_from(free).ok()?.to_le_bytes());
    PageView::new(&page, size)?;
    Some(page)
}

/// New data from the old and the difference of a `ReplaceD` record; `None` when they do not fit.
///
/// `width` is that of the headers in it, 2 or 3 bytes.
///
/// Source: format digest section 15.
pub(super) fn patched(old: &[u8], difference: &[u8], width: u8, length: u16) -> Option<Vec<u8>> {
    let mut new = Vec::with_capacity(usize::from(length));
    let (mut rest, mut done) = (difference, 0_usize);
    while !rest.is_empty() {
        let mut take = |count: usize| -> Option<&[u8]> {
            let (head, tail) = rest.split_at_checked(count)?;
            rest = tail;
            Some(head)
        };
        let (at, flags) = if width == 3 {
            let head = Fields(take(3)?);
            (head.u16(0), head.u8(2))
        } else {
            let head = Fields(take(2)?).u16(0);
            (head & 0x1FFF, u8::try_from((head >> 8) & 0xE0).ok()?)
        };
        let wide = if flags & 0x80 != 0 { 2 } else { 1 };
        let mut count = || -> Option<usize> {
            let bytes = take(wide)?;
            Some(usize::from(if wide == 2 { Fields(bytes).u16(0) } else { Fields(bytes).u8(0).into() }))
        };
        let added = count()?;
        let removed = match (flags & 0x20 != 0, flags & 0x40 != 0) {
            (true, _) => added,
            (false, true) => 0,
            (false, false) => count()?,
        };
        let at = usize::from(at);
        new.extend_from_slice(old.get(done..at)?);
        new.extend_from_slice(take(added)?);
        done = at.checked_add(removed)?;
        if new.len() > usize::from(length) {
            return None;
        }
    }
    new.extend_from_slice(old.get(done..)?);
    (new.len() == usize::from(length)).then_some(new)
}

const DEHYDRATED: u32 = 1;
const XPRESS: u32 = 2;
