//! SPNEGO tokens, and both sides against any peer.
#![no_main]

use csbackup_fuzz::Pieces;
use csbackup_fuzz::mechanism::Open;
use dcerpc::security::{Acceptor as _, Initiator as _};
use libfuzzer_sys::fuzz_target;
use spnego::{Acceptor, Initiator, Offer, Oid, Service, Token, mech_list};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(oids) = mech_list::decode(bytes) {
        for oid in &oids {
            let _ = oid.to_string();
        }
        let again = mech_list::encode(oids.iter().copied());
        assert_eq!(mech_list::decode(&again).expect("an encoded list decodes"), oids);
    }
    match Token::decode(bytes) {
        Ok(Token::Init(init)) => {
            let again = init.encode();
            assert_eq!(Token::decode(&again).expect("an encoded token decodes"), Token::Init(init));
        }
        Ok(Token::Resp(resp)) => {
            let again = resp.encode();
            assert_eq!(Token::decode(&again).expect("an encoded token decodes"), Token::Resp(resp));
        }
        _ => {}
    }
    let mut acceptor = Acceptor::new([
        Service { oids: Oid::ALL_KERBEROS, acceptor: Box::new(Open) },
        Service { oids: Oid::ALL_NTLM, acceptor: Box::new(Open) },
    ]);
    for piece in Pieces(bytes) {
        if acceptor.step(piece).is_err() {
            break;
        }
    }
    let mut initiator = Initiator::new([
        Offer { oids: Oid::ALL_KERBEROS, initiator: Box::new(Open) },
        Offer { oids: Oid::ALL_NTLM, initiator: Box::new(Open) },
    ]);
    let _ = initiator.step(&[]);
    for piece in Pieces(bytes) {
        if initiator.step(piece).is_err() {
            break;
        }
    }
});
