//! Drives one association over one socket.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use dcerpc::server::{Association, Event, Request, SecurityInfo};
use tracing::{Span, debug, info, info_span, warn};

use super::answer::{Answer, UserNumber};
use super::host::Host;
use super::inlet::{Arrival, Inlet};
use super::{Role, exporter, resolver};

/// A connection as the dispatchers see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// The address that the client came to.
    pub(super) local: IpAddr,
}

struct Connection<'a> {
    host: &'a Host,
    role: Role,
    stream: &'a TcpStream,
    association: Association,
    peer: Peer,
    begun: Instant,
    /// A user of `ca.toml` proved who he is. Anybody else who did is a stranger still.
    proven: Option<UserNumber>,
    out: Vec<u8>,
}

/// Serves until the client goes, does what it may not, or the server stops.
pub(super) fn serve(host: &Host, role: Role, stream: TcpStream, address: SocketAddr, number: u32) {
    let span = info_span!("connection", number, peer = %address, ?role, user = tracing::field::Empty);
    let _entered = span.enter();
    let association = Association::new(host.config(role).clone(), host.authenticator(), number);
    let local = stream.local_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
    let mut connection = Connection {
        host,
        role,
        stream: &stream,
        association,
        peer: Peer { local },
        begun: Instant::now(),
        proven: None,
        out: Vec::new(),
    };
    match connection.run() {
        Ok(()) => debug!("closed"),
        Err(error) => debug!(%error, "closed"),
    }
}

impl Connection<'_> {
    fn run(&mut self) -> io::Result<()> {
        let options = self.host.options();
        self.stream.set_nodelay(true)?;
        self.stream.set_write_timeout(Some(options.pdu_timeout))?;
        let mut inlet = Inlet::new(self.stream);
        loop {
            // Whoever does not say who he is gets this long, whatever he does meanwhile.
            let end = match self.proven {
                Some(_) => None,
                None => self.begun.checked_add(options.logon_timeout),
            };
            match inlet.next(options.idle_timeout, options.pdu_timeout, end)? {
                Arrival::Pdu(pdu) => {
                    if self.take(pdu)? {
                        return Ok(());
                    }
                }
                Arrival::Silence if self.is_awaited() => {}
                // Nothing more is read from the client, who still is to be told.
                Arrival::End if self.host.is_stopping() => {}
                Arrival::Silence | Arrival::End => return Ok(()),
            }
            if self.host.is_stopping() {
                // A client that has not bound yet cannot be told.
                let _ = self.association.shut_down(&mut self.out);
                return self.send();
            }
        }
    }

    /// A silent client that has objects may come back to them.
    fn is_awaited(&self) -> bool {
        self.proven.is_some_and(|user| self.host.objects_of(user) > 0)
    }

    /// Takes one PDU; true when the connection is to be closed.
    fn take(&mut self, pdu: &mut [u8]) -> io::Result<bool> {
        let received = self.association.receive(pdu, &mut self.out);
        self.send()?;
        match received {
            Ok(None) => {}
            Ok(Some(Event::Authenticated(security))) => self.welcome(&security),
            Ok(Some(Event::Refused(error))) => warn!(%error, "logon refused"),
            Ok(Some(Event::Request(request))) => return self.answer(&request),
            // Calls are answered before the next PDU is read, so there is nothing to end early.
            Ok(Some(_)) => {}
            Err(dcerpc::Error::Security(error)) if self.proven.is_none() => {
                warn!(%error, "logon refused");
                return Ok(true);
            }
            Err(error) => {
                warn!(%error, "connection refused to go on");
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn welcome(&mut self, security: &SecurityInfo) {
        let identity = &security.identity;
        let users = &self.host.site().config.users;
        let known = users.iter().position(|user| user.is(&identity.user, &identity.domain));
        Span::current().record("user", tracing::field::display(identity));
        match known {
            Some(_) => info!(mechanism = identity.mechanism, level = ?security.level, "logon"),
            None => warn!(mechanism = identity.mechanism, "logon of somebody `ca.toml` does not know"),
        }
        // Who came first stays when a second one of the connection is unknown.
        self.proven = known.map(UserNumber).or(self.proven);
    }

    fn answer(&mut self, request: &Request) -> io::Result<bool> {
        let begun = Instant::now();
        let answer = match self.role {
            Role::Resolver => resolver::answer(self.host, self.peer, request),
            Role::Exporter => exporter::answer(self.host, self.peer, request),
        };
        let Request { call_id, interface, opnum, .. } = request;
        let took = begun.elapsed();
        match answer {
            Answer::Reply(stub) => {
                debug!(call_id, %interface, opnum, bytes = stub.len(), ?took, "answered");
                self.respond(*call_id, &stub)?;
            }
            Answer::Fault(status) => {
                debug!(call_id, %interface, opnum, %status, ?took, "faulted");
                self.association.fault(*call_id, status, &mut self.out).map_err(io::Error::other)?;
                self.send()?;
            }
            Answer::Cut => {
                info!(call_id, %interface, opnum, "connection cut on purpose");
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends results: the first fragments are on their way while later ones are made.
    fn respond(&mut self, call_id: u32, stub: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        let mut fragments = self.association.respond(call_id, stub).map_err(io::Error::other)?;
        while fragments.append_next(&mut self.out).map_err(io::Error::other)? {
            if self.out.len() >= CHUNK {
                stream.write_all(&self.out)?;
                self.out.clear();
            }
        }
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        let mut stream = self.stream;
        if !self.out.is_empty() {
            stream.write_all(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }
}

/// Bytes after which a reply is sent on, in part.
const CHUNK: usize = 128 * 1024;
