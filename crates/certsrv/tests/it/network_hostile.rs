//! Clients that may not, or that are none: refused as early as possible, and the server lives on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use certsrv::{Server, ServerOptions};
use csra::Interface;
use csra::method::{BackupPrepare, GetServerState};
use dcerpc::Status;
use dcerpc::security::Level;
use dcom::activation::{Activation, RemoteActivation, RemoteActivationReply};
use dcom::exporter::{
    ComplexPing, SERVER_ALIVE_2_OPNUM, SERVER_ALIVE_OPNUM, ServerAlive2Reply, SimplePing, StatusReply,
};
use dcom::remunknown::{InterfaceRef, RemRefs};
use dcom::{ComVersion, Oid, SetId, iid};
use dtyp::{Guid, HResult};
use ndr::Ndr as _;
use proptest::prelude::*;

use crate::invented::authority;
use crate::wire::{
    Client, EXPORTED, Failed, PASSWORD, Wire, activate, activate_class, ca, ntlm, serve, this,
};

/// E_ACCESSDENIED as a fault.
const DENIED: Failed = Failed::Fault(Status(0x8007_0005));
const RPC_DENIED: Failed = Failed::Fault(Status::ACCESS_DENIED);

fn resolver(server: &Server) -> SocketAddr {
    server.local_addrs().resolver
}

#[test]
fn wrong_passwords_and_unknown_users_do_not_get_past_the_first_call() {
    let at = ca();
    let server = serve(&at);
    let addrs = server.local_addrs();
    for (address, interface) in [(addrs.resolver, iid::OBJECT_EXPORTER), (addrs.exporter, EXPORTED[0])] {
        for (user, password) in [("backup", "passw0rd!"), ("stranger", PASSWORD), ("backup", "")] {
            let bound = Wire::user(address, &[interface], user, password, Level::Privacy);
            // The last leg of NTLM has no answer: the refusal shows at the first call.
            let refused = bound.and_then(|mut wire| wire.call(0, SERVER_ALIVE_OPNUM, None, &[]));
            assert!(matches!(refused, Err(RPC_DENIED | Failed::Closed)), "{user}: {refused:?}");
        }
    }
    Client::new(&server, "backup").prepare().unwrap();
}

#[test]
fn only_signs_of_life_are_served_without_authentication() {
    let at = ca();
    let server = serve(&at);
    let interfaces = [iid::OBJECT_EXPORTER, iid::REMOTE_SCM_ACTIVATOR, iid::ACTIVATION];
    let mut wire = Wire::anonymous(resolver(&server), &interfaces).unwrap();
    let alive = wire.call(0, SERVER_ALIVE_OPNUM, None, &[]).unwrap();
    assert_eq!(StatusReply::from_bytes(&alive).unwrap().status, 0);
    let alive = wire.call(0, SERVER_ALIVE_2_OPNUM, None, &[]).unwrap();
    let (version, bindings) = ServerAlive2Reply::from_bytes(&alive).unwrap().result.unwrap();
    assert_eq!(version, ComVersion::OURS);
    assert_eq!(bindings.strings[0].host_port(), Some(("127.0.0.1", Some(resolver(&server).port()))));
    let ping = ComplexPing { set: SetId(0), sequence: 1, add: vec![Oid(1)], delete: Vec::new() };
    for opnum in [0, 1, 2, 4, 6, 99] {
        assert_eq!(wire.call(0, opnum, None, &ping.to_bytes()), Err(RPC_DENIED), "IObjectExporter {opnum}");
    }
    for (context, opnum) in [(1, 3), (1, 4), (2, 0)] {
        assert_eq!(wire.call(context, opnum, None, &[0; 64]), Err(RPC_DENIED), "activation {opnum}");
    }
    let client = Client::new(&server, "backup");
    let mut wire = Wire::anonymous(server.local_addrs().exporter, &EXPORTED).unwrap();
    for (context, opnum) in [(0, 19), (0, 20), (0, 99), (1, 19), (2, 3), (2, 5)] {
        assert_eq!(
            wire.call(context, opnum, Some(client.ipid.0), &[0; 64]),
            Err(DENIED),
            "{context} {opnum}"
        );
    }
}

#[test]
fn levels_below_what_is_needed_are_refused() {
    let at = ca();
    let server = serve(&at);
    let connect =
        |level| Wire::user(resolver(&server), &[iid::ACTIVATION], "backup", PASSWORD, level).unwrap();
    let activation = Activation::new(csra::CLSID_CERT_ADMIN, [Interface::CertAdmin.iid()]);
    let request = RemoteActivation { this: this(), activation, mode: 0 }.to_bytes();
    assert_eq!(connect(Level::Connect).call(0, 0, None, &request), Err(RPC_DENIED));
    let reply = connect(Level::Integrity).call(0, 0, None, &request).unwrap();
    let activated = RemoteActivationReply::from_bytes(&reply).unwrap().result.unwrap();

    // The level of the activation is not that of the calls.
    let std = *activated.interfaces[0].object.as_ref().unwrap().standard().unwrap();
    let interfaces = [Interface::CertAdmin.iid()];
    let exporter = server.local_addrs().exporter;
    let wire = Wire::user(exporter, &interfaces, "backup", PASSWORD, Level::Privacy).unwrap();
    let mut client = Client { wire, activated, ipid: std.ipid, oid: std.oid };
    client.prepare().unwrap();
    client.end().unwrap();

    let mut client = Client::new(&server, "backup");
    for level in [Level::Connect, Level::Integrity] {
        let exporter = server.local_addrs().exporter;
        client.wire = Wire::user(exporter, &EXPORTED, "backup", PASSWORD, level).unwrap();
        let state = GetServerState { authority: Some(authority().name) };
        assert_eq!(client.try_call(&state).unwrap_err(), DENIED, "{level:?}");
    }
}

#[test]
fn half_a_pdu_buys_no_time_to_log_on() {
    let at = ca();
    let mut options = ServerOptions::default();
    options.logon_timeout = Duration::from_millis(300);
    options.pdu_timeout = Duration::from_secs(600);
    let server = Server::start(&at.ca, options).unwrap();
    let mut stream = TcpStream::connect(resolver(&server)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(&[5]).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "closed");
}

#[test]
fn a_byte_changed_in_a_sealed_request_ends_the_connection() {
    let at = ca();
    let server = serve(&at);
    let stub = csra::request(this(), &GetServerState { authority: Some(authority().name) });
    let mut client = Client::new(&server, "backup");
    let length = client.wire.request(0, 19, Some(client.ipid.0), &stub).len();
    // Of the body, the trailer and the signature; the header has tests of its own in `dcerpc`.
    for at in (40..length).step_by(13) {
        let exporter = server.local_addrs().exporter;
        client.wire = Wire::user(exporter, &EXPORTED, "backup", PASSWORD, Level::Privacy).unwrap();
        let mut request = client.wire.request(0, 19, Some(client.ipid.0), &stub);
        request[at] ^= 0x10;
        assert!(client.wire.finish(request).is_err(), "byte {at}");
        let again = client.wire.stream.write_all(&[5]).and_then(|()| client.wire.stream.read(&mut [0; 1]));
        assert!(!matches!(again, Ok(1)), "byte {at}: still served");
    }
    Client::new(&server, "backup").prepare().unwrap();
}

#[test]
fn unknown_classes_interfaces_methods_and_objects_are_named() {
    let at = ca();
    let server = serve(&at);
    let refused = activate_class(&server, "backup", Guid::new(9, 9, 9, [9; 8])).unwrap_err();
    assert_eq!(refused, HResult::CLASS_NOT_REGISTERED);
    let mut strange = Wire::anonymous(resolver(&server), &[Guid::new(9, 9, 9, [9; 8])]).unwrap();
    let call = dcerpc::client::Call {
        context: dcerpc::client::ContextId(0),
        security: None,
        opnum: SERVER_ALIVE_OPNUM,
        object: None,
        stub: &[],
    };
    assert!(strange.association.call(call, &mut Vec::new()).is_err(), "the context was accepted");

    let mut client = Client::new(&server, "backup");
    let call = |client: &mut Client, context, opnum, object: Guid| {
        let stub = csra::request(this(), &GetServerState { authority: Some(authority().name) });
        client.wire.call(context, opnum, Some(object), &stub)
    };
    let ipid = client.ipid.0;
    assert_eq!(call(&mut client, 0, 99, ipid), Err(Failed::Fault(Status::OP_RANGE)));
    assert_eq!(call(&mut client, 0, 0, ipid), Err(Failed::Fault(Status::OP_RANGE)));
    let gone = Failed::Fault(Status(HResult::DISCONNECTED.0));
    assert_eq!(call(&mut client, 0, 19, Guid::new(1, 1, 1, [1; 8])), Err(gone));
    // The IPID is that of `ICertAdminD2`, the context that of `ICertAdminD`.
    assert!(call(&mut client, 1, 19, ipid).is_err());
    assert!(call(&mut client, 0, 19, ipid).is_ok());
}

#[test]
fn an_object_serves_nobody_but_its_owner() {
    let at = ca();
    let server = serve(&at);
    let mut owner = Client::new(&server, "backup");
    owner.prepare().unwrap();
    let mut thief = Client::new(&server, "admin");
    let own = thief.ipid;
    thief.ipid = owner.ipid;
    let prepare = BackupPrepare::new(authority().name, certadm::BackupType::Full);
    assert_eq!(thief.try_call(&prepare).unwrap_err(), DENIED);
    // Nor can he release it.
    let refs = vec![InterfaceRef { ipid: owner.ipid, public: 1000, private: 0 }];
    let release = RemRefs { this: this(), refs };
    let rem_unknown = thief.activated.exporter.rem_unknown.0;
    thief.wire.call(2, RemRefs::RELEASE_OPNUM, Some(rem_unknown), &release.to_bytes()).unwrap();
    server.reclaim();
    owner.end().unwrap();
    thief.ipid = own;
    assert_eq!(thief.prepare(), Err(HResult::ACCESS_DENIED));
}

#[test]
fn connections_above_the_cap_are_closed_and_others_served() {
    let at = ca();
    let mut options = ServerOptions::default();
    options.max_connections = 3;
    let server = Server::start(&at.ca, options).unwrap();
    let held: Vec<Wire> =
        (0..3).map(|_| Wire::anonymous(resolver(&server), &[iid::OBJECT_EXPORTER]).unwrap()).collect();
    assert_eq!(server.connections(), 3);
    let mut more = TcpStream::connect(resolver(&server)).unwrap();
    assert!(matches!(more.read(&mut [0; 1]), Ok(0) | Err(_)));
    // The other listener counts for itself.
    Wire::anonymous(server.local_addrs().exporter, &EXPORTED).unwrap();
    drop(held);
    wait_for(|| Wire::anonymous(resolver(&server), &[iid::OBJECT_EXPORTER]).is_ok());
}

#[test]
fn whoever_does_not_log_on_or_does_not_finish_a_pdu_is_closed() {
    let at = ca();
    let mut options = ServerOptions::default();
    options.logon_timeout = Duration::from_millis(200);
    options.pdu_timeout = Duration::from_millis(200);
    let server = Server::start(&at.ca, options).unwrap();
    let mut silent = TcpStream::connect(resolver(&server)).unwrap();
    let mut slow = TcpStream::connect(server.local_addrs().exporter).unwrap();
    slow.write_all(&[5, 0, 11]).unwrap();
    assert!(matches!(silent.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert!(matches!(slow.read(&mut [0; 1]), Ok(0) | Err(_)));
    wait_for(|| server.connections() == 0);
}

/// Polls a condition that other threads are about to make true.
fn wait_for(condition: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came true");
        std::thread::yield_now();
    }
}

#[test]
fn a_request_without_end_is_bounded() {
    let at = ca();
    let server = serve(&at);
    let mut wire = Wire::anonymous(resolver(&server), &[iid::OBJECT_EXPORTER]).unwrap();
    let endless = vec![0; 1 << 20];
    let request = wire.request(0, SERVER_ALIVE_OPNUM, None, &endless);
    assert!(wire.finish(request).is_err());
    Client::new(&server, "backup").prepare().unwrap();
}

#[test]
fn pings_of_nobody_and_of_nothing_are_refused() {
    let at = ca();
    let server = serve(&at);
    let exporter = [iid::OBJECT_EXPORTER];
    let mut wire = Wire::user(resolver(&server), &exporter, "backup", PASSWORD, Level::Integrity).unwrap();
    let reply = wire.call(0, SimplePing::OPNUM, None, &SimplePing { set: SetId(7) }.to_bytes()).unwrap();
    assert_eq!(StatusReply::from_bytes(&reply).unwrap().status, dcom::status::INVALID_SET);
    assert_eq!(wire.call(0, ComplexPing::OPNUM, None, &[1, 2]), Err(Failed::Fault(Status::BAD_STUB_DATA)));
}

#[test]
fn several_security_contexts_share_a_connection() {
    let at = ca();
    let server = serve(&at);
    let activated = activate(&server, "backup");
    let ipid = activated.interfaces[0].object.as_ref().unwrap().standard().unwrap().ipid;
    let exporter = server.local_addrs().exporter;
    let mut wire = Wire::user(exporter, &EXPORTED, "admin", PASSWORD, Level::Privacy).unwrap();
    let stub = csra::request(this(), &GetServerState { authority: Some(authority().name) });
    assert_eq!(wire.call(0, 19, Some(ipid.0), &stub), Err(DENIED), "it is not his");
    wire.alter(ntlm("backup", PASSWORD, Level::Privacy));
    wire.call(0, 19, Some(ipid.0), &stub).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// One server for all cases would be fairer, but a macro has no place for it: few cases instead.
    #[test]
    fn garbage_never_kills_the_server(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        looks_like_rpc in any::<bool>(),
        kind in 0u8..20,
    ) {
        let at = ca();
        let server = serve(&at);
        let addrs = server.local_addrs();
        for address in [addrs.resolver, addrs.exporter] {
            let mut stream = TcpStream::connect(address).unwrap();
            let mut garbage = bytes.clone();
            if looks_like_rpc && garbage.len() >= 16 {
                let length = u16::try_from(garbage.len()).unwrap().to_le_bytes();
                garbage[..10].copy_from_slice(&[5, 0, kind, 3, 0x10, 0, 0, 0, length[0], length[1]]);
            }
            let _ = stream.write_all(&garbage);
        }
        let mut wire = Wire::anonymous(addrs.resolver, &[iid::OBJECT_EXPORTER]).unwrap();
        wire.call(0, SERVER_ALIVE_OPNUM, None, &[]).unwrap();
        server.stop();
    }
}
