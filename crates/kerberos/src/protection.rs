//! Per-message tokens in DCE style.
//!
//! ```text
//! Privacy, 76 bytes                      Integrity, 28 bytes
//!  0  05 04                               0  04 04
//!  2  flags: 1 by acceptor, 2 sealed,     2  flags
//!     4 acceptor's subkey                 3  FF FF FF FF FF
//!  3  FF                                  8  u64 sequence number
//!  4  u16 EC: bytes of filler (16)       16  HMAC (12)
//!  6  u16 RRC: 28
//!  8  u64 sequence number
//! 16  filler, header with RRC 0; encrypted (EC + 16)
//!     HMAC (12)
//!     confounder; encrypted (16)
//! ```
//!
//! Encrypted is `confounder | body | filler | header`, of which the part behind the body and the HMAC are
//! rotated to the front by EC + RRC. The HMAC of `Privacy` is over that plain text, that of `Integrity`
//! over `body | header`; with header signing the PDU's header and trailer stand around the body. We send
//! EC 16, as [MS-KILE] wants it and as Windows, Samba and MIT do; `sspi` sends 0.
//!
//! Source: RFC 4121 4.2, [MS-KILE] 3.4.5.4.1 and 4.3, [MS-RPCE] 3.3.1.5.2.2.
//!
//! [MS-KILE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-kile/e94b3acd-8415-4d0d-9786-749d0c39d550
//! [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/

use dcerpc::security::{Level, Message, Protection, SecurityError};
use zeroize::Zeroizing;

use crate::crypto::{BLOCK, Key, MAC, Sealer, Signer, equal, fill};

const HEADER: usize = 16;
/// Filler we send.
const EC: u16 = 16;
/// Encrypted header and HMAC.
const RRC: u16 = 28;
/// Token lengths.
const SEALED: usize = 76;
const SIGNED: usize = 28;

const BY_ACCEPTOR: u8 = 1;
const IS_SEALED: u8 = 2;
const ACCEPTOR_SUBKEY: u8 = 4;

/// One way of a context.
struct Direction {
    seal: Sealer,
    sign: Signer,
    /// Flags of its tokens but for [`IS_SEALED`].
    flags: u8,
    /// Number of the next token.
    sequence: u64,
}

impl Direction {
    fn new(key: &Key, by_acceptor: bool, acceptor_subkey: bool, sequence: u32) -> Self {
        // RFC 4121 2: acceptor's seal 22 and sign 23, initiator's 24 and 25.
        let (seal, sign, mut flags) = if by_acceptor { (22, 23, BY_ACCEPTOR) } else { (24, 25, 0) };
        if acceptor_subkey {
            flags |= ACCEPTOR_SUBKEY;
        }
        Self { seal: key.sealer(seal), sign: key.signer(sign), flags, sequence: u64::from(sequence) }
    }

    fn advance(&mut self) -> Result<u64, SecurityError> {
        let number = self.sequence;
        self.sequence = number.checked_add(1).ok_or(SecurityError::Altered)?;
        Ok(number)
    }

    fn wrap_header(&self, ec: u16, rrc: u16, sequence: u64) -> [u8; HEADER] {
        let [e0, e1] = ec.to_be_bytes();
        let [r0, r1] = rrc.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = sequence.to_be_bytes();
        [5, 4, self.flags | IS_SEALED, 0xFF, e0, e1, r0, r1, a, b, c, d, e, f, g, h]
    }

    fn mic_header(&self, sequence: u64) -> [u8; HEADER] {
        let [a, b, c, d, e, f, g, h] = sequence.to_be_bytes();
        [4, 4, self.flags, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, a, b, c, d, e, f, g, h]
    }

    fn sign(&mut self, parts: [&[u8]; 3]) -> Result<[u8; SIGNED], SecurityError> {
        let header = self.mic_header(self.sequence);
        let mac = self.sign.mac(parts.into_iter().chain([header.as_slice()]));
        self.advance()?;
        let mut token = [0; SIGNED];
        put(&mut token, &[&header, &mac]);
        Ok(token)
    }

    fn check(&mut self, parts: [&[u8]; 3], token: &[u8]) -> Result<(), SecurityError> {
        // The header has to be the one we expect, sequence number included.
        let header = self.mic_header(self.sequence);
        let mac = self.sign.mac(parts.into_iter().chain([header.as_slice()]));
        let mut expected = [0; SIGNED];
        put(&mut expected, &[&header, &mac]);
        if !equal(&expected, token) {
            return Err(SecurityError::Altered);
        }
        self.advance().map(drop)
    }
}

/// An established context.
pub(crate) struct Context {
    send: Direction,
    receive: Direction,
    /// Plain or encrypted text, in one piece.
    buffer: Zeroizing<Vec<u8>>,
}

/// What both sides agreed on.
pub(crate) struct Agreed<'a> {
    /// The acceptor's subkey, else the initiator's, else the ticket's key.
    pub(crate) key: &'a Key,
    pub(crate) acceptor_subkey: bool,
    pub(crate) is_acceptor: bool,
    /// First sequence numbers of both directions.
    pub(crate) send: u32,
    pub(crate) receive: u32,
}

impl Context {
    pub(crate) fn new(agreed: &Agreed<'_>) -> Self {
        let way =
            |by_acceptor, sequence| Direction::new(agreed.key, by_acceptor, agreed.acceptor_subkey, sequence);
        Self {
            send: way(agreed.is_acceptor, agreed.send),
            receive: way(!agreed.is_acceptor, agreed.receive),
            buffer: Zeroizing::new(Vec::new()),
        }
    }

    fn seal(&mut self, message: Message<'_>, token: &mut [u8]) -> Result<(), SecurityError> {
        let number = self.send.advance()?;
        let inner = self.send.wrap_header(EC, 0, number);
        let mut confounder = [0; BLOCK];
        fill(&mut confounder)?;
        self.buffer.clear();
        self.buffer.extend_from_slice(&confounder);
        self.buffer.extend_from_slice(message.body);
        self.buffer.extend_from_slice(&[0; BLOCK]);
        self.buffer.extend_from_slice(&inner);
        let (header, trailer) = covered(&message);
        let mac = self.send.seal.mac([&confounder, header, message.body, trailer, &[0; BLOCK], &inner]);
        self.send.seal.encrypt(&mut self.buffer);
        let (confounder, rest) = self.buffer.split_at_checked(BLOCK).unwrap_or_default();
        let (body, tail) = rest.split_at_checked(message.body.len()).unwrap_or_default();
        message.body.copy_from_slice(body);
        put(token, &[&self.send.wrap_header(EC, RRC, number), tail, &mac, confounder]);
        Ok(())
    }

    fn unseal(&mut self, message: Message<'_>, token: &[u8]) -> Result<(), SecurityError> {
        let (outer, rest) = token.split_first_chunk::<HEADER>().ok_or(SecurityError::Altered)?;
        let &[_, _, _, _, e0, e1, ..] = outer;
        let ec = u16::from_be_bytes([e0, e1]);
        let number = self.receive.sequence;
        if *outer != self.receive.wrap_header(ec, RRC, number) {
            return Err(SecurityError::Altered);
        }
        let (rest, confounder) = rest.split_last_chunk::<BLOCK>().ok_or(SecurityError::Altered)?;
        let (tail, mac) = rest.split_last_chunk::<MAC>().ok_or(SecurityError::Altered)?;
        if tail.len() != usize::from(ec).saturating_add(HEADER) {
            return Err(SecurityError::Altered);
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(confounder);
        self.buffer.extend_from_slice(message.body);
        self.buffer.extend_from_slice(tail);
        self.receive.seal.decrypt(&mut self.buffer);
        let (confounder, rest) = self.buffer.split_at_checked(BLOCK).unwrap_or_default();
        let (body, tail) = rest.split_at_checked(message.body.len()).unwrap_or_default();
        let (header, trailer) = covered(&message);
        let inner = self.receive.wrap_header(ec, 0, number);
        let fits = equal(&self.receive.seal.mac([confounder, header, body, trailer, tail]), mac);
        if !fits || tail.last_chunk() != Some(&inner) {
            return Err(SecurityError::Altered);
        }
        message.body.copy_from_slice(body);
        self.receive.advance().map(drop)
    }
}

impl Protection for Context {
    fn token_len(&self, level: Level) -> usize {
        match level {
            Level::Privacy => SEALED,
            _ if level.is_signed() => SIGNED,
            _ => 0,
        }
    }

    fn protect(&mut self, level: Level, message: Message<'_>, token: &mut [u8]) -> Result<(), SecurityError> {
        if level == Level::Privacy {
            return self.seal(message, token);
        }
        let (header, trailer) = covered(&message);
        let signed = self.send.sign([header, message.body, trailer])?;
        put(token, &[&signed]);
        Ok(())
    }

    fn unprotect(&mut self, level: Level, message: Message<'_>, token: &[u8]) -> Result<(), SecurityError> {
        if level == Level::Privacy {
            return self.unseal(message, token);
        }
        let (header, trailer) = covered(&message);
        self.receive.check([header, message.body, trailer], token)
    }

    fn mic(&mut self, data: &[u8]) -> Result<Vec<u8>, SecurityError> {
        self.send.sign([data, &[], &[]]).map(Vec::from)
    }

    fn check_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), SecurityError> {
        self.receive.check([data, &[], &[]], mic)
    }
}

/// What stands in the clear before and behind the body and is covered by the checksum.
fn covered<'a>(message: &Message<'a>) -> (&'a [u8], &'a [u8]) {
    if message.signs_header { (message.header, message.trailer) } else { (&[], &[]) }
}

/// Writes parts one behind the other.
fn put(out: &mut [u8], parts: &[&[u8]]) {
    for (to, from) in out.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
}
