//! Both roles against each other.

use dcerpc::security::{Acceptor as _, Initiated, Initiator as _, Level, Message, SecurityError};
use kerberos::{Keytab, Service};
use proptest::prelude::*;

use crate::forge::{Forged, LONG_TERM, Pair, SERVICE, establish, first, keytab, pair, service, unix};

/// One fragment from client to server; what the server reads.
fn send(pair: &mut Pair, level: Level, signs_header: bool, body: &[u8]) -> Result<Vec<u8>, SecurityError> {
    let fragment = protect(pair, level, signs_header, body);
    unprotect(pair, level, signs_header, &fragment)
}

#[derive(Clone)]
struct Fragment {
    header: Vec<u8>,
    body: Vec<u8>,
    trailer: Vec<u8>,
    token: Vec<u8>,
}

fn protect(pair: &mut Pair, level: Level, signs_header: bool, body: &[u8]) -> Fragment {
    let (header, trailer) = (vec![1; 24], vec![2; 8]);
    let mut body = body.to_vec();
    let mut token = vec![0; pair.client.token_len(level)];
    let message = Message { header: &header, body: &mut body, trailer: &trailer, signs_header };
    pair.client.protect(level, message, &mut token).unwrap();
    Fragment { header, body, trailer, token }
}

fn unprotect(
    pair: &mut Pair,
    level: Level,
    signs_header: bool,
    fragment: &Fragment,
) -> Result<Vec<u8>, SecurityError> {
    let mut body = fragment.body.clone();
    let Fragment { header, trailer, token, .. } = fragment;
    pair.server.unprotect(level, Message { header, body: &mut body, trailer, signs_header }, token)?;
    Ok(body)
}

#[test]
fn contexts_are_established_and_name_the_client() {
    let pair = pair();
    assert_eq!(pair.identity.to_string(), r"TEST.EXAMPLE\backup");
    assert_eq!(pair.identity.mechanism, "Kerberos");
    assert_eq!(pair.client.token_len(Level::Privacy), 76);
    assert_eq!(pair.client.token_len(Level::Integrity), 28);
    assert_eq!(pair.client.token_len(Level::Connect), 0);
}

#[test]
fn fragments_of_all_lengths_arrive_at_each_level() {
    let mut pair = pair();
    for level in [Level::Packet, Level::Integrity, Level::Privacy] {
        for signs_header in [false, true] {
            for len in (0..70).chain([5840, 65000]) {
                let body: Vec<u8> = (0..len).map(|index| index as u8).collect();
                assert_eq!(send(&mut pair, level, signs_header, &body).unwrap(), body, "{level:?} {len}");
            }
        }
    }
}

#[test]
fn a_sealed_body_is_not_readable_and_never_the_same() {
    let mut pair = pair();
    let one = protect(&mut pair, Level::Privacy, true, &[7; 64]);
    let other = protect(&mut pair, Level::Privacy, true, &[7; 64]);
    assert_ne!(one.body, [7; 64]);
    assert_ne!(one.body, other.body);
    let signed = protect(&mut pair, Level::Integrity, true, &[7; 64]);
    assert_eq!(signed.body, [7; 64]);
}

#[test]
fn every_flipped_bit_is_found() {
    for level in [Level::Integrity, Level::Privacy] {
        let mut pair = pair();
        let good = protect(&mut pair, level, true, &[7; 40]);
        let places = good.header.len() + good.body.len() + good.trailer.len() + good.token.len();
        for place in 0..places {
            let mut bad = good.clone();
            let Fragment { header, body, trailer, token } = &mut bad;
            let byte = header.iter_mut().chain(body).chain(trailer).chain(token).nth(place).unwrap();
            *byte ^= 1 << (place % 8);
            let answer = unprotect(&mut pair, level, true, &bad);
            assert!(matches!(answer, Err(SecurityError::Altered)), "{level:?} {place}");
        }
        assert_eq!(unprotect(&mut pair, level, true, &good).unwrap(), [7; 40]);
    }
}

#[test]
fn header_and_trailer_are_covered_only_when_agreed() {
    for level in [Level::Integrity, Level::Privacy] {
        let mut pair = pair();
        let mut fragment = protect(&mut pair, level, false, &[7; 40]);
        fragment.header[3] ^= 1;
        fragment.trailer[3] ^= 1;
        assert!(unprotect(&mut pair, level, false, &fragment).is_ok());
        let fragment = protect(&mut pair, level, false, &[7; 40]);
        assert!(unprotect(&mut pair, level, true, &fragment).is_err());
    }
}

#[test]
fn replayed_reordered_and_omitted_fragments_are_found() {
    for level in [Level::Integrity, Level::Privacy] {
        let mut pair = pair();
        let one = protect(&mut pair, level, true, b"one");
        let two = protect(&mut pair, level, true, b"two");
        assert!(unprotect(&mut pair, level, true, &two).is_err());
        assert!(unprotect(&mut pair, level, true, &one).is_ok());
        assert!(unprotect(&mut pair, level, true, &one).is_err());
        assert!(unprotect(&mut pair, level, true, &two).is_ok());
    }
}

#[test]
fn a_replay_under_a_new_number_is_found() {
    for level in [Level::Integrity, Level::Privacy] {
        let mut pair = pair();
        let mut fragment = protect(&mut pair, level, true, b"one");
        assert!(unprotect(&mut pair, level, true, &fragment).is_ok());
        let number = u64::from_be_bytes(fragment.token[8..16].try_into().unwrap()) + 1;
        fragment.token[8..16].copy_from_slice(&number.to_be_bytes());
        assert!(unprotect(&mut pair, level, true, &fragment).is_err());
    }
}

#[test]
fn a_fragment_is_not_accepted_by_its_sender() {
    let mut pair = pair();
    let fragment = protect(&mut pair, Level::Privacy, true, b"one");
    std::mem::swap(&mut pair.client, &mut pair.server);
    assert!(unprotect(&mut pair, Level::Privacy, true, &fragment).is_err());
}

#[test]
fn a_signed_fragment_is_not_taken_for_a_sealed_one() {
    let mut pair = pair();
    let fragment = protect(&mut pair, Level::Integrity, true, &[7; 40]);
    assert!(unprotect(&mut pair, Level::Privacy, true, &fragment).is_err());
}

#[test]
fn mics_are_checked_in_order() {
    let mut pair = pair();
    let mic = pair.client.mic(b"mechanisms").unwrap();
    assert!(pair.server.check_mic(b"mechanismS", &mic).is_err());
    assert!(pair.server.check_mic(b"mechanisms", &mic[..27]).is_err());
    pair.server.check_mic(b"mechanisms", &mic).unwrap();
    assert!(pair.server.check_mic(b"mechanisms", &mic).is_err());
    let back = pair.server.mic(b"mechanisms").unwrap();
    pair.client.check_mic(b"mechanisms", &back).unwrap();
    assert_eq!(send(&mut pair, Level::Privacy, true, b"after").unwrap(), b"after");
}

#[test]
fn a_framed_request_is_accepted() {
    let token = first(&Forged::default().client());
    let mut content = vec![0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00];
    content.extend(&token);
    let len = content.len() as u16;
    let framed = [&[0x60, 0x82], len.to_be_bytes().as_slice(), &content].concat();
    assert!(service().acceptor().step(&framed).is_ok());
    let mut other = framed.clone();
    other[14] ^= 1;
    assert!(matches!(service().acceptor().step(&other), Err(SecurityError::Malformed(_))));
}

#[test]
fn a_request_is_accepted_once_by_all_acceptors_of_a_service() {
    let token = first(&Forged::default().client());
    let service = service();
    assert!(service.acceptor().step(&token).is_ok());
    let refusal = service.clone().acceptor().step(&token).err().unwrap().to_string();
    assert!(refusal.contains("used before"), "{refusal}");
}

#[test]
fn a_key_under_another_name_opens_the_ticket() {
    let other = keytab(&[("RPCSS/ca", 9, 18, &LONG_TERM)]);
    let service = Service::new(Keytab::parse(&other).unwrap());
    assert!(establish(&Forged::default().client(), &service).is_ok());
}

/// The text of a refusal, causes included.
fn refusal(forged: &Forged, service: &Service) -> String {
    let error = establish(&forged.client(), service).err().expect("accepted");
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[test]
fn a_ticket_for_a_key_we_do_not_have_names_principal_and_kvno() {
    let forged = Forged { key: vec![0x33; 32], ..Forged::default() };
    let text = refusal(&forged, &service());
    assert!(text.contains(r"no AES key for host/ca.test.example@TEST.EXAMPLE with kvno 3"), "{text}");
    assert!(text.contains("it has host/ca.test.example@TEST.EXAMPLE kvno 3"), "{text}");
}

#[test]
fn tickets_that_are_not_aes_are_refused() {
    let text = refusal(&Forged { etype: 23, ..Forged::default() }, &service());
    assert!(text.contains("encryption type 23, only AES"), "{text}");
}

#[test]
fn tickets_outside_their_time_are_refused() {
    let expired = Forged { ends: unix() - 400, ..Forged::default() };
    assert!(refusal(&expired, &service()).contains("expired at 20"));
    let skewed = Forged { ends: unix() - 200, ..Forged::default() };
    assert!(establish(&skewed.client(), &service()).is_ok());
    let early = Forged { starts: unix() + 400, ..Forged::default() };
    assert!(refusal(&early, &service()).contains("valid from 20"));
    let invalid = Forged { flags: 0x0100_0000, ..Forged::default() };
    assert!(refusal(&invalid, &service()).contains("valid from 20"));
}

#[test]
fn an_expired_ticket_in_a_cache_is_named() {
    let expired = Forged { cache_ends: unix() - 10, ..Forged::default() };
    let text = refusal(&expired, &service());
    assert!(text.contains("the ticket for host/ca.test.example@TEST.EXAMPLE expired at 20"), "{text}");
}

#[test]
fn a_service_missing_in_a_cache_is_named() {
    let client = Forged::default().client();
    let error = client.prepare("host/other.test.example").unwrap_err().to_string();
    assert!(error.contains("backup@TEST.EXAMPLE has no AES ticket for host/other.test.example"), "{error}");
}

#[test]
fn a_server_without_the_key_is_found_out() {
    let client = Forged::default().client();
    let mut initiator = client.initiator(SERVICE).unwrap();
    let Initiated::Continue(token) = initiator.step(&[]).unwrap() else { panic!("one leg") };
    // An AP-REP of another ticket's context: right service key, wrong session.
    let mut acceptor = service().acceptor();
    let dcerpc::security::Accepted::Continue(mut reply) = acceptor.step(&token).unwrap() else {
        panic!("one leg")
    };
    let last = reply.len() - 1;
    reply[last] ^= 1;
    let error = initiator.step(&reply).err().unwrap().to_string();
    assert!(error.contains("does not have the ticket's key"), "{error}");
}

#[test]
fn an_answer_to_another_request_is_found_out() {
    let (client, service) = (Forged::default().client(), service());
    let token = first(&client);
    let dcerpc::security::Accepted::Continue(reply) = service.acceptor().step(&token).unwrap() else {
        panic!("one leg")
    };
    let mut initiator = client.initiator(SERVICE).unwrap();
    initiator.step(&[]).unwrap();
    let error = initiator.step(&reply).err().unwrap().to_string();
    assert!(error.contains("ctime in the AP-REP"), "{error}");
}

#[test]
fn a_third_leg_of_another_context_is_refused() {
    let (client, service) = (Forged::default().client(), service());
    let legs = || {
        let mut initiator = client.initiator(SERVICE).unwrap();
        let mut acceptor = service.acceptor();
        let Initiated::Continue(token) = initiator.step(&[]).unwrap() else { panic!("one leg") };
        let dcerpc::security::Accepted::Continue(reply) = acceptor.step(&token).unwrap() else {
            panic!("one leg")
        };
        let Initiated::Done { token, .. } = initiator.step(&reply).unwrap() else { panic!("not done") };
        (acceptor, token)
    };
    let ((mut acceptor, _), (_, token)) = (legs(), legs());
    let error = acceptor.step(&token).err().unwrap().to_string();
    assert!(error.contains("seq-number"), "{error}");
    // And after an error the acceptor is of no use.
    assert!(acceptor.step(&token).is_err());
}

#[test]
fn our_own_answer_sent_back_is_no_third_leg() {
    let mut acceptor = service().acceptor();
    let dcerpc::security::Accepted::Continue(reply) =
        acceptor.step(&first(&Forged::default().client())).unwrap()
    else {
        panic!("one leg")
    };
    let error = acceptor.step(&reply).err().expect("reflected").to_string();
    assert!(error.contains("the one we sent"), "{error}");
}

#[test]
fn a_name_that_is_too_long_to_be_one_is_not_repeated() {
    let key = |name: &str| keytab(&[(name, 9, 18, &LONG_TERM)]);
    let refusal = |len: usize| {
        let service_name = format!("host/{}", "x".repeat(len));
        let forged = Forged { key: vec![0x33; 32], service: service_name, ..Forged::default() };
        let service = Service::new(Keytab::parse(&key(SERVICE)).unwrap());
        let error = service.acceptor().step(&first(&forged.client())).err().unwrap();
        std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string)
    };
    assert!(refusal(900).contains("xxx"));
    assert!(!refusal(2000).contains("xxx"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn altered_requests_are_refused_and_nothing_breaks(at in 0usize..700, byte in 1u8.., cut in 0usize..700) {
        let token = first(&Forged::default().client());
        let mut altered = token.clone();
        let at = at % token.len();
        altered[at] ^= byte;
        // Three bytes may differ: pvno, msg-type and ap-options are not used; the ticket's kvno is advice.
        let _ = service().acceptor().step(&altered);
        let cut = cut % token.len();
        prop_assert!(service().acceptor().step(&token[..cut]).is_err());
    }

    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(service().acceptor().step(&noise).is_err());
        let mut initiator = Forged::default().client().initiator(SERVICE).unwrap();
        initiator.step(&[]).unwrap();
        prop_assert!(initiator.step(&noise).is_err());
        let _ = Keytab::parse(&noise);
        let _ = kerberos::CredentialCache::parse(&[&[5, 4], noise.as_slice()].concat());
        let _ = kerberos::Config::parse(&String::from_utf8_lossy(&noise));
    }
}
