//! Binds and alter_contexts: presentation contexts, and the legs of a security exchange.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Association, Bound, ContextId, Event, Offered, Security, SecurityId, State};
use crate::context::{Context, same};
use crate::pdu::{Auth, Bind, BindAck, Body, ContextResult, Features, Flags, Offer, Packet, PacketType};
use crate::security::{Initiated, Initiator, Level, Protection};
use crate::{Error, Syntax};

/// `MustRecvFragSize` in bytes: the shortest limit on fragments that a peer may set
/// ([C706] 12.6.3.1).
///
/// [C706]: https://publications.opengroup.org/c706
const MUST_RECEIVE: u16 = 1432;

/// A bind or alter_context under way.
pub(super) struct Exchange {
    /// All legs have the same.
    call_id: u32,
    awaited: PacketType,
    /// What the leg offers. After the first leg one context is repeated, since an alter_context has at
    /// least one.
    offers: Vec<Offer>,
    /// How many of the first leg's offers are the caller's interfaces.
    interfaces: usize,
    negotiation: Option<Negotiation>,
    /// Set by the first answer.
    bound: Option<Bound>,
}

struct Negotiation {
    service: u8,
    level: Level,
    id: u32,
    /// There while the server owes a token.
    initiator: Option<Box<dyn Initiator>>,
    /// There when the mechanism is done.
    protection: Option<Box<dyn Protection>>,
}

impl Association {
    /// Appends the first leg.
    pub(super) fn begin(
        &mut self,
        kind: PacketType,
        interfaces: &[Syntax],
        security: Option<Security>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut offers = self.offers(kind, interfaces)?;
        let (negotiation, token) = match security {
            Some(security) => {
                let (negotiation, token) = self.first_step(security)?;
                (Some(negotiation), token)
            }
            None => (None, Vec::new()),
        };
        let new = offers.iter().map(|offer| Offered { interface: offer.interface, is_accepted: false });
        self.offered.extend(new);
        if let (true, Some(Offered { interface, .. })) = (offers.is_empty(), self.offered.first()) {
            offers.push(offer(0, *interface, Syntax::NDR));
        }
        self.last_call_id = self.last_call_id.wrapping_add(1);
        let exchange = Exchange {
            call_id: self.last_call_id,
            awaited: match kind {
                PacketType::Bind => PacketType::BindAck,
                _ => PacketType::AlterContextResp,
            },
            offers,
            interfaces: interfaces.len(),
            negotiation,
            bound: None,
        };
        self.send_leg(&exchange, kind, &token, out)?;
        self.state = State::Exchanging(exchange);
        Ok(())
    }

    /// The caller's interfaces, and in a bind the features. All get numbers that are free.
    fn offers(&self, kind: PacketType, interfaces: &[Syntax]) -> Result<Vec<Offer>, Error> {
        let mut offers: Vec<Offer> =
            interfaces.iter().map(|interface| offer(0, *interface, Syntax::NDR)).collect();
        if kind == PacketType::Bind && self.config.features != Features::NONE {
            let interface = interfaces.first().copied().unwrap_or(Syntax::NIL);
            offers.push(offer(0, interface, self.config.features.to_syntax()));
        }
        let last = self.offered.len().saturating_add(offers.len());
        if offers.len() > usize::from(u8::MAX) || last > usize::from(u16::MAX) {
            let value = u64::try_from(last).unwrap_or(u64::MAX);
            return Err(Error::Limit { what: "n_context_elem", value, limit: u64::from(u8::MAX) });
        }
        for (offer, number) in offers.iter_mut().zip(self.offered.len()..) {
            offer.context = u16::try_from(number).unwrap_or(u16::MAX);
        }
        Ok(offers)
    }

    fn first_step(&mut self, security: Security) -> Result<(Negotiation, Vec<u8>), Error> {
        let Security { mut initiator, level } = security;
        let service = initiator.service().code();
        let (initiator, protection, token) = match initiator.step(&[])? {
            Initiated::Continue(token) => (Some(initiator), None, token),
            Initiated::Done { token, protection } => (None, Some(protection), token),
        };
        self.last_security_id = self.last_security_id.wrapping_add(1);
        Ok((Negotiation { service, level, id: self.last_security_id, initiator, protection }, token))
    }

    fn send_leg(
        &self,
        exchange: &Exchange,
        kind: PacketType,
        token: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let bind = || Bind {
            max_xmit: self.config.max_fragment,
            max_recv: self.config.max_fragment,
            group: if kind == PacketType::Bind { self.config.group } else { self.group },
            offers: exchange.offers.clone(),
        };
        let body = match kind {
            PacketType::Bind => Body::Bind(bind()),
            PacketType::AlterContext => Body::AlterContext(bind()),
            _ => Body::Auth3,
        };
        let auth = exchange.negotiation.as_ref().filter(|_| !token.is_empty()).map(|negotiation| {
            let Negotiation { service, level, id, .. } = negotiation;
            Auth { service: *service, level: level.code(), context: *id, token }
        });
        let flags = Flags::ONLY | Flags::HEADER_SIGN.when(self.config.header_signing && auth.is_some());
        Packet { flags, call_id: exchange.call_id, body, auth }.encode(out)
    }

    /// Takes the answer to a leg.
    pub(super) fn continue_exchange(
        &mut self,
        mut exchange: Exchange,
        pdu: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Error> {
        let Packet { flags, call_id, body, auth } = Packet::decode(pdu)?;
        same("call_id", exchange.call_id, call_id)?;
        let kind = body.kind();
        let ack = match body {
            Body::BindAck(ack) | Body::AlterContextResp(ack) if kind == exchange.awaited => ack,
            Body::BindNak(nak) if exchange.awaited == PacketType::BindAck => {
                return Err(Error::BindRefused(nak.reason));
            }
            Body::Fault(fault) => return Err(Error::Refused(fault.status)),
            _ => return Err(Error::Unexpected { packet: kind, state: "binding" }),
        };
        if exchange.bound.is_none() {
            exchange.bound = Some(self.agree(&exchange, flags, ack)?);
            exchange.offers.truncate(1);
        }
        match self.next_leg(&mut exchange, auth, out)? {
            Some(PacketType::AlterContext) => {
                exchange.awaited = PacketType::AlterContextResp;
                self.state = State::Exchanging(exchange);
                Ok(None)
            }
            _ => Ok(self.conclude(exchange)),
        }
    }

    /// Feeds the server's token to the mechanism and appends the leg that follows, if one does.
    fn next_leg(
        &self,
        exchange: &mut Exchange,
        auth: Option<Auth<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<Option<PacketType>, Error> {
        let Some(negotiation) = &mut exchange.negotiation else { return Ok(None) };
        let Some(mut initiator) = negotiation.initiator.take() else { return Ok(None) };
        let auth = auth.ok_or(Error::Unprotected)?;
        same("auth_context_id", negotiation.id, auth.context)?;
        same("auth_type", u32::from(negotiation.service), u32::from(auth.service))?;
        same("auth_level", u32::from(negotiation.level.code()), u32::from(auth.level))?;
        let (kind, token) = match initiator.step(auth.token)? {
            Initiated::Continue(token) => {
                negotiation.initiator = Some(initiator);
                (Some(PacketType::AlterContext), token)
            }
            Initiated::Done { token, protection } => {
                negotiation.protection = Some(protection);
                ((!token.is_empty()).then_some(PacketType::Auth3), token)
            }
        };
        if let Some(kind) = kind {
            self.send_leg(exchange, kind, &token, out)?;
        }
        Ok(kind)
    }

    /// Takes the server's word on contexts, lengths and options from the first answer.
    fn agree(&mut self, exchange: &Exchange, flags: Flags, ack: BindAck) -> Result<Bound, Error> {
        let count = |len| u32::try_from(len).unwrap_or(u32::MAX);
        same("n_results", count(exchange.offers.len()), count(ack.results.len()))?;
        if exchange.awaited == PacketType::BindAck {
            if ack.max_recv < MUST_RECEIVE {
                let (expected, actual) = (u32::from(MUST_RECEIVE), u32::from(ack.max_recv));
                return Err(Error::Mismatch { what: "max_recv_frag", expected, actual });
            }
            self.max_transmit = self.config.max_fragment.min(ack.max_recv);
            self.group = ack.group;
        }
        if self.header_signing.is_none() && exchange.negotiation.is_some() {
            self.header_signing = Some(self.config.header_signing && flags.contains(Flags::HEADER_SIGN));
        }
        let mut contexts = Vec::new();
        for (index, (offer, result)) in exchange.offers.iter().zip(&ack.results).enumerate() {
            match *result {
                ContextResult::Accepted(transfer) if transfer != Syntax::NDR => {
                    let value = u64::from(transfer.major);
                    return Err(ndr::Error::Invalid { what: "transfer_syntax", at: 0, value }.into());
                }
                ContextResult::Negotiated(features) => self.features = self.config.features & features,
                _ => {}
            }
            if index < exchange.interfaces {
                if let Some(offered) = self.offered.get_mut(usize::from(offer.context)) {
                    offered.is_accepted = matches!(result, ContextResult::Accepted(_));
                }
                contexts.push((ContextId(offer.context), *result));
            }
        }
        Ok(Bound {
            contexts,
            security: None,
            group: self.group,
            secondary_address: ack.secondary_address,
            features: self.features,
        })
    }

    fn conclude(&mut self, exchange: Exchange) -> Option<Event> {
        self.state = State::Ready;
        let mut bound = exchange.bound?;
        if let Some(Negotiation { service, level, id, protection: Some(protection), .. }) =
            exchange.negotiation
        {
            self.security.insert(id, Context { service, level, id, protection });
            bound.security = Some(SecurityId(id));
        }
        Some(Event::Bound(bound))
    }
}

fn offer(context: u16, interface: Syntax, transfer: Syntax) -> Offer {
    Offer { context, interface, transfers: [transfer].into() }
}
