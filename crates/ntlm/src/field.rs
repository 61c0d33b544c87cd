//! Numbers and payload fields of the three messages, little-endian.

use crate::Error;
use alloc::string::String;
use alloc::vec::Vec;

pub(crate) const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// Checks `Signature` and `MessageType`.
pub(crate) fn check_type(message: &[u8], expected: u32) -> Result<(), Error> {
    let signature: [u8; 8] = array(message, 0, "Signature")?;
    if signature != SIGNATURE {
        return Err(Error::Invalid {
            what: "Signature",
            value: u64::from_le_bytes(signature),
            expected: u64::from_le_bytes(SIGNATURE),
        });
    }
    let found = number(message, 8, "MessageType")?;
    if found != expected {
        return Err(Error::Invalid { what: "MessageType", value: found.into(), expected: expected.into() });
    }
    Ok(())
}

/// `N` bytes at `at`.
pub(crate) fn array<const N: usize>(message: &[u8], at: usize, what: &'static str) -> Result<[u8; N], Error> {
    message.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(Error::Short {
        what,
        at,
        need: N,
        length: message.len(),
    })
}

/// A 32-bit number at `at`.
pub(crate) fn number(message: &[u8], at: usize, what: &'static str) -> Result<u32, Error> {
    array(message, at, what).map(u32::from_le_bytes)
}

/// `Version`, when the flags say that there is one: old clients have payload in its place.
pub(crate) fn version(message: &[u8], at: usize, flags: u32) -> [u8; 8] {
    if flags & crate::flags::VERSION == 0 {
        [0; 8]
    } else {
        array(message, at, "Version").unwrap_or_default()
    }
}

/// A field of the payload: `Len` u16, `MaxLen` u16 (ignored), `BufferOffset` u32.
///
/// The offset of an empty field has no meaning and is not looked at.
pub(crate) fn payload<'a>(message: &'a [u8], at: usize, what: &'static str) -> Result<&'a [u8], Error> {
    let [l0, l1, _, _, o0, o1, o2, o3] = array(message, at, what)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length == 0 {
        return Ok(&[]);
    }
    let short = |at| Error::Short { what, at, need: length, length: message.len() };
    let offset = usize::try_from(u32::from_le_bytes([o0, o1, o2, o3])).map_err(|_| short(usize::MAX))?;
    offset.checked_add(length).and_then(|end| message.get(offset..end)).ok_or(short(offset))
}

/// Text of a payload field.
pub(crate) fn text(bytes: &[u8], what: &'static str) -> Result<String, Error> {
    let (units, []) = bytes.as_chunks::<2>() else {
        return Err(Error::Text { what });
    };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Text { what })
}

/// UTF-16LE without NUL.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Builds a message: fixed part first, payload behind it.
pub(crate) struct Builder {
    fixed: Vec<u8>,
    payload: Vec<u8>,
    fixed_len: usize,
}

impl Builder {
    /// `fixed_len` is where the payload starts.
    pub(crate) fn new(message_type: u32, fixed_len: usize) -> Self {
        let mut fixed = SIGNATURE.to_vec();
        fixed.extend(message_type.to_le_bytes());
        Self { fixed, payload: Vec::new(), fixed_len }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.fixed.extend(bytes);
    }

    /// Refers to the next `bytes` of the payload. They are written by [`Builder::append`], in
    /// whatever order the message has them.
    pub(crate) fn field(&mut self, what: &'static str, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        let long = Error::Long { what, length: bytes.len() };
        let (Ok(length), Some(Ok(offset))) =
            (u16::try_from(bytes.len()), self.fixed_len.checked_add(offset).map(u32::try_from))
        else {
            return Err(long);
        };
        self.fixed.extend(length.to_le_bytes());
        self.fixed.extend(length.to_le_bytes());
        self.fixed.extend(offset.to_le_bytes());
        Ok(())
    }

    /// Appends to the payload; the answer is the offset in it.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> usize {
        let offset = self.payload.len();
        self.payload.extend(bytes);
        offset
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.fixed.append(&mut self.payload);
        self.fixed
    }
}
