use core::fmt;

use super::Packet;

/// One line of text about the bytes of one PDU, whatever they are: for logs.
///
/// Shows no stub and no token.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a>(
    /// The PDU.
    pub &'a [u8],
);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Packet::decode(self.0) {
            Ok(packet) => packet.fmt(f),
            Err(error) => write!(f, "{} bytes that are no PDU: {error}", self.0.len()),
        }
    }
}
