//! Somebody between client and server who hands on whole PDUs, remembers them, and cuts.
//!
//! It stands at another loopback address with the server's port numbers: the client prefers the host
//! that it came to, with the ports that the resolver lists, and thus comes back here.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use certsrv::Server;
use csra_client::Target;
use dcom::iid;

/// Where the proxies listen; servers are at 127.0.0.1.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What is done to a PDU instead of handing it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its connection breaks before it.
    Before,
    /// Its connection breaks in the middle of it.
    Within,
    /// Its connection breaks after it.
    After,
    /// It is swallowed, with all that follows on its connection, which stays open.
    Silence,
    /// The host goes: every connection breaks, and every later one breaks at once or is refused.
    Host,
}

/// One of the server's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Port {
    Resolver,
    Exporter,
}

/// What shows of a PDU that passed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pdu {
    pub(crate) port: Port,
    /// Protected: the resolver is asked without protection first, and with it afterwards.
    pub(crate) secured: bool,
    pub(crate) to_server: bool,
    /// `PTYPE`.
    pub(crate) kind: u8,
    /// The last request's presentation context and number.
    pub(crate) method: Option<(u16, u16)>,
}

impl Pdu {
    /// The call of the CA's interface that it carries, if it is a request.
    pub(crate) fn call(&self) -> Option<certadm::Call> {
        let is_request = self.port == Port::Exporter && self.to_server && self.kind == REQUEST;
        let (_, opnum) = self.method.filter(|(context, _)| is_request && *context == 0)?;
        certadm::Call::from_opnum(opnum)
    }
}

/// A proxy before a server, until it is dropped: then all its connections break.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    addresses: [SocketAddr; 2],
    listeners: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Number of the PDU, from 1, to which something happens.
    plan: Option<(usize, Cut)>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    log: Vec<Pdu>,
    /// Answers to pings.
    pings: usize,
    streams: Vec<TcpStream>,
    pumps: Vec<JoinHandle<()>>,
    gone: bool,
}

impl Proxy {
    /// Hands everything on, but for what `plan` says happens to one PDU.
    ///
    /// Pings are neither counted nor remembered: they come when they like, on connections of their own.
    pub(crate) fn new(server: &Server, plan: Option<(usize, Cut)>) -> Self {
        let shared = Arc::new(Shared { plan, state: Mutex::default(), changed: Condvar::new() });
        let servers = server.local_addrs();
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for (port, to) in [(Port::Resolver, servers.resolver), (Port::Exporter, servers.exporter)] {
            let address = SocketAddr::from((ADDRESS, to.port()));
            let listener = TcpListener::bind(address).expect("listen beside the server");
            addresses.push(address);
            let shared = Arc::clone(&shared);
            listeners.push(thread::spawn(move || shared.listen(&listener, port, to)));
        }
        Self { shared, addresses: addresses.try_into().unwrap(), listeners }
    }

    /// The CA behind the server, as it is reached from here.
    pub(crate) fn target(&self, ca: &str) -> Target {
        let address = self.addresses[0];
        Target { host: address.ip().to_string(), port: address.port(), name: Some(ca.to_owned()) }
    }

    /// What passed until now; a PDU to which something happened is the last one before it did.
    pub(crate) fn log(&self) -> Vec<Pdu> {
        self.shared.lock().log.clone()
    }

    /// Waits until `count` more pings were answered.
    pub(crate) fn wait_for_pings(&self, count: usize) {
        let state = self.shared.lock();
        let wanted = state.pings + count;
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| state.pings < wanted);
        assert!(!waited.unwrap().1.timed_out(), "no {count} pings came");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.go(&mut self.shared.lock());
        for address in self.addresses {
            drop(TcpStream::connect(address));
        }
        for listener in self.listeners.drain(..) {
            let _ = listener.join();
        }
        let pumps = std::mem::take(&mut self.shared.lock().pumps);
        pumps.into_iter().for_each(|pump| drop(pump.join()));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener, port: Port, to: SocketAddr) {
        // The first connection after the host went is dropped, and the listener with it: later ones
        // are refused.
        while let Ok((client, _)) = listener.accept() {
            if !self.take(client, port, to) {
                return;
            }
        }
    }

    /// Hands a connection on; false when nobody listens any more.
    fn take(self: &Arc<Self>, client: TcpStream, port: Port, to: SocketAddr) -> bool {
        let mut state = self.lock();
        if state.gone {
            return false;
        }
        let Ok(server) = TcpStream::connect(to) else { return true };
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("set an option of a socket");
            state.streams.push(stream.try_clone().expect("copy a socket"));
        }
        let connection = Arc::new(Mutex::new(Connection::new(port)));
        let pair = |stream: &TcpStream| stream.try_clone().expect("copy a socket");
        for (from, to, to_server) in [(pair(&client), pair(&server), true), (server, client, false)] {
            let (shared, connection) = (Arc::clone(self), Arc::clone(&connection));
            state.pumps.push(thread::spawn(move || {
                shared.pump(&from, &to, to_server, &connection);
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            }));
        }
        true
    }

    fn pump(
        &self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        to_server: bool,
        connection: &Mutex<Connection>,
    ) {
        let mut pdu = vec![0; HEADER];
        loop {
            pdu.resize(HEADER, 0);
            if from.read_exact(&mut pdu).is_err() {
                return;
            }
            let length = usize::from(u16::from_le_bytes([pdu[8], pdu[9]]));
            pdu.resize(length.max(HEADER), 0);
            if from.read_exact(&mut pdu[HEADER..]).is_err() {
                return;
            }
            let cut = self.judge(&mut connection.lock().unwrap(), to_server, &pdu);
            let sent = match cut {
                None | Some(Cut::After) => &pdu[..],
                Some(Cut::Within) => &pdu[..length / 2],
                Some(Cut::Silence) => continue,
                Some(Cut::Before | Cut::Host) => return,
            };
            if to.write_all(sent).is_err() || cut.is_some() {
                return;
            }
        }
    }

    /// Remembers a PDU and says what happens to it.
    fn judge(&self, connection: &mut Connection, to_server: bool, pdu: &[u8]) -> Option<Cut> {
        let mut state = self.lock();
        let kind = pdu[2];
        if kind == BIND {
            connection.secured = pdu[10..12] != [0, 0];
            // The only ones who ask the resolver for this interface with security.
            let interface = pdu.get(32..48).is_some_and(|uuid| *uuid == iid::OBJECT_EXPORTER.to_bytes());
            connection.is_ping = connection.secured && interface;
        }
        if kind == REQUEST {
            let number = |at: usize| u16::from_le_bytes([pdu[at], pdu[at + 1]]);
            connection.method = Some((number(20), number(22)));
        }
        if connection.silent {
            return Some(Cut::Silence);
        }
        if connection.is_ping {
            state.pings += usize::from(kind == RESPONSE);
            self.changed.notify_all();
            return None;
        }
        let Connection { port, secured, method, .. } = *connection;
        state.log.push(Pdu { port, secured, to_server, kind, method });
        let (number, cut) = self.plan?;
        if number != state.log.len() {
            return None;
        }
        match cut {
            Cut::Host => self.go(&mut state),
            Cut::Silence => connection.silent = true,
            _ => {}
        }
        Some(cut)
    }

    fn go(&self, state: &mut State) {
        state.gone = true;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

struct Connection {
    port: Port,
    secured: bool,
    is_ping: bool,
    method: Option<(u16, u16)>,
    silent: bool,
}

impl Connection {
    fn new(port: Port) -> Self {
        Self { port, secured: false, is_ping: false, method: None, silent: false }
    }
}

const HEADER: usize = 16;
pub(crate) const REQUEST: u8 = 0;
pub(crate) const RESPONSE: u8 = 2;
const BIND: u8 = 11;
/// For what comes at once unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
