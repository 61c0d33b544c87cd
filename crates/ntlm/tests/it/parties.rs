//! A client and a server that agree, to be made to disagree.

use dcerpc::security::{
    Accepted, Acceptor as _, Identity, Initiated, Initiator as _, Level, Message, Protection, SecurityError,
};
use ntlm::{Acceptor, Client, Fresh, Host, Initiator, NtHash, User, Users};
use std::sync::Arc;

pub(crate) const SERVER_CHALLENGE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
/// 2025-11-01 00:00:00 UTC.
pub(crate) const NOW: u64 = 134_064_288_000_000_000;

/// The users of the tests: `LAB\backup` and the specification's `Domain\User`.
pub(crate) struct Known;

impl Users for Known {
    fn user(&self, domain: &str, user: &str) -> Option<User> {
        let [name, home, password] = [["backup", "LAB", "Secret1!"], ["User", "Domain", "Password"]]
            .into_iter()
            .find(|[name, home, _]| name.eq_ignore_ascii_case(user) && home.eq_ignore_ascii_case(domain))?;
        Some(User { name: name.into(), domain: home.into(), hash: NtHash::of_password(password) })
    }
}

pub(crate) fn acceptor() -> Acceptor {
    acceptor_with(SERVER_CHALLENGE)
}

pub(crate) fn acceptor_with(challenge: [u8; 8]) -> Acceptor {
    let host = Host {
        netbios_computer: "CA01".into(),
        netbios_domain: "LAB".into(),
        dns_computer: "ca01.lab.test".into(),
        dns_domain: "lab.test".into(),
    };
    Acceptor::new(Arc::new(host), Arc::new(Known), challenge, NOW)
}

pub(crate) fn initiator_of(domain: &str, user: &str, password: &str) -> Initiator {
    let client = Client {
        user: user.into(),
        domain: domain.into(),
        workstation: "BACKUP01".into(),
        hash: NtHash::of_password(password),
        target: "RPCSS/ca01.lab.test".into(),
    };
    let fresh = Fresh { client_challenge: [0xaa; 8], session_key: [0x55; 16].into(), timestamp: 0 };
    Initiator::new(client, fresh)
}

pub(crate) fn initiator() -> Initiator {
    initiator_of("LAB", "backup", "Secret1!")
}

/// The token of a step that goes on.
pub(crate) fn first(initiator: &mut Initiator) -> Vec<u8> {
    match initiator.step(&[]) {
        Ok(Initiated::Continue(token)) => token,
        _ => panic!("the initiator does not start"),
    }
}

pub(crate) fn challenge(acceptor: &mut Acceptor, negotiate: &[u8]) -> Vec<u8> {
    match acceptor.step(negotiate) {
        Ok(Accepted::Continue(token)) => token,
        Ok(_) => panic!("done without a proof"),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn answer(initiator: &mut Initiator, challenge: &[u8]) -> (Vec<u8>, Box<dyn Protection>) {
    match initiator.step(challenge) {
        Ok(Initiated::Done { token, protection }) => (token, protection),
        Ok(_) => panic!("the initiator wants more"),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn verdict(
    acceptor: &mut Acceptor,
    token: &[u8],
) -> Result<(Box<dyn Protection>, Identity), SecurityError> {
    match acceptor.step(token)? {
        Accepted::Done { token, protection, identity } => {
            assert!(token.is_empty());
            Ok((protection, identity))
        }
        Accepted::Continue(_) => panic!("the acceptor wants more"),
    }
}

/// A whole logon, with the client's last message altered on its way.
pub(crate) struct Logon {
    pub(crate) client: Box<dyn Protection>,
    pub(crate) server: Result<(Box<dyn Protection>, Identity), SecurityError>,
}

pub(crate) fn logon(mut initiator: Initiator, alter: impl FnOnce(&mut Vec<u8>)) -> Logon {
    let mut acceptor = acceptor();
    let negotiate = first(&mut initiator);
    let challenge = challenge(&mut acceptor, &negotiate);
    let (mut token, client) = answer(&mut initiator, &challenge);
    alter(&mut token);
    Logon { client, server: verdict(&mut acceptor, &token) }
}

/// One fragment from one side to the other; the answer is what arrives.
pub(crate) fn send(
    from: &mut dyn Protection,
    to: &mut dyn Protection,
    level: Level,
    text: &[u8],
) -> Result<Vec<u8>, SecurityError> {
    let mut body = text.to_vec();
    let mut token = vec![0; from.token_len(level)];
    from.protect(level, message(&mut body), &mut token)?;
    assert!(level != Level::Privacy || text.len() < 4 || body != text, "the body is not encrypted");
    to.unprotect(level, message(&mut body), &token)?;
    Ok(body)
}

pub(crate) fn message(body: &mut [u8]) -> Message<'_> {
    Message { header: b"header..", body, trailer: b"trailer.", signs_header: true }
}

pub(crate) fn refusal<T>(result: Result<T, SecurityError>) -> String {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
