//! Responses and faults: the end of a call.

use super::{Association, Event, State};
use crate::Error;
use crate::context::same;
use crate::pdu::{Body, Fault};
use crate::pdu::{Flags, Header, Packet, PacketType, ResponseHead, Trailer};
use crate::reassembly::Reassembly;

/// A call that the server owes an answer.
pub(super) struct Pending {
    pub(super) call_id: u32,
    context: u16,
    security: Option<u32>,
    reassembly: Reassembly,
}

impl Pending {
    pub(super) fn new(call_id: u32, context: u16, security: Option<u32>) -> Self {
        Self { call_id, context, security, reassembly: Reassembly::default() }
    }
}

impl Association {
    /// Takes a fragment of the answer.
    pub(super) fn continue_call(
        &mut self,
        mut pending: Pending,
        header: &Header,
        pdu: &mut [u8],
    ) -> Result<Option<Event>, Error> {
        same("call_id", pending.call_id, header.call_id)?;
        let unexpected = Error::Unexpected { packet: header.kind, state: "calling" };
        match header.kind {
            PacketType::Fault => self.fault(pending, header, pdu).map(Some),
            PacketType::Response if pending.reassembly.expects(header) => {
                if !self.append(&mut pending, header, pdu)? {
                    self.state = State::Calling(pending);
                    return Ok(None);
                }
                self.state = State::Ready;
                let stub = pending.reassembly.finish();
                Ok(Some(Event::Reply { call_id: header.call_id, stub }))
            }
            _ => Err(unexpected),
        }
    }

    /// Opens a fragment and appends its stub. True when it was the last.
    fn append(&mut self, pending: &mut Pending, header: &Header, pdu: &mut [u8]) -> Result<bool, Error> {
        let limit = self.config.max_fragment;
        if header.frag_len > limit {
            let (value, limit) = (u64::from(header.frag_len), u64::from(limit));
            return Err(Error::Limit { what: "frag_length", value, limit });
        }
        let head = ResponseHead::decode(pdu)?;
        same("p_cont_id", u32::from(pending.context), u32::from(head.context))?;
        let stub = self.open(pending, header, pdu)?;
        pending.reassembly.push(header, head.alloc_hint, stub, self.config.max_reply)
    }

    /// Checks and decrypts what follows the first 24 bytes of a response or fault.
    fn open<'p>(&mut self, pending: &Pending, header: &Header, pdu: &'p mut [u8]) -> Result<&'p [u8], Error> {
        let trailer = Trailer::of(header, ResponseHead::LEN, pdu)?.map(|(trailer, _)| trailer);
        let context = pending.security.and_then(|id| self.security.get_mut(&id));
        let signs_header = self.header_signing == Some(true);
        match (context, trailer) {
            (Some(context), Some(trailer)) => {
                context.open(header, ResponseHead::LEN, trailer, signs_header, pdu)
            }
            (Some(context), None) if context.level.is_signed() => Err(Error::Unprotected),
            (None, Some(trailer)) => {
                Err(Error::Mismatch { what: "auth_context_id", expected: 0, actual: trailer.context })
            }
            (_, None) => Ok(pdu.get(ResponseHead::LEN..).unwrap_or_default()),
        }
    }

    /// A fault may come without security even for a sealed call: servers answer so what they could not
    /// decrypt. With a trailer it is checked, which keeps the context's counters in step.
    fn fault(&mut self, pending: Pending, header: &Header, pdu: &mut [u8]) -> Result<Event, Error> {
        if header.auth_len != 0 {
            self.open(&pending, header, pdu)?;
        }
        let Packet { body: Body::Fault(Fault { status, .. }), .. } = Packet::decode(pdu)? else {
            return Err(Error::Unexpected { packet: header.kind, state: "calling" });
        };
        self.state = State::Ready;
        let did_not_execute = header.flags.contains(Flags::DID_NOT_EXECUTE);
        Ok(Event::Fault { call_id: header.call_id, status, did_not_execute })
    }
}
