use crate::Error;
use crate::field::{self, Builder};
use alloc::string::String;
use alloc::vec::Vec;

/// `AUTHENTICATE_MESSAGE`: who the client is, and the proof.
///
/// ```text
///  0  8 Signature                        "NTLMSSP\0"
///  8  4 MessageType                      3
/// 12  8 LmChallengeResponseFields        u16 Len, u16 MaxLen, u32 BufferOffset
/// 20  8 NtChallengeResponseFields        as above, see `Response`
/// 28  8 DomainNameFields                 as above, UTF-16
/// 36  8 UserNameFields                   as above, UTF-16
/// 44  8 WorkstationFields                as above, UTF-16
/// 52  8 EncryptedRandomSessionKeyFields  as above
/// 60  4 NegotiateFlags                   see `flags`
/// 64  8 Version                          for logs of the peer
/// 72 16 MIC                              left out by old clients
///     - Payload
/// ```
///
/// Whether there is a `MIC` is told by an AV pair in the NT response; here it is `Some` whenever no
/// field reaches into its place.
///
/// Source: [MS-NLMP] 2.2.1.3.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/033d32cc-88f9-4483-9bf2-b273055038ce
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticate<'a> {
    /// See [`crate::flags`].
    pub flags: u32,
    /// `LmChallengeResponse`: not judged here, zeros in ours.
    pub lm_response: &'a [u8],
    /// `NtChallengeResponse`: see [`crate::Response`].
    pub nt_response: &'a [u8],
    /// `DomainName`, as the client spells it: the proof covers the spelling.
    pub domain: String,
    /// `UserName`.
    pub user: String,
    /// `Workstation`: a claim.
    pub workstation: String,
    /// `EncryptedRandomSessionKey`.
    pub session_key: &'a [u8],
    /// `Version`; zeros when the message has none.
    pub version: [u8; 8],
    /// `MIC`, when there is room for one.
    pub mic: Option<[u8; 16]>,
}

impl<'a> Authenticate<'a> {
    /// Offset of `MIC`.
    pub const MIC_AT: usize = 72;

    /// Reads a message.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Long`] for a name of more than 256 UTF-16 units.
    pub fn decode(message: &'a [u8]) -> Result<Self, Error> {
        field::check_type(message, TYPE)?;
        let flags = field::number(message, 60, "NegotiateFlags")?;
        let version = field::version(message, 64, flags);
        let text = |at, what| match field::payload(message, at, what)? {
            bytes if bytes.len() > MAX_NAME => Err(Error::Long { what, length: bytes.len() }),
            bytes => field::text(bytes, what),
        };
        Ok(Self {
            lm_response: field::payload(message, 12, "LmChallengeResponse")?,
            nt_response: field::payload(message, 20, "NtChallengeResponse")?,
            domain: text(28, "DomainName")?,
            user: text(36, "UserName")?,
            workstation: text(44, "Workstation")?,
            session_key: field::payload(message, 52, "EncryptedRandomSessionKey")?,
            flags,
            version,
            mic: field::array(message, Self::MIC_AT, "MIC").ok().filter(|_| has_room_for_mic(message)),
        })
    }

    /// Writes the message. A `MIC` is written as given: it is computed over the result.
    ///
    /// # Errors
    /// [`Error::Long`] when a field has more than 65,535 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let [domain, user, workstation] =
            [&self.domain, &self.user, &self.workstation].map(|text| field::utf16(text));
        let mic = self.mic.as_ref().map(<[u8; 16]>::as_slice).unwrap_or_default();
        let mut message = Builder::new(TYPE, Self::MIC_AT.saturating_add(mic.len()));
        let at_domain = message.append(&domain);
        let at_user = message.append(&user);
        let at_workstation = message.append(&workstation);
        let at_lm = message.append(self.lm_response);
        let at_nt = message.append(self.nt_response);
        let at_key = message.append(self.session_key);
        message.field("LmChallengeResponse", at_lm, self.lm_response)?;
        message.field("NtChallengeResponse", at_nt, self.nt_response)?;
        message.field("DomainName", at_domain, &domain)?;
        message.field("UserName", at_user, &user)?;
        message.field("Workstation", at_workstation, &workstation)?;
        message.field("EncryptedRandomSessionKey", at_key, self.session_key)?;
        message.bytes(&self.flags.to_le_bytes());
        message.bytes(&self.version);
        message.bytes(mic);
        Ok(message.finish())
    }
}

/// No payload field starts before the end of `MIC`.
fn has_room_for_mic(message: &[u8]) -> bool {
    const FIELDS: [usize; 6] = [12, 20, 28, 36, 44, 52];
    FIELDS.iter().all(|at| {
        let field = field::array(message, *at, "field");
        matches!(field, Ok([l0, l1, _, _, o0, o1, o2, o3])
            if (l0, l1) == (0, 0) || u32::from_le_bytes([o0, o1, o2, o3]) >= PAYLOAD_AFTER_MIC)
    })
}

const TYPE: u32 = 3;
/// Bytes of a name: longer ones are none, and a server's log repeats them.
const MAX_NAME: usize = 512;
const PAYLOAD_AFTER_MIC: u32 = 88;
