//! Signing and sealing.

use crate::parties::{hex, message, send};
use dcerpc::security::{Level, Message, Protection, SecurityError};
use ntlm::{Role, Session, flags};

fn pair() -> (Session, Session) {
    let [client, server] =
        [Role::Client, Role::Server].map(|role| Session::new(role, &[0x55; 16], flags::SEAL));
    (client, server)
}

/// MS-NLMP 4.2.4.4: "Plaintext" with the keys of RandomSessionKey 55..55, sequence number 0.
#[test]
fn the_sealed_message_of_the_specification() {
    let (mut client, mut server) = pair();
    let plain = hex("50006c00610069006e007400650078007400");
    let mut body = plain.clone();
    let mut token = [0; 16];
    fn whole(body: &mut [u8]) -> Message<'_> {
        Message { header: &[], body, trailer: &[], signs_header: false }
    }
    client.protect(Level::Privacy, whole(&mut body), &mut token).unwrap();
    assert_eq!(body, hex("54e50165bf1936dc996020c1811b0f06fb5f"));
    assert_eq!(token.to_vec(), hex("01000000 7fb38ec5c55d4976 00000000"));
    server.unprotect(Level::Privacy, whole(&mut body), &token).unwrap();
    assert_eq!(body, plain);
}

#[test]
fn messages_go_both_ways_at_each_level() {
    let (mut client, mut server) = pair();
    for level in [Level::Connect, Level::Packet, Level::Integrity, Level::Privacy, Level::Privacy] {
        assert_eq!(send(&mut client, &mut server, level, b"question").unwrap(), b"question");
        assert_eq!(send(&mut server, &mut client, level, b"answer").unwrap(), b"answer");
        assert_eq!(send(&mut server, &mut client, level, b"").unwrap(), b"");
    }
    assert_eq!(client.token_len(Level::Connect), 0);
    assert_eq!(client.token_len(Level::Privacy), 16);
}

#[test]
fn each_bit_of_header_body_trailer_and_token_counts() {
    for level in [Level::Integrity, Level::Privacy] {
        for bit in 0..(8 + 5 + 8 + 16) * 8 {
            let (mut client, mut server) = pair();
            let (mut header, mut body, mut trailer, mut token) =
                (*b"header..", *b"body!", *b"trailer.", [0; 16]);
            let sent = Message { header: &header, body: &mut body, trailer: &trailer, signs_header: false };
            client.protect(level, sent, &mut token).unwrap();
            let parts = [&mut header[..], &mut body, &mut trailer, &mut token];
            *parts.into_iter().flatten().nth(bit / 8).unwrap() ^= 1 << (bit % 8);
            let came = Message { header: &header, body: &mut body, trailer: &trailer, signs_header: false };
            let result = server.unprotect(level, came, &token);
            assert!(matches!(result, Err(SecurityError::Altered)), "bit {bit} at {level:?}");
        }
    }
}

#[test]
fn a_token_of_another_length_is_refused() {
    for length in [0, 15, 17] {
        let (mut client, mut server) = pair();
        let (mut body, mut token) = (*b"body", [0; 17]);
        client.protect(Level::Integrity, message(&mut body), &mut token).unwrap();
        let result = server.unprotect(Level::Integrity, message(&mut body), &token[..length]);
        assert!(matches!(result, Err(SecurityError::Altered)));
    }
}

#[test]
fn a_replayed_skipped_or_reflected_message_is_refused() {
    let protected = |from: &mut Session| {
        let (mut body, mut token) = (*b"body", [0; 16]);
        from.protect(Level::Integrity, message(&mut body), &mut token).unwrap();
        token
    };
    let check = |to: &mut Session, token: &[u8]| {
        to.unprotect(Level::Integrity, message(&mut b"body".to_owned()), token)
    };
    let (mut client, mut server) = pair();
    let one = protected(&mut client);
    check(&mut server, &one).unwrap();
    assert!(check(&mut server, &one).is_err(), "replayed");

    let (mut client, mut server) = pair();
    protected(&mut client);
    assert!(check(&mut server, &protected(&mut client)).is_err(), "the first was left out");

    let (mut client, _) = pair();
    let own = protected(&mut client);
    assert!(check(&mut client, &own).is_err(), "reflected");
}

#[test]
fn privacy_needs_negotiated_sealing() {
    let [mut client, mut server] =
        [Role::Client, Role::Server].map(|role| Session::new(role, &[0x55; 16], 0));
    send(&mut client, &mut server, Level::Integrity, b"signed").unwrap();
    let (mut body, mut token) = (*b"body", [0; 16]);
    let refused = client.protect(Level::Privacy, message(&mut body), &mut token).unwrap_err();
    assert_eq!(refused.to_string(), "authentication refused: NTLMSSP_NEGOTIATE_SEAL was not negotiated");
    assert_eq!(body, *b"body");
    assert!(matches!(
        server.unprotect(Level::Privacy, message(&mut body), &token),
        Err(SecurityError::Denied(_))
    ));
}

/// MS-SPNG 3.1.5.1: after a mechListMIC the RC4 stream starts again and the sequence number does not.
#[test]
fn a_mic_takes_a_number_and_gives_the_stream_back() {
    let (mut client, mut server) = pair();
    let mic = client.mic(b"list").unwrap();
    assert!(matches!(server.check_mic(b"last", &mic), Err(SecurityError::Altered)));

    let (mut client, mut server) = pair();
    let mic = client.mic(b"list").unwrap();
    assert_eq!(mic[12..], [0; 4]);
    server.check_mic(b"list", &mic).unwrap();
    let (mut body, mut token) = (*b"body", [0; 16]);
    client.protect(Level::Privacy, message(&mut body), &mut token).unwrap();
    assert_eq!(token[12..], [1, 0, 0, 0]);
    let (mut other, _) = pair();
    let (mut first, mut unused) = (*b"body", [0; 16]);
    other.protect(Level::Privacy, message(&mut first), &mut unused).unwrap();
    assert_eq!(body, first, "the stream is at its start");
    server.unprotect(Level::Privacy, message(&mut body), &token).unwrap();
    assert_eq!(body, *b"body");
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", pair().0), "Session { seals: true, .. }");
}
