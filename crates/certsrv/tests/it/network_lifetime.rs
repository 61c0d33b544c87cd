//! How long objects live, and what goes with them.

use std::time::Duration;

use certsrv::{Server, ServerOptions};
use csra::method::GetServerState;
use dcerpc::Status;
use dcerpc::security::Level;
use dcom::exporter::{ComplexPing, ComplexPingReply, ResolveOxid, ResolveOxid2Reply, SimplePing};
use dcom::remunknown::{InterfaceRef, RemQueryInterface, RemQueryInterfaceReply, RemRefs};
use dcom::{SetId, iid};
use dtyp::{Guid, HResult};
use ndr::Ndr as _;

use crate::invented::authority;
use crate::wire::{Client, Failed, Hand, PASSWORD, Wire, ca, serve, this};

const PERIOD: Duration = Duration::from_secs(120);

fn resolver(server: &Server) -> Wire {
    let address = server.local_addrs().resolver;
    Wire::user(address, &[iid::OBJECT_EXPORTER], "backup", PASSWORD, Level::Integrity).unwrap()
}

fn complex(wire: &mut Wire, ping: &ComplexPing) -> ComplexPingReply {
    let reply = wire.call(0, ComplexPing::OPNUM, None, &ping.to_bytes()).unwrap();
    ComplexPingReply::from_bytes(&reply).unwrap()
}

#[test]
fn a_silent_client_is_given_up_after_three_periods_and_its_session_with_it() {
    let at = ca();
    let hand = Hand::default();
    let server = Server::start(&at.ca, hand.options()).unwrap();
    let mut lost = Client::new(&server, "backup");
    lost.prepare().unwrap();
    let mut next = Client::new(&server, "backup");
    hand.advance(3 * PERIOD);
    server.reclaim();
    assert_eq!(next.prepare(), Err(HResult::BACKUP_IN_PROGRESS), "not a moment earlier");
    hand.advance(Duration::from_secs(1));
    assert_eq!(server.reclaim(), 1);
    next.prepare().unwrap();
    let gone = Failed::Fault(Status(HResult::DISCONNECTED.0));
    let state = GetServerState { authority: Some(authority().name) };
    assert_eq!(lost.try_call(&state).unwrap_err(), gone);
}

#[test]
fn a_stranger_s_calls_do_not_keep_an_object() {
    let at = ca();
    let hand = Hand::default();
    let server = Server::start(&at.ca, hand.options()).unwrap();
    let lost = Client::new(&server, "backup");
    let exporter = server.local_addrs().exporter;
    let exported = &crate::wire::EXPORTED;
    let mut stranger = Wire::user(exporter, exported, "admin", PASSWORD, Level::Privacy).unwrap();
    hand.advance(3 * PERIOD);
    let denied = Err(Failed::Fault(Status(HResult::ACCESS_DENIED.0)));
    assert_eq!(stranger.call(0, 21, Some(lost.ipid.0), &[]), denied);
    hand.advance(Duration::from_secs(1));
    assert_eq!(server.reclaim(), 1);
}

#[test]
fn a_closed_connection_alone_ends_nothing() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    client.prepare().unwrap();
    let exporter = server.local_addrs().exporter;
    client.wire = Wire::user(exporter, &crate::wire::EXPORTED, "backup", PASSWORD, Level::Privacy).unwrap();
    assert_eq!(server.reclaim(), 0);
    client.end().unwrap();
}

#[test]
fn pings_keep_a_silent_client_alive() {
    let at = ca();
    let hand = Hand::default();
    let server = Server::start(&at.ca, hand.options()).unwrap();
    let mut client = Client::new(&server, "backup");
    client.prepare().unwrap();
    let mut wire = resolver(&server);
    let add = ComplexPing { set: SetId(0), sequence: 1, add: vec![client.oid], delete: Vec::new() };
    let reply = complex(&mut wire, &add);
    assert_eq!(reply.status, 0);
    for _ in 0..10 {
        hand.advance(2 * PERIOD);
        let ping = SimplePing { set: reply.set };
        wire.call(0, SimplePing::OPNUM, None, &ping.to_bytes()).unwrap();
        assert_eq!(server.reclaim(), 0);
    }
    client.end().unwrap();
}

#[test]
fn the_reaper_works_by_itself() {
    let at = ca();
    let mut options = ServerOptions::default();
    options.ping_period = Some(Duration::from_millis(30));
    let server = Server::start(&at.ca, options).unwrap();
    let mut lost = Client::new(&server, "backup");
    // Whether it is gone before this call or after it makes no difference.
    let _ = lost.try_call(&csra::method::BackupPrepare::new(authority().name, certadm::BackupType::Full));
    let begun = std::time::Instant::now();
    while server.objects() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "never given up");
        std::thread::yield_now();
    }
}

#[test]
fn released_objects_go_at_once() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    client.prepare().unwrap();
    let refs = client.activated.interfaces.iter().map(|interface| {
        let std = interface.object.as_ref().unwrap().standard().unwrap();
        InterfaceRef { ipid: std.ipid, public: std.public_refs, private: 0 }
    });
    let release = RemRefs { this: this(), refs: refs.collect() };
    let rem_unknown = client.activated.exporter.rem_unknown.0;
    client.wire.call(2, RemRefs::RELEASE_OPNUM, Some(rem_unknown), &release.to_bytes()).unwrap();
    assert_eq!(server.objects(), 0);
    Client::new(&server, "backup").prepare().unwrap();
}

#[test]
fn other_interfaces_are_asked_for_and_exporters_resolved() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    let rem_unknown = client.activated.exporter.rem_unknown.0;
    let iids = vec![csra::Interface::CertAdmin.iid(), Guid::new(9, 9, 9, [9; 8])];
    let query = RemQueryInterface { this: this(), ipid: client.ipid, refs: 5, iids };
    let reply = client.wire.call(2, RemQueryInterface::OPNUM, Some(rem_unknown), &query.to_bytes()).unwrap();
    let reply = RemQueryInterfaceReply::from_bytes(&reply).unwrap();
    assert_eq!(reply.results[0].unwrap().oid, client.oid);
    assert_eq!(reply.results[1], Err(HResult::NO_INTERFACE));

    let mut wire = resolver(&server);
    let resolve = ResolveOxid { oxid: client.activated.oxid, protocols: vec![dcom::TCP] };
    let reply = wire.call(0, ResolveOxid::OPNUM_2, None, &resolve.to_bytes()).unwrap();
    let exporter = ResolveOxid2Reply::from_bytes(&reply).unwrap().result.unwrap();
    assert_eq!(exporter, client.activated.exporter);
}
