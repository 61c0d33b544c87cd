//! A mechanism that can be told how many tokens it needs and how to fail.

use dcerpc::security::{
    Accepted, Acceptor, AuthService, Identity, Initiated, Initiator, Level, Message, Protection,
    SecurityError,
};

/// How a [`Mech`] behaves.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Three tokens: client, server, client. So do NTLM, and Kerberos in DCE style.
    ThreeLegs,
    /// Two tokens: client, server.
    TwoLegs,
    /// The first step is [`SecurityError::Unavailable`].
    Unavailable,
    /// The first step is [`SecurityError::Denied`].
    Denied,
}

/// Either side of a mechanism; its tokens are its name and their number.
pub(crate) struct Mech {
    name: &'static str,
    kind: Kind,
    next: u8,
}

impl Mech {
    pub(crate) fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, next: 0 }
    }

    fn token(&mut self) -> Vec<u8> {
        let token = format!("{} {}", self.name, self.next).into_bytes();
        self.next += 1;
        token
    }

    fn expect(&mut self, token: &[u8]) -> Result<(), SecurityError> {
        let expected = self.token();
        if token == expected {
            return Ok(());
        }
        let [token, expected] = [token, &expected].map(String::from_utf8_lossy);
        Err(SecurityError::Malformed(format!("{token:?} instead of {expected:?}")))
    }

    fn protection(&self) -> Box<dyn Protection> {
        Box::new(Keyed(self.name))
    }
}

impl Initiator for Mech {
    fn service(&self) -> AuthService {
        AuthService::Ntlm
    }

    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError> {
        if self.next == 0 {
            assert!(token.is_empty(), "{} starts with a token", self.name);
            return match self.kind {
                Kind::Unavailable => Err(SecurityError::Unavailable("no KDC".into())),
                Kind::Denied => Err(SecurityError::Denied("wrong password".into())),
                _ => Ok(Initiated::Continue(self.token())),
            };
        }
        self.expect(token)?;
        let token = if self.kind == Kind::ThreeLegs { self.token() } else { Vec::new() };
        Ok(Initiated::Done { token, protection: self.protection() })
    }
}

impl Acceptor for Mech {
    fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
        self.expect(token)?;
        if self.next == 1 && self.kind == Kind::ThreeLegs {
            return Ok(Accepted::Continue(self.token()));
        }
        let token = if self.kind == Kind::TwoLegs { self.token() } else { Vec::new() };
        let identity = Identity { user: "u".into(), domain: String::new(), mechanism: self.name };
        Ok(Accepted::Done { token, protection: self.protection(), identity })
    }
}

/// A MIC is the name of the mechanism and the data.
struct Keyed(&'static str);

impl Protection for Keyed {
    fn token_len(&self, _: Level) -> usize {
        0
    }
    fn protect(&mut self, _: Level, _: Message<'_>, _: &mut [u8]) -> Result<(), SecurityError> {
        Ok(())
    }
    fn unprotect(&mut self, _: Level, _: Message<'_>, _: &[u8]) -> Result<(), SecurityError> {
        Ok(())
    }
    fn mic(&mut self, data: &[u8]) -> Result<Vec<u8>, SecurityError> {
        Ok([self.0.as_bytes(), data].concat())
    }
    fn check_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), SecurityError> {
        if self.mic(data)? == mic { Ok(()) } else { Err(SecurityError::Altered) }
    }
}
