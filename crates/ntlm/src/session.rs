use crate::flags;
use crate::keys::{self, Key};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use dcerpc::security::{Level, Message, Protection, SecurityError};
use hmac::{Hmac, Mac};
use md5::Md5;
use rc4::{Rc4, StreamCipher};
use subtle::ConstantTimeEq;

/// Which side of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Made the session key.
    Client,
    /// Checked the proof.
    Server,
}

/// An established session: signs and seals.
///
/// Each direction has its own keys, sequence number and RC4 stream, so fragments have to be
/// unprotected in the order in which they were protected, and none may be left out.
///
/// A token has 16 bytes:
///
/// ```text
///  0 4 Version   1
///  4 8 Checksum  HMAC-MD5 over SeqNum, header, body and trailer, encrypted with RC4
/// 12 4 SeqNum    from 0
/// ```
///
/// NTLM signs header and trailer whether or not header signing was agreed; so do Windows, Samba and
/// impacket. At privacy the body is encrypted before the checksum, both with the stream of the
/// direction.
///
/// Source: [MS-NLMP] 3.4.2, 3.4.3, 3.4.4.2, 3.4.5; [MS-SPNG] 3.1.5.1 for what [`Protection::mic`] does to
/// the stream.
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/d1c86e81-eb66-47fd-8a6f-970050121347
/// [MS-SPNG]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-spng/b87587b3-9d72-4027-8131-b76b5368115f
pub struct Session {
    outgoing: Direction,
    incoming: Direction,
    seals: bool,
}

impl Session {
    /// A session at its start. Only [`flags::SEAL`] of `flags` matters: the others are required.
    pub fn new(role: Role, session_key: &[u8; 16], flags: u32) -> Self {
        let key = Key::new(*session_key);
        let client = Direction::new(&key, CLIENT_SIGNING, CLIENT_SEALING);
        let server = Direction::new(&key, SERVER_SIGNING, SERVER_SEALING);
        let seals = flags & flags::SEAL != 0;
        match role {
            Role::Client => Self { outgoing: client, incoming: server, seals },
            Role::Server => Self { outgoing: server, incoming: client, seals },
        }
    }

    /// Privacy needs a session that was negotiated with sealing.
    fn encrypts(&self, level: Level) -> Result<bool, SecurityError> {
        if level == Level::Privacy && !self.seals {
            return Err(SecurityError::Denied("NTLMSSP_NEGOTIATE_SEAL was not negotiated".to_string()));
        }
        Ok(level == Level::Privacy)
    }
}

impl Protection for Session {
    fn token_len(&self, level: Level) -> usize {
        if level.is_signed() { TOKEN } else { 0 }
    }

    fn protect(&mut self, level: Level, message: Message<'_>, token: &mut [u8]) -> Result<(), SecurityError> {
        if !level.is_signed() {
            return Ok(());
        }
        let encrypts = self.encrypts(level)?;
        let checksum = self.outgoing.checksum([message.header, message.body, message.trailer]);
        if encrypts {
            self.outgoing.stream.apply_keystream(message.body);
        }
        let made = self.outgoing.token(checksum)?;
        let place = token
            .first_chunk_mut()
            .ok_or_else(|| SecurityError::Malformed("an NTLM signature has 16 bytes".to_string()))?;
        *place = made;
        Ok(())
    }

    fn unprotect(&mut self, level: Level, message: Message<'_>, token: &[u8]) -> Result<(), SecurityError> {
        if !level.is_signed() {
            return Ok(());
        }
        if self.encrypts(level)? {
            self.incoming.stream.apply_keystream(message.body);
        }
        self.incoming.check([message.header, message.body, message.trailer], token)
    }

    fn mic(&mut self, data: &[u8]) -> Result<Vec<u8>, SecurityError> {
        let checksum = self.outgoing.checksum([data]);
        let token = self.outgoing.token(checksum)?;
        self.outgoing.rewind();
        Ok(token.to_vec())
    }

    fn check_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), SecurityError> {
        self.incoming.check([data], mic)?;
        self.incoming.rewind();
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("seals", &self.seals).finish_non_exhaustive()
    }
}

/// Keys and counters of one direction.
struct Direction {
    signing: Hmac<Md5>,
    sealing: Key,
    stream: Rc4,
    sequence: u32,
}

impl Direction {
    fn new(session_key: &Key, signing: &[u8], sealing: &[u8]) -> Self {
        let sealing = keys::derived(session_key, sealing);
        Self {
            signing: keys::keyed(&keys::derived(session_key, signing)),
            stream: keys::stream(&sealing),
            sealing,
            sequence: 0,
        }
    }

    /// The first half of the HMAC over the next sequence number and the parts.
    fn checksum<const N: usize>(&self, parts: [&[u8]; N]) -> [u8; 8] {
        let mut mac = self.signing.clone();
        mac.update(&self.sequence.to_le_bytes());
        for part in parts {
            mac.update(part);
        }
        let [a, b, c, d, e, f, g, h, ..]: [u8; 16] = mac.finalize().into_bytes().into();
        [a, b, c, d, e, f, g, h]
    }

    /// Encrypts the checksum into a token and goes to the next sequence number.
    fn token(&mut self, mut checksum: [u8; 8]) -> Result<[u8; TOKEN], SecurityError> {
        let sequence = self.sequence;
        self.sequence = sequence.checked_add(1).ok_or_else(|| {
            SecurityError::Denied("the sequence numbers of the NTLM session are used up".to_string())
        })?;
        self.stream.apply_keystream(&mut checksum);
        let mut token = [0; TOKEN];
        let fields = 1u32.to_le_bytes().into_iter().chain(checksum).chain(sequence.to_le_bytes());
        for (byte, field) in token.iter_mut().zip(fields) {
            *byte = field;
        }
        Ok(token)
    }

    fn check<const N: usize>(&mut self, parts: [&[u8]; N], token: &[u8]) -> Result<(), SecurityError> {
        let checksum = self.checksum(parts);
        let expected = self.token(checksum)?;
        if bool::from(expected.ct_eq(token)) { Ok(()) } else { Err(SecurityError::Altered) }
    }

    /// Starts the stream again, as the peers do after a `mechListMIC`. The sequence goes on.
    fn rewind(&mut self) {
        self.stream = keys::stream(&self.sealing);
    }
}

const TOKEN: usize = 16;
const CLIENT_SIGNING: &[u8] = b"session key to client-to-server signing key magic constant";
const SERVER_SIGNING: &[u8] = b"session key to server-to-client signing key magic constant";
const CLIENT_SEALING: &[u8] = b"session key to client-to-server sealing key magic constant";
const SERVER_SEALING: &[u8] = b"session key to server-to-client sealing key magic constant";
