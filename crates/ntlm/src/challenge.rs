use crate::Error;
use crate::field::{self, Builder};
use alloc::string::String;
use alloc::vec::Vec;

/// `CHALLENGE_MESSAGE`: the server's nonce and what it is called.
///
/// ```text
///  0 8 Signature         "NTLMSSP\0"
///  8 4 MessageType       2
/// 12 8 TargetNameFields  u16 Len, u16 MaxLen, u32 BufferOffset
/// 20 4 NegotiateFlags    see `flags`
/// 24 8 ServerChallenge   nonce
/// 32 8 Reserved          0
/// 40 8 TargetInfoFields  as TargetNameFields; AV pairs
/// 48 8 Version           for logs of the peer
/// 56 - Payload
/// ```
///
/// Source: [MS-NLMP] 2.2.1.2.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/801a4681-8809-4be9-ab0d-61dcfe762786
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// See [`crate::flags`].
    pub flags: u32,
    /// `ServerChallenge`.
    pub server_challenge: [u8; 8],
    /// `TargetName`: the server or its domain.
    pub target_name: String,
    /// `TargetInfo`: AV pairs, see [`crate::av_pair`].
    pub target_info: &'a [u8],
    /// `Version`; zeros when the message has none.
    pub version: [u8; 8],
}

impl<'a> Challenge<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn decode(message: &'a [u8]) -> Result<Self, Error> {
        field::check_type(message, TYPE)?;
        let flags = field::number(message, 20, "NegotiateFlags")?;
        let version = field::version(message, 48, flags);
        Ok(Self {
            target_name: field::text(field::payload(message, 12, "TargetName")?, "TargetName")?,
            flags,
            server_challenge: field::array(message, 24, "ServerChallenge")?,
            target_info: field::payload(message, 40, "TargetInfo")?,
            version,
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`Error::Long`] when a field has more than 65,535 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let target_name = field::utf16(&self.target_name);
        let mut message = Builder::new(TYPE, 56);
        let at_name = message.append(&target_name);
        let at_info = message.append(self.target_info);
        message.field("TargetName", at_name, &target_name)?;
        message.bytes(&self.flags.to_le_bytes());
        message.bytes(&self.server_challenge);
        message.bytes(&[0; 8]); // Reserved
        message.field("TargetInfo", at_info, self.target_info)?;
        message.bytes(&self.version);
        Ok(message.finish())
    }
}

const TYPE: u32 = 2;
