//! One TCP connection with one association on it: bytes in and out, deadlines.

use std::fmt::Display;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use dcerpc::client::{Association, Bound, Call, Config, Event, Security};
use dcerpc::{HEADER_LEN, Syntax, frag_len};
use dcom::Endpoint;
use socket2::{SockRef, TcpKeepalive};

use crate::Error;

/// How long the network may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a TCP connection, per address.
    pub connect: Duration,
    /// For a whole answer, from the moment its request was sent.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), answer: Duration::from_secs(300) }
    }
}

pub(crate) struct Channel {
    endpoint: Endpoint,
    stream: TcpStream,
    association: Association,
    answer: Duration,
    /// What was read and not yet taken: `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    out: Vec<u8>,
}

/// Silence after which the system asks the peer for a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Room for several of the largest fragments, so that one system call brings more than one.
const BUFFER: usize = 256 * 1024;

impl Channel {
    /// Connects; the addresses of a name are tried in order.
    pub(crate) fn connect(endpoint: Endpoint, timeouts: Timeouts) -> Result<Self, Error> {
        let host = endpoint.host.as_str();
        let resolve = |source| Error::Resolve { host: host.to_owned(), source };
        let addresses = (host, endpoint.port).to_socket_addrs().map_err(resolve)?;
        let mut last = ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            match TcpStream::connect_timeout(&address, timeouts.connect) {
                Ok(stream) => return Ok(Self::over(stream, endpoint, timeouts.answer)),
                Err(error) => last = error,
            }
        }
        Err(Error::Connect { endpoint, source: last })
    }

    fn over(stream: TcpStream, endpoint: Endpoint, answer: Duration) -> Self {
        // Small requests wait for nothing; without this option they are only slower.
        let _ = stream.set_nodelay(true);
        // The connection is idle while a set is read back: firewalls forget such connections.
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
        Self {
            endpoint,
            stream,
            association: Association::new(Config::default()),
            answer,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            out: Vec::new(),
        }
    }

    pub(crate) fn bind(&mut self, interfaces: &[Syntax], security: Option<Security>) -> Result<Bound, Error> {
        self.association.bind(interfaces, security, &mut self.out).map_err(rpc(&self.endpoint))?;
        match self.event()? {
            Event::Bound(bound) => Ok(bound),
            event => Err(self.unexpected(&event)),
        }
    }

    /// Makes a call and returns the stub of its answer.
    pub(crate) fn call(&mut self, what: impl Display, call: Call<'_>) -> Result<Vec<u8>, Error> {
        self.association.call(call, &mut self.out).map_err(rpc(&self.endpoint))?;
        match self.event()? {
            Event::Reply { stub, .. } => Ok(stub),
            Event::Fault { status, .. } => Err(Error::Fault { what: what.to_string(), status }),
            event => Err(self.unexpected(&event)),
        }
    }

    /// Sends what is to be sent and reads until something came of it.
    fn event(&mut self) -> Result<Event, Error> {
        let deadline = Instant::now().checked_add(self.answer);
        loop {
            self.send()?;
            let length = self.whole_pdu(deadline)?;
            let end = self.start.saturating_add(length);
            let pdu = self.buffer.get_mut(self.start..end).unwrap_or_default();
            self.start = end;
            let event = self.association.receive(pdu, &mut self.out).map_err(rpc(&self.endpoint))?;
            match event {
                // Asked to close when idle, and we are not.
                Some(Event::Shutdown) | None => {}
                Some(event) => {
                    self.send()?;
                    return Ok(event);
                }
            }
        }
    }

    fn send(&mut self) -> Result<(), Error> {
        if self.out.is_empty() {
            return Ok(());
        }
        let timeout = Some(self.answer);
        let sent = self.stream.set_write_timeout(timeout).and_then(|()| self.stream.write_all(&self.out));
        self.out.clear();
        sent.map_err(|error| self.broken(error))
    }

    /// Reads until a whole PDU lies at `start`; its length.
    fn whole_pdu(&mut self, deadline: Option<Instant>) -> Result<usize, Error> {
        loop {
            let there = self.buffer.get(self.start..self.end).unwrap_or_default();
            let need = match there.first_chunk::<HEADER_LEN>() {
                Some(header) => frag_len(header).map_err(rpc(&self.endpoint))?,
                None => HEADER_LEN,
            };
            if there.len() >= need {
                return Ok(need);
            }
            self.read_more(need, deadline)?;
        }
    }

    fn read_more(&mut self, need: usize, deadline: Option<Instant>) -> Result<(), Error> {
        if self.start.saturating_add(need) > self.buffer.len() || self.start == self.end {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(self.late());
        }
        self.stream.set_read_timeout(left).map_err(|error| self.broken(error))?;
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.stream.read(room) {
            Ok(0) => Err(self.broken(ErrorKind::UnexpectedEof.into())),
            Ok(count) => {
                self.end = self.end.saturating_add(count);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(self.broken(error)),
        }
    }

    fn broken(&self, source: std::io::Error) -> Error {
        match source.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.late(),
            _ => Error::Broken { endpoint: self.endpoint.clone(), source },
        }
    }

    fn late(&self) -> Error {
        Error::Timeout { endpoint: self.endpoint.clone(), after: self.answer }
    }

    fn unexpected(&self, event: &Event) -> Error {
        let text = format!("{event:?}");
        let source = std::io::Error::new(ErrorKind::InvalidData, format!("unexpected {text:.40}"));
        Error::Broken { endpoint: self.endpoint.clone(), source }
    }
}

fn rpc(endpoint: &Endpoint) -> impl FnOnce(dcerpc::Error) -> Error {
    let endpoint = endpoint.clone();
    move |source| Error::Rpc { endpoint, source }
}
