//! The client's side: credentials, tickets, and initiators.

use std::sync::{Arc, Mutex, PoisonError};

use dcerpc::security::{AuthService, Initiated, Initiator, SecurityError};
use zeroize::Zeroizing;

use crate::crypto::{Key, fill};
use crate::der::time_text;
use crate::gss::unframed;
use crate::kdc::{self, Secret};
use crate::kdc_messages::KrbError;
use crate::messages::{ApRep, ApReq, Authenticator, GSS_DCE_STYLE, GSS_MUTUAL, GSS_PROTECTION, usage};
use crate::protection::{Agreed, Context};
use crate::ticket::{Ticket, now};
use crate::{Config, CredentialCache, Error, Keytab, Principal};

/// Realms a request may be passed on to.
const MAX_REFERRALS: usize = 5;

/// What a client proves who it is with.
pub enum Credential {
    /// A user's password.
    Password {
        /// The user.
        principal: Principal,
        /// The password.
        password: Zeroizing<String>,
    },
    /// A user's (or service's) key in a keytab.
    Keytab {
        /// Whose key is used.
        principal: Principal,
        /// Where it is.
        keytab: Keytab,
    },
    /// Tickets made by `kinit`; never renewed.
    Cache(CredentialCache),
}

/// A user who can log on to services. Clones share the tickets, each fetched once.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    credential: Credential,
    tickets: Mutex<Vec<Ticket>>,
}

impl Client {
    /// A client; asks no KDC yet.
    pub fn new(config: Config, credential: Credential) -> Self {
        let tickets = match &credential {
            Credential::Cache(cache) => {
                cache.tickets().iter().filter(|ticket| ticket.client == *cache.client()).cloned().collect()
            }
            _ => Vec::new(),
        };
        Self { shared: Arc::new(Shared { config, credential, tickets: Mutex::new(tickets) }) }
    }

    /// The user.
    pub fn principal(&self) -> &Principal {
        match &self.shared.credential {
            Credential::Password { principal, .. } | Credential::Keytab { principal, .. } => principal,
            Credential::Cache(cache) => cache.client(),
        }
    }

    /// An initiator for a new security context with a service: `RPCSS/ca01.lab.test`, or with a realm,
    /// `host/ca01.lab.test@LAB.TEST`; without one the user's realm is asked, and those it refers to.
    ///
    /// Its first step may ask KDCs over TCP (5 s to connect, 15 s for an answer, each), and sends a bare
    /// AP-REQ: DCE style, mutual authentication. The second takes the AP-REP, bare or GSS-framed, and is
    /// [`Initiated::Done`] with the client's own AP-REP.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn initiator(&self, service: &str) -> Result<ClientContext, Error> {
        let service = Principal::parse(service, Some(self.principal().realm()))?;
        Ok(ClientContext { shared: Arc::clone(&self.shared), service, state: State::Start })
    }

    /// Fetches the ticket of a service ahead of time: to tell early what an [`Initiator`] would fail with.
    ///
    /// # Errors
    /// All of [`Error`].
    pub fn prepare(&self, service: &str) -> Result<(), Error> {
        let service = Principal::parse(service, Some(self.principal().realm()))?;
        self.shared.ticket(&service).map(drop)
    }
}

impl Shared {
    /// A usable ticket for the service: in hand, or from the KDC.
    fn ticket(&self, service: &Principal) -> Result<Ticket, Error> {
        // Held while the KDC is asked: contexts that start together need one ticket, not one each.
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticket) = find(&tickets, service).filter(|ticket| ticket.is_usable()) {
            return Ok(ticket.clone());
        }
        if !matches!(self.credential, Credential::Cache(_)) {
            tickets.retain(Ticket::is_usable);
        }
        let mut granting = self.granting(&mut tickets, service)?;
        for _ in 0..MAX_REFERRALS {
            let ticket = kdc::service_ticket(&self.config, &granting, service)?;
            match ticket.service.tgs_realm() {
                Some(realm) if service.tgs_realm() != Some(realm) => {
                    tracing::debug!(%service, realm, "referred to another realm");
                    granting = ticket;
                }
                _ => {
                    // Found again by the name asked for, whatever realm it came from.
                    tickets.push(Ticket { service: service.clone(), ..ticket.clone() });
                    return Ok(ticket);
                }
            }
        }
        Err(Error::Reply(format!("{service} is referred from realm to realm without an end")))
    }

    /// The ticket-granting ticket of the user's realm.
    fn granting(&self, tickets: &mut Vec<Ticket>, service: &Principal) -> Result<Ticket, Error> {
        let (principal, secret) = match &self.credential {
            Credential::Password { principal, password } => (principal, Secret::Password(password)),
            Credential::Keytab { principal, keytab } => (principal, Secret::Keytab(keytab)),
            Credential::Cache(cache) => {
                let realm = cache.client().realm();
                let granting = find(tickets, &Principal::tgs(realm, realm));
                // What expired is the better news than what is absent.
                let found = granting.or_else(|| find(tickets, service));
                return match found {
                    Some(ticket) if ticket.is_usable() => Ok(ticket.clone()),
                    Some(ticket) => {
                        Err(Error::Expired { service: ticket.service.clone(), ended: time_text(ticket.ends) })
                    }
                    None => Err(Error::NoTicket { client: cache.client().clone(), service: service.clone() }),
                };
            }
        };
        let own = Principal::tgs(principal.realm(), principal.realm());
        match find(tickets, &own) {
            Some(ticket) => Ok(ticket.clone()),
            None => {
                let ticket = kdc::granting_ticket(&self.config, principal, &secret)?;
                tickets.push(ticket.clone());
                Ok(ticket)
            }
        }
    }
}

/// The ticket for a service.
fn find<'a>(tickets: &'a [Ticket], service: &Principal) -> Option<&'a Ticket> {
    tickets.iter().find(|ticket| ticket.service.is_alike(service))
}

/// The client's side of one security context.
pub struct ClientContext {
    shared: Arc<Shared>,
    service: Principal,
    state: State,
}

enum State {
    Start,
    /// AP-REQ sent: what it said, and the ticket's key.
    Asked(Box<(Authenticator, Key)>),
    Over,
}

impl Initiator for ClientContext {
    fn service(&self) -> AuthService {
        AuthService::Kerberos
    }

    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start => {
                let ticket = self.shared.ticket(&self.service)?;
                let (token, authenticator) = ask(&ticket)?;
                self.state = State::Asked(Box::new((authenticator, ticket.key)));
                Ok(Initiated::Continue(token))
            }
            State::Asked(asked) => finish(&self.service, &asked.0, &asked.1, token),
            State::Over => Err(SecurityError::Malformed("a token after the last".to_owned())),
        }
    }
}

/// Makes the AP-REQ.
fn ask(ticket: &Ticket) -> Result<(Vec<u8>, Authenticator), Error> {
    let (ctime, cusec) = now();
    let mut sequence = [0; 4];
    fill(&mut sequence)?;
    let authenticator = Authenticator {
        client: ticket.client.clone(),
        cusec,
        ctime,
        subkey: Some(Key::random(ticket.key.etype())?),
        // 30 bits: some peers take a number with the highest bit for a negative one.
        sequence: u32::from_be_bytes(sequence) >> 2,
        flags: Some(GSS_MUTUAL | GSS_PROTECTION | GSS_DCE_STYLE),
    };
    let sealed = ticket.key.encrypt(usage::AP_REQ, &authenticator.write())?;
    Ok((ApReq::write(&ticket.raw, &ticket.key, &sealed), authenticator))
}

/// Checks the AP-REP and makes the last token.
fn finish(
    service: &Principal,
    asked: &Authenticator,
    session: &Key,
    token: &[u8],
) -> Result<Initiated, SecurityError> {
    let token = unframed(token)?;
    if KrbError::is(token) {
        return Err(refusal(service, &KrbError::read(token)?));
    }
    let reply = ApRep::read(token, session)?
        .ok_or_else(|| SecurityError::Denied(format!("{service} does not have the ticket's key")))?;
    if (reply.ctime, reply.cusec) != (asked.ctime, asked.cusec) {
        return Err(SecurityError::Denied(format!(
            "ctime in the AP-REP of {service} is not the one we sent"
        )));
    }
    let key = reply.subkey.as_ref().or(asked.subkey.as_ref()).unwrap_or(session);
    let context = Context::new(&Agreed {
        key,
        acceptor_subkey: reply.subkey.is_some(),
        is_acceptor: false,
        send: asked.sequence,
        receive: reply.sequence,
    });
    let last = ApRep { cusec: reply.cusec, ctime: reply.ctime, subkey: None, sequence: reply.sequence };
    Ok(Initiated::Done { token: last.write(session)?, protection: Box::new(context) })
}

/// The service's KRB-ERROR in the place of its AP-REP.
fn refusal(service: &Principal, error: &KrbError) -> SecurityError {
    match error.code {
        // KRB_AP_ERR_SKEW
        37 => {
            let seconds = error.time.saturating_sub(now().0);
            Error::ClockSkew { of: format!("that of {service}"), seconds }.into()
        }
        code => {
            let from = service.to_string();
            let refused = Error::Refused { from, code, name: error.name(), text: error.text.clone() };
            SecurityError::Denied(refused.to_string())
        }
    }
}
