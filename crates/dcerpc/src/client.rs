//! The client's side of an association: binds, calls, and takes replies apart. No I/O.
//!
//! The driver sends what is appended to `out` and hands in one whole PDU at a time, cut by
//! [`frag_len`](crate::frag_len) or [`Framer`](crate::Framer). One call or exchange is outstanding at a
//! time.
//!
//! Source: [C706] 12.6 and 9.3; [MS-RPCE] 3.3.2.
//!
//! [C706]: https://publications.opengroup.org/c706
//! [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/

mod exchange;
mod reply;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use dtyp::Guid;

use self::exchange::Exchange;
use self::reply::Pending;
use crate::context::Context;
use crate::fragments::{Fragments, Head};
use crate::pdu::{Body, ContextResult, Features, Flags, Header, Packet, PacketType, RequestHead};
use crate::security::{Initiator, Level};
use crate::verification::Facts;
use crate::{Error, MAX_FRAGMENT, MIN_FRAGMENT, Status, Syntax};

/// What a client offers and accepts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Longest fragment sent and taken, in bytes: rounded down to a multiple of 8, at least
    /// [`MIN_FRAGMENT`]. The server may lower it. Default
    /// [`MAX_FRAGMENT`].
    pub max_fragment: u16,
    /// Longest stub of a reply, in bytes; a longer one is [`Error::Limit`]. Memory for a reply never
    /// exceeds this by more than one fragment. Default 4 MiB and 64 KiB: the largest read of a backup.
    pub max_reply: u32,
    /// Offer that signatures cover the header (`PFC_SUPPORT_HEADER_SIGN`). Default true.
    pub header_signing: bool,
    /// Append a verification trailer to signed requests when header signing was not agreed, as
    /// [MS-RPCE] 2.2.2.13 advises. Default true.
    ///
    /// [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/
    pub verification_trailer: bool,
    /// Bind-time features to ask for; with none of them the negotiation is not offered. Default none.
    pub features: Features,
    /// Association group to join (`assoc_group_id`); 0 asks for a new one. Default 0.
    pub group: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_fragment: MAX_FRAGMENT,
            max_reply: 0x41_0000,
            header_signing: true,
            verification_trailer: true,
            features: Features::NONE,
            group: 0,
        }
    }
}

/// A mechanism and the level it is to protect calls at (at least `Connect`).
pub struct Security {
    /// The mechanism, before its first step.
    pub initiator: Box<dyn Initiator>,
    /// Protection of each fragment.
    pub level: Level,
}

/// Number of a presentation context: contexts count from 0 in the order in which their interfaces were
/// offered, over bind and all alter_contexts (`p_cont_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContextId(pub u16);

/// Number of a security context: the n-th exchange with [`Security`], from 1 (`auth_context_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecurityId(pub u32);

/// A call to make.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The interface's presentation context; must have been accepted.
    pub context: ContextId,
    /// The security context to protect the call with; `None` only for calls without security.
    pub security: Option<SecurityId>,
    /// Number of the method.
    pub opnum: u16,
    /// Object UUID: for DCOM the IPID.
    pub object: Option<Guid>,
    /// Parameters in NDR.
    pub stub: &'a [u8],
}

/// What an association learned from the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Bind or alter_context is complete, its security exchange included.
    Bound(Bound),
    /// The answer to the call.
    Reply {
        /// As [`Association::call`] gave it.
        call_id: u32,
        /// Results in NDR.
        stub: Vec<u8>,
    },
    /// The call failed in the server. The association lives on; the server may close it.
    ///
    /// Servers do not sign faults that report a security failure, so a fault proves nothing.
    Fault {
        /// As [`Association::call`] gave it.
        call_id: u32,
        /// The server's reason.
        status: Status,
        /// The server says that the call did not begin to run (`PFC_DID_NOT_EXECUTE`).
        did_not_execute: bool,
    },
    /// The server asks to close the connection when it is idle.
    Shutdown,
}

/// Outcome of a bind or alter_context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// One per interface, in the order offered, with the number to call it by.
    pub contexts: Vec<(ContextId, ContextResult)>,
    /// The security context that was made, when [`Security`] was given.
    pub security: Option<SecurityId>,
    /// The server's association group (`assoc_group_id`).
    pub group: u32,
    /// The server's secondary address; for TCP its port as text. Empty after alter_context.
    pub secondary_address: String,
    /// Features that both sides have; none when the negotiation was not offered or not answered.
    pub features: Features,
}

impl Bound {
    /// The number of the `index`-th interface offered.
    ///
    /// # Errors
    /// [`Error::Rejected`] with the server's reason; [`Error::Context`] when fewer were offered.
    pub fn context(&self, index: usize) -> Result<ContextId, Error> {
        match self.contexts.get(index) {
            Some((id, ContextResult::Accepted(_))) => Ok(*id),
            Some((_, refused)) => Err(Error::Rejected(*refused)),
            None => {
                Err(Error::Context { what: "presentation", id: u32::try_from(index).unwrap_or(u32::MAX) })
            }
        }
    }
}

/// A client's association: one connection.
///
/// Order: [`bind`](Self::bind), [`Event::Bound`], then calls and [`alter`](Self::alter) one after the
/// other. After an error from [`receive`](Self::receive) the association is closed: drop the
/// connection.
pub struct Association {
    config: Config,
    state: State,
    last_call_id: u32,
    /// Longest fragment that the server takes.
    max_transmit: u16,
    /// `None` until a server had the chance to agree.
    header_signing: Option<bool>,
    features: Features,
    group: u32,
    /// All interfaces ever offered; the index is the context's number.
    offered: Vec<Offered>,
    security: BTreeMap<u32, Context>,
    last_security_id: u32,
}

struct Offered {
    interface: Syntax,
    is_accepted: bool,
}

enum State {
    New,
    Exchanging(Exchange),
    Ready,
    Calling(Pending),
    Closed,
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::New => "not bound",
            Self::Exchanging(_) => "binding",
            Self::Ready => "idle",
            Self::Calling(_) => "calling",
            Self::Closed => "closed",
        }
    }

    fn refuses(&self, method: &'static str) -> Error {
        Error::Sequence { method, state: self.name() }
    }
}

impl Association {
    /// An association over a connection that was just opened.
    pub fn new(config: Config) -> Self {
        let max_fragment = (config.max_fragment & !7).max(MIN_FRAGMENT);
        Self {
            config: Config { max_fragment, ..config },
            state: State::New,
            last_call_id: 0,
            max_transmit: max_fragment,
            header_signing: None,
            features: Features::NONE,
            group: 0,
            offered: Vec::new(),
            security: BTreeMap::new(),
            last_security_id: 0,
        }
    }

    /// Appends a bind for the interfaces. With `security` further legs follow by themselves from
    /// [`receive`](Self::receive). May block where the mechanism's first step does.
    ///
    /// # Errors
    /// [`Error::Sequence`] when it is not the first thing done; [`Error::Security`] from the
    /// mechanism.
    pub fn bind(
        &mut self,
        interfaces: &[Syntax],
        security: Option<Security>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self.state {
            State::New => self.begin(PacketType::Bind, interfaces, security, out),
            _ => Err(self.state.refuses("bind")),
        }
    }

    /// Appends an alter_context: more interfaces, or one more security context, or both.
    ///
    /// # Errors
    /// [`Error::Sequence`] before a bind or while something is outstanding; [`Error::Security`] from
    /// the mechanism.
    pub fn alter(
        &mut self,
        interfaces: &[Syntax],
        security: Option<Security>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self.state {
            State::Ready => self.begin(PacketType::AlterContext, interfaces, security, out),
            _ => Err(self.state.refuses("alter")),
        }
    }

    /// Appends a request, in as many fragments as it takes. Returns the call's id.
    ///
    /// # Errors
    /// [`Error::Sequence`] while something is outstanding; [`Error::Context`] for a presentation or
    /// security context that was not agreed; [`Error::Security`] from the mechanism.
    pub fn call(&mut self, call: Call<'_>, out: &mut Vec<u8>) -> Result<u32, Error> {
        if !matches!(self.state, State::Ready) {
            return Err(self.state.refuses("call"));
        }
        let Call { context: ContextId(context), security, opnum, object, stub } = call;
        let interface = match self.offered.get(usize::from(context)) {
            Some(Offered { interface, is_accepted: true }) => *interface,
            _ => return Err(Error::Context { what: "presentation", id: u32::from(context) }),
        };
        let call_id = self.last_call_id.wrapping_add(1);
        let signs_header = self.header_signing == Some(true);
        let mut verified = Vec::new();
        let security = match security {
            Some(SecurityId(id)) => {
                Some(self.security.get_mut(&id).ok_or(Error::Context { what: "security", id })?)
            }
            None => None,
        };
        let is_signed = security.as_ref().is_some_and(|context| context.level.is_signed());
        let stub = if is_signed && self.config.verification_trailer && !signs_header {
            let header_signing = self.config.header_signing;
            let transfer = Syntax::NDR;
            verified.reserve_exact(stub.len().saturating_add(128));
            verified.extend_from_slice(stub);
            Facts { header_signing, interface, transfer, call_id, context, opnum }.append(&mut verified);
            &verified
        } else {
            stub
        };
        let pending = Pending::new(call_id, context, security.as_ref().map(|context| context.id));
        let head = Head::Request(RequestHead { alloc_hint: 0, context, opnum, object });
        let security = security.map(|context| (context, signs_header));
        let fragments = Fragments::new(head, call_id, self.max_transmit, security, stub)?;
        // From here on the security context may have moved on: there is no way back.
        self.state = State::Closed;
        fragments.append_all(out)?;
        self.last_call_id = call_id;
        self.state = State::Calling(pending);
        Ok(call_id)
    }

    /// Appends a co_cancel for the outstanding call: the server may end it early. Its reply or fault
    /// still comes.
    ///
    /// # Errors
    /// [`Error::Sequence`] when no call is outstanding.
    pub fn cancel(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        match &self.state {
            State::Calling(pending) => control(Body::CoCancel, pending.call_id, out),
            other => Err(other.refuses("cancel")),
        }
    }

    /// Appends an orphaned for the outstanding call and closes the association: nobody waits for the
    /// reply.
    ///
    /// # Errors
    /// [`Error::Sequence`] when no call is outstanding.
    pub fn orphan(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        match &self.state {
            State::Calling(pending) => {
                control(Body::Orphaned, pending.call_id, out)?;
                self.state = State::Closed;
                Ok(())
            }
            other => Err(other.refuses("orphan")),
        }
    }

    /// Takes one PDU; decrypts it where it lies. `None` while more is to come. What is appended to
    /// `out` (the next leg of a security exchange) must be sent, also when there is an event.
    ///
    /// # Errors
    /// Anything the protocol or the security context does not allow, [`Error::BindRefused`],
    /// [`Error::Refused`]. The association is closed then.
    pub fn receive(&mut self, pdu: &mut [u8], out: &mut Vec<u8>) -> Result<Option<Event>, Error> {
        // Whatever goes wrong below leaves the association closed.
        let state = core::mem::replace(&mut self.state, State::Closed);
        let header = Header::decode(pdu)?;
        let unexpected = Error::Unexpected { packet: header.kind, state: state.name() };
        if header.kind == PacketType::Shutdown && !matches!(state, State::Closed) {
            self.state = state;
            return Ok(Some(Event::Shutdown));
        }
        match state {
            State::Exchanging(exchange) => self.continue_exchange(exchange, pdu, out),
            State::Calling(pending) => self.continue_call(pending, &header, pdu),
            State::New | State::Ready | State::Closed => Err(unexpected),
        }
    }

    /// Longest fragment that the server may send, in bytes; it does not take longer ones than this
    /// either.
    pub fn max_fragment(&self) -> u16 {
        self.config.max_fragment
    }
}

/// Appends a PDU that is nothing but a header.
fn control(body: Body<'_>, call_id: u32, out: &mut Vec<u8>) -> Result<(), Error> {
    Packet { flags: Flags::ONLY, call_id, body, auth: None }.encode(out)
}
