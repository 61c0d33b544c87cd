//! The CA on the network: a resolver that activates, an exporter that serves.
//!
//! Blocking sockets, one thread a connection. What a client may cost is bounded by [`ServerOptions`]:
//! connections, time without saying who it is, time within a PDU, objects, bytes of a request.
//!
//! Source: [MS-DCOM] 3.1 (server details); [MS-CSRA] 3.1.
//!
//! [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::info;

use crate::{CaDirectory, Error};
use connections::Connections;
use host::Host;

mod activation;
mod answer;
mod bindings;
mod connections;
mod drive;
mod exporter;
mod faults;
mod host;
mod inlet;
mod listener;
mod mgmt;
mod resolver;

/// Any clock that does not go back, from any start.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What a server allows its clients, and how it tells the time.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Connections at a time, for each of the two listeners. One more is closed at once. Default 64.
    pub max_connections: usize,
    /// Time from the connection to the proof of being a user of `ca.toml`, whatever comes meanwhile.
    /// Default 30 s.
    pub logon_timeout: Duration,
    /// Time for one PDU to arrive once its first byte is there; and, while a reply is sent, time in
    /// which the client has to take some of it. Default 60 s.
    pub pdu_timeout: Duration,
    /// Time without a call after which a connection is closed when its user has no object. With an
    /// object it stays: pings and calls decide how long that lives. Default 10 min.
    pub idle_timeout: Duration,
    /// Overrides `ping_period` of `ca.toml`, for tests.
    pub ping_period: Option<Duration>,
    /// Longest fragment, in bytes. Default 65528; clients may ask for less.
    pub max_fragment: u16,
    /// What pings and calls are timed by. Default: the time since the server was started.
    pub clock: Clock,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let start = Instant::now();
        Self {
            max_connections: 64,
            logon_timeout: Duration::from_secs(30),
            pdu_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            ping_period: None,
            max_fragment: dcerpc::MAX_FRAGMENT,
            clock: Arc::new(move || start.elapsed()),
        }
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("max_connections", &self.max_connections)
            .field("ping_period", &self.ping_period)
            .field("max_fragment", &self.max_fragment)
            .finish_non_exhaustive()
    }
}

/// Where a [`Server`] listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAddrs {
    /// What clients dial first: 135 on a Windows CA.
    pub resolver: SocketAddr,
    /// Where the CA's own interfaces are; clients learn it from the resolver.
    pub exporter: SocketAddr,
}

/// A CA directory served on background threads, until it is stopped or dropped.
///
/// A session belongs to an activated object, not to a connection: closing a connection ends nothing,
/// as in all of DCOM. The object goes when its client releases it or gives no sign of life for three
/// ping periods, and an open backup is aborted with it.
///
/// `ca.toml` is read once; what it says later counts for the next server.
#[derive(Debug)]
pub struct Server {
    host: Arc<Host>,
    addrs: LocalAddrs,
    listeners: Vec<JoinHandle<()>>,
    connections: Arc<Connections>,
    reaper: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Server {
    /// Binds both ports and serves.
    ///
    /// # Errors
    /// Ports that are taken; a keytab that cannot be read; and the operating system's.
    pub fn start(ca: &CaDirectory, options: ServerOptions) -> Result<Self, Error> {
        let network = &ca.config().network;
        let bind = |port| {
            let address = SocketAddr::new(network.address, port);
            let bound = TcpListener::bind(address).and_then(|l| l.local_addr().map(|address| (l, address)));
            bound.map_err(|cause| Error::Listen { address, cause })
        };
        let (resolver, resolver_address) = bind(network.resolver_port)?;
        let (exporter, exporter_address) = bind(network.exporter_port)?;
        let addrs = LocalAddrs { resolver: resolver_address, exporter: exporter_address };
        let host = Arc::new(Host::new(ca.site(), addrs, options)?);
        let connections = Arc::new(Connections::default());
        let mut server = Self { host, addrs, listeners: Vec::new(), connections, reaper: None };
        for (listener, role) in [(resolver, Role::Resolver), (exporter, Role::Exporter)] {
            let (host, connections) = (Arc::clone(&server.host), Arc::clone(&server.connections));
            let run = move || listener::run(&listener, role, &host, &connections);
            server.listeners.push(spawn("certsrv-listener", run, addrs.resolver)?);
        }
        let (stop, stopped) = mpsc::channel();
        let host = Arc::clone(&server.host);
        let tick = host.ping_period().checked_div(4).unwrap_or_default().clamp(MIN_TICK, MAX_TICK);
        let reap = move || {
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                host.reclaim();
            }
        };
        server.reaper = Some((stop, spawn("certsrv-reaper", reap, addrs.resolver)?));
        info!(resolver = %addrs.resolver, exporter = %addrs.exporter, ca = %ca.authority(), "serving");
        Ok(server)
    }

    /// Where it listens.
    pub fn local_addrs(&self) -> LocalAddrs {
        self.addrs
    }

    /// Gives up the objects of lost clients now, and says how many there were. It happens by itself
    /// four times in a ping period.
    pub fn reclaim(&self) -> usize {
        self.host.reclaim()
    }

    /// Activated objects at the moment.
    pub fn objects(&self) -> usize {
        self.host.objects()
    }

    /// Connections at the moment, of both listeners.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Stops: no new connections, running calls are finished and answered, then all is closed. Open
    /// backup sessions are aborted.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.host.begin_stop();
        for (listener, address) in self.listeners.drain(..).zip([self.addrs.resolver, self.addrs.exporter]) {
            listener::end(listener, address);
        }
        self.connections.close(GRACE);
        if let Some((stop, reaper)) = self.reaper.take() {
            drop(stop);
            let _ = reaper.join();
        }
        self.host.drop_objects();
        info!(resolver = %self.addrs.resolver, "stopped");
    }
}

/// Which of the two listeners a connection came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Resolver,
    Exporter,
}

fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
    address: SocketAddr,
) -> Result<JoinHandle<()>, Error> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|cause| Error::Listen { address, cause })
}

/// How often lost clients are looked for, at most and at least.
const MIN_TICK: Duration = Duration::from_millis(20);
const MAX_TICK: Duration = Duration::from_secs(30);
/// Time that running calls have to be finished and answered when the server stops.
const GRACE: Duration = Duration::from_secs(10);
