//! From a host name to an activated object: resolver, activation, exporter.
//!
//! Source: [MS-DCOM] 3.2.4.1 and 3.2.4.2.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use csra::{CLSID_CERT_ADMIN, Interface};
use dcerpc::client::{Call, ContextId, Security, SecurityId};
use dcerpc::security::Level;
use dcerpc::{Status, Syntax};
use dcom::activation::{
    Activated, Activation, RemoteActivation, RemoteActivationReply, RemoteCreateInstance,
    RemoteCreateInstanceReply,
};
use dcom::exporter::{SERVER_ALIVE_2_OPNUM, ServerAlive2Reply};
use dcom::{
    ComVersion, DualStringArray, Endpoint, INTERFACE_VERSION, Ipid, OrpcThis, StdObjRef, choose, iid,
};
use dtyp::{Guid, HResult};
use ndr::Ndr;
use rpc_auth::{Credentials, Method};

use crate::channel::Channel;
use crate::{Error, Target, Timeouts};

/// How to reach a CA and as whom.
#[derive(Clone)]
pub struct Options {
    /// Who calls.
    pub credentials: Credentials,
    /// How that is proven.
    pub method: Method,
    /// How long the network may take.
    pub timeouts: Timeouts,
    /// Time between two signs of life to the CA's host while an object is held: 120 s in
    /// [MS-DCOM] 3.1.2.2, where an object is given up after three times that.
    ///
    /// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
    pub ping_period: std::time::Duration,
    /// Bytes of one read, a multiple of 65536 up to 4 MiB. `None`: 1 MiB, and 4 MiB where an answer
    /// takes 8 ms or longer.
    pub read_size: Option<u32>,
}

impl Options {
    /// With the usual times.
    pub fn new(credentials: Credentials, method: Method) -> Self {
        let ping_period = dcom::client::PingSet::PERIOD;
        Self { credentials, method, timeouts: Timeouts::default(), ping_period, read_size: None }
    }
}

/// Makes connections to one host. Cheap to copy: nothing is open in it.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) target: Target,
    pub(crate) options: Options,
}

/// An object that the host gave out, not yet connected to.
pub(crate) struct Found {
    pub(crate) endpoints: Vec<Endpoint>,
    /// Service class of the exporter's principal.
    pub(crate) service: String,
    pub(crate) rem_unknown: Ipid,
    pub(crate) version: ComVersion,
    pub(crate) interface: Interface,
    pub(crate) ipid: Ipid,
    /// What was given out, `ipid` among them: all of it is to be released.
    pub(crate) references: Vec<StdObjRef>,
}

/// A connection with a security context at privacy.
pub(crate) struct Secured {
    pub(crate) channel: Channel,
    /// One per interface asked for; `None` where the server does not have it.
    pub(crate) contexts: Vec<Option<ContextId>>,
    pub(crate) security: SecurityId,
}

impl Secured {
    /// A call that belongs to no object.
    pub(crate) fn call(
        &mut self,
        what: &'static str,
        interface: usize,
        opnum: u16,
        stub: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let Some(context) = self.contexts.get(interface).copied().flatten() else {
            return Err(Error::Fault { what: what.to_owned(), status: Status::UNKNOWN_INTERFACE });
        };
        let security = Some(self.security);
        self.channel.call(what, Call { context, security, opnum, object: None, stub })
    }
}

impl Connector {
    pub(crate) fn resolver(&self) -> Endpoint {
        Endpoint { host: self.target.host.clone(), port: self.target.port }
    }

    /// What the host speaks. Needs no authentication.
    pub(crate) fn alive(&self) -> Result<ComVersion, Error> {
        let what = "IObjectExporter::ServerAlive2 (opnum 5)";
        let mut channel = Channel::connect(self.resolver(), self.options.timeouts)?;
        let bound = channel.bind(&[object_syntax(iid::OBJECT_EXPORTER)], None)?;
        let rpc = |source| Error::Rpc { endpoint: self.resolver(), source };
        let context = bound.context(0).map_err(rpc)?;
        let call = Call { context, security: None, opnum: SERVER_ALIVE_2_OPNUM, object: None, stub: &[] };
        match channel.call(what, call) {
            Ok(stub) => match decode::<ServerAlive2Reply>(what, &stub)?.result {
                Ok((version, _)) => ComVersion::OURS.negotiate(version).map_err(|code| self.refused(code)),
                Err(status) => Err(Error::Fault { what: what.to_owned(), status: Status(status) }),
            },
            // A resolver that does not know the method speaks 5.1 ([MS-DCOM] 3.2.4.1.1.1).
            Err(Error::Fault { status: Status::OP_RANGE, .. }) => Ok(ComVersion::OLDEST),
            Err(error) => Err(error),
        }
    }

    /// Asks the host for the CA's administration object.
    pub(crate) fn activate(&self) -> Result<Found, Error> {
        let version = self.alive()?;
        let interfaces = [Interface::CertAdmin2, Interface::CertAdmin];
        let mut activation = Activation::new(CLSID_CERT_ADMIN, interfaces.map(Interface::iid));
        activation.version = version;
        let syntaxes = [iid::REMOTE_SCM_ACTIVATOR, iid::ACTIVATION, iid::OBJECT_EXPORTER].map(object_syntax);
        let mut resolver = self.secured(self.resolver(), RESOLVER_SERVICE, &syntaxes)?;
        self.confirm(&mut resolver)?;
        let activated = self.create(&mut resolver, activation)?;
        self.found(activated, &interfaces)
    }

    /// The last leg of a bare NTLM logon has no answer: that it was refused shows in the first call. This
    /// is one that everybody may make, so that nothing but the logon can be meant.
    fn confirm(&self, resolver: &mut Secured) -> Result<(), Error> {
        if self.options.method != Method::Ntlm {
            return Ok(());
        }
        let what = "IObjectExporter::ServerAlive2 (opnum 5)";
        match resolver.call(what, 2, SERVER_ALIVE_2_OPNUM, &[]) {
            Err(Error::Fault { status: Status::ACCESS_DENIED, .. }) => {
                let host = self.target.host.clone();
                let target = rpc_auth::Target { service: RESOLVER_SERVICE.to_owned(), host: host.clone() };
                Err(Error::Logon { host, source: self.options.credentials.refused(&target) })
            }
            // A resolver that does not know the method.
            Ok(_) | Err(Error::Fault { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn create(&self, resolver: &mut Secured, activation: Activation) -> Result<Activated, Error> {
        let this = OrpcThis::new(activation.version, random_guid());
        let what = "IRemoteSCMActivator::RemoteCreateInstance (opnum 4)";
        let request = RemoteCreateInstance { this, activation };
        let reply = resolver.call(what, 0, RemoteCreateInstance::OPNUM, &request.to_bytes());
        let result = match reply {
            Ok(stub) => decode::<RemoteCreateInstanceReply>(what, &stub)?.result,
            Err(Error::Fault { status: Status::UNKNOWN_INTERFACE | Status::OP_RANGE, .. }) => {
                let what = "IActivation::RemoteActivation (opnum 0)";
                let request = RemoteActivation { this, activation: request.activation, mode: 0 };
                let stub = resolver.call(what, 1, RemoteActivation::OPNUM, &request.to_bytes())?;
                decode::<RemoteActivationReply>(what, &stub)?.result
            }
            Err(error) => return Err(error),
        };
        result.map_err(|code| self.refused(code))
    }

    /// The better of the interfaces that were given out.
    fn found(&self, activated: Activated, interfaces: &[Interface]) -> Result<Found, Error> {
        // Results are in the order of the request, for both ways of activation.
        let results: Vec<Result<StdObjRef, HResult>> = activated
            .interfaces
            .iter()
            .map(|got| got.object.as_ref().map_err(|code| *code))
            .map(|object| object.and_then(|object| object.standard().copied().ok_or(HResult::NO_INTERFACE)))
            .collect();
        let first = results.iter().zip(interfaces).find_map(|(got, interface)| Some((got.ok()?, *interface)));
        let Some((reference, interface)) = first else {
            let code = results.iter().find_map(|got| got.err()).unwrap_or(HResult::NO_INTERFACE);
            return Err(self.refused(code));
        };
        // The credentials were meant for this host and no other: what else the server calls itself is
        // not tried.
        let host = self.target.host.as_str();
        let bindings = &activated.exporter.bindings;
        let mut endpoints = choose(bindings, host, self.target.port);
        endpoints.retain(|endpoint| endpoint.host == host);
        if endpoints.is_empty() {
            return Err(Error::NoEndpoint { host: host.to_owned() });
        }
        let version = ComVersion::OURS.negotiate(activated.exporter.version);
        Ok(Found {
            endpoints,
            service: service(bindings, host),
            rem_unknown: activated.exporter.rem_unknown,
            version: version.map_err(|code| self.refused(code))?,
            interface,
            ipid: reference.ipid,
            references: results.into_iter().flatten().collect(),
        })
    }

    /// Connects and makes a security context at privacy, for the principal `service/<host>`.
    pub(crate) fn secured(
        &self,
        endpoint: Endpoint,
        service: &str,
        interfaces: &[Syntax],
    ) -> Result<Secured, Error> {
        let host = self.target.host.clone();
        let target = rpc_auth::Target { service: service.to_owned(), host: host.clone() };
        let Options { credentials, method, .. } = &self.options;
        let initiator = credentials
            .initiator(*method, &target)
            .map_err(|source| Error::Logon { host: host.clone(), source })?;
        let mut channel = Channel::connect(endpoint.clone(), self.options.timeouts)?;
        let security = Security { initiator, level: Level::Privacy };
        let bound = channel.bind(interfaces, Some(security)).map_err(|error| match error.is_denied() {
            true => Error::Logon { host, source: credentials.refused(&target) },
            false => error,
        })?;
        let contexts = (0..interfaces.len()).map(|index| bound.context(index).ok()).collect();
        let missing = dcerpc::Error::Context { what: "security", id: 1 };
        let security = bound.security.ok_or(Error::Rpc { endpoint, source: missing })?;
        Ok(Secured { channel, contexts, security })
    }

    fn refused(&self, code: HResult) -> Error {
        Error::Activation { host: self.target.host.clone(), code }
    }
}

/// Service class of the resolver's principal.
pub(crate) const RESOLVER_SERVICE: &str = "RPCSS";

/// The service class in the principal name that the exporter gives for itself ([MS-DCOM] 2.2.19.4). A
/// name on another host is passed over: nobody else's tickets are fetched on a server's word.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
fn service(bindings: &DualStringArray, host: &str) -> String {
    let services = bindings.security.iter().filter_map(|binding| {
        let (service, named) = binding.principal.split_once('/')?;
        let (named, _realm) = named.split_once('@').unwrap_or((named, ""));
        named.eq_ignore_ascii_case(host).then_some(service)
    });
    services.into_iter().next().unwrap_or("host").to_owned()
}

/// Every interface of DCOM has version 0.0.
pub(crate) fn object_syntax(uuid: Guid) -> Syntax {
    let (major, minor) = INTERFACE_VERSION;
    Syntax { uuid, major, minor }
}

pub(crate) fn decode<T: Ndr>(what: &'static str, stub: &[u8]) -> Result<T, Error> {
    T::from_bytes(stub).map_err(|source| Error::Malformed { what, source: source.into() })
}

/// A causality id: one for each call that is not the consequence of another.
pub(crate) fn random_guid() -> Guid {
    let mut bytes = [0; 16];
    // Causality ids only help to tell chains of calls apart: zeros do no harm where there is no
    // randomness.
    let _ = getrandom::fill(&mut bytes);
    Guid::from_bytes(bytes)
}
