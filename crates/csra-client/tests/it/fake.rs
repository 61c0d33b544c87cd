//! A host as small as it can be, which offers less than the embedded CA does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use csra::Interface;
use csra::method::{GetServerState, Method as _};
use csra_client::{Error, RemoteCa, Target};
use dcerpc::server::{Association, Config, Event, Request};
use dcerpc::{Framer, Status, Syntax};
use dcom::activation::{
    Activated, Activation, RemoteActivation, RemoteActivationReply, RemoteCreateInstance,
    RemoteCreateInstanceReply,
};
use dcom::exporter::{
    ComplexPing, Exporter, SERVER_ALIVE_2_OPNUM, ServerAlive2Reply, SimplePing, StatusReply,
};
use dcom::remunknown::{RemRefs, RemReleaseReply};
use dcom::server::{Limits, ObjectTable};
use dcom::{ComVersion, DualStringArray, Ipid, ObjRef, OrpcThat, StringBinding, iid};
use dtyp::{Guid, HResult};
use ndr::{Ndr, Writer};
use rpc_auth::{Host, Method, NtHash, ServerAuth, User, Users};

use crate::wire::{PASSWORD, USER, options};

/// What a host has.
pub(crate) struct Offer {
    /// Interfaces of the CA.
    pub(crate) admin: Vec<Interface>,
    /// `IActivation` only.
    pub(crate) plain_activation: bool,
}

/// A host that listens as long as the test program runs.
pub(crate) struct Fake {
    resolver: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    offer: Offer,
    auth: Arc<ServerAuth>,
    exporter: u16,
    table: Mutex<ObjectTable<()>>,
    calls: Mutex<Vec<(Interface, u16)>>,
}

impl Fake {
    pub(crate) fn start(offer: Offer) -> Self {
        let [resolver, exporter] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let user = User { name: USER.to_owned(), domain: String::new(), hash: NtHash::of_password(PASSWORD) };
        let name = || "CA01".to_owned();
        let host = Host {
            netbios_computer: name(),
            netbios_domain: name(),
            dns_computer: name(),
            dns_domain: String::new(),
        };
        let resolver_address = resolver.local_addr().unwrap();
        let activation = if offer.plain_activation { iid::ACTIVATION } else { iid::REMOTE_SCM_ACTIVATOR };
        let mut admin: Vec<Guid> = offer.admin.iter().map(|interface| interface.iid()).collect();
        admin.push(iid::REM_UNKNOWN);
        let shared = Arc::new(Shared {
            offer,
            auth: Arc::new(ServerAuth::new(host, Users::new([user]))),
            exporter: exporter.local_addr().unwrap().port(),
            table: Mutex::new(ObjectTable::new(Limits::default(), &mut id)),
            calls: Mutex::default(),
        });
        for (listener, interfaces) in [(resolver, vec![iid::OBJECT_EXPORTER, activation]), (exporter, admin)]
        {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.listen(&listener, &interfaces));
        }
        Self { resolver: resolver_address, shared }
    }

    pub(crate) fn connect(&self) -> Result<RemoteCa, Error> {
        let name = Some("Corp Issuing CA".to_owned());
        let target = Target { host: self.resolver.ip().to_string(), port: self.resolver.port(), name };
        RemoteCa::connect(target, options(USER, PASSWORD, Method::Negotiate))
    }

    /// The calls of the CA's interfaces until now.
    pub(crate) fn calls(&self) -> Vec<(Interface, u16)> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// Objects that were given out and not released.
    pub(crate) fn objects(&self) -> usize {
        self.shared.table.lock().unwrap().reclaim(Duration::ZERO, Duration::from_secs(120), |_| false);
        self.shared.table.lock().unwrap().len()
    }
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener, interfaces: &[Guid]) {
        let interfaces = interfaces.iter().map(|uuid| Syntax { uuid: *uuid, major: 0, minor: 0 }).collect();
        let config = Arc::new(Config { interfaces, ..Config::default() });
        while let Ok((stream, _)) = listener.accept() {
            let (shared, config) = (Arc::clone(self), Arc::clone(&config));
            thread::spawn(move || {
                let auth = Arc::clone(&shared.auth);
                shared.serve(stream, Association::new(config, auth, 1))
            });
        }
    }

    fn serve(&self, mut stream: TcpStream, mut association: Association) {
        let (mut framer, mut buffer, mut out) = (Framer::new(), [0; 4096], Vec::new());
        loop {
            let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
            framer.push(&buffer[..count]);
            while let Some(pdu) = framer.next_pdu().unwrap() {
                let event = association.receive(pdu, &mut out);
                if let Ok(Some(Event::Request(request))) = &event {
                    match self.answer(request) {
                        Ok(stub) => {
                            let mut fragments = association.respond(request.call_id, &stub).unwrap();
                            while fragments.append_next(&mut out).unwrap() {}
                        }
                        Err(status) => association.fault(request.call_id, status, &mut out).unwrap(),
                    }
                }
                if stream.write_all(&out).is_err() || event.is_err() {
                    return;
                }
                out.clear();
            }
        }
    }

    fn answer(&self, request: &Request) -> Result<Vec<u8>, Status> {
        let mut table = self.table.lock().unwrap();
        let stub = &request.stub;
        Ok(match (request.interface.uuid, request.opnum) {
            (iid::OBJECT_EXPORTER, SERVER_ALIVE_2_OPNUM) => {
                ServerAlive2Reply { result: Ok((ComVersion::OURS, self.bindings())) }.to_bytes()
            }
            (iid::OBJECT_EXPORTER, SimplePing::OPNUM) => StatusReply { status: 0 }.to_bytes(),
            (iid::OBJECT_EXPORTER, ComplexPing::OPNUM) => {
                let ping = ComplexPing::from_bytes(stub).unwrap();
                table.complex_ping(&ping, Duration::ZERO, &mut id).to_bytes()
            }
            (iid::REMOTE_SCM_ACTIVATOR, RemoteCreateInstance::OPNUM) => {
                let RemoteCreateInstance { activation, .. } = Ndr::from_bytes(stub).unwrap();
                RemoteCreateInstanceReply { result: self.activate(&mut table, &activation) }.to_bytes()
            }
            (iid::ACTIVATION, RemoteActivation::OPNUM) => {
                let RemoteActivation { activation, .. } = Ndr::from_bytes(stub).unwrap();
                let requested = activation.interfaces.len();
                RemoteActivationReply { result: self.activate(&mut table, &activation), requested }.to_bytes()
            }
            (iid::REM_UNKNOWN, RemRefs::RELEASE_OPNUM) => {
                table.release(&RemRefs::from_bytes(stub).unwrap().refs);
                RemReleaseReply { status: HResult::OK }.to_bytes()
            }
            (uuid, opnum) => {
                let interface = Interface::from_iid(uuid).ok_or(Status::UNKNOWN_INTERFACE)?;
                let ipid = Ipid(request.object.ok_or(Status::UNKNOWN_INTERFACE)?);
                assert_eq!(table.call(ipid, Duration::ZERO).map(|found| found.1), Ok(uuid));
                self.calls.lock().unwrap().push((interface, opnum));
                match Some(opnum) == GetServerState::CALL.opnum() {
                    true => answer(1),
                    false => return Err(Status::OP_RANGE),
                }
            }
        })
    }

    fn activate(&self, table: &mut ObjectTable<()>, wanted: &Activation) -> Result<Activated, HResult> {
        let supported: Vec<Guid> = self.offer.admin.iter().map(|interface| interface.iid()).collect();
        let exported = table.export((), &supported, &wanted.interfaces, Duration::ZERO, &mut id)?;
        let wrap = |(iid, result): (&Guid, Result<_, _>)| dcom::activation::Interface {
            iid: *iid,
            object: result.map(|std| ObjRef::Standard { iid: *iid, std, resolver: self.bindings() }),
        };
        let exporter = Exporter {
            bindings: self.bindings(),
            rem_unknown: table.rem_unknown(),
            authn_hint: 6,
            version: ComVersion::OURS,
        };
        let interfaces = wanted.interfaces.iter().zip(exported.interfaces).map(wrap).collect();
        Ok(Activated { oxid: table.oxid(), exporter, interfaces })
    }

    fn bindings(&self) -> DualStringArray {
        let strings = vec![StringBinding::tcp("127.0.0.1", Some(self.exporter))];
        DualStringArray { strings, security: Vec::new() }
    }
}

/// A reply with one number and success.
fn answer(number: u32) -> Vec<u8> {
    let mut writer = Writer::new();
    OrpcThat.encode(&mut writer);
    writer.u32(number);
    writer.u32(HResult::OK.0);
    writer.finish()
}

/// Ids that nobody needs to guess.
fn id() -> [u8; 16] {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    id
}
