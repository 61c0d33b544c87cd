use alloc::vec::Vec;

use crate::Error;

/// Length of the common header in bytes: what [`frag_len`] needs to see.
pub const HEADER_LEN: usize = 16;

/// Length of the whole PDU that starts with these 16 bytes, in bytes: at least 16.
///
/// For a blocking driver: read 16 bytes, ask, read the rest, hand all of it to the association.
///
/// # Errors
/// [`Error::Version`] when the major version is not 5; [`Error::Representation`];
/// [`Error::FragLength`] below 16. Nothing that follows in the stream has a meaning then.
pub fn frag_len(header: &[u8; HEADER_LEN]) -> Result<usize, Error> {
    let [major, minor, _, _, drep @ .., l0, l1, _, _, _, _, _, _] = *header;
    if major != 5 {
        return Err(Error::Version { major, minor });
    }
    let [integers_and_characters, floats, _, _] = drep;
    if integers_and_characters != 0x10 || floats != 0 {
        return Err(Error::Representation(drep));
    }
    let announced = usize::from(u16::from_le_bytes([l0, l1]));
    if announced < HEADER_LEN {
        return Err(Error::FragLength { announced, needed: HEADER_LEN });
    }
    Ok(announced)
}

/// Cuts a stream, which arrives in any pieces, into PDUs.
///
/// Holds what was pushed and not taken: below 64 KiB and one piece when all whole PDUs are taken
/// before the next push.
#[derive(Debug, Default)]
pub struct Framer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Framer {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken.min(self.bytes.len()));
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next PDU, when it is whole; it may be decrypted where it lies.
    ///
    /// # Errors
    /// Those of [`frag_len`], again at each call.
    pub fn next_pdu(&mut self) -> Result<Option<&mut [u8]>, Error> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(header) = rest.first_chunk() else { return Ok(None) };
        let end = self.taken.saturating_add(frag_len(header)?);
        let start = self.taken;
        let pdu = self.bytes.get_mut(start..end);
        if pdu.is_some() {
            self.taken = end;
        }
        Ok(pdu)
    }
}
