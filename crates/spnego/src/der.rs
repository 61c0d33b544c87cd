//! As much of DER as the two tokens need: single-byte tags, definite lengths.

use crate::Error;
use alloc::vec::Vec;

pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
/// GSS-API's frame around the first token.
pub(crate) const APPLICATION_0: u8 = 0x60;

/// Context tags `[0]` to `[3]`, constructed.
pub(crate) const CONTEXT: [u8; 4] = [0xa0, 0xa1, 0xa2, 0xa3];

/// An element: its tag and content.
pub(crate) type Element<'a> = (u8, &'a [u8]);

/// Splits the first element off; what follows it is the second part of the answer.
///
/// Lengths that are longer than needed are taken: some peers write BER. Nothing here is compared in
/// its encoded form but the list of mechanisms, and that as it came.
pub(crate) fn split<'a>(bytes: &'a [u8], what: &'static str) -> Result<(Element<'a>, &'a [u8]), Error> {
    let short = Error::Short { what, need: 2, left: bytes.len() };
    let ([tag, first], rest) = bytes.split_first_chunk::<2>().ok_or(short)?;
    let (length, rest) = match *first {
        length @ 0..=0x7f => (usize::from(length), rest),
        count @ 0x81..=0x84 => {
            let count = usize::from(count & 0x7f);
            let (length, rest) =
                rest.split_at_checked(count).ok_or(Error::Short { what, need: count, left: rest.len() })?;
            let length = length.iter().fold(0u32, |length, byte| length << 8 | u32::from(*byte));
            (usize::try_from(length).unwrap_or(usize::MAX), rest)
        }
        first => return Err(Error::Length { what, first }),
    };
    let (content, rest) =
        rest.split_at_checked(length).ok_or(Error::Short { what, need: length, left: rest.len() })?;
    Ok(((*tag, content), rest))
}

/// The content of the only element.
pub(crate) fn only<'a>(bytes: &'a [u8], expected: u8, what: &'static str) -> Result<&'a [u8], Error> {
    let ((found, content), rest) = split(bytes, what)?;
    if found != expected {
        return Err(Error::Tag { what, found, expected });
    }
    if !rest.is_empty() {
        return Err(Error::Trailing { what, left: rest.len() });
    }
    Ok(content)
}

/// The fields of a SEQUENCE by context tag; fields with tags above `[3]` are for a later version.
pub(crate) fn fields<'a>(
    sequence: &'a [u8],
    what: [&'static str; 4],
) -> Result<[Option<&'a [u8]>; 4], Error> {
    let mut fields = [None; 4];
    let mut rest = sequence;
    while !rest.is_empty() {
        let ((tag, content), tail) = split(rest, "field")?;
        rest = tail;
        let known = CONTEXT.iter().zip(fields.iter_mut()).zip(what).find(|((known, _), _)| **known == tag);
        if let Some(((_, field), what)) = known
            && field.replace(content).is_some()
        {
            return Err(Error::Twice { what });
        }
    }
    Ok(fields)
}

/// Writes an element whose content is the parts one after another.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = Vec::from([tag]);
    match u8::try_from(content.len()) {
        Ok(length @ 0..=0x7f) => bytes.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            bytes.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            bytes.extend(length);
        }
    }
    bytes.extend(content);
    bytes
}
