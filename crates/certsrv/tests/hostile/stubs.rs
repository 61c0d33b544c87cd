//! Huge numbers in the parameters of each method.

use certsrv::Server;
use csra::method::*;
use csra::value::PropertyId;
use csra::{CLSID_CERT_ADMIN, Interface};
use dcerpc::security::Level;
use dcom::activation::{Activation, RemoteActivation, RemoteCreateInstance};
use dcom::exporter::{ComplexPing, ResolveOxid};
use dcom::remunknown::{InterfaceRef, RemQueryInterface, RemRefs};
use dcom::{Oid, Oxid, SetId, iid};
use ndr::Ndr;

use crate::invented::authority;
use crate::raw::assert_serves;
use crate::wire::{Client, Failed, PASSWORD, Wire, ca, serve, this};

/// Calls with each word replaced by each of these; all are answered on the same connection.
fn survives(wire: &mut Wire, context: u16, opnum: u16, object: Option<dtyp::Guid>, stub: &[u8]) {
    for at in (0..stub.len().saturating_sub(3)).step_by(4) {
        for value in [u32::MAX, 0x7fff_fff0, 0x0010_0000] {
            let mut lie = stub.to_vec();
            lie[at..at + 4].copy_from_slice(&value.to_le_bytes());
            match wire.call(context, opnum, object, &lie) {
                Ok(reply) => assert!(reply.len() < 8 << 20, "{} bytes", reply.len()),
                Err(Failed::Fault(_)) => {}
                Err(Failed::Closed) => panic!("opnum {opnum}, byte {at}: {value:#x} ended the connection"),
            }
        }
    }
    for cut in [0, 1, stub.len() / 2, stub.len() - 1] {
        assert_ne!(
            wire.call(context, opnum, object, &stub[..cut]),
            Err(Failed::Closed),
            "{opnum} cut at {cut}"
        );
    }
}

fn method<M: Method>(client: &mut Client, method: &M) {
    let opnum = M::CALL.opnum().unwrap();
    survives(&mut client.wire, 0, opnum, Some(client.ipid.0), &csra::request(this(), method));
}

#[test]
fn parameters_of_the_ca_are_survived() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    let name = || Some(authority().name);
    let client = &mut client;
    method(client, &GetServerState { authority: name() });
    method(client, &Ping2 { authority: name() });
    method(client, &GetMyRoles { authority: name() });
    method(client, &GetCAProperty { authority: name(), id: PropertyId::CA_NAME, index: 0, kind: 4 });
    method(client, &GetCAPropertyInfo { authority: name() });
    method(client, &GetConfigEntry { authority: name(), node: Some("CSP".into()), entry: "Provider".into() });
    method(client, &ImportCertificate { authority: name(), certificate: vec![0x30, 0], flags: 0 });
    method(client, &EnumViewColumn { authority: name(), first: 1, count: 4 });
    method(client, &EnumViewColumnTable { authority: name(), table: 0x3000, first: 1, count: 4 });
    method(client, &GetViewDefaultColumnSet { authority: name(), view: u32::MAX });
    let restrictions = vec![Restriction { column: 1, seek: 1, sort: 0, value: vec![0; 4] }];
    method(client, &OpenView { authority: name(), restrictions, columns: vec![1, 2], first: 1, count: 4 });
    method(client, &EnumView { authority: name(), first: 1, count: 4 });
    method(client, &CloseView { authority: name() });
    method(client, &ServerControl { authority: name(), flags: 0 });
    method(client, &BackupOpenFile { path: Some("x".into()) });
    let kind = certadm::BackupType::Full;
    method(client, &BackupPrepare::new(authority().name, kind));
    let read = csra::request(this(), &BackupReadFile { want: 4096 });
    survives(&mut client.wire, 0, 25, Some(client.ipid.0), &read);
    let _ = client.end();
    drop(server);
    assert_serves(&Server::start(&at.ca, certsrv::ServerOptions::default()).unwrap());
}

#[test]
fn parameters_of_dcom_are_survived() {
    let at = ca();
    let server = serve(&at);
    let interfaces = [iid::OBJECT_EXPORTER, iid::REMOTE_SCM_ACTIVATOR, iid::ACTIVATION];
    let resolver = server.local_addrs().resolver;
    let mut wire = Wire::user(resolver, &interfaces, "nobody", PASSWORD, Level::Privacy).unwrap();
    let activation = || Activation::new(CLSID_CERT_ADMIN, [Interface::CertAdmin2.iid()]);
    let ping = ComplexPing { set: SetId(0), sequence: 1, add: vec![Oid(1)], delete: vec![Oid(2)] };
    survives(&mut wire, 0, ComplexPing::OPNUM, None, &ping.to_bytes());
    let resolve = ResolveOxid { oxid: Oxid(1), protocols: vec![7] };
    survives(&mut wire, 0, ResolveOxid::OPNUM, None, &resolve.to_bytes());
    let create = RemoteCreateInstance { this: this(), activation: activation() };
    survives(&mut wire, 1, RemoteCreateInstance::OPNUM, None, &create.to_bytes());
    let plain = RemoteActivation { this: this(), activation: activation(), mode: 0 };
    survives(&mut wire, 2, RemoteActivation::OPNUM, None, &plain.to_bytes());

    let mut client = Client::new(&server, "admin");
    let unknown = Some(client.activated.exporter.rem_unknown.0);
    let query = RemQueryInterface { this: this(), ipid: client.ipid, refs: 1, iids: vec![iid::UNKNOWN] };
    survives(&mut client.wire, 2, RemQueryInterface::OPNUM, unknown, &query.to_bytes());
    let refs =
        RemRefs { this: this(), refs: vec![InterfaceRef { ipid: client.ipid, public: 1, private: 0 }] };
    survives(&mut client.wire, 2, RemRefs::ADD_OPNUM, unknown, &refs.to_bytes());
    survives(&mut client.wire, 2, RemRefs::RELEASE_OPNUM, unknown, &refs.to_bytes());
    assert_serves(&server);
}

#[test]
fn a_column_that_is_wanted_again_and_again_is_refused() {
    let at = ca();
    let server = serve(&at);
    let mut client = Client::new(&server, "backup");
    let authority = Some(authority().name);
    let view = |columns| OpenView {
        authority: authority.clone(),
        restrictions: Vec::new(),
        columns,
        first: 1,
        count: 1,
    };
    let columns = GetViewDefaultColumnSet { authority: authority.clone(), view: u32::MAX };
    let id = client.call(&columns).unwrap().column_ids().unwrap()[0];
    client.call(&view(vec![id])).unwrap();
    client.call(&CloseView { authority: authority.clone() }).unwrap();
    assert_eq!(client.call(&view(vec![id; 60_000])).unwrap_err(), dtyp::HResult::INVALID_ARG);
    assert_serves(&server);
}
