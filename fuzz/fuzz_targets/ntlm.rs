//! NTLM messages, and both sides against any peer: nobody is let in, nothing panics.
#![no_main]

use std::sync::Arc;

use dcerpc::security::{Accepted, Acceptor as _, Initiated, Initiator as _, Level, Message};
use libfuzzer_sys::fuzz_target;
use ntlm::{
    Acceptor, Authenticate, Challenge, Client, Fresh, Host, Initiator, Negotiate, NtHash, Response, User,
    Users, av_pair, flags,
};

struct Known;

impl Users for Known {
    fn user(&self, _: &str, _: &str) -> Option<User> {
        Some(User { name: "u".into(), domain: "D".into(), hash: NtHash::new([9; 16]) })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = Negotiate::decode(bytes);
    let _ = Response::decode(bytes);
    if let Ok(pairs) = av_pair::decode(bytes) {
        let again = av_pair::encode(pairs.iter().copied()).expect("pairs of a message are short");
        assert_eq!(av_pair::decode(&again).expect("encoded pairs decode"), pairs);
    }
    if let Ok(challenge) = Challenge::decode(bytes) {
        let again = challenge.encode().expect("what was decoded is short enough");
        assert_eq!(Challenge::decode(&again).expect("an encoded challenge decodes"), challenge);
    }
    if let Ok(message) = Authenticate::decode(bytes) {
        // Names that are not ASCII may be longer than they were.
        if let Ok(again) = message.encode() {
            let again = Authenticate::decode(&again).expect("an encoded message decodes");
            assert_eq!((again.user, again.nt_response), (message.user, message.nt_response));
        }
    }
    let host = Arc::new(Host {
        netbios_computer: "C".into(),
        netbios_domain: "D".into(),
        dns_computer: "c.d".into(),
        dns_domain: "d".into(),
    });
    let mut acceptor = Acceptor::new(host, Arc::new(Known), [1; 8], 134_064_288_000_000_000);
    if acceptor.step(bytes).is_err() {
        return client(bytes);
    }
    // A good first message: the rest of the input is the proof.
    let accepted = acceptor.step(bytes.get(40..).unwrap_or_default());
    assert!(!matches!(accepted, Ok(Accepted::Done { .. })), "somebody without the password was let in");
    client(bytes);
});

fn client(challenge: &[u8]) {
    let client = Client {
        user: "u".into(),
        domain: "D".into(),
        workstation: "W".into(),
        hash: NtHash::new([9; 16]),
        target: "RPCSS/c".into(),
    };
    let fresh = Fresh { client_challenge: [2; 8], session_key: [3; 16].into(), timestamp: 1 };
    let mut initiator = Initiator::new(client, fresh);
    let _ = initiator.step(&[]);
    let Ok(Initiated::Done { token, mut protection }) = initiator.step(challenge) else { return };
    Authenticate::decode(&token).expect("our own message decodes");
    assert!(
        Challenge::decode(challenge)
            .is_ok_and(|challenge| challenge.flags & flags::REQUIRED == flags::REQUIRED)
    );
    let (mut body, signature) = ([0; 24], challenge.last_chunk::<16>().expect("a challenge is longer"));
    let message = Message { header: &[0; 24], body: &mut body, trailer: &[0; 8], signs_header: true };
    assert!(protection.unprotect(Level::Privacy, message, signature).is_err(), "a forged signature fits");
}
