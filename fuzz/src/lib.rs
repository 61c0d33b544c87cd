//! What the targets for the wire share: a mechanism that lets everything through, a CA in memory, and
//! how bytes become a conversation.

pub mod mechanism;
pub mod toy;

/// Cuts input into pieces: two bytes of length, then as many bytes as there are.
pub struct Pieces<'a>(pub &'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at(rest.len().min(u16::from_le_bytes(*length).into()));
        self.0 = rest;
        Some(piece)
    }
}

/// Input for [`Pieces`].
pub fn piece(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a piece is short");
    [&length.to_le_bytes(), bytes].concat()
}

/// Makes a PDU of a piece: version, byte order and length are right, whatever they were.
pub fn framed(piece: &[u8]) -> Vec<u8> {
    let mut pdu = piece.to_vec();
    pdu.resize(pdu.len().max(dcerpc::HEADER_LEN), 0);
    let length = u16::try_from(pdu.len()).expect("a piece is short");
    pdu[0..2].copy_from_slice(&[5, 0]);
    pdu[4..8].copy_from_slice(&[0x10, 0, 0, 0]);
    pdu[8..10].copy_from_slice(&length.to_le_bytes());
    pdu
}
