//! Requests: checks and opens each fragment, and hands out the whole.

use alloc::vec::Vec;

use dtyp::Guid;

use super::{Association, Event, Open, Phase, Request, refuse};
use crate::context::same;
use crate::pdu::{Flags, Header, RequestHead, Trailer};
use crate::reassembly::{Reassembly, STUB_LENGTH};
use crate::verification::Facts;
use crate::{Error, Status, Syntax};

/// A request whose last fragment has not come.
pub(super) struct Incoming {
    pub(super) call_id: u32,
    context: u16,
    opnum: u16,
    object: Option<Guid>,
    security: Option<u32>,
    reassembly: Reassembly,
}

impl Association {
    pub(super) fn request(
        &mut self,
        header: &Header,
        pdu: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Error> {
        if self.phase != Phase::Bound || self.open.is_some() {
            let (status, error) = self.disorder(header);
            return Err(refuse(header, 0, status, error, out));
        }
        let head = RequestHead::decode(header, pdu)?;
        let incoming = match self.fragment(header, head, pdu) {
            Ok(Some(incoming)) => incoming,
            Ok(None) => return Ok(None),
            Err(error) => return Err(refuse(header, head.context, status(&error), error, out)),
        };
        let Some(interface) = self.contexts.get(&incoming.context).copied() else {
            let status = Status::UNKNOWN_INTERFACE;
            super::fault(header.call_id, head.context, status, Flags::DID_NOT_EXECUTE, out)?;
            return Ok(None);
        };
        self.hand_out(incoming, interface)
            .map(Some)
            .map_err(|error| refuse(header, head.context, Status::ACCESS_DENIED, error, out))
    }

    /// Takes a fragment. The request, when this was its last.
    fn fragment(
        &mut self,
        header: &Header,
        head: RequestHead,
        pdu: &mut [u8],
    ) -> Result<Option<Incoming>, Error> {
        if header.frag_len > self.max_fragment {
            let (value, limit) = (u64::from(header.frag_len), u64::from(self.max_fragment));
            return Err(Error::Limit { what: "frag_length", value, limit });
        }
        let head_len = RequestHead::len(head.object.is_some());
        let trailer = Trailer::of(header, head_len, pdu)?.map(|(trailer, _)| trailer);
        let security = match trailer {
            Some(trailer) => Some(trailer.context),
            None if self.security.is_empty() => None,
            None => Some(self.security.unsigned()?),
        };
        let mut incoming = self.incoming.take().unwrap_or_else(|| Incoming {
            call_id: header.call_id,
            context: head.context,
            opnum: head.opnum,
            object: head.object,
            security,
            reassembly: Reassembly::default(),
        });
        let stub = match (security, trailer) {
            (Some(id), Some(trailer)) => {
                let (context, _) =
                    self.security.established(id).ok_or(Error::Context { what: "security", id })?;
                context.open(header, head_len, trailer, self.header_signing, pdu)?
            }
            _ => pdu.get(head_len..).unwrap_or_default(),
        };
        incoming.continues(header, head, security)?;
        let limit = self.config.max_request;
        if incoming.reassembly.push(header, head.alloc_hint, stub, limit)? {
            return Ok(Some(incoming));
        }
        self.incoming = Some(incoming);
        Ok(None)
    }

    fn hand_out(&mut self, incoming: Incoming, interface: Syntax) -> Result<Event, Error> {
        let Incoming { call_id, context, opnum, object, security, reassembly } = incoming;
        let mut stub = reassembly.finish();
        let header_signing = self.header_signing;
        let transfer = Syntax::NDR;
        Facts { header_signing, interface, transfer, call_id, context, opnum }.strip(&mut stub)?;
        let info = security.and_then(|id| self.security.established(id)).map(|(_, info)| info.clone());
        self.open = Some(Open { call_id, context, security, is_orphaned: false });
        Ok(Event::Request(Request { call_id, interface, opnum, object, stub, security: info }))
    }
}

impl Incoming {
    /// The fragment is the next of this request.
    fn continues(&self, header: &Header, head: RequestHead, security: Option<u32>) -> Result<(), Error> {
        same("call_id", self.call_id, header.call_id)?;
        same("p_cont_id", u32::from(self.context), u32::from(head.context))?;
        same("opnum", u32::from(self.opnum), u32::from(head.opnum))?;
        let id = |security: Option<u32>| security.unwrap_or_default();
        same("auth_context_id", id(self.security), id(security))?;
        if !self.reassembly.expects(header) || (head.object.is_some() && head.object != self.object) {
            return Err(Error::Unexpected { packet: header.kind, state: "receiving a call" });
        }
        Ok(())
    }
}

/// What the client is told of a fragment that was not taken.
fn status(error: &Error) -> Status {
    match error {
        Error::Security(_) => Status::SECURITY_PACKAGE,
        Error::Unprotected | Error::Context { .. } => Status::ACCESS_DENIED,
        // Type, level and context of the trailer are not those of the call.
        Error::Mismatch { what, .. } if what.starts_with("auth_") => Status::ACCESS_DENIED,
        Error::Limit { what: STUB_LENGTH, .. } => Status::ACCESS_DENIED,
        _ => Status::PROTOCOL,
    }
}
