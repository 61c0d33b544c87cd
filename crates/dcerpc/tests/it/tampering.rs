//! Protected fragments that were changed, replayed, downgraded, or stripped.

use dcerpc::client::{self, Call, ContextId, SecurityId};
use dcerpc::pdu::{Auth, Body, Packet, Request, Response};
use dcerpc::security::{Level, SecurityError};
use dcerpc::{Error, Status, server};

use crate::binding::{packet, status};
use crate::mechanism::Legs;
use crate::pair::{Pair, answer, stub};

const SIGNED: [Level; 2] = [Level::Integrity, Level::Privacy];

fn call(security: Option<SecurityId>, stub: &[u8]) -> Call<'_> {
    Call { context: ContextId(0), security, opnum: 20, object: Some(dtyp::Guid::new(1, 1, 1, [1; 8])), stub }
}

/// A request that was not delivered yet.
fn request(level: Level, len: usize) -> (Pair, Vec<u8>) {
    let (mut pair, security) = Pair::bound(Legs::Three, level);
    let mut out = Vec::new();
    pair.client.call(call(Some(security), &stub(len)), &mut out).unwrap();
    (pair, out)
}

/// A response that was not delivered yet.
fn response(level: Level, len: usize) -> (Pair, Vec<u8>) {
    let (mut pair, sent) = request(level, len);
    let mut out = Vec::new();
    for mut pdu in split(&sent) {
        if let Some(event) = pair.server.receive(&mut pdu, &mut out).unwrap() {
            answer(&mut pair.server, &event, &mut out);
        }
    }
    (pair, out)
}

fn split(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut pdus = Vec::new();
    while let Some(header) = stream.first_chunk() {
        let (pdu, rest) = stream.split_at(dcerpc::frag_len(header).unwrap());
        pdus.push(pdu.to_vec());
        stream = rest;
    }
    pdus
}

#[test]
fn a_changed_byte_anywhere_in_a_request_is_refused() {
    for level in SIGNED {
        let len = request(level, 37).1.len();
        for at in 0..len {
            for bits in [0x01, 0x80, 0xff] {
                let (mut pair, mut pdu) = request(level, 37);
                pdu[at] ^= bits;
                let mut out = Vec::new();
                let result = pair.server.receive(&mut pdu, &mut out);
                // `packed_drep` has two bytes that say nothing; header signing covers them all the same.
                let error = result.map(|event| panic!("{level:?} {at}: {event:?}")).unwrap_err();
                if matches!(error, Error::Security(SecurityError::Altered)) {
                    assert_eq!(status(&out), Status::SECURITY_PACKAGE);
                }
                assert!(pair.server.receive(&mut request(level, 37).1, &mut out).is_err(), "closed");
            }
        }
    }
}

#[test]
fn a_changed_byte_anywhere_in_a_response_is_refused() {
    for level in SIGNED {
        let len = response(level, 37).1.len();
        for at in 0..len {
            for bits in [0x01, 0x80, 0xff] {
                let (mut pair, mut pdu) = response(level, 37);
                pdu[at] ^= bits;
                let result = pair.client.receive(&mut pdu, &mut Vec::new());
                // The response becomes a fault by one bit: faults need no signature, but this one
                // still carries a trailer, which tells.
                assert!(result.is_err(), "{level:?} {at}: {result:?}");
                let again = pair.client.receive(&mut response(level, 37).1, &mut Vec::new());
                assert!(matches!(again, Err(Error::Unexpected { state: "closed", .. })));
            }
        }
    }
}

#[test]
fn a_replayed_request_is_refused() {
    for level in SIGNED {
        let (mut pair, pdu) = request(level, 5);
        let (mut once, mut twice, mut out) = (pdu.clone(), pdu, Vec::new());
        let event = pair.server.receive(&mut once, &mut out).unwrap().unwrap();
        answer(&mut pair.server, &event, &mut out);
        out.clear();
        let error = pair.server.receive(&mut twice, &mut out).unwrap_err();
        assert!(matches!(error, Error::Security(SecurityError::Altered)));
        assert_eq!(status(&out), Status::SECURITY_PACKAGE);
    }
}

#[test]
fn a_replayed_or_reordered_response_fragment_is_refused() {
    let (mut pair, out) = response(Level::Privacy, 150_000);
    let mut fragments = split(&out);
    assert_eq!(fragments.len(), 3);
    pair.client.receive(&mut fragments[0].clone(), &mut Vec::new()).unwrap();
    let (mut replayed, _) = response(Level::Privacy, 150_000);
    replayed.client.receive(&mut fragments[0].clone(), &mut Vec::new()).unwrap();
    let error = replayed.client.receive(&mut fragments[0].clone(), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "first again: {error}");
    let error = pair.client.receive(&mut fragments[2], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Security(SecurityError::Altered)), "third after first: {error}");
}

#[test]
fn a_request_without_trailer_is_refused_once_there_is_security() {
    for level in SIGNED {
        let (mut pair, _) = Pair::bound(Legs::Three, level);
        let request = Request { alloc_hint: 0, context: 0, opnum: 20, object: None, stub: &[] };
        let (mut pdu, mut out) = (Vec::new(), Vec::new());
        packet(Body::Request(request), None).encode(&mut pdu).unwrap();
        let error = pair.server.receive(&mut pdu, &mut out).unwrap_err();
        assert!(matches!(error, Error::Unprotected));
        assert_eq!(status(&out), Status::ACCESS_DENIED);
    }
}

#[test]
fn a_request_before_the_exchange_is_finished_is_refused() {
    let (mut pair, mut request) = request(Level::Privacy, 5);
    let mut fresh = Pair::new(client::Config::default(), crate::pair::server_config());
    let (mut bind, mut out) = (Vec::new(), Vec::new());
    let security = crate::pair::security(Legs::Three, Level::Privacy);
    fresh.client.bind(&[crate::pair::FIRST], Some(security), &mut bind).unwrap();
    fresh.server.receive(&mut bind, &mut out).unwrap();
    out.clear();
    let error = fresh.server.receive(&mut request, &mut out).unwrap_err();
    assert!(matches!(error, Error::Context { what: "security", .. }), "{error}");
    assert_eq!(status(&out), Status::ACCESS_DENIED);
    pair.served.clear();
}

#[test]
fn a_downgraded_level_or_another_context_or_mechanism_is_refused() {
    let good = Auth { service: 10, level: 6, context: 1, token: &[0; 16] };
    for (auth, field) in [
        (Auth { level: 5, ..good }, "auth_level"),
        (Auth { level: 2, ..good }, "auth_level"),
        (Auth { service: 9, ..good }, "auth_type"),
    ] {
        let (mut pair, security) = Pair::bound(Legs::Three, Level::Privacy);
        let request = Request { alloc_hint: 0, context: 0, opnum: 20, object: None, stub: &[] };
        let (mut pdu, mut out) = (Vec::new(), Vec::new());
        packet(Body::Request(request), Some(auth)).encode(&mut pdu).unwrap();
        let error = pair.server.receive(&mut pdu, &mut out).unwrap_err();
        assert!(matches!(error, Error::Mismatch { what, .. } if what == field), "{error}");
        assert_eq!(status(&out), Status::ACCESS_DENIED);

        let (mut out, mut pdu) = (Vec::new(), Vec::new());
        let call_id = pair.client.call(call(Some(security), &[]), &mut out).unwrap();
        let body = Body::Response(Response { alloc_hint: 0, context: 0, stub: &[] });
        Packet { call_id, ..packet(body, Some(auth)) }.encode(&mut pdu).unwrap();
        let error = pair.client.receive(&mut pdu, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, Error::Mismatch { what, .. } if what == field), "{error}");
    }
}

#[test]
fn a_response_without_trailer_or_with_a_needless_one_is_refused() {
    for (level, auth) in [
        (Some(Level::Privacy), None),
        (Some(Level::Integrity), None),
        (None, Some(Auth { service: 10, level: 6, context: 1, token: &[0; 16] })),
    ] {
        let mut pair = Pair::new(client::Config::default(), crate::pair::server_config());
        let with = level.map(|level| crate::pair::security(Legs::Three, level));
        let security = pair.bind(&[crate::pair::FIRST], with).unwrap().security;
        let (mut out, mut pdu) = (Vec::new(), Vec::new());
        let call_id = pair.client.call(call(security, &[]), &mut out).unwrap();
        let body = Body::Response(Response { alloc_hint: 0, context: 0, stub: &[] });
        Packet { call_id, ..packet(body, auth) }.encode(&mut pdu).unwrap();
        assert!(pair.client.receive(&mut pdu, &mut Vec::new()).is_err());
    }
}

#[test]
fn a_request_of_another_security_context_does_not_mix_into_a_call() {
    let config = client::Config { max_fragment: 2048, ..Default::default() };
    let mut pair = Pair::new(config, crate::pair::server_config());
    let security = |level| Some(crate::pair::security(Legs::Two, level));
    let first = pair.bind(&[crate::pair::FIRST], security(Level::Privacy)).unwrap().security;
    let second = pair.alter(&[], security(Level::Integrity)).unwrap().security.unwrap();
    let (mut out, mut back) = (Vec::new(), Vec::new());
    let call_id = pair.client.call(call(first, &stub(4000)), &mut out).unwrap();
    assert!(pair.server.receive(&mut split(&out)[0], &mut back).unwrap().is_none());
    // The same call's second fragment, correctly signed by the other context.
    use dcerpc::security::{Message, Protection};
    let mut seal = crate::mechanism::Seal::new(0x33, false);
    let object = Some(dtyp::Guid::new(1, 1, 1, [1; 8]));
    let request = Request { alloc_hint: 0, context: 0, opnum: 20, object, stub: &[7; 16] };
    let auth = Auth { service: 10, level: 5, context: second.0, token: &[0; 16] };
    let mut pdu = Vec::new();
    let flags = dcerpc::pdu::Flags::LAST;
    Packet { call_id, flags, ..packet(Body::Request(request), Some(auth)) }.encode(&mut pdu).unwrap();
    let (head, tail) = pdu.split_at_mut(56);
    let (header, body) = head.split_at_mut(40);
    let (trailer, token) = tail.split_at_mut(8);
    let message = Message { header, body, trailer, signs_header: true };
    seal.protect(Level::Integrity, message, token).unwrap();
    let error = pair.server.receive(&mut pdu, &mut back).unwrap_err();
    assert!(matches!(error, Error::Mismatch { what: "auth_context_id", .. }), "{error}");
    assert_eq!(status(&back), Status::ACCESS_DENIED);
}

#[test]
fn a_fault_may_be_unsigned_and_a_signed_one_is_checked() {
    for altered in [false, true] {
        let (mut pair, security) = Pair::bound(Legs::Three, Level::Privacy);
        let mut out = Vec::new();
        let call_id = pair.client.call(call(Some(security), &[]), &mut out).unwrap();
        use dcerpc::security::{Message, Protection};
        let mut pdu = Vec::new();
        let body = Body::Fault(dcerpc::pdu::Fault { context: 0, status: Status::BAD_STUB_DATA });
        let auth = Auth { service: 10, level: 6, context: 1, token: &[0; 16] };
        Packet { call_id, ..packet(body, Some(auth)) }.encode(&mut pdu).unwrap();
        let (head, tail) = pdu.split_at_mut(32);
        let (header, body) = head.split_at_mut(24);
        let (trailer, token) = tail.split_at_mut(8);
        let message = Message { header, body, trailer, signs_header: true };
        crate::mechanism::Seal::new(0x33, true).protect(Level::Privacy, message, token).unwrap();
        pdu[25] ^= u8::from(altered);
        match pair.client.receive(&mut pdu, &mut Vec::new()) {
            Ok(Some(client::Event::Fault { status, .. })) => {
                assert!(!altered);
                assert_eq!(status, Status::BAD_STUB_DATA);
                assert!(matches!(
                    pair.server.receive(&mut out, &mut Vec::new()),
                    Ok(Some(server::Event::Request(_)))
                ));
            }
            other => assert!(altered, "{other:?}"),
        }
    }
}
