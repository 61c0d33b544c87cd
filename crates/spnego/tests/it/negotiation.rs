//! Both sides with each other, and with somebody in between.

use crate::mechanism::Kind::{self, Denied, ThreeLegs, TwoLegs, Unavailable};
use crate::mechanism::Mech;
use dcerpc::security::{Accepted, Acceptor as _, Initiated, Initiator as _, SecurityError};
use spnego::{
    Acceptor, Initiator, NegState, NegTokenInit, NegTokenResp, Offer, Oid, Service, Token, mech_list,
};

const KERBEROS: (&str, &[Oid<'static>]) = ("Kerberos", Oid::ALL_KERBEROS);
const NTLM: (&str, &[Oid<'static>]) = ("NTLM", Oid::ALL_NTLM);
type Named = (&'static str, &'static [Oid<'static>]);

fn initiator<const N: usize>(mechs: [(Named, Kind); N]) -> Initiator {
    Initiator::new(
        mechs.map(|((name, oids), kind)| Offer { oids, initiator: Box::new(Mech::new(name, kind)) }),
    )
}

fn acceptor<const N: usize>(mechs: [(Named, Kind); N]) -> Acceptor {
    Acceptor::new(
        mechs.map(|((name, oids), kind)| Service { oids, acceptor: Box::new(Mech::new(name, kind)) }),
    )
}

/// Lets the two talk; `between` may change a token, by its number from 0. The answer is the mechanism
/// and how many tokens it took.
fn talk(
    mut client: Initiator,
    mut server: Acceptor,
    mut between: impl FnMut(usize, &mut Vec<u8>),
) -> Result<(&'static str, usize), SecurityError> {
    let (mut token, mut count, mut proved) = (Vec::new(), 0, None);
    loop {
        match client.step(&token)? {
            Initiated::Continue(next) => token = next,
            Initiated::Done { token, .. } => {
                assert!(token.is_empty());
                return Ok((proved.expect("the server is done first"), count));
            }
        }
        between(count, &mut token);
        count += 1;
        match server.step(&token)? {
            Accepted::Continue(next) => token = next,
            Accepted::Done { token: next, identity, .. } => {
                token = next;
                proved = Some(identity.mechanism);
            }
        }
        between(count, &mut token);
        count += 1;
    }
}

fn untouched(_: usize, _: &mut Vec<u8>) {}

fn refusal<T>(result: Result<T, SecurityError>) -> String {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

fn response(token: &[u8]) -> NegTokenResp<'_> {
    match Token::decode(token).unwrap() {
        Token::Resp(response) => response,
        Token::Init(_) => panic!("negTokenInit"),
    }
}

/// Takes the MIC out of a token.
fn strip(token: &mut Vec<u8>) {
    *token = NegTokenResp { mech_list_mic: None, ..response(token) }.encode();
}

/// A client's token of a mechanism and nothing else.
fn token_alone(token: &[u8]) -> Vec<u8> {
    NegTokenResp { response_token: Some(token), ..NegTokenResp::default() }.encode()
}

/// Puts another list of mechanisms into the first token.
fn relist(token: &mut Vec<u8>, oids: &[Oid<'_>], mech_token: Option<&[u8]>) {
    let mech_types = mech_list::encode(oids.iter().copied());
    *token = NegTokenInit { mech_types: &mech_types, mech_token }.encode();
}

#[test]
fn the_first_mechanism_takes_four_tokens_and_two_mics() {
    for (mech, kind) in [(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)] {
        let mut mics = Vec::new();
        let client = initiator([(mech, kind)]);
        let server = acceptor([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
        let agreed = talk(client, server, |count, token| {
            if count > 0 {
                mics.push(response(token).mech_list_mic.is_some());
            }
        });
        assert_eq!(agreed.unwrap(), (mech.0, 4));
        assert_eq!(mics, [false, true, true]);
    }
}

#[test]
fn the_server_s_answers_have_states_and_the_client_s_have_none() {
    let mut seen = Vec::new();
    talk(initiator([(KERBEROS, ThreeLegs)]), acceptor([(KERBEROS, ThreeLegs)]), |count, token| {
        if count > 0 {
            seen.push((response(token).state, response(token).supported_mech.is_some()));
        }
    })
    .unwrap();
    assert_eq!(
        seen,
        [(Some(NegState::AcceptIncomplete), true), (None, false), (Some(NegState::AcceptCompleted), false)]
    );
}

#[test]
fn a_mechanism_whose_server_speaks_last_needs_two_tokens() {
    let agreed = talk(initiator([(KERBEROS, TwoLegs)]), acceptor([(KERBEROS, TwoLegs)]), untouched);
    assert_eq!(agreed.unwrap(), ("Kerberos", 2));
}

#[test]
fn the_server_s_choice_is_followed_and_checked() {
    let mut states = Vec::new();
    let client = initiator([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
    let agreed = talk(client, acceptor([(NTLM, ThreeLegs)]), |count, token| {
        if count > 0 {
            states.push(response(token).state);
        }
    });
    assert_eq!(agreed.unwrap(), ("NTLM", 6));
    assert_eq!(states[0], Some(NegState::RequestMic));
}

#[test]
fn without_the_client_s_mic_a_second_choice_is_refused_and_a_first_is_not() {
    let mut server = acceptor([(NTLM, ThreeLegs)]);
    let mut first = Vec::new();
    relist(&mut first, &[Oid::KERBEROS, Oid::NTLM], Some(b"Kerberos 0"));
    for token in [&first, &token_alone(b"NTLM 0")] {
        assert!(matches!(server.step(token), Ok(Accepted::Continue(_))));
    }
    assert_eq!(
        refusal(server.step(&token_alone(b"NTLM 2"))),
        "authentication refused: mechListMIC is missing: the list of mechanisms may have been altered"
    );

    // A client that sends none, as impacket: our own does not get past the missing answer.
    let mut server = acceptor([(KERBEROS, ThreeLegs)]);
    let mut first = Vec::new();
    relist(&mut first, &[Oid::MS_KERBEROS], Some(b"Kerberos 0"));
    assert!(matches!(server.step(&first), Ok(Accepted::Continue(_))));
    let Ok(Accepted::Done { token, .. }) = server.step(&token_alone(b"Kerberos 2")) else {
        panic!("refused")
    };
    assert_eq!(response(&token).mech_list_mic, None);
    assert_eq!(response(&token).state, Some(NegState::AcceptCompleted));
}

#[test]
fn a_mechanism_taken_out_of_the_list_is_found_out_by_the_server() {
    let client = initiator([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
    let server = acceptor([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
    let refused = talk(client, server, |count, token| {
        if count == 0 {
            relist(token, &[Oid::NTLM], None);
        }
    });
    assert_eq!(
        refusal(refused),
        "authentication refused: mechListMIC does not fit: the list of mechanisms was altered on its way"
    );
}

#[test]
fn a_mechanism_taken_out_of_the_list_is_found_out_by_the_client() {
    // Whoever is in between also takes the client's MIC away, so that the server sees nothing wrong.
    let client = initiator([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
    let server = acceptor([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
    let refused = talk(client, server, |count, token| match count {
        0 => relist(token, &[Oid::NTLM], None),
        4 => strip(token),
        _ => {}
    });
    assert!(refusal(refused).contains("mechListMIC is missing"));
}

#[test]
fn each_byte_of_both_mics_counts() {
    for at in [2, 3] {
        for byte in 0..40 {
            let refused =
                talk(initiator([(NTLM, ThreeLegs)]), acceptor([(NTLM, ThreeLegs)]), |count, token| {
                    if count == at {
                        let mut mic = response(token).mech_list_mic.unwrap().to_vec();
                        let byte = byte % mic.len();
                        mic[byte] ^= 1;
                        *token = NegTokenResp { mech_list_mic: Some(&mic), ..response(token) }.encode();
                    }
                });
            assert!(refusal(refused).contains("mechListMIC does not fit"));
        }
    }
}

#[test]
fn a_mechanism_that_cannot_run_is_not_offered() {
    let mut offered = Vec::new();
    let client = initiator([(KERBEROS, Unavailable), (NTLM, ThreeLegs)]);
    let server = acceptor([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
    let agreed = talk(client, server, |count, token| {
        if let (0, Token::Init(init)) = (count, Token::decode(token).unwrap()) {
            offered = mech_list::decode(init.mech_types).unwrap().iter().map(Oid::to_string).collect();
        }
    });
    assert_eq!(agreed.unwrap(), ("NTLM", 4));
    assert_eq!(offered, ["1.3.6.1.4.1.311.2.2.10"]);
}

#[test]
fn what_stops_the_last_mechanism_stops_the_negotiation() {
    assert!(matches!(initiator([(KERBEROS, Unavailable)]).step(&[]), Err(SecurityError::Unavailable(_))));
    let both = initiator([(KERBEROS, Denied), (NTLM, ThreeLegs)]).step(&[]);
    assert!(refusal(both).contains("wrong password"), "a wrong password is not tried twice");
    assert!(refusal(initiator([]).step(&[])).contains("no mechanism to offer"));
}

#[test]
fn nothing_in_common_is_refused_with_the_names() {
    let refused = talk(initiator([(NTLM, ThreeLegs)]), acceptor([(KERBEROS, ThreeLegs)]), untouched);
    assert_eq!(
        refusal(refused),
        "authentication refused: none of the client's mechTypes [1.3.6.1.4.1.311.2.2.10] is served"
    );
}

#[test]
fn a_refusal_repeats_a_few_names_and_little_of_each() {
    let long = [0x2a; 60_000];
    let oids: Vec<Oid<'_>> =
        [Oid(&long), Oid::SPNEGO, Oid::SPNEGO, Oid::SPNEGO, Oid::SPNEGO, Oid::NTLM].into();
    let mut token = Vec::new();
    relist(&mut token, &oids, None);
    let text = refusal(acceptor([(KERBEROS, ThreeLegs)]).step(&token));
    assert!(text.contains("42...") && text.contains("and more"), "{text}");
    assert!(text.len() < 300 && !text.contains("311.2.2.10"), "{text}");
}

#[test]
fn an_offer_without_a_token_is_answered_with_the_choice() {
    let mut server = acceptor([(KERBEROS, ThreeLegs)]);
    let mut first = Vec::new();
    relist(&mut first, &[Oid::KERBEROS], None);
    let Ok(Accepted::Continue(answer)) = server.step(&first) else { panic!("refused") };
    assert_eq!(response(&answer).supported_mech, Some(Oid::KERBEROS));
    assert_eq!(response(&answer).state, Some(NegState::AcceptIncomplete));
    let next = NegTokenResp { response_token: Some(b"Kerberos 0"), ..NegTokenResp::default() };
    let Ok(Accepted::Continue(answer)) = server.step(&next.encode()) else { panic!("refused") };
    assert_eq!(response(&answer).response_token, Some(&b"Kerberos 1"[..]));
}

#[test]
fn an_unknown_first_choice_asks_for_a_mic() {
    const NEGOEX: Oid<'static> = Oid(&[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x1e]);
    let mut first = Vec::new();
    relist(&mut first, &[NEGOEX, Oid::NTLM], Some(b"for NEGOEX"));
    let Ok(Accepted::Continue(answer)) = acceptor([(NTLM, ThreeLegs)]).step(&first) else {
        panic!("refused")
    };
    assert_eq!(response(&answer).state, Some(NegState::RequestMic));
    assert_eq!(response(&answer).supported_mech, Some(Oid::NTLM));
}

#[test]
fn ntlm_without_the_negotiation_is_taken_and_others_are_not() {
    struct Bare;
    impl dcerpc::security::Acceptor for Bare {
        fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
            Ok(Accepted::Continue([b"answer to ", token].concat()))
        }
    }
    let mut server = Acceptor::new([Service { oids: Oid::ALL_NTLM, acceptor: Box::new(Bare) }]);
    for token in [&b"NTLMSSP\0\x01"[..], b"second"] {
        let Ok(Accepted::Continue(answer)) = server.step(token) else { panic!("refused") };
        assert_eq!(answer, [b"answer to ", token].concat());
    }
    assert!(refusal(acceptor([(KERBEROS, ThreeLegs)]).step(b"NTLMSSP\0\x01")).contains("is served"));
}

#[test]
fn tokens_in_the_wrong_place_are_refused() {
    let mut init = Vec::new();
    relist(&mut init, &[Oid::NTLM], Some(b"NTLM 0"));
    let answer = NegTokenResp { state: Some(NegState::AcceptIncomplete), ..NegTokenResp::default() };
    let answered = |answer: NegTokenResp<'_>| {
        let mut client = initiator([(NTLM, ThreeLegs)]);
        assert!(client.step(&[]).is_ok());
        refusal(client.step(&answer.encode()))
    };
    assert!(
        refusal(acceptor([(NTLM, ThreeLegs)]).step(&answer.encode()))
            .contains("first token is a negTokenResp")
    );
    let mut server = acceptor([(NTLM, ThreeLegs)]);
    assert!(server.step(&init).is_ok());
    assert!(refusal(server.step(&init)).contains("a second time"));
    assert!(refusal(server.step(&init)).contains("the negotiation is over"));
    let mut client = initiator([(NTLM, ThreeLegs)]);
    assert!(client.step(&[]).is_ok());
    assert!(refusal(client.step(&init)).contains("is a negTokenInit"));

    let reject = NegTokenResp { state: Some(NegState::Reject), ..answer };
    assert!(answered(reject).contains("negState is reject"));
    let foreign = NegTokenResp { supported_mech: Some(Oid::KERBEROS), ..answer };
    assert!(answered(foreign).contains("supportedMech 1.2.840.113554.1.2.2 was not offered"));
}

#[test]
fn the_choice_is_made_once() {
    let choice = |oid, token| NegTokenResp {
        state: Some(NegState::AcceptIncomplete),
        supported_mech: Some(oid),
        response_token: token,
        mech_list_mic: None,
    };
    for (once, token, again) in
        [(Oid::NTLM, None, Oid::KERBEROS), (Oid::KERBEROS, Some(&b"Kerberos 1"[..]), Oid::NTLM)]
    {
        let mut client = initiator([(KERBEROS, ThreeLegs), (NTLM, ThreeLegs)]);
        assert!(client.step(&[]).is_ok());
        assert!(client.step(&choice(once, token).encode()).is_ok());
        assert!(refusal(client.step(&choice(again, Some(b"x")).encode())).contains("was not offered"));
    }
}

#[test]
fn a_server_that_completes_too_early_or_never_is_refused() {
    let step = |answers: &[NegTokenResp<'_>]| {
        let mut client = initiator([(NTLM, ThreeLegs)]);
        let mut last = client.step(&[]);
        for answer in answers {
            last = client.step(&answer.encode());
        }
        refusal(last)
    };
    let go_on = NegTokenResp {
        state: Some(NegState::AcceptIncomplete),
        supported_mech: Some(Oid::NTLM),
        response_token: Some(b"NTLM 1"),
        mech_list_mic: None,
    };
    let completed = NegTokenResp { state: Some(NegState::AcceptCompleted), ..NegTokenResp::default() };
    let incomplete = NegTokenResp { state: Some(NegState::AcceptIncomplete), ..completed };
    let extra = NegTokenResp { response_token: Some(b"more"), ..completed };
    assert!(step(&[go_on, completed]).contains("mechListMIC is missing"));
    assert!(step(&[go_on, incomplete]).contains("not accept-completed at the end"));
    assert!(step(&[go_on, extra]).contains("after the end of its mechanism"));
}
