use crate::Error;
use crate::field::{self, Builder};
use alloc::vec::Vec;

/// `NEGOTIATE_MESSAGE`: the client opens, with what it can do.
///
/// ```text
///  0 8 Signature          "NTLMSSP\0"
///  8 4 MessageType        1
/// 12 4 NegotiateFlags     see `flags`
/// 16 8 DomainNameFields   ignored, sent empty
/// 24 8 WorkstationFields  ignored, sent empty
/// 32 8 Version            for logs of the peer
/// ```
///
/// Peers leave out what follows the flags; it is not read.
///
/// Source: [MS-NLMP] 2.2.1.1.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/b34032e5-3aae-4bc6-84c3-c6d80eadf7f2
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiate {
    /// See [`crate::flags`].
    pub flags: u32,
}

impl Negotiate {
    /// Reads a message.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn decode(message: &[u8]) -> Result<Self, Error> {
        field::check_type(message, TYPE)?;
        Ok(Self { flags: field::number(message, 12, "NegotiateFlags")? })
    }

    /// Writes the message with our version and no names.
    pub fn encode(self) -> Vec<u8> {
        let mut message = Builder::new(TYPE, 40);
        message.bytes(&self.flags.to_le_bytes());
        message.bytes(&[0; 8]); // DomainNameFields
        message.bytes(&[0; 8]); // WorkstationFields
        message.bytes(&crate::flags::OUR_VERSION);
        message.finish()
    }
}

const TYPE: u32 = 1;
