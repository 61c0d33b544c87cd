//! The server's side of an association: answers binds, authenticates, takes requests apart, answers
//! them. No I/O.
//!
//! The driver hands in one whole PDU at a time, cut by [`frag_len`](crate::frag_len) or
//! [`Framer`](crate::Framer), sends what is appended to `out`, also when there is an error, and closes
//! the connection after an error.
//!
//! Nothing here asks for authentication: a request without it comes with `security: None`, and the
//! dispatcher decides what it is ready to answer.
//!
//! Source: [C706] 12.6 and 9.3; [MS-RPCE] 3.3.3.
//!
//! [C706]: https://publications.opengroup.org/c706
//! [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/

mod bind;
mod request;
mod security;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dtyp::Guid;

use self::request::Incoming;
use self::security::Contexts;
use crate::fragments::Head;
use crate::pdu::{Body, Fault, Features, Flags, Header, Packet, PacketType, ResponseHead};
use crate::security::{AuthService, Authenticator, Identity, Level, SecurityError};
use crate::{Error, Fragments, MAX_FRAGMENT, MIN_FRAGMENT, Status, Syntax};

/// What a server offers; shared by all its associations.
#[derive(Debug, Clone)]
pub struct Config {
    /// Interfaces served. A client's version fits when the major number is the same and its minor
    /// number is not higher.
    pub interfaces: Vec<Syntax>,
    /// Longest fragment sent and taken, in bytes: rounded down to a multiple of 8, at least
    /// [`MIN_FRAGMENT`]. Default [`MAX_FRAGMENT`]; the client
    /// may lower it.
    pub max_fragment: u16,
    /// Longest stub of a request, in bytes; a longer one is answered with fault 5. Default 4 MiB
    /// ([MS-RPCE] 3.3.3.5.4).
    ///
    /// [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/
    pub max_request: u32,
    /// Presentation contexts of one association; more are rejected. Default 64.
    pub max_contexts: usize,
    /// Security contexts of one association; one more closes it. Default 16.
    pub max_security_contexts: usize,
    /// Bind-time features granted to clients that ask for them. Default all.
    pub features: Features,
    /// Secondary address for bind_ack (`sec_addr`); for TCP the port as text. Default empty.
    pub secondary_address: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            max_fragment: MAX_FRAGMENT,
            max_request: 0x40_0000,
            max_contexts: 64,
            max_security_contexts: 16,
            features: Features::ALL,
            secondary_address: String::new(),
        }
    }
}

/// What a client wants or did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A security context was established.
    Authenticated(SecurityInfo),
    /// The last leg (auth3) was refused. It has no answer on the wire: the next request is answered
    /// with fault 5 and ends the association.
    Refused(SecurityError),
    /// A call to answer with [`Association::respond`] or [`Association::fault`], before the next PDU
    /// is handed in where the driver works one call at a time.
    Request(Request),
    /// The client would like the call to end early; it still wants an answer.
    Cancelled {
        /// The call that was handed out and is not answered yet.
        call_id: u32,
    },
    /// The client no longer wants the answer: `respond` and `fault` append nothing for this call.
    Orphaned {
        /// The call that was handed out and is not answered yet.
        call_id: u32,
    },
}

/// A whole request: decrypted, checked, put together.
#[derive(Debug)]
pub struct Request {
    /// To answer with.
    pub call_id: u32,
    /// The interface called, as the server's configuration spells it.
    pub interface: Syntax,
    /// Number of the method. May be out of range: answer [`Status::OP_RANGE`].
    pub opnum: u16,
    /// Object UUID: for DCOM the IPID.
    pub object: Option<Guid>,
    /// Parameters in NDR, without padding and verification trailer.
    pub stub: Vec<u8>,
    /// Who calls, and how well protected; `None` without authentication.
    pub security: Option<SecurityInfo>,
}

/// An established security context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityInfo {
    /// The mechanism of the trailer.
    pub service: AuthService,
    /// Protection of each fragment; both directions use the same.
    pub level: Level,
    /// Who the client is.
    pub identity: Arc<Identity>,
}

/// A server's association: one connection.
///
/// What it answers by itself, besides binds:
///
/// ```text
/// fragment altered, replayed, left out             fault 0x721, closed
/// trailer missing, of another level or context     fault 5, closed
/// anything after authentication was refused        fault 5, closed
/// verification trailer that does not fit           fault 5, closed
/// stub above the limit                             fault 5, closed
/// fragments or PDUs out of order                   fault nca_s_proto_error, closed
/// presentation context not accepted                fault nca_s_unk_if
/// mechanism or level not served                    bind_nak 8, or fault 5; closed
/// token refused                                    bind_nak 9, or fault 5; closed
/// ```
pub struct Association {
    config: Arc<Config>,
    authenticator: Arc<dyn Authenticator>,
    group: u32,
    phase: Phase,
    /// Agreed length, in both directions.
    max_fragment: u16,
    header_signing: bool,
    /// Accepted presentation contexts, with the interface as the configuration spells it.
    contexts: BTreeMap<u16, Syntax>,
    security: Contexts,
    /// A request whose last fragment has not come.
    incoming: Option<Incoming>,
    /// A request that was handed out and is not answered.
    open: Option<Open>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Bound,
    /// The last leg of a security exchange was refused.
    Refused,
    Closed,
}

struct Open {
    call_id: u32,
    context: u16,
    security: Option<u32>,
    is_orphaned: bool,
}

impl Association {
    /// An association over a connection that was just accepted. `group` answers a client that asks
    /// for a new association group: any number but 0, different per client.
    pub fn new(config: Arc<Config>, authenticator: Arc<dyn Authenticator>, group: u32) -> Self {
        let max_fragment = (config.max_fragment & !7).max(MIN_FRAGMENT);
        Self {
            config,
            authenticator,
            group,
            phase: Phase::New,
            max_fragment,
            header_signing: false,
            contexts: BTreeMap::new(),
            security: Contexts::default(),
            incoming: None,
            open: None,
        }
    }

    /// Takes one PDU; decrypts it where it lies. `None` while more is to come. May block where the
    /// mechanism's step does. What is appended to `out` must be sent in any case.
    ///
    /// # Errors
    /// Anything the protocol or the security context does not allow; `out` then ends with the
    /// bind_nak or fault that tells the client, where there is one. The association is closed.
    pub fn receive(&mut self, pdu: &mut [u8], out: &mut Vec<u8>) -> Result<Option<Event>, Error> {
        if self.phase == Phase::Closed {
            return Err(self.out_of_order("receive"));
        }
        let result = self.take(pdu, out);
        if result.is_err() {
            self.phase = Phase::Closed;
        }
        result
    }

    fn take(&mut self, pdu: &mut [u8], out: &mut Vec<u8>) -> Result<Option<Event>, Error> {
        let header = match Header::decode(pdu) {
            Err(error @ Error::Version { .. }) => return Err(bind::refuse_version(pdu, error, out)),
            other => other?,
        };
        match header.kind {
            PacketType::Bind => self.bind(&header, pdu, out),
            PacketType::AlterContext => self.alter(&header, pdu, out),
            PacketType::Auth3 => self.auth3(&header, pdu),
            PacketType::Request => self.request(&header, pdu, out),
            PacketType::CoCancel | PacketType::Orphaned => Ok(self.give_up(&header)),
            packet => Err(Error::Unexpected { packet, state: self.state() }),
        }
    }

    /// co_cancel and orphaned.
    fn give_up(&mut self, header: &Header) -> Option<Event> {
        let call_id = header.call_id;
        let is_orphaned = header.kind == PacketType::Orphaned;
        if is_orphaned {
            self.incoming.take_if(|incoming| incoming.call_id == call_id);
        }
        let open = self.open.as_mut().filter(|open| open.call_id == call_id && !open.is_orphaned)?;
        open.is_orphaned = is_orphaned;
        Some(if is_orphaned { Event::Orphaned { call_id } } else { Event::Cancelled { call_id } })
    }

    /// Begins the answer to a call: fragments are made as they are taken, so that the first can be on
    /// its way while the next is encrypted. Empty when the client orphaned the call.
    ///
    /// Unless all are taken the client waits for ever: close the connection then.
    ///
    /// # Errors
    /// [`Error::Sequence`] when the call is not open; [`Error::Limit`] for a stub above `u32::MAX`.
    pub fn respond<'a>(&'a mut self, call_id: u32, stub: &'a [u8]) -> Result<Fragments<'a>, Error> {
        let open = self.finish(call_id, "respond")?;
        if open.is_orphaned {
            return Ok(Fragments::none());
        }
        let signs_header = self.header_signing;
        let context = open.security.and_then(|id| self.security.established(id));
        let security = context.map(|(context, _)| (context, signs_header));
        let head = Head::Response(ResponseHead { alloc_hint: 0, context: open.context });
        Fragments::new(head, call_id, self.max_fragment, security, stub)
    }

    /// Appends a fault as the answer to a call; nothing when the client orphaned it. The association
    /// lives on.
    ///
    /// # Errors
    /// [`Error::Sequence`] when the call is not open.
    pub fn fault(&mut self, call_id: u32, status: Status, out: &mut Vec<u8>) -> Result<(), Error> {
        let open = self.finish(call_id, "fault")?;
        if open.is_orphaned {
            return Ok(());
        }
        fault(call_id, open.context, status, Flags::default(), out)
    }

    /// Appends a shutdown: asks the client to close the connection when it is idle.
    ///
    /// # Errors
    /// [`Error::Sequence`] unless the client has bound.
    pub fn shut_down(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.phase {
            Phase::Bound => {
                Packet { flags: Flags::ONLY, call_id: 0, body: Body::Shutdown, auth: None }.encode(out)
            }
            _ => Err(self.out_of_order("shut_down")),
        }
    }

    /// Longest fragment that is sent and taken, in bytes.
    pub fn max_fragment(&self) -> u16 {
        self.max_fragment
    }

    fn finish(&mut self, call_id: u32, method: &'static str) -> Result<Open, Error> {
        self.open.take_if(|open| open.call_id == call_id).ok_or_else(|| self.out_of_order(method))
    }

    fn out_of_order(&self, method: &'static str) -> Error {
        Error::Sequence { method, state: self.state() }
    }

    fn state(&self) -> &'static str {
        match self.phase {
            Phase::New => "not bound",
            Phase::Bound if self.open.is_some() => "answering a call",
            Phase::Bound if self.incoming.is_some() => "receiving a call",
            Phase::Bound => "idle",
            Phase::Refused => "not authenticated",
            Phase::Closed => "closed",
        }
    }
}

/// Appends a fault; `flags` besides first and last.
fn fault(call_id: u32, context: u16, status: Status, flags: Flags, out: &mut Vec<u8>) -> Result<(), Error> {
    let body = Body::Fault(Fault { context, status });
    Packet { flags: Flags::ONLY | flags, call_id, body, auth: None }.encode(out)
}

/// Appends a fault for what was not handed out and gives the error back, or the one that hindered it.
fn refuse(header: &Header, context: u16, status: Status, error: Error, out: &mut Vec<u8>) -> Error {
    fault(header.call_id, context, status, Flags::DID_NOT_EXECUTE, out).err().unwrap_or(error)
}
