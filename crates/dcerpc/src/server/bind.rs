//! bind, alter_context and auth3.

use alloc::vec::Vec;

use super::security::unfinished;
use super::{Association, Event, Phase, refuse};
use crate::pdu::{
    Auth, Bind, BindAck, BindNak, Body, ContextResult, Features, Flags, Header, NakReason, Offer, Packet,
    PacketType, provider_reason,
};
use crate::{Error, MIN_FRAGMENT, Status, Syntax};

impl Association {
    pub(super) fn bind(
        &mut self,
        header: &Header,
        pdu: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Error> {
        if self.phase != Phase::New {
            let error = Error::Unexpected { packet: header.kind, state: self.state() };
            return Err(nak(header.call_id, NakReason::NOT_SPECIFIED, error, out));
        }
        let Packet { body: Body::Bind(bind), auth, flags, .. } = Packet::decode(pdu)? else {
            return Err(Error::Unexpected { packet: header.kind, state: self.state() });
        };
        self.max_fragment = self.max_fragment.min(bind.max_xmit).min(bind.max_recv).max(MIN_FRAGMENT) & !7;
        if bind.group != 0 {
            self.group = bind.group;
        }
        self.phase = Phase::Bound;
        let address = self.config.secondary_address.clone();
        let body = |ack| Body::BindAck(BindAck { secondary_address: address, ..ack });
        self.answer(flags, auth, bind, (header.call_id, out), body).map_err(|error| {
            let reason = match error {
                Error::Security(_) => NakReason::INVALID_CHECKSUM,
                _ => NakReason::AUTHENTICATION_TYPE,
            };
            nak(header.call_id, reason, error, out)
        })
    }

    pub(super) fn alter(
        &mut self,
        header: &Header,
        pdu: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Error> {
        if self.phase != Phase::Bound || self.open.is_some() || self.incoming.is_some() {
            let (status, error) = self.disorder(header);
            return Err(refuse(header, 0, status, error, out));
        }
        let Packet { body: Body::AlterContext(bind), auth, flags, .. } = Packet::decode(pdu)? else {
            return Err(Error::Unexpected { packet: header.kind, state: self.state() });
        };
        self.answer(flags, auth, bind, (header.call_id, out), Body::AlterContextResp)
            .map_err(|error| refuse(header, 0, Status::ACCESS_DENIED, error, out))
    }

    /// The last leg. It has no answer: a refusal waits for the next request.
    pub(super) fn auth3(&mut self, header: &Header, pdu: &[u8]) -> Result<Option<Event>, Error> {
        if self.phase != Phase::Bound {
            return Err(Error::Unexpected { packet: header.kind, state: self.state() });
        }
        let auth = Packet::decode(pdu)?.auth.ok_or(Error::Unprotected)?;
        let refused = match self.security.resume(auth) {
            Ok(stepped) if !stepped.is_waiting => return Ok(stepped.established.map(Event::Authenticated)),
            Ok(_) => unfinished(),
            Err(error) => error,
        };
        match refused {
            Error::Security(reason) => {
                self.phase = Phase::Refused;
                Ok(Some(Event::Refused(reason)))
            }
            other => Err(other),
        }
    }

    /// Appends the answer to a bind or alter_context.
    fn answer<'a>(
        &mut self,
        flags: Flags,
        auth: Option<Auth<'_>>,
        bind: Bind,
        call: (u32, &mut Vec<u8>),
        body: impl FnOnce(BindAck) -> Body<'a>,
    ) -> Result<Option<Event>, Error> {
        let (call_id, out) = call;
        if self.security.is_empty() {
            // Agreed before the first security context, it holds for all of them.
            self.header_signing |= flags.contains(Flags::HEADER_SIGN);
        }
        let stepped = match auth {
            Some(auth) => {
                let max = self.config.max_security_contexts;
                Some((auth, self.security.step(auth, self.authenticator.as_ref(), max)?))
            }
            None => None,
        };
        let results = bind.offers.iter().map(|offer| self.accept(offer)).collect();
        let ack = BindAck {
            max_xmit: self.max_fragment,
            max_recv: self.max_fragment,
            group: self.group,
            secondary_address: Default::default(),
            results,
        };
        let auth = stepped
            .as_ref()
            .filter(|(_, stepped)| !stepped.token.is_empty())
            .map(|(auth, stepped)| Auth { token: &stepped.token, ..*auth });
        let flags = Flags::ONLY | Flags::HEADER_SIGN.when(self.header_signing);
        Packet { flags, call_id, body: body(ack), auth }.encode(out)?;
        Ok(stepped.and_then(|(_, stepped)| stepped.established).map(Event::Authenticated))
    }

    /// Decides on one presentation context.
    fn accept(&mut self, offer: &Offer) -> ContextResult {
        if let Some(features) = offer.transfers.iter().find_map(Features::of_syntax) {
            return ContextResult::Negotiated(self.config.features & features);
        }
        let served = self.config.interfaces.iter().find(|served| served.serves(&offer.interface));
        let Some(served) = served else {
            return ContextResult::ProviderRejected(provider_reason::ABSTRACT_SYNTAX);
        };
        if !offer.transfers.contains(&Syntax::NDR) {
            return ContextResult::ProviderRejected(provider_reason::TRANSFER_SYNTAXES);
        }
        match self.contexts.get(&offer.context) {
            Some(known) if known != served => {
                return ContextResult::ProviderRejected(provider_reason::NOT_SPECIFIED);
            }
            None if self.contexts.len() >= self.config.max_contexts => {
                return ContextResult::ProviderRejected(provider_reason::LOCAL_LIMIT);
            }
            _ => {}
        }
        self.contexts.insert(offer.context, *served);
        ContextResult::Accepted(Syntax::NDR)
    }

    /// Status and error for a PDU that may not come now.
    pub(super) fn disorder(&self, header: &Header) -> (Status, Error) {
        if self.phase == Phase::Refused {
            return (Status::ACCESS_DENIED, Error::Unauthenticated);
        }
        (Status::PROTOCOL, Error::Unexpected { packet: header.kind, state: self.state() })
    }
}

/// Answers a bind of another version of the protocol; other PDUs of one have no answer.
pub(super) fn refuse_version(pdu: &[u8], error: Error, out: &mut Vec<u8>) -> Error {
    let (kind, call_id) = (pdu.get(2).copied(), pdu.get(12..16).and_then(|bytes| bytes.first_chunk()));
    match (kind.and_then(PacketType::of), call_id) {
        (Some(PacketType::Bind), Some(call_id)) => {
            nak(u32::from_le_bytes(*call_id), NakReason::PROTOCOL_VERSION, error, out)
        }
        _ => error,
    }
}

/// Appends a bind_nak and gives the error back, or the one that hindered it.
fn nak(call_id: u32, reason: NakReason, error: Error, out: &mut Vec<u8>) -> Error {
    let body = Body::BindNak(BindNak { reason, versions: [(5, 0)].into() });
    Packet { flags: Flags::ONLY, call_id, body, auth: None }.encode(out).err().unwrap_or(error)
}
