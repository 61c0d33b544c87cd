//! A mechanism without any proof, whose tokens fit all: a fuzzer cannot sign.

use dcerpc::security::{
    Accepted, Acceptor, AuthService, Authenticator, Identity, Initiated, Initiator, Level, Message,
    Protection, SecurityError,
};

/// Its first token: how many more the server asks for is the first byte's lowest bit.
pub struct Open;

const TOKEN: usize = 16;

impl Initiator for Open {
    fn service(&self) -> AuthService {
        AuthService::Ntlm
    }

    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError> {
        match token {
            [] => Ok(Initiated::Continue(vec![1; TOKEN])),
            [0, ..] => Ok(Initiated::Continue(vec![0; TOKEN])),
            [1, ..] => Ok(Initiated::Done { token: vec![0; TOKEN], protection: Box::new(Self) }),
            [2, ..] => Ok(Initiated::Done { token: Vec::new(), protection: Box::new(Self) }),
            _ => Err(SecurityError::Malformed("no token".to_owned())),
        }
    }
}

impl Acceptor for Open {
    fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
        match token {
            [1, ..] => Ok(Accepted::Continue(vec![1; TOKEN])),
            [0, ..] => {
                let identity = Identity { user: "u".to_owned(), domain: String::new(), mechanism: "none" };
                Ok(Accepted::Done { token: Vec::new(), protection: Box::new(Self), identity })
            }
            _ => Err(SecurityError::Denied("no token".to_owned())),
        }
    }
}

impl Authenticator for Open {
    fn acceptor(&self, service: AuthService) -> Option<Box<dyn Acceptor>> {
        (service != AuthService::Kerberos).then(|| Box::new(Self) as Box<dyn Acceptor>)
    }
}

impl Protection for Open {
    fn token_len(&self, _: Level) -> usize {
        TOKEN
    }

    fn protect(&mut self, _: Level, _: Message<'_>, token: &mut [u8]) -> Result<(), SecurityError> {
        token.fill(0x5a);
        Ok(())
    }

    fn unprotect(&mut self, _: Level, _: Message<'_>, token: &[u8]) -> Result<(), SecurityError> {
        if token.first() == Some(&0xff) { Err(SecurityError::Altered) } else { Ok(()) }
    }

    fn mic(&mut self, _: &[u8]) -> Result<Vec<u8>, SecurityError> {
        Ok(vec![0x5a; TOKEN])
    }

    fn check_mic(&mut self, _: &[u8], mic: &[u8]) -> Result<(), SecurityError> {
        if mic.first() == Some(&0xff) { Err(SecurityError::Altered) } else { Ok(()) }
    }
}
