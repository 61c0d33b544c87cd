//! What all connections share: the CA, the objects of its clients, who may come.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use certadm::server::Caller;
use csra::server::Object;
use dcerpc::security::Authenticator;
use dcom::exporter::Exporter;
use dcom::server::{Limits, ObjectTable};
use dcom::{ComVersion, Ipid, Oid, Oxid};
use dtyp::{Guid, HResult};
use tracing::{info, warn};

use super::answer::{UserNumber, Who};
use super::faults::Plan;
use super::{LocalAddrs, Role, ServerOptions, bindings, exporter, mgmt, resolver};
use crate::engine::DirectoryEngine;
use crate::services::CaServices;
use crate::site::Site;
use crate::{Error, users};

/// A server's state.
pub(super) struct Host {
    site: Arc<Site>,
    options: ServerOptions,
    addrs: LocalAddrs,
    authenticator: Arc<dyn Authenticator>,
    resolver: Arc<dcerpc::server::Config>,
    exporter: Arc<dcerpc::server::Config>,
    /// The exporter's id, and what its `IRemUnknown` goes by: those of the table, known without a lock.
    pub(super) oxid: Oxid,
    pub(super) rem_unknown: Ipid,
    table: Mutex<ObjectTable<Arc<CaObject>>>,
    /// The objects of the table, for the question whose there are.
    owners: Mutex<Vec<Weak<CaObject>>>,
    unregistered: Arc<AtomicBool>,
    stopping: AtomicBool,
}

/// An activated object: one client's view of the CA.
pub(super) struct CaObject {
    /// INVARIANT: nobody else is served.
    pub(super) user: UserNumber,
    /// Locked for the length of a call.
    pub(super) state: Mutex<CaState>,
}

/// What a call works on.
pub(super) struct CaState {
    pub(super) object: Object<DirectoryEngine, CaServices>,
    pub(super) plan: Plan,
}

impl Host {
    pub(super) fn new(site: &Arc<Site>, addrs: LocalAddrs, options: ServerOptions) -> Result<Self, Error> {
        // Ids are drawn where nothing can fail any more: a system without randomness shows here.
        getrandom::fill(&mut [0; 16]).map_err(|cause| Error::Listen {
            address: addrs.resolver,
            cause: std::io::Error::other(cause.to_string()),
        })?;
        let config = |interfaces: Vec<dcerpc::Syntax>, port: u16| dcerpc::server::Config {
            interfaces,
            max_fragment: options.max_fragment,
            max_request: MAX_REQUEST,
            secondary_address: port.to_string(),
            ..dcerpc::server::Config::default()
        };
        let table = ObjectTable::new(Limits::default(), &mut random);
        Ok(Self {
            oxid: table.oxid(),
            rem_unknown: table.rem_unknown(),
            table: Mutex::new(table),
            authenticator: users::authenticator(site)?,
            resolver: Arc::new(config(resolver::interfaces(), addrs.resolver.port())),
            exporter: Arc::new(config(exporter::interfaces(), addrs.exporter.port())),
            site: Arc::clone(site),
            options,
            addrs,
            owners: Mutex::default(),
            unregistered: Arc::default(),
            stopping: AtomicBool::new(false),
        })
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    pub(super) fn options(&self) -> &ServerOptions {
        &self.options
    }

    pub(super) fn authenticator(&self) -> Arc<dyn Authenticator> {
        Arc::clone(&self.authenticator)
    }

    pub(super) fn config(&self, role: Role) -> &Arc<dcerpc::server::Config> {
        match role {
            Role::Resolver => &self.resolver,
            Role::Exporter => &self.exporter,
        }
    }

    pub(super) fn now(&self) -> Duration {
        (self.options.clock)()
    }

    pub(super) fn ping_period(&self) -> Duration {
        let configured = Duration::from_secs(self.site.config.network.ping_period.into());
        self.options.ping_period.unwrap_or(configured)
    }

    pub(super) fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// `ServerControl` gave the class up.
    pub(super) fn is_unregistered(&self) -> bool {
        self.unregistered.load(Ordering::Relaxed)
    }

    /// The objects. To be let go before anything else of the host is asked.
    pub(super) fn table(&self) -> MutexGuard<'_, ObjectTable<Arc<CaObject>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new object for a user.
    pub(super) fn object(&self, who: Who) -> Arc<CaObject> {
        let gate = self.site.config.gate();
        let engine = DirectoryEngine::new(Arc::clone(&self.site));
        let services =
            CaServices { site: Arc::clone(&self.site), unregistered: Arc::clone(&self.unregistered) };
        // Calls that are not sealed never get to the object, however it was activated.
        let caller = Caller { sealed: true, ..who.caller };
        let state = CaState {
            object: Object::new(gate, caller, engine, services),
            plan: Plan::new(&self.site.config.faults),
        };
        let object = Arc::new(CaObject { user: who.user, state: Mutex::new(state) });
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|other| other.strong_count() > 0);
        owners.push(Arc::downgrade(&object));
        object
    }

    /// The object and interface behind an IPID, for its owner only, whose sign of life that is.
    pub(super) fn find(&self, ipid: Ipid, user: UserNumber) -> Result<(Oid, Guid, Arc<CaObject>), HResult> {
        let now = self.now();
        let mut table = self.table();
        if table.object(ipid)?.user != user {
            return Err(HResult::ACCESS_DENIED);
        }
        let (oid, iid, object) = table.call(ipid, now)?;
        Ok((oid, iid, Arc::clone(object)))
    }

    /// Where the exporter is, for a client that came to `local`.
    pub(super) fn exporter(&self, local: IpAddr) -> Exporter {
        let port = Some(self.addrs.exporter.port());
        Exporter {
            bindings: bindings::at(&self.site.config, local, port),
            rem_unknown: self.rem_unknown,
            authn_hint: dcerpc::security::Level::Privacy.code().into(),
            version: ComVersion::OURS,
        }
    }

    /// Where the resolver is, for a client that came to `local`.
    pub(super) fn resolver(&self, local: IpAddr) -> dcom::DualStringArray {
        let port = Some(self.addrs.resolver.port()).filter(|port| *port != WELL_KNOWN_PORT);
        bindings::at(&self.site.config, local, port)
    }

    /// Gives up objects that were released or whose clients are lost.
    pub(super) fn reclaim(&self) -> usize {
        // Who makes a call has a second reference: a client that waits for an answer is not lost.
        let is_busy = |object: &Arc<CaObject>| Arc::strong_count(object) > 1;
        let lost = self.table().reclaim(self.now(), self.ping_period(), is_busy);
        for (oid, object) in &lost {
            let name = self.site.config.users.get(object.user.0).map(|user| user.name.as_str());
            info!(%oid, user = name, "object given up: released, or its client is lost");
        }
        lost.len()
    }

    pub(super) fn objects(&self) -> usize {
        self.table().len()
    }

    /// Objects of a user at the moment.
    pub(super) fn objects_of(&self, user: UserNumber) -> usize {
        let objects = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        objects.iter().filter_map(Weak::upgrade).filter(|object| object.user == user).count()
    }

    /// All objects go, and their sessions with them.
    pub(super) fn drop_objects(&self) {
        let old = std::mem::replace(&mut *self.table(), ObjectTable::new(Limits::default(), &mut random));
        if !old.is_empty() {
            warn!(objects = old.len(), "objects given up: the server stops");
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("dir", &self.site.dir).finish_non_exhaustive()
    }
}

/// An unpredictable id. That there is randomness at all was seen at the start.
pub(super) fn random() -> [u8; 16] {
    let mut id = [0; 16];
    let _ = getrandom::fill(&mut id);
    id
}

/// Longest request, in bytes: certificates to import are the largest thing that clients send.
const MAX_REQUEST: u32 = 0x4_0000;
/// Port of a resolver whose bindings need none.
const WELL_KNOWN_PORT: u16 = 135;

pub(super) use mgmt::INTERFACE as MGMT;
