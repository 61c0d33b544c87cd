//! What the acceptor and the initiator refuse.

use crate::parties::{
    acceptor, acceptor_with, answer, challenge, first, initiator, initiator_of, logon, refusal, send, verdict,
};
use dcerpc::security::{Acceptor as _, Initiator as _, Level, SecurityError};
use ntlm::{Authenticate, Challenge, Negotiate, Response, av_pair, flags};

#[test]
fn wrong_password_user_and_domain_sound_the_same() {
    for (domain, user, password) in [
        ("LAB", "backup", "secret1!"),
        ("LAB", "nobody", "Secret1!"),
        ("OTHER", "backup", "Secret1!"),
        ("LAB", "backup", ""),
    ] {
        let refused = logon(initiator_of(domain, user, password), |_| ()).server;
        assert!(matches!(refused, Err(SecurityError::Denied(_))));
        assert_eq!(
            refusal(refused),
            format!(
                "authentication refused: NTLM logon of {user:?} in domain {domain:?} from \"BACKUP01\": the user \
                 is unknown or the password is wrong"
            )
        );
    }
}

/// An unknown user is checked against a dummy hash of zeros: who sends that proof is not let in.
#[test]
fn the_dummy_hash_opens_nothing() {
    let client = ntlm::Client {
        user: "nobody".into(),
        domain: "LAB".into(),
        workstation: "W".into(),
        hash: ntlm::NtHash::new([0; 16]),
        target: String::new(),
    };
    let fresh = ntlm::Fresh { client_challenge: [1; 8], session_key: [2; 16].into(), timestamp: 0 };
    let refused = logon(ntlm::Initiator::new(client, fresh), |_| ()).server;
    assert!(refusal(refused).contains("unknown"));
}

#[test]
fn each_byte_of_the_last_message_counts() {
    let length = {
        let mut length = 0;
        logon(initiator(), |token| length = token.len()).server.unwrap();
        length
    };
    let (mut let_in, mut ignored) = (Vec::new(), Vec::new());
    for at in 0..length {
        for mask in [0x01, 0x80, 0xff] {
            let outcome = logon(initiator(), |token| token[at] ^= mask);
            let Ok((mut server, _)) = outcome.server else { continue };
            let mut client = outcome.client;
            match send(client.as_mut(), server.as_mut(), Level::Privacy, b"first") {
                Ok(_) => let_in.push(at),
                Err(_) => ignored.push(at),
            }
        }
    }
    assert_eq!(let_in, [0usize; 0]);
    assert_eq!(ignored, [0usize; 0], "the MIC covers every byte");
}

#[test]
fn a_cleared_mic_flag_breaks_the_proof() {
    let refused = logon(initiator(), |token| {
        let flag = token.windows(8).position(|pair| pair == [6, 0, 4, 0, 2, 0, 0, 0]).unwrap();
        token[flag + 4] = 0;
        token[72..88].fill(0);
    });
    assert!(refusal(refused.server).contains("password is wrong"));
}

#[test]
fn a_claimed_mic_that_is_cut_out_is_missed() {
    let refused = logon(initiator(), |token| {
        let message = Authenticate { mic: None, ..Authenticate::decode(token).unwrap() };
        *token = message.encode().unwrap();
    });
    assert!(refusal(refused.server).contains("the MIC does not fit"));
}

#[test]
fn an_altered_negotiate_or_challenge_is_found_by_the_mic() {
    // Somebody in between takes sealing out of the client's offer and puts it back into the challenge.
    let (mut initiator, mut acceptor) = (initiator(), acceptor());
    first(&mut initiator);
    let offered = Negotiate { flags: flags::OFFERED & !flags::SEAL }.encode();
    let mut token = challenge(&mut acceptor, &offered);
    token[20] |= 0x20;
    let (token, _) = answer(&mut initiator, &token);
    assert!(refusal(verdict(&mut acceptor, &token)).contains("the MIC does not fit"));
}

#[test]
fn the_acceptor_refuses_weak_offers() {
    for flag in [
        flags::SIGN,
        flags::EXTENDED_SESSION_SECURITY,
        flags::KEY_128,
        flags::KEY_EXCHANGE,
        flags::UNICODE,
        flags::NTLM,
    ] {
        let offer = Negotiate { flags: flags::OFFERED & !flag }.encode();
        let refused = refusal(acceptor().step(&offer));
        assert!(refused.contains(&format!("client's NEGOTIATE lack 0x{flag:08x}")), "{refused}");
    }
}

#[test]
fn the_acceptor_refuses_weak_answers_even_without_a_mic() {
    use crate::messages::{AUTHENTICATE, listing};
    for flag in [flags::SIGN, flags::EXTENDED_SESSION_SECURITY, flags::KEY_128, flags::KEY_EXCHANGE] {
        let mut acceptor = acceptor();
        challenge(&mut acceptor, &Negotiate { flags: flags::OFFERED }.encode());
        let mut token = listing(AUTHENTICATE);
        let weaker = Authenticate::decode(&token).unwrap().flags & !flag;
        token[60..64].copy_from_slice(&weaker.to_le_bytes());
        assert!(refusal(verdict(&mut acceptor, &token)).contains("client's AUTHENTICATE lack"));
    }
}

#[test]
fn sealing_that_was_not_offered_is_not_there() {
    use crate::messages::{AUTHENTICATE, listing};
    let mut acceptor = acceptor();
    challenge(&mut acceptor, &Negotiate { flags: flags::OFFERED & !flags::SEAL }.encode());
    let (mut server, _) = verdict(&mut acceptor, &listing(AUTHENTICATE)).unwrap();
    let refused =
        server.unprotect(Level::Privacy, crate::parties::message(&mut b"body".to_owned()), &[0; 16]);
    assert!(refusal(refused).contains("SEAL was not negotiated"));
}

#[test]
fn the_initiator_gives_no_proof_to_a_weak_server() {
    for flag in [
        flags::SIGN,
        flags::SEAL,
        flags::EXTENDED_SESSION_SECURITY,
        flags::KEY_128,
        flags::KEY_EXCHANGE,
        flags::TARGET_INFO,
    ] {
        let mut initiator = initiator();
        let mut token = challenge(&mut acceptor(), &first(&mut initiator));
        let granted = Challenge::decode(&token).unwrap().flags & !flag;
        token[20..24].copy_from_slice(&granted.to_le_bytes());
        let refused = refusal(initiator.step(&token));
        assert!(refused.contains(&format!("does not grant NegotiateFlags 0x{flag:08x}")), "{refused}");
    }
}

#[test]
fn a_captured_answer_does_not_fit_another_challenge() {
    let (mut initiator, mut victim) = (initiator(), acceptor());
    let negotiate = first(&mut initiator);
    let (token, _) = answer(&mut initiator, &challenge(&mut victim, &negotiate));
    let mut other = acceptor_with([9; 8]);
    challenge(&mut other, &negotiate);
    assert!(refusal(verdict(&mut other, &token)).contains("password is wrong"));
}

/// An answer with another NT response, otherwise as the client made it.
fn with_response(response: &[u8]) -> String {
    let outcome = logon(initiator(), |token| {
        let message = Authenticate { nt_response: response, ..Authenticate::decode(token).unwrap() };
        *token = message.encode().unwrap();
    });
    refusal(outcome.server)
}

#[test]
fn old_responses_are_refused() {
    assert!(with_response(&[0x67; 24]).contains("it sent an LM or NTLMv1 response"));
    assert!(with_response(&[]).contains("it sent an LM or NTLMv1 response"), "LM only");
    assert!(with_response(&[1; 43]).contains("NTLMv2_RESPONSE needs 44 bytes"));
    assert!(with_response(&[2; 64]).contains("RespType and HiRespType is 0x202, expected 0x101"));
}

#[test]
fn anonymous_is_refused() {
    let named = |change: fn(&mut Authenticate<'_>)| {
        let outcome = logon(initiator(), |token| {
            let mut message = Authenticate::decode(token).unwrap();
            change(&mut message);
            *token = message.encode().unwrap();
        });
        refusal(outcome.server)
    };
    assert!(named(|message| message.user.clear()).contains("anonymous"));
    assert!(named(|message| message.flags |= flags::ANONYMOUS).contains("anonymous"));
}

#[test]
fn a_session_key_has_sixteen_bytes() {
    let outcome = logon(initiator(), |token| {
        let message = Authenticate { session_key: &[1; 15], ..Authenticate::decode(token).unwrap() };
        *token = message.encode().unwrap();
    });
    assert!(refusal(outcome.server).contains("EncryptedRandomSessionKey Len is 0xf, expected 0x10"));
}

#[test]
fn messages_out_of_order_are_refused() {
    let (mut initiator, mut acceptor) = (initiator(), acceptor());
    let negotiate = first(&mut initiator);
    challenge(&mut acceptor, &negotiate);
    assert!(refusal(acceptor.step(&negotiate)).contains("MessageType is 0x1, expected 0x3"));
    assert!(refusal(initiator.step(&negotiate)).contains("MessageType is 0x1, expected 0x2"));
}

#[test]
fn a_hostile_server_cannot_make_the_answer_too_long() {
    let mut initiator = initiator();
    first(&mut initiator);
    let huge = vec![0; 65_000];
    let target_info = av_pair::encode([(av_pair::DNS_DOMAIN_NAME, &huge[..]), (5, &huge[..500])]).unwrap();
    let challenge = Challenge {
        flags: flags::OFFERED,
        server_challenge: [0; 8],
        target_name: String::new(),
        target_info: &target_info,
        version: [0; 8],
    };
    let refused = refusal(initiator.step(&challenge.encode().unwrap()));
    assert!(refused.contains("NtChallengeResponse is too long"), "{refused}");
    assert!(Response::decode(&[]).is_err());
}

#[test]
fn names_that_are_too_long_to_be_some_are_not_repeated() {
    let refused = |len: usize| {
        logon(initiator(), |token| {
            let workstation = "x".repeat(len);
            let message = Authenticate { workstation, ..Authenticate::decode(token).unwrap() };
            *token = message.encode().unwrap();
        })
    };
    assert!(refusal(refused(256).server).contains("MIC does not fit"));
    let long = refusal(refused(257).server);
    assert!(long.contains("Workstation is too long: 514"), "{long}");
}
