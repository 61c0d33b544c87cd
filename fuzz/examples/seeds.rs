//! Writes the corpora to begin with, `corpus/<target>/seed-*`, from what honest peers say.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use certadm::BackupType;
use csbackup_fuzz::mechanism::Open;
use csbackup_fuzz::{piece, toy};
use csra::method::*;
use csra::value::{PropertyId, Variant};
use csra::{CLSID_CERT_ADMIN, Interface};
use dcerpc::client::{self, Call, ContextId, Security};
use dcerpc::security::{Accepted, Acceptor as _, Initiated, Initiator as _, Level};
use dcerpc::{Framer, Syntax, server};
use dcom::activation::{
    Activated, Activation, RemoteActivation, RemoteActivationReply, RemoteCreateInstance,
    RemoteCreateInstanceReply,
};
use dcom::exporter::{ComplexPing, Exporter, ServerAlive2Reply};
use dcom::remunknown::{InterfaceRef, RemQueryInterface, RemRefs};
use dcom::{ComVersion, DualStringArray, Ipid, ObjRef, Oid, OrpcThis, Oxid, SetId, StdObjRef, StringBinding};
use dtyp::{Guid, HResult};
use ndr::Ndr;

fn main() {
    let mut seeds = Seeds::default();
    conversation(&mut seeds);
    methods(&mut seeds);
    objects(&mut seeds);
    logons(&mut seeds);
    seeds.write();
}

#[derive(Default)]
struct Seeds(Vec<(&'static str, Vec<u8>)>);

impl Seeds {
    fn add(&mut self, target: &'static str, bytes: impl Into<Vec<u8>>) {
        self.0.push((target, bytes.into()));
    }

    fn write(self) {
        for (number, (target, bytes)) in self.0.into_iter().enumerate() {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
            fs::create_dir_all(&folder).expect("make a corpus");
            fs::write(folder.join(format!("seed-{number:03}")), bytes).expect("write a seed");
        }
    }
}

const ID: Guid = Guid::from_bytes([0x11; 16]);

/// Bind, two calls of which the first takes two fragments back, a further interface.
fn conversation(seeds: &mut Seeds) {
    for (mode, level) in [(0, Level::Privacy), (1, Level::None), (2, Level::Connect)] {
        let syntax = Syntax { uuid: ID, major: 0, minor: 0 };
        let config = server::Config { interfaces: vec![syntax], ..server::Config::default() };
        let mut server = server::Association::new(Arc::new(config), Arc::new(Open), 1);
        let mut client = client::Association::new(client::Config::default());
        let security = (mode != 1).then(|| Security { initiator: Box::new(Open), level });
        let (mut up, mut down) = (Vec::new(), Vec::new());
        client.bind(&[syntax], security, &mut up).expect("bind");
        let (mut said, mut answered) = (vec![], vec![]);
        for opnum in 0..4 {
            let mut bound = None;
            while !up.is_empty() || !down.is_empty() {
                let mut framer = Framer::new();
                framer.push(&std::mem::take(&mut up));
                while let Some(pdu) = framer.next_pdu().expect("a PDU") {
                    seeds.add("pdu", &*pdu);
                    said.push(pdu.to_vec());
                    if let Some(server::Event::Request(request)) =
                        server.receive(pdu, &mut down).expect("good")
                    {
                        let stub = vec![7; 40 + 70_000 * usize::from(request.opnum == 1)];
                        let fragments = server.respond(request.call_id, &stub).expect("open");
                        fragments.append_all(&mut down).expect("sent");
                    }
                }
                let mut framer = Framer::new();
                framer.push(&std::mem::take(&mut down));
                while let Some(pdu) = framer.next_pdu().expect("a PDU") {
                    if pdu.len() < 4096 {
                        seeds.add("pdu", &*pdu);
                    }
                    answered.push(pdu.to_vec());
                    if let Some(client::Event::Bound(got)) = client.receive(pdu, &mut up).expect("good") {
                        bound = got.security;
                    }
                }
            }
            let security = bound.or((mode != 1).then_some(client::SecurityId(1)));
            let call = Call { context: ContextId(0), security, opnum, object: Some(ID), stub: &[3; 40] };
            client.call(call, &mut up).expect("a call");
        }
        let pieces = |all: &[Vec<u8>]| all.iter().flat_map(|pdu| piece(pdu)).collect::<Vec<u8>>();
        seeds.add("rpc_server", [&[mode & 2][..], &pieces(&said)].concat());
        seeds.add("rpc_server", [&[255][..], &said.concat()].concat());
        answered.retain(|pdu| pdu.len() < 4096);
        seeds.add("rpc_client", [&[mode][..], &pieces(&answered)].concat());
    }
}

/// Each method's request, and the toy's reply to it; and all of them one after the other.
fn methods(seeds: &mut Seeds) {
    let mut object = toy::object();
    let mut session = Vec::new();
    let name = || Some(toy::NAME.to_owned());
    let this = OrpcThis::new(ComVersion::OURS, ID);
    macro_rules! call {
        ($selector:literal, $method:expr) => {{
            let method = $method;
            let (stub, opnum) = (csra::request(this, &method), opnum_of(&method));
            seeds.add("csra_stub", [&[$selector][..], &stub].concat());
            let reply = object.dispatch(&toy::CALLER, Interface::CertAdmin2.iid(), opnum.into(), &stub);
            let reply = reply.expect("a good call");
            if reply.len() < 4096 {
                seeds.add("csra_stub", [&[$selector][..], &reply].concat());
            }
            let call = [&[2, opnum][..], &stub].concat();
            seeds.add("csra_server", piece(&call));
            session.extend(piece(&call));
        }};
    }
    call!(0, BackupPrepare::new(toy::NAME.to_owned(), BackupType::Full));
    call!(2, BackupGetAttachmentInformation);
    call!(3, BackupGetBackupLogs);
    call!(8, RestoreGetDatabaseLocations);
    call!(7, BackupGetDynamicFiles);
    call!(4, BackupOpenFile { path: Some(toy::DATABASE.to_owned()) });
    let read = csra::request(this, &BackupReadFile { want: 4096 });
    seeds.add("csra_stub", [&[24][..], &read].concat());
    session.extend(piece(&[&[2, 25][..], &read].concat()));
    call!(5, BackupCloseFile);
    call!(6, BackupTruncateLogs);
    call!(1, BackupEnd);
    let (id, index, kind) = (PropertyId::CA_NAME, 0, 4);
    call!(9, GetCAProperty { authority: name(), id, index, kind });
    call!(10, GetCAPropertyInfo { authority: name() });
    call!(11, GetConfigEntry { authority: name(), node: Some("CSP".into()), entry: "Provider".into() });
    call!(12, GetMyRoles { authority: name() });
    call!(13, GetServerState { authority: name() });
    call!(14, Ping { authority: name() });
    call!(15, Ping2 { authority: name() });
    call!(16, ServerControl { authority: name(), flags: 0 });
    call!(17, ImportCertificate { authority: name(), certificate: vec![0x30, 0], flags: 0 });
    call!(18, EnumViewColumn { authority: name(), first: 1, count: 9 });
    call!(19, EnumViewColumnTable { authority: name(), table: 0x3000, first: 1, count: 9 });
    call!(20, GetViewDefaultColumnSet { authority: name(), view: u32::MAX });
    let restriction = Restriction { column: 1, seek: 1, sort: 0, value: vec![0; 4] };
    let (restrictions, columns) = (vec![restriction], vec![1, 2]);
    call!(21, OpenView { authority: name(), restrictions, columns, first: 1, count: 9 });
    call!(22, EnumView { authority: name(), first: 3, count: 9 });
    call!(23, CloseView { authority: name() });
    seeds.add("csra_server", session);
    let texts = vec!["a".to_owned(), "b".to_owned()];
    let values = [
        Variant::Empty,
        Variant::Null,
        Variant::Long(5),
        Variant::Text("a".into()),
        Variant::TextList(texts),
    ];
    for value in values.into_iter().chain([Variant::Bytes(vec![1, 2, 3])]) {
        seeds.add("values", [&[2][..], &value.to_bytes()].concat());
    }
    for bytes in [&[2][..], &[1]] {
        seeds.add("values", [bytes, &[0; 200]].concat());
    }
}

fn opnum_of<M: Method>(_: &M) -> u8 {
    M::CALL.opnum().and_then(|opnum| u8::try_from(opnum).ok()).expect("a method on the wire")
}

fn objects(seeds: &mut Seeds) {
    let this = OrpcThis::new(ComVersion::OURS, ID);
    let bindings = DualStringArray { strings: vec![StringBinding::tcp("ca", Some(49152))], security: vec![] };
    let (ipid, interfaces) = (Ipid(ID), [Interface::CertAdmin2.iid(), Interface::CertAdmin.iid()]);
    let std = StdObjRef { flags: 0, public_refs: 5, oxid: Oxid(1), oid: Oid(2), ipid };
    let reference = ObjRef::Standard { iid: interfaces[0], std, resolver: bindings.clone() };
    let exporter =
        Exporter { bindings: bindings.clone(), rem_unknown: ipid, authn_hint: 6, version: ComVersion::OURS };
    let got = [Ok(reference.clone()), Err(HResult::NO_INTERFACE)];
    let got =
        interfaces.into_iter().zip(got).map(|(iid, object)| dcom::activation::Interface { iid, object });
    let activated =
        || Activated { oxid: Oxid(1), exporter: exporter.clone(), interfaces: got.clone().collect() };
    let activation = || Activation::new(CLSID_CERT_ADMIN, interfaces);
    let refs = vec![InterfaceRef { ipid, public: 5, private: 0 }];
    let stubs = [
        (0, RemoteCreateInstance { this, activation: activation() }.to_bytes()),
        (1, RemoteCreateInstanceReply { result: Ok(activated()) }.to_bytes()),
        (1, RemoteCreateInstanceReply { result: Err(HResult::ACCESS_DENIED) }.to_bytes()),
        (2, RemoteActivation { this, activation: activation(), mode: 0 }.to_bytes()),
        (3, RemoteActivationReply { result: Ok(activated()), requested: 2 }.to_bytes()),
        (4, ComplexPing { set: SetId(0), sequence: 1, add: vec![Oid(1)], delete: vec![Oid(2)] }.to_bytes()),
        (9, ServerAlive2Reply { result: Ok((ComVersion::OURS, bindings.clone())) }.to_bytes()),
        (11, RemQueryInterface { this, ipid, refs: 5, iids: interfaces.to_vec() }.to_bytes()),
        (15, RemRefs { this, refs }.to_bytes()),
    ];
    for (selector, stub) in stubs {
        seeds.add("dcom_stub", [&[selector][..], &stub].concat());
    }
    seeds.add("objref", reference.to_bytes());
    seeds.add("objref", bindings.to_bytes());
}

fn logons(seeds: &mut Seeds) {
    let sides = || {
        let offer = spnego::Offer { oids: spnego::Oid::ALL_NTLM, initiator: Box::new(Open) };
        let service = spnego::Service { oids: spnego::Oid::ALL_NTLM, acceptor: Box::new(Open) };
        (spnego::Initiator::new([offer]), spnego::Acceptor::new([service]))
    };
    let (mut initiator, mut acceptor) = sides();
    let (mut said, mut answered, mut token) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let sent = match initiator.step(&token).expect("a step") {
            Initiated::Continue(token) | Initiated::Done { token, .. } => token,
        };
        if sent.is_empty() {
            break;
        }
        seeds.add("spnego", &*sent);
        said.extend(piece(&sent));
        token = match acceptor.step(&sent).expect("a step") {
            Accepted::Continue(token) | Accepted::Done { token, .. } => token,
        };
        seeds.add("spnego", &*token);
        answered.extend(piece(&token));
    }
    seeds.add("spnego", said);
    seeds.add("spnego", answered);

    let negotiate = ntlm::Negotiate { flags: ntlm::flags::OFFERED }.encode();
    let client = ntlm::Client {
        user: "u".into(),
        domain: "D".into(),
        workstation: "W".into(),
        hash: ntlm::NtHash::new([8; 16]),
        target: "RPCSS/c".into(),
    };
    let fresh = ntlm::Fresh { client_challenge: [2; 8], session_key: [3; 16].into(), timestamp: 1 };
    let mut initiator = ntlm::Initiator::new(client, fresh);
    let Ok(Initiated::Continue(first)) = initiator.step(&[]) else { panic!("no first message") };
    let pairs = [0, 0, 0, 0];
    let challenge = ntlm::Challenge {
        flags: ntlm::flags::OFFERED | ntlm::flags::TARGET_INFO,
        target_name: "D".into(),
        server_challenge: [1; 8],
        target_info: &pairs,
        version: [0; 8],
    };
    let challenge = challenge.encode().expect("a challenge");
    if let Ok(Initiated::Done { token, .. }) = initiator.step(&challenge) {
        seeds.add("ntlm", &*token);
        let mut first = first.clone();
        first.resize(40, 0);
        seeds.add("ntlm", [first, token].concat());
    }
    for message in [negotiate, first, challenge] {
        seeds.add("ntlm", message);
    }
    seeds.add("kerberos", &b"[libdefaults]\n default_realm = A\n[realms]\n A = {\n  kdc = k:88\n }\n"[..]);
    seeds.add("kerberos", &b"host/ca@A"[..]);
    seeds.add("kerberos", &b"\x05\x02\0\0\0\x15\0\x01\0\x01A\0\x01u\0\0\0\x01\0\0\0\0\x01\0\x11\0\x00"[..]);
    seeds.add("kerberos", &b"\x05\x04\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01A\0\0\0\x01u"[..]);
}
