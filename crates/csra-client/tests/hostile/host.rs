//! A host that is honest until its script says otherwise.
//!
//! Two listeners of real associations with real NTLM, a real object behind them. The script may change
//! the stub of an answer before it is sealed, and the bytes after.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use certadm::Call;
use certadm::server::{Caller, Gate, Roles};
use csbackup::{BackupOptions, Catalogue, Directory, MappedFiles, Quiet, backup};
use csra::Interface;
use csra::server::Object;
use csra_client::{Options, RemoteCa, Target, Timeouts};
use dcerpc::pdu::{Header, PacketType};
use dcerpc::server::{Association, Config, Event, Request};
use dcerpc::{Framer, Status, Syntax};
use dcom::activation::{Activated, RemoteActivation, RemoteCreateInstance, RemoteCreateInstanceReply};
use dcom::exporter::{
    ComplexPing, Exporter, SERVER_ALIVE_2_OPNUM, ServerAlive2Reply, SimplePing, StatusReply,
};
use dcom::remunknown::{RemRefs, RemReleaseReply};
use dcom::server::{Limits, ObjectTable};
use dcom::{ComVersion, DualStringArray, Ipid, ObjRef, StringBinding, iid};
use dtyp::{Guid, HResult};
use ndr::Ndr;
use rpc_auth::{Credentials, Method, NtHash, Proof, Secret, ServerAuth, User, Users};
use tempfile::TempDir;

use crate::ca::{Files, Knowledge, NAME, Toy};
use crate::script::{Act, Asked, Script};

const USER: &str = "backup";
const PASSWORD: &str = "correct horse battery staple";

type Toys = ObjectTable<Object<Toy, Knowledge>>;

struct Shared {
    script: Script,
    files: Arc<Files>,
    auth: Arc<ServerAuth>,
    exporter: u16,
    table: Mutex<Toys>,
    calls: Mutex<Vec<Call>>,
    sent: AtomicU64,
}

/// A host that listens as long as the test program runs, and a medium for what it delivers.
pub(crate) struct Host {
    resolver: SocketAddr,
    shared: Arc<Shared>,
    root: TempDir,
}

impl Host {
    pub(crate) fn start(script: Script) -> Self {
        let [resolver, exporter] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let user = User { name: USER.to_owned(), domain: String::new(), hash: NtHash::of_password(PASSWORD) };
        let name = || "CA01".to_owned();
        let names = rpc_auth::Host {
            netbios_computer: name(),
            netbios_domain: name(),
            dns_computer: name(),
            dns_domain: String::new(),
        };
        let address = resolver.local_addr().unwrap();
        let shared = Arc::new(Shared {
            files: Arc::new(script.files.clone()),
            script,
            auth: Arc::new(ServerAuth::new(names, Users::new([user]))),
            exporter: exporter.local_addr().unwrap().port(),
            table: Mutex::new(ObjectTable::new(Limits::default(), &mut id)),
            calls: Mutex::default(),
            sent: AtomicU64::new(0),
        });
        let ports = [
            (
                resolver,
                Asked::ResolverBind,
                vec![iid::OBJECT_EXPORTER, iid::REMOTE_SCM_ACTIVATOR, iid::ACTIVATION],
            ),
            (exporter, Asked::ExporterBind, vec![Interface::CertAdmin2.iid(), iid::REM_UNKNOWN]),
        ];
        for (listener, role, interfaces) in ports {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.listen(&listener, role, &interfaces));
        }
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("deep")).unwrap();
        Self { resolver: address, shared, root }
    }

    pub(crate) fn connect(&self) -> Result<RemoteCa, csra_client::Error> {
        self.connect_for(TIME)
    }

    /// With so much time for an answer.
    pub(crate) fn connect_for(&self, answer: Duration) -> Result<RemoteCa, csra_client::Error> {
        let proof = Proof::Password(Secret::new(PASSWORD.to_owned()));
        let credentials =
            Credentials::new(USER.parse().unwrap(), proof, rpc_auth::Options::default()).unwrap();
        let mut options = Options::new(credentials, Method::Negotiate);
        options.timeouts = Timeouts { connect: TIME, answer };
        let target =
            Target { host: "127.0.0.1".to_owned(), port: self.resolver.port(), name: Some(NAME.to_owned()) };
        RemoteCa::connect(target, options)
    }

    /// A full backup; the error as an operator reads it, causes included.
    pub(crate) fn back_up(&self) -> Result<csbackup::Outcome, String> {
        self.back_up_for(TIME)
    }

    pub(crate) fn back_up_for(&self, answer: Duration) -> Result<csbackup::Outcome, String> {
        let mut ca = self.connect_for(answer).map_err(|error| chain(&error))?;
        let nothing = MappedFiles::new(Vec::new());
        let outcome = backup(&mut ca, &self.medium(), &nothing, &BackupOptions::default(), &Quiet);
        outcome.map_err(|error| chain(&error))
    }

    fn medium(&self) -> Directory {
        Directory::new(self.root.path().join("deep/medium"))
    }

    /// The error of a backup that must fail, after which nothing is published.
    #[track_caller]
    pub(crate) fn refused(&self) -> String {
        self.refused_for(TIME)
    }

    #[track_caller]
    pub(crate) fn refused_for(&self, answer: Duration) -> String {
        let error = self.back_up_for(answer).expect_err("a lie is believed");
        assert_eq!(self.published(), 0, "a set was published: {error}");
        error
    }

    pub(crate) fn published(&self) -> usize {
        Catalogue::load(&self.medium(), None).unwrap().sets().len()
    }

    /// Everything below the folder around the medium.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The CA's methods that were called until now.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// Objects that were not released.
    pub(crate) fn objects(&self) -> usize {
        let mut table = self.shared.table.lock().unwrap();
        table.reclaim(Duration::ZERO, Duration::MAX, |_| false);
        table.len()
    }

    /// Bytes that clients took until now.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

/// For anything on loopback, on a busy machine.
const TIME: Duration = Duration::from_secs(20);

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener, role: Asked, interfaces: &[Guid]) {
        let interfaces = interfaces.iter().map(|uuid| Syntax { uuid: *uuid, major: 0, minor: 0 }).collect();
        let config = Arc::new(Config { interfaces, ..Config::default() });
        while let Ok((stream, _)) = listener.accept() {
            let (shared, config) = (Arc::clone(self), Arc::clone(&config));
            thread::spawn(move || {
                let association = Association::new(config, Arc::clone(&shared.auth) as _, 1);
                shared.serve(stream, association, role)
            });
        }
    }

    fn serve(&self, mut stream: TcpStream, mut association: Association, role: Asked) {
        stream.set_nodelay(true).unwrap();
        let (mut framer, mut buffer, mut out) = (Framer::new(), [0; 4096], Vec::new());
        loop {
            let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
            framer.push(&buffer[..count]);
            while let Some(pdu) = framer.next_pdu().unwrap() {
                let is_call = Header::decode(pdu).unwrap().kind == PacketType::Request;
                let event = association.receive(pdu, &mut out);
                let mut asked = if is_call { Asked::Other } else { role };
                if let Ok(Some(Event::Request(request))) = &event {
                    asked = subject(request);
                    match self.answer(asked, request) {
                        Ok(stub) => {
                            let fragments = association.respond(request.call_id, &stub).unwrap();
                            fragments.append_all(&mut out).unwrap();
                        }
                        Err(status) => association.fault(request.call_id, status, &mut out).unwrap(),
                    }
                }
                let is_good = !out.is_empty() && self.send(&mut stream, asked, &mut out);
                if event.is_err() || !(is_good || out.is_empty()) {
                    return;
                }
                out.clear();
            }
        }
    }

    /// False when the connection is over.
    fn send(&self, stream: &mut TcpStream, asked: Asked, out: &mut Vec<u8>) -> bool {
        match (self.script.bytes)(asked, out) {
            Act::Send => self.write(stream, out),
            Act::Swallow => {
                out.clear();
                true
            }
            Act::Close => {
                let _ = stream.shutdown(Shutdown::Both);
                false
            }
            Act::Drip => out.iter().all(|byte| {
                thread::sleep(Duration::from_millis(20));
                self.write(stream, &[*byte])
            }),
            Act::Forever(bytes) => {
                let mut is_taken = self.write(stream, out);
                while is_taken {
                    is_taken = self.write(stream, &bytes);
                }
                false
            }
        }
    }

    fn write(&self, stream: &mut TcpStream, bytes: &[u8]) -> bool {
        for part in bytes.chunks(16 * 1024) {
            if stream.write_all(part).is_err() {
                return false;
            }
            self.sent.fetch_add(part.len().try_into().unwrap(), Ordering::SeqCst);
        }
        true
    }

    fn answer(&self, asked: Asked, request: &Request) -> Result<Vec<u8>, Status> {
        (self.script.stub)(asked, self.honest(request)?)
    }

    fn honest(&self, request: &Request) -> Result<Vec<u8>, Status> {
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
                let result = self.activate(&mut table, &activation.interfaces);
                RemoteCreateInstanceReply { result }.to_bytes()
            }
            (iid::REM_UNKNOWN, RemRefs::RELEASE_OPNUM) => {
                table.release(&RemRefs::from_bytes(stub).unwrap().refs);
                RemReleaseReply { status: HResult::OK }.to_bytes()
            }
            (iid::REMOTE_SCM_ACTIVATOR | iid::ACTIVATION | iid::REM_UNKNOWN | iid::OBJECT_EXPORTER, _) => {
                return Err(Status::OP_RANGE);
            }
            (uuid, opnum) => {
                self.calls.lock().unwrap().extend(Call::from_opnum(opnum));
                let ipid = Ipid(request.object.ok_or(Status::UNKNOWN_INTERFACE)?);
                let (_, _, object) = table.call(ipid, Duration::ZERO).map_err(|code| Status(code.0))?;
                object.dispatch(&CALLER, uuid, opnum, stub).map_err(|fault| Status(fault.0))?
            }
        })
    }

    fn activate(&self, table: &mut Toys, wanted: &[Guid]) -> Result<Activated, HResult> {
        let object = Object::new(Gate::default(), CALLER, Toy::new(Arc::clone(&self.files)), Knowledge);
        let exported =
            table.export(object, &[Interface::CertAdmin2.iid()], wanted, Duration::ZERO, &mut id)?;
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
        let interfaces = wanted.iter().zip(exported.interfaces).map(wrap).collect();
        Ok(Activated { oxid: table.oxid(), exporter, interfaces })
    }

    fn bindings(&self) -> DualStringArray {
        self.script.bindings.clone().unwrap_or_else(|| DualStringArray {
            strings: vec![StringBinding::tcp("127.0.0.1", Some(self.exporter))],
            security: Vec::new(),
        })
    }
}

fn subject(request: &Request) -> Asked {
    match (request.interface.uuid, request.opnum) {
        (iid::OBJECT_EXPORTER, SERVER_ALIVE_2_OPNUM) => Asked::Alive,
        (iid::REMOTE_SCM_ACTIVATOR, RemoteCreateInstance::OPNUM)
        | (iid::ACTIVATION, RemoteActivation::OPNUM) => Asked::Activation,
        (uuid, opnum) => {
            let call = Interface::from_iid(uuid).and_then(|_| Call::from_opnum(opnum));
            call.map_or(Asked::Other, Asked::Ca)
        }
    }
}

const CALLER: Caller = Caller { known: true, remote: true, sealed: true, roles: Roles(0x30F) };

/// Ids that nobody needs to guess.
fn id() -> [u8; 16] {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let mut id = [7; 16];
    id[..8].copy_from_slice(&(LAST.fetch_add(1, Ordering::Relaxed) + 1).to_le_bytes());
    id
}
