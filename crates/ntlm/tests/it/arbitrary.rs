//! Nothing a peer sends makes a panic.

use crate::parties::{acceptor, challenge, first, initiator};
use dcerpc::security::{Acceptor as _, Initiator as _};
use ntlm::{Authenticate, Challenge, Negotiate, Response, av_pair, flags};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bytes_do_not_panic(kind in 0u8..4, rest in proptest::collection::vec(any::<u8>(), 0..300)) {
        let message = [&b"NTLMSSP\0"[..], &[kind, 0, 0, 0], &rest].concat();
        for bytes in [&message, &rest] {
            let _ = Negotiate::decode(bytes);
            let _ = Challenge::decode(bytes);
            let _ = Authenticate::decode(bytes);
            let _ = Response::decode(bytes);
            let _ = av_pair::decode(bytes);
            let _ = acceptor().step(bytes);
            let mut challenged = acceptor();
            challenge(&mut challenged, &Negotiate { flags: flags::OFFERED }.encode());
            let _ = challenged.step(bytes);
            let mut started = initiator();
            first(&mut started);
            let _ = started.step(bytes);
        }
    }

    #[test]
    fn messages_survive_the_round_trip(
        wanted in any::<u32>(),
        lm in proptest::collection::vec(any::<u8>(), 0..30),
        nt in proptest::collection::vec(any::<u8>(), 0..90),
        names in any::<[String; 3]>(),
        mic in any::<[u8; 16]>(),
    ) {
        let [domain, user, workstation] = names;
        let message = Authenticate {
            flags: wanted | flags::VERSION, lm_response: &lm, nt_response: &nt, domain, user, workstation,
            session_key: &[], version: [1; 8], mic: Some(mic),
        };
        let bytes = message.encode().unwrap();
        prop_assert_eq!(Authenticate::decode(&bytes).unwrap(), message);
    }
}
