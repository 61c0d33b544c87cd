//! Nothing a peer sends makes a panic.

use crate::mechanism::{Kind, Mech};
use dcerpc::security::{Acceptor as _, Initiator as _};
use proptest::prelude::*;
use spnego::{Acceptor, Initiator, NegState, NegTokenResp, Offer, Oid, Service, Token, mech_list};

fn sides() -> (Initiator, Acceptor) {
    let mech = || Mech::new("NTLM", Kind::ThreeLegs);
    (
        Initiator::new([Offer { oids: Oid::ALL_NTLM, initiator: Box::new(mech()) }]),
        Acceptor::new([Service { oids: Oid::ALL_NTLM, acceptor: Box::new(mech()) }]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bytes_do_not_panic(tag in any::<u8>(), rest in proptest::collection::vec(any::<u8>(), 0..127)) {
        // With true lengths outside, so that the inside is reached.
        let length = u8::try_from(rest.len()).unwrap();
        let inner = [&[0x30, length], &rest[..]].concat();
        for tag in [tag, 0xa0, 0xa1, 0x60] {
            let bytes = [&[tag, length + 2], &inner[..]].concat();
            let _ = Token::decode(&bytes);
            let (mut initiator, mut acceptor) = sides();
            let _ = acceptor.step(&bytes);
            let _ = initiator.step(&[]);
            let _ = initiator.step(&bytes);
        }
        let _ = Token::decode(&rest);
        let _ = mech_list::decode(&inner);
        let _ = Oid(&rest).to_string();
    }

    #[test]
    fn responses_survive_the_round_trip(
        token in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
        mic in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
    ) {
        let resp = NegTokenResp {
            state: Some(NegState::AcceptIncomplete),
            supported_mech: None,
            response_token: token.as_deref(),
            mech_list_mic: mic.as_deref(),
        };
        let bytes = resp.encode();
        prop_assert_eq!(Token::decode(&bytes), Ok(Token::Resp(resp)));
    }
}
