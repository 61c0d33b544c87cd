//! A client as small as it can be: associations of `dcerpc` over sockets, nothing of `csra-client`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use certadm::BackupType;
use certsrv::{HexHash, Role, Server, ServerOptions, User};
use csra::method::{BackupEnd, BackupPrepare, BackupReadFile, Method};
use csra::{CLSID_CERT_ADMIN, Interface};
use dcerpc::client::{Association, Call, Config, ContextId, Event, Security, SecurityId};
use dcerpc::security::Level;
use dcerpc::{Framer, Status, Syntax};
use dcom::activation::{Activated, Activation, RemoteCreateInstance, RemoteCreateInstanceReply};
use dcom::{ComVersion, Ipid, Oid, OrpcThis, iid};
use dtyp::{Guid, HResult};
use ndr::Ndr as _;
use rpc_auth::{Credentials, Proof, Secret, Target};

use crate::invented::{Invented, authority};

/// The management interface, the only one of version 1.0.
pub(crate) const MGMT: Guid =
    Guid::new(0xafa8_bd80, 0x7d8a, 0x11c9, [0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89]);

/// Password of everybody.
pub(crate) const PASSWORD: &str = "Passw0rd!";

/// A CA with the users of [`users`], and backups over the network allowed.
pub(crate) fn ca() -> Invented {
    let mut at = Invented::new();
    at.reconfigure(|config| {
        config.interface_flags = 0x641 & !0x40;
        config.users = users();
    });
    at
}

pub(crate) fn users() -> Vec<User> {
    let user = |name: &str, roles: &[Role]| User {
        name: name.to_owned(),
        domain: None,
        nt_hash: Some(HexHash::of_password(PASSWORD)),
        roles: roles.to_vec(),
    };
    vec![
        user("backup", &[Role::Operator, Role::Read]),
        user("admin", &[Role::Administrator, Role::Officer, Role::Read]),
        user("nobody", &[]),
    ]
}

pub(crate) fn serve(at: &Invented) -> Server {
    Server::start(&at.ca, ServerOptions::default()).unwrap()
}

/// A clock that only goes when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<AtomicU64>);

impl Hand {
    pub(crate) fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn options(&self) -> ServerOptions {
        let hand = self.clone();
        let mut options = ServerOptions::default();
        options.clock = Arc::new(move || Duration::from_millis(hand.0.load(Ordering::SeqCst)));
        options
    }
}

/// Why a call had no reply.
#[derive(Debug, PartialEq)]
pub(crate) enum Failed {
    Fault(Status),
    /// Closed, or refused to bind.
    Closed,
}

/// One connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) association: Association,
    framer: Framer,
    security: Option<SecurityId>,
}

impl Wire {
    pub(crate) fn open(address: SocketAddr, max_fragment: u16) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let association = Association::new(Config { max_fragment, ..Config::default() });
        Self { stream, association, framer: Framer::new(), security: None }
    }

    /// Bound to interfaces, without security.
    pub(crate) fn anonymous(address: SocketAddr, interfaces: &[Guid]) -> Result<Self, Failed> {
        let mut wire = Self::open(address, dcerpc::MAX_FRAGMENT);
        wire.bind(interfaces, None)?;
        Ok(wire)
    }

    /// Bound to interfaces as a user, who proves it with NTLM.
    pub(crate) fn user(
        address: SocketAddr,
        interfaces: &[Guid],
        user: &str,
        password: &str,
        level: Level,
    ) -> Result<Self, Failed> {
        let mut wire = Self::open(address, dcerpc::MAX_FRAGMENT);
        wire.bind(interfaces, Some(ntlm(user, password, level)))?;
        Ok(wire)
    }

    pub(crate) fn bind(&mut self, interfaces: &[Guid], security: Option<Security>) -> Result<(), Failed> {
        let syntax = |uuid: &Guid| Syntax { uuid: *uuid, major: (*uuid == MGMT).into(), minor: 0 };
        let syntaxes: Vec<Syntax> = interfaces.iter().map(syntax).collect();
        let mut out = Vec::new();
        self.association.bind(&syntaxes, security, &mut out).map_err(|_| Failed::Closed)?;
        match self.exchange(out)? {
            Event::Bound(bound) => {
                self.security = bound.security;
                Ok(())
            }
            other => panic!("{other:?}"),
        }
    }

    /// One more security context, to be used from now on.
    pub(crate) fn alter(&mut self, security: Security) {
        let mut out = Vec::new();
        self.association.alter(&[], Some(security), &mut out).unwrap();
        let Event::Bound(bound) = self.exchange(out).unwrap() else { panic!("not bound") };
        self.security = bound.security;
    }

    pub(crate) fn call(
        &mut self,
        context: u16,
        opnum: u16,
        object: Option<Guid>,
        stub: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        let out = self.request(context, opnum, object, stub);
        self.finish(out)
    }

    /// The bytes of a request.
    pub(crate) fn request(&mut self, context: u16, opnum: u16, object: Option<Guid>, stub: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let call = Call { context: ContextId(context), security: self.security, opnum, object, stub };
        self.association.call(call, &mut out).unwrap();
        out
    }

    pub(crate) fn finish(&mut self, out: Vec<u8>) -> Result<Vec<u8>, Failed> {
        match self.exchange(out)? {
            Event::Reply { stub, .. } => Ok(stub),
            Event::Fault { status, .. } => Err(Failed::Fault(status)),
            other => panic!("{other:?}"),
        }
    }

    fn exchange(&mut self, mut out: Vec<u8>) -> Result<Event, Failed> {
        loop {
            self.stream.write_all(&out).map_err(|_| Failed::Closed)?;
            out.clear();
            while let Some(pdu) = self.framer.next_pdu().map_err(|_| Failed::Closed)? {
                let event = self.association.receive(pdu, &mut out).map_err(|_| Failed::Closed)?;
                // A server that stops says so before it closes.
                if let Some(event) = event.filter(|event| !matches!(event, Event::Shutdown)) {
                    self.stream.write_all(&out).map_err(|_| Failed::Closed)?;
                    return Ok(event);
                }
            }
            if !out.is_empty() {
                continue;
            }
            let mut bytes = [0; 65536];
            match self.stream.read(&mut bytes) {
                Ok(0) | Err(_) => return Err(Failed::Closed),
                Ok(count) => self.framer.push(&bytes[..count]),
            }
        }
    }
}

pub(crate) fn ntlm(user: &str, password: &str, level: Level) -> Security {
    let proof = Proof::Password(Secret::new(password.to_owned()));
    let credentials = Credentials::new(user.parse().unwrap(), proof, rpc_auth::Options::default()).unwrap();
    let initiator = credentials.initiator(rpc_auth::Method::Ntlm, &Target::dcom("ca01")).unwrap();
    Security { initiator, level }
}

pub(crate) fn this() -> OrpcThis {
    OrpcThis::new(ComVersion::OURS, Guid::new(1, 2, 3, [4; 8]))
}

/// Asks for an object.
pub(crate) fn activate_class(server: &Server, user: &str, class: Guid) -> Result<Activated, HResult> {
    let resolver = server.local_addrs().resolver;
    let scm = [iid::REMOTE_SCM_ACTIVATOR];
    let mut wire = Wire::user(resolver, &scm, user, PASSWORD, Level::Privacy).unwrap();
    let wanted = [Interface::CertAdmin2.iid(), Interface::CertAdmin.iid()];
    let request = RemoteCreateInstance { this: this(), activation: Activation::new(class, wanted) };
    let reply = wire.call(0, RemoteCreateInstance::OPNUM, None, &request.to_bytes()).unwrap();
    RemoteCreateInstanceReply::from_bytes(&reply).unwrap().result
}

pub(crate) fn activate(server: &Server, user: &str) -> Activated {
    activate_class(server, user, CLSID_CERT_ADMIN).unwrap()
}

/// An object and a sealed connection to it.
pub(crate) struct Client {
    pub(crate) wire: Wire,
    pub(crate) activated: Activated,
    pub(crate) ipid: Ipid,
    pub(crate) oid: Oid,
}

/// The interfaces of an exporter's connection, by their context's number.
pub(crate) const EXPORTED: [Guid; 3] =
    [Interface::CertAdmin2.iid(), Interface::CertAdmin.iid(), iid::REM_UNKNOWN];

impl Client {
    pub(crate) fn new(server: &Server, user: &str) -> Self {
        let activated = activate(server, user);
        let std = *activated.interfaces[0].object.as_ref().unwrap().standard().unwrap();
        let (_, port) = activated.exporter.bindings.strings[0].host_port().unwrap();
        let exporter = server.local_addrs().exporter;
        assert_eq!(port, Some(exporter.port()));
        let wire = Wire::user(exporter, &EXPORTED, user, PASSWORD, Level::Privacy).unwrap();
        Self { wire, activated, ipid: std.ipid, oid: std.oid }
    }

    pub(crate) fn try_call<M: Method>(&mut self, method: &M) -> Result<Result<M::Reply, HResult>, Failed> {
        let opnum = M::CALL.opnum().unwrap();
        let stub = self.wire.call(0, opnum, Some(self.ipid.0), &csra::request(this(), method))?;
        Ok(match csra::reply::<M>(&stub) {
            Ok(reply) => Ok(reply),
            Err(csra::Error::Refused { code, .. }) => Err(code),
            Err(other) => panic!("{other}"),
        })
    }

    pub(crate) fn call<M: Method>(&mut self, method: &M) -> Result<M::Reply, HResult> {
        self.try_call(method).unwrap()
    }

    /// The next bytes of the open file.
    pub(crate) fn read(&mut self, want: u32) -> Vec<u8> {
        let request = BackupReadFile { want };
        let opnum = BackupReadFile::CALL.opnum().unwrap();
        let stub = csra::request(this(), &request);
        let stub = self.wire.call(0, opnum, Some(self.ipid.0), &stub).unwrap();
        request.reply(&stub).unwrap().to_vec()
    }

    pub(crate) fn prepare(&mut self) -> Result<(), HResult> {
        self.call(&BackupPrepare::new(authority().name, BackupType::Full)).map(|_| ())
    }

    pub(crate) fn end(&mut self) -> Result<(), HResult> {
        self.call(&BackupEnd).map(|_| ())
    }
}
