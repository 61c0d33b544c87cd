//! The server's side: a keytab, a replay cache, and acceptors.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dcerpc::security::{Accepted, Acceptor, Identity, SecurityError};

use crate::crypto::{Etype, Key, MAC};
use crate::der::{Malformed, time_text};
use crate::gss::unframed;
use crate::messages::{ApRep, ApReq, Authenticator, GSS_DCE_STYLE, Sealed, TicketHead, TicketPart, usage};
use crate::protection::{Agreed, Context};
use crate::ticket::{SKEW, now};
use crate::{Error, Keytab, Principal};

/// Keys that are tried for a ticket whose service has another name in the keytab.
const MAX_TRIES: usize = 32;
/// Authenticators the replay cache holds: those of ten minutes.
const MAX_REPLAYS: usize = 1 << 16;
/// `invalid`, bit 7 of the ticket flags.
const INVALID: u32 = 1 << 24;

/// A service with its keys. Clones share the replay cache: one `Service` per process.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    keytab: Keytab,
    replays: Mutex<HashMap<[u8; MAC], i64>>,
}

impl Service {
    /// A service that accepts tickets for every principal of the keytab.
    ///
    /// A ticket is tried with the keys of the principal it names; then with the others of its type,
    /// because a Windows account has one key under many names (`host/ca01`, `RPCSS/ca01.lab.test`).
    pub fn new(keytab: Keytab) -> Self {
        Self { shared: Arc::new(Shared { keytab, replays: Mutex::default() }) }
    }

    /// An acceptor for a new security context: DCE style, mutual authentication, AES only.
    ///
    /// First token AP-REQ, bare or GSS-framed, answered with a bare AP-REP that carries a subkey; second
    /// token AP-REP; then [`Accepted::Done`] with an empty token. Clocks may differ by 5 minutes. The
    /// identity's `user` is the client's name (parts joined by `/`), its `domain` the client's realm.
    /// Tickets are not checked against group memberships (PAC): authorise by name and realm.
    pub fn acceptor(&self) -> ServiceContext {
        ServiceContext { shared: Arc::clone(&self.shared), state: State::Start }
    }
}

impl Shared {
    /// The key of a ticket, and what is in it.
    fn open(&self, ticket: &TicketHead) -> Result<TicketPart, SecurityError> {
        let TicketHead { service, sealed } = ticket;
        if Etype::of(sealed.etype).is_none() {
            let text =
                format!("the ticket for {service} has encryption type {}, only AES is served", sealed.etype);
            return Err(SecurityError::Denied(text));
        }
        let (named, others): (Vec<_>, Vec<_>) =
            self.keytab.entries().iter().partition(|entry| entry.principal.is_alike(service));
        let mut keys = named.iter().chain(&others).map(|entry| &entry.key).take(MAX_TRIES);
        let Some(plain) = keys.find_map(|key| sealed.open(key, usage::TICKET)) else {
            tracing::warn!(%service, kvno = sealed.kvno, "no key of the keytab opens the ticket");
            return Err(self.keytab.no_key(service, sealed.kvno).into());
        };
        Ok(TicketPart::read(&plain)?)
    }

    /// Remembers an authenticator by its checksum; refuses one that was seen.
    fn remember(&self, sealed: &Sealed, at: i64) -> Result<(), SecurityError> {
        let mac = sealed.cipher.last_chunk().copied().unwrap_or_default();
        let mut replays = self.replays.lock().unwrap_or_else(PoisonError::into_inner);
        if replays.len() >= MAX_REPLAYS {
            let (now, _) = now();
            replays.retain(|_, at| at.saturating_add(SKEW) >= now);
            if replays.len() >= MAX_REPLAYS {
                return Err(SecurityError::Denied("the replay cache is full".to_owned()));
            }
        }
        match replays.insert(mac, at) {
            None => Ok(()),
            Some(_) => Err(SecurityError::Denied("the authenticator was used before".to_owned())),
        }
    }
}

/// The server's side of one security context.
pub struct ServiceContext {
    shared: Arc<Shared>,
    state: State,
}

enum State {
    Start,
    /// AP-REP sent; the client's waits to be checked.
    Replied(Box<Replied>),
    Over,
}

struct Replied {
    session: Key,
    subkey: Key,
    /// Checksum of the AP-REP that was sent.
    sent: [u8; MAC],
    client: Principal,
    /// First sequence numbers: ours, the client's.
    send: u32,
    receive: u32,
}

impl Acceptor for ServiceContext {
    fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start => {
                let (reply, replied) = answer(&self.shared, token)?;
                self.state = State::Replied(Box::new(replied));
                Ok(Accepted::Continue(reply))
            }
            State::Replied(replied) => finish(&replied, token),
            State::Over => Err(SecurityError::Malformed("a token after the last".to_owned())),
        }
    }
}

/// Checks an AP-REQ and makes the AP-REP (RFC 4120 3.2.3, 3.2.4).
fn answer(shared: &Shared, token: &[u8]) -> Result<(Vec<u8>, Replied), SecurityError> {
    let request = ApReq::read(unframed(token)?)?;
    let ticket = shared.open(&request.ticket)?;
    check_times(&request.ticket.service, &ticket)?;
    let plain = request.authenticator.open(&ticket.key, usage::AP_REQ).ok_or_else(|| {
        SecurityError::Denied("the authenticator was not made with the ticket's key".to_owned())
    })?;
    let authenticator = Authenticator::read(&plain)?;
    if authenticator.client != ticket.client {
        let text =
            format!("the ticket is of {}, the authenticator of {}", ticket.client, authenticator.client);
        return Err(SecurityError::Denied(text));
    }
    let seconds = authenticator.ctime.saturating_sub(now().0);
    if seconds.abs() > SKEW {
        let of = format!("that of the client {}", ticket.client);
        return Err(Error::ClockSkew { of, seconds }.into());
    }
    if authenticator.flags.is_none_or(|flags| flags & GSS_DCE_STYLE == 0) {
        return Err(SecurityError::Denied("the client did not ask for DCE style".to_owned()));
    }
    shared.remember(&request.authenticator, authenticator.ctime)?;

    let subkey = Key::random(authenticator.subkey.as_ref().unwrap_or(&ticket.key).etype())?;
    let mut sequence = [0; 4];
    crate::crypto::fill(&mut sequence)?;
    // 30 bits: some peers take a number with the highest bit for a negative one.
    let sequence = u32::from_be_bytes(sequence) >> 2;
    let reply = ApRep {
        cusec: authenticator.cusec,
        ctime: authenticator.ctime,
        subkey: Some(subkey.clone()),
        sequence,
    };
    let token = reply.write(&ticket.key)?;
    // The cipher is the last element, and its checksum the end of it.
    let sent = token.last_chunk().copied().unwrap_or_default();
    let replied = Replied {
        session: ticket.key,
        subkey,
        sent,
        client: ticket.client,
        send: sequence,
        receive: authenticator.sequence,
    };
    Ok((token, replied))
}

fn check_times(service: &Principal, ticket: &TicketPart) -> Result<(), SecurityError> {
    let (now, _) = now();
    if ticket.flags & INVALID != 0 || ticket.starts > now.saturating_add(SKEW) {
        let starts = time_text(ticket.starts);
        return Err(SecurityError::Denied(format!("the ticket for {service} is valid from {starts} on")));
    }
    if ticket.ends < now.saturating_sub(SKEW) {
        let error = Error::Expired { service: service.clone(), ended: time_text(ticket.ends) };
        return Err(SecurityError::Denied(error.to_string()));
    }
    Ok(())
}

/// Checks the client's AP-REP: it proves that the client read ours ([MS-KILE] 3.4.5.1).
///
/// [MS-KILE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-kile/
fn finish(replied: &Replied, token: &[u8]) -> Result<Accepted, SecurityError> {
    // Our own, which anybody can send back, proves nothing. Looked for in all of the token: the encoding
    // around a cipher can be changed, the cipher cannot.
    if token.windows(MAC).any(|bytes| bytes == replied.sent) {
        return Err(SecurityError::Denied("the last AP-REP is the one we sent".to_owned()));
    }
    let last = ApRep::read(unframed(token)?, &replied.session)?.ok_or_else(|| {
        SecurityError::Denied("the last AP-REP was not made with the ticket's key".to_owned())
    })?;
    if last.sequence != replied.send {
        let text = format!("seq-number of the last AP-REP is {}, expected {}", last.sequence, replied.send);
        return Err(SecurityError::Denied(text));
    }
    let context = Context::new(&Agreed {
        key: &replied.subkey,
        acceptor_subkey: true,
        is_acceptor: true,
        send: replied.send,
        receive: replied.receive,
    });
    Ok(Accepted::Done {
        token: Vec::new(),
        protection: Box::new(context),
        identity: Identity {
            user: replied.client.name(),
            domain: replied.client.realm().to_owned(),
            mechanism: "Kerberos",
        },
    })
}

impl From<Malformed> for SecurityError {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(format!("{what} of a Kerberos message does not fit"))
    }
}
