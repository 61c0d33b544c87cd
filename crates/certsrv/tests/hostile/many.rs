//! Clients that want more than their share.

use std::io::Read as _;
use std::net::TcpStream;

use certsrv::{Server, ServerOptions};
use dcerpc::Status;
use dcerpc::pdu::Auth;
use dcerpc::security::Level;
use dcom::exporter::{ComplexPing, ComplexPingReply};
use dcom::{Oid, SetId, iid, status};
use dtyp::HResult;
use ndr::Ndr as _;

use crate::raw::{Raw, alter, assert_serves, bind};
use crate::wire::{Failed, Hand, PASSWORD, Wire, activate_class, ca, serve};

/// Longer than anybody may be silent.
const FOREVER: std::time::Duration = std::time::Duration::from_secs(400);

#[test]
fn thousands_of_connections_take_no_more_places_than_there_are() {
    let at = ca();
    let mut options = ServerOptions::default();
    options.max_connections = 8;
    let server = Server::start(&at.ca, options).unwrap();
    let resolver = server.local_addrs().resolver;
    let held: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(resolver).unwrap()).collect();
    let mut refused = 0;
    for _ in 0..3000 {
        let mut more = TcpStream::connect(resolver).unwrap();
        assert!(server.connections() <= 8);
        refused += usize::from(matches!(more.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
    assert_eq!(refused, 3000);
    drop(held);
    while server.connections() > 0 {
        std::thread::yield_now();
    }
    assert_serves(&server);
}

#[test]
fn one_bind_is_enough() {
    let at = ca();
    let server = serve(&at);
    let mut raw = Raw::bound(server.local_addrs().resolver);
    assert!(raw.send(&bind(1)));
    raw.assert_closed();
    assert_serves(&server);
}

#[test]
fn logons_that_never_end_are_counted() {
    let at = ca();
    let server = serve(&at);
    for service in [9, 10] {
        let mut raw = Raw::bound(server.local_addrs().exporter);
        let negotiate = ntlm_negotiate();
        let mut begun = 0;
        for context in 1..100 {
            let auth = Auth { service, level: 6, context, token: &negotiate };
            if !raw.send(&alter(0, Some(auth))) {
                break;
            }
            match raw.next().map(|pdu| dcerpc::pdu::Header::decode(&pdu).unwrap().kind) {
                Some(dcerpc::pdu::PacketType::AlterContextResp) => begun += 1,
                _ => break,
            }
        }
        assert_eq!(begun, 16);
    }
    assert_serves(&server);
}

/// NEGOTIATE with all that a client of today asks for.
fn ntlm_negotiate() -> Vec<u8> {
    let mut security = crate::wire::ntlm("backup", PASSWORD, Level::Privacy);
    match security.initiator.step(&[]) {
        Ok(dcerpc::security::Initiated::Continue(token)) => token,
        _ => panic!("the initiator does not start"),
    }
}

#[test]
fn pings_are_no_longer_than_a_request_and_sets_are_limited() {
    let at = ca();
    let hand = Hand::default();
    let server = Server::start(&at.ca, hand.options()).unwrap();
    let connect = || {
        let resolver = server.local_addrs().resolver;
        Wire::user(resolver, &[iid::OBJECT_EXPORTER], "nobody", PASSWORD, Level::Privacy).unwrap()
    };
    let ping = |oids: &[Oid]| {
        ComplexPing { set: SetId(0), sequence: 1, add: oids.into(), delete: Vec::new() }.to_bytes()
    };
    let unknown = |count| (1..=count).map(Oid).collect::<Vec<_>>();
    // A million does not fit.
    assert!(connect().call(0, ComplexPing::OPNUM, None, &ping(&unknown(1_000_000))).is_err());
    let mut wire = connect();
    let refused = wire.call(0, ComplexPing::OPNUM, None, &ping(&unknown(30_000)));
    assert_eq!(refused, Err(Failed::Fault(Status::BAD_STUB_DATA)));
    let mut status_of = |oids: &[Oid]| {
        let reply = wire.call(0, ComplexPing::OPNUM, None, &ping(oids)).unwrap();
        ComplexPingReply::from_bytes(&reply).unwrap().status
    };
    // Objects that there are not are not remembered.
    assert_eq!(status_of(&unknown(4000)), status::INVALID_OID);
    let object = || {
        let activated = activate_class(&server, "nobody", csra::CLSID_CERT_ADMIN).unwrap();
        activated.interfaces[0].object.as_ref().unwrap().standard().unwrap().oid
    };
    let own = object();
    let made = (0..2000).filter(|_| status_of(&[own]) == 0).count();
    assert!((1..1100).contains(&made), "{made} sets");
    assert_eq!(status_of(&[own]), status::OUT_OF_RESOURCES);
    hand.advance(FOREVER);
    server.reclaim();
    assert_eq!(status_of(&[object()]), 0);
    assert_serves(&server);
}

#[test]
fn one_user_cannot_have_all_objects() {
    let at = ca();
    let hand = Hand::default();
    let server = Server::start(&at.ca, hand.options()).unwrap();
    let wanted = || activate_class(&server, "nobody", csra::CLSID_CERT_ADMIN);
    let mut had = 0;
    let refusal = loop {
        match wanted() {
            Ok(_) => had += 1,
            Err(code) => break code,
        }
        assert!(had < 1000, "nobody gets whatever he asks for");
    };
    assert_eq!(refusal, HResult::OUT_OF_MEMORY);
    assert_eq!(server.objects(), had);
    // Others are served meanwhile, and he is again when his are forgotten.
    assert_serves(&server);
    hand.advance(FOREVER);
    server.reclaim();
    assert_eq!(server.objects(), 0);
    wanted().unwrap();
}

#[test]
fn a_call_at_a_time_is_answered() {
    let at = ca();
    let server = serve(&at);
    let resolver = server.local_addrs().resolver;
    let mut wire = Wire::anonymous(resolver, &[iid::OBJECT_EXPORTER]).unwrap();
    // Two fragments of two calls, one within the other.
    let first = crate::raw::request(3, dcerpc::pdu::Flags::FIRST, 0, &[7; 8]);
    let mut second = first.clone();
    second[12] = 9;
    assert_eq!(wire.finish([first, second].concat()), Err(Failed::Closed));
    assert_serves(&server);
}
