//! Clients that are somebody else.

use certsrv::Server;
use dcerpc::Status;
use dcerpc::pdu::{Auth, Body, Flags, Header, Packet, PacketType, TRAILER_LEN};
use dcerpc::security::Level;
use dcom::iid;
use dtyp::{Guid, HResult};

use crate::raw::{Raw, assert_serves, encoded, request};
use crate::wire::{Client, EXPORTED, Failed, PASSWORD, Wire, ca, ntlm, serve};

#[test]
fn nothing_comes_before_a_bind() {
    let at = ca();
    let server = serve(&at);
    let auth = Auth { service: 10, level: 6, context: 1, token: b"NTLMSSP\0\x03\0\0\0" };
    let all = [
        encoded(Body::Auth3, Flags::ONLY, Some(auth)),
        encoded(Body::Auth3, Flags::ONLY, None),
        crate::raw::alter(0, Some(auth)),
        request(3, Flags::ONLY, 0, &[]),
        encoded(Body::Orphaned, Flags::ONLY, None),
    ];
    let addrs = server.local_addrs();
    for pdu in all {
        for address in [addrs.resolver, addrs.exporter] {
            let mut raw = Raw::open(address);
            raw.send(&pdu);
            // Orphaned means nothing; what follows does not either.
            raw.send(&request(3, Flags::ONLY, 0, &[]));
            while let Some(answer) = raw.next() {
                assert_eq!(Header::decode(&answer).unwrap().kind, PacketType::Fault);
            }
        }
    }
    assert_serves(&server);
}

/// The bytes of a logon at the resolver: bind, and auth3 for the answer that `server` gives.
fn logon(server: &Server, raw: &mut Raw) -> (Vec<u8>, Vec<u8>) {
    let mut wire = Wire::open(server.local_addrs().resolver, dcerpc::MAX_FRAGMENT);
    let syntax = dcerpc::Syntax { uuid: iid::OBJECT_EXPORTER, major: 0, minor: 0 };
    let (mut bind, mut auth3) = (Vec::new(), Vec::new());
    let security = Some(ntlm("backup", PASSWORD, Level::Integrity));
    wire.association.bind(&[syntax], security, &mut bind).unwrap();
    assert!(raw.send(&bind));
    let mut answer = raw.next().unwrap();
    wire.association.receive(&mut answer, &mut auth3).unwrap();
    assert_eq!(Header::decode(&auth3).unwrap().kind, PacketType::Auth3);
    (bind, auth3)
}

/// The status of the next fault; `None` when the server just closes.
fn fault(raw: &mut Raw) -> Option<Status> {
    let answer = raw.next()?;
    match Packet::decode(&answer).unwrap().body {
        Body::Fault(fault) => Some(fault.status),
        other => panic!("answered with {other:?}"),
    }
}

#[test]
fn a_replayed_proof_proves_nothing() {
    let at = ca();
    let server = serve(&at);
    let resolver = server.local_addrs().resolver;
    let mut first = Raw::open(resolver);
    let (bind, auth3) = logon(&server, &mut first);
    // Good where it belongs: a request without a signature is refused for that, not for the logon.
    assert!(first.send(&auth3));

    let mut second = Raw::open(resolver);
    assert!(second.send(&bind) && second.next().is_some() && second.send(&auth3));
    second.send(&request(3, Flags::ONLY, 0, &[]));
    assert_eq!(fault(&mut second), Some(Status::ACCESS_DENIED));
    second.assert_closed();

    // Nor does it a second time on its own connection.
    first.send(&auth3);
    first.send(&request(3, Flags::ONLY, 0, &[]));
    assert!(matches!(fault(&mut first), None | Some(Status::ACCESS_DENIED)));
    first.assert_closed();
    assert_serves(&server);
}

#[test]
fn a_second_user_of_a_connection_is_not_the_first() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    client.prepare().unwrap();
    // Another user comes in over the same connection; the object is not his.
    client.wire.alter(ntlm("admin", PASSWORD, Level::Privacy));
    let end = csra::method::BackupEnd;
    let denied = Failed::Fault(Status(HResult::ACCESS_DENIED.0));
    assert_eq!(client.try_call(&end).unwrap_err(), denied);
    // His request under the number of the first user's context.
    let stub = csra::request(crate::wire::this(), &end);
    let mut request = client.wire.request(0, 21, Some(client.ipid.0), &stub);
    let at = request.len() - 16 - TRAILER_LEN + 4;
    assert_eq!(request[at..at + 4], [2, 0, 0, 0]);
    request[at] = 1;
    assert!(client.wire.finish(request).is_err());
    // The first user finds his session as it was.
    let exporter = server.local_addrs().exporter;
    client.wire = Wire::user(exporter, &EXPORTED, "backup", PASSWORD, Level::Privacy).unwrap();
    client.end().unwrap();
    drop(client);
    assert_serves(&server);
}

#[test]
fn guesses_of_object_ids_find_nothing() {
    let at = ca();
    let server = serve(&at);
    let mut owner = Client::new(&server, "backup");
    owner.prepare().unwrap();
    let mut guesser = Client::new(&server, "admin");
    let known = owner.ipid.0.to_bytes();
    let own = guesser.ipid.0.to_bytes();
    let near = (0..128).flat_map(|bit| {
        [known, own].map(|mut id| {
            id[bit / 8] ^= 1 << (bit % 8);
            id
        })
    });
    let simple = (0..=255).map(|byte| [byte; 16]);
    let stub = csra::request(crate::wire::this(), &csra::method::BackupEnd);
    for id in near.chain(simple) {
        let answer = guesser.wire.call(0, 21, Some(Guid::from_bytes(id)), &stub);
        assert_eq!(answer, Err(Failed::Fault(Status(HResult::DISCONNECTED.0))), "{id:02x?}");
    }
    assert_eq!(guesser.wire.call(0, 21, None, &stub), Err(Failed::Fault(Status(HResult::DISCONNECTED.0))));
    owner.end().unwrap();
    drop((owner, guesser));
    assert_serves(&server);
}
