//! A mechanism that is good for nothing but tests: XOR and a checksum, in one to four legs.

use dcerpc::security::{
    Accepted, Acceptor, AuthService, Authenticator, Identity, Initiated, Initiator, Level, Message,
    Protection, SecurityError,
};

/// Legs of the exchange, bind being the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Legs {
    /// bind
    One,
    /// bind, bind_ack
    Two,
    /// bind, bind_ack, auth3
    Three,
    /// bind, bind_ack, alter_context, alter_context_resp
    Four,
}

pub(crate) const ALL_LEGS: [Legs; 4] = [Legs::One, Legs::Two, Legs::Three, Legs::Four];

impl Legs {
    fn count(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }
}

pub(crate) const PASSWORD: u8 = 0x5e;

pub(crate) struct Client {
    pub(crate) legs: Legs,
    pub(crate) password: u8,
    pub(crate) key: u8,
    leg: u8,
}

impl Client {
    pub(crate) fn new(legs: Legs, password: u8, key: u8) -> Self {
        Self { legs, password, key, leg: 0 }
    }

    fn token(&self) -> Vec<u8> {
        vec![b'T', self.leg, self.legs.count(), self.password, self.key]
    }
}

impl Initiator for Client {
    fn service(&self) -> AuthService {
        AuthService::Ntlm
    }

    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError> {
        if self.leg == 0 && !token.is_empty() || self.leg != 0 && token != [b'T', self.leg] {
            return Err(SecurityError::Malformed(format!("token {token:?} before leg {}", self.leg)));
        }
        let protection = || Box::new(Seal::new(self.key, false));
        if self.leg == self.legs.count() {
            return Ok(Initiated::Done { token: Vec::new(), protection: protection() });
        }
        self.leg += 1;
        let token = self.token();
        if self.leg == self.legs.count() {
            return Ok(Initiated::Done { token, protection: protection() });
        }
        self.leg += 1;
        Ok(Initiated::Continue(token))
    }
}

pub(crate) struct Server {
    leg: u8,
}

impl Acceptor for Server {
    fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
        let &[b'T', leg, legs, password, key] = token else {
            return Err(SecurityError::Malformed("no token of the test".into()));
        };
        if leg != self.leg + 1 {
            return Err(SecurityError::Malformed(format!("leg {leg} after {}", self.leg)));
        }
        self.leg = leg + 1;
        if self.leg < legs {
            return Ok(Accepted::Continue(vec![b'T', self.leg]));
        }
        if password != PASSWORD {
            return Err(SecurityError::Denied("wrong password".into()));
        }
        let token = if self.leg == legs { vec![b'T', self.leg] } else { Vec::new() };
        let identity = Identity { user: format!("key{key}"), domain: "TEST".into(), mechanism: "test" };
        Ok(Accepted::Done { token, protection: Box::new(Seal::new(key, true)), identity })
    }
}

pub(crate) struct Users;

impl Authenticator for Users {
    fn acceptor(&self, service: AuthService) -> Option<Box<dyn Acceptor>> {
        (service == AuthService::Ntlm).then(|| Box::new(Server { leg: 0 }) as Box<dyn Acceptor>)
    }
}

/// XOR with a key stream that depends on the fragment's number; a checksum over what the level signs.
pub(crate) struct Seal {
    key: u8,
    is_server: bool,
    sent: u64,
    received: u64,
}

impl Seal {
    pub(crate) fn new(key: u8, is_server: bool) -> Self {
        Self { key, is_server, sent: 0, received: 0 }
    }

    fn mask(&self, number: u64, from_server: bool, body: &mut [u8]) {
        let seed = (number as u8).wrapping_mul(31) ^ self.key ^ if from_server { 0xa5 } else { 0 };
        for (index, byte) in body.iter_mut().enumerate() {
            *byte ^= seed.wrapping_add((index as u8).wrapping_mul(7)) | 1;
        }
    }

    fn checksum(&self, number: u64, from_server: bool, level: Level, message: &Message<'_>) -> [u8; 16] {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(self.key);
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(&[from_server.into(), level.code(), message.signs_header.into()]);
        if message.signs_header {
            add(message.header);
            add(message.trailer);
        }
        add(message.body);
        let mut token = [0; 16];
        token[..8].copy_from_slice(&hash.to_le_bytes());
        token[8..].copy_from_slice(&number.to_le_bytes());
        token
    }
}

impl Protection for Seal {
    fn token_len(&self, _: Level) -> usize {
        16
    }

    fn protect(&mut self, level: Level, message: Message<'_>, token: &mut [u8]) -> Result<(), SecurityError> {
        token.copy_from_slice(&self.checksum(self.sent, self.is_server, level, &message));
        if level == Level::Privacy {
            self.mask(self.sent, self.is_server, message.body);
        }
        self.sent += 1;
        Ok(())
    }

    fn unprotect(&mut self, level: Level, message: Message<'_>, token: &[u8]) -> Result<(), SecurityError> {
        if level == Level::Privacy {
            self.mask(self.received, !self.is_server, message.body);
        }
        let expected = self.checksum(self.received, !self.is_server, level, &message);
        self.received += 1;
        if token == expected { Ok(()) } else { Err(SecurityError::Altered) }
    }

    fn mic(&mut self, _: &[u8]) -> Result<Vec<u8>, SecurityError> {
        Ok(Vec::new())
    }

    fn check_mic(&mut self, _: &[u8], _: &[u8]) -> Result<(), SecurityError> {
        Ok(())
    }
}
