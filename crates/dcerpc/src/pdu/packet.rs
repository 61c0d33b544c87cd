use alloc::vec::Vec;
use core::fmt;

use ndr::{Reader, Writer};

use super::{
    Bind, BindAck, BindNak, Fault, Flags, HEADER_BYTES, Header, PacketType, Request, RequestHead, Response,
    ResponseHead, Trailer,
};
use crate::Error;

/// Any PDU, whole and in clear.
///
/// A sealed stub decodes as its ciphertext; nothing is decrypted or checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Position in the call and options. [`Flags::OBJECT_UUID`] follows the body when encoding.
    pub flags: Flags,
    /// The call or exchange that it belongs to.
    pub call_id: u32,
    /// What it says.
    pub body: Body<'a>,
    /// Security trailer and token. The padding is computed when encoding, to 16 in requests and
    /// responses, to 4 elsewhere.
    pub auth: Option<Auth<'a>>,
}

/// A security trailer with its token, which is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Number of the mechanism (`auth_type`).
    pub service: u8,
    /// Number of the level (`auth_level`).
    pub level: u8,
    /// The security context (`auth_context_id`).
    pub context: u32,
    /// The token (`auth_value`).
    pub token: &'a [u8],
}

impl Auth<'_> {
    /// The trailer, with no padding told.
    pub(crate) fn trailer(&self) -> Trailer {
        let Self { service, level, context, .. } = *self;
        Trailer { service, level, pad: 0, context }
    }
}

/// What a PDU says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// A fragment of a call.
    Request(Request<'a>),
    /// A fragment of the results.
    Response(Response<'a>),
    /// The call failed.
    Fault(Fault),
    /// Opens an association.
    Bind(Bind),
    /// Takes it.
    BindAck(BindAck),
    /// Refuses it.
    BindNak(BindNak),
    /// More contexts, or the next leg of a security exchange.
    AlterContext(Bind),
    /// Its answer.
    AlterContextResp(BindAck),
    /// The last leg of a security exchange: four bytes that say nothing, and the trailer.
    Auth3,
    /// Please close when idle.
    Shutdown,
    /// Please end the call early.
    CoCancel,
    /// Nobody waits for the call any more.
    Orphaned,
}

impl Body<'_> {
    /// The type it has in the header.
    pub fn kind(&self) -> PacketType {
        match self {
            Self::Request(_) => PacketType::Request,
            Self::Response(_) => PacketType::Response,
            Self::Fault(_) => PacketType::Fault,
            Self::Bind(_) => PacketType::Bind,
            Self::BindAck(_) => PacketType::BindAck,
            Self::BindNak(_) => PacketType::BindNak,
            Self::AlterContext(_) => PacketType::AlterContext,
            Self::AlterContextResp(_) => PacketType::AlterContextResp,
            Self::Auth3 => PacketType::Auth3,
            Self::Shutdown => PacketType::Shutdown,
            Self::CoCancel => PacketType::CoCancel,
            Self::Orphaned => PacketType::Orphaned,
        }
    }

    /// Appends all that follows the common header, without padding. Returns what the padding aligns to.
    fn encode(&self, out: &mut Vec<u8>) -> usize {
        let mut writer = Writer::new();
        match self {
            Self::Request(Request { alloc_hint, context, opnum, object, stub }) => {
                let head = RequestHead {
                    alloc_hint: *alloc_hint,
                    context: *context,
                    opnum: *opnum,
                    object: *object,
                };
                head.encode(out);
                out.extend_from_slice(stub);
                return 16;
            }
            Self::Response(Response { alloc_hint, context, stub }) => {
                ResponseHead { alloc_hint: *alloc_hint, context: *context }.encode(out);
                out.extend_from_slice(stub);
                return 16;
            }
            Self::Fault(fault) => fault.encode(&mut writer),
            Self::Bind(bind) | Self::AlterContext(bind) => bind.encode(&mut writer),
            Self::BindAck(ack) | Self::AlterContextResp(ack) => ack.encode(&mut writer),
            Self::BindNak(nak) => nak.encode(&mut writer),
            Self::Auth3 => writer.raw(&[0; 4]),
            Self::Shutdown | Self::CoCancel | Self::Orphaned => {}
        }
        out.extend_from_slice(&writer.finish());
        4
    }
}

impl<'a> Packet<'a> {
    /// Appends the PDU.
    ///
    /// # Errors
    /// [`Error::Limit`] when it does not fit into a fragment; `out` is as before then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        let header = |frag_len, auth_len| {
            let object = matches!(self.body, Body::Request(Request { object: Some(_), .. }));
            let flags = self.flags | Flags::OBJECT_UUID.when(object);
            Header { kind: self.body.kind(), flags, frag_len, auth_len, call_id: self.call_id }
        };
        header(0, 0).encode(out);
        // From here on offsets count from `start`; heads are multiples of 8, so that aligning the PDU
        // and aligning the body are the same, but for a request's stub, which its own head precedes.
        let head = match &self.body {
            Body::Request(request) => RequestHead::len(request.object.is_some()),
            Body::Response(_) => ResponseHead::LEN,
            _ => HEADER_BYTES,
        };
        let align = self.body.encode(out);
        let token = self.auth.map_or(&[][..], |auth| auth.token);
        if let Some(auth) = self.auth {
            let body = out.len().saturating_sub(start).saturating_sub(head);
            let pad = body.next_multiple_of(align).saturating_sub(body);
            out.resize(out.len().saturating_add(pad), 0);
            let pad = u8::try_from(pad).unwrap_or_default();
            out.extend_from_slice(&Trailer { pad, ..auth.trailer() }.to_bytes());
            out.extend_from_slice(token);
        }
        let len = out.len().saturating_sub(start);
        let (Ok(frag_len), Ok(auth_len)) = (u16::try_from(len), u16::try_from(token.len())) else {
            out.truncate(start);
            return Err(Error::Limit {
                what: "frag_length",
                value: u64::try_from(len).unwrap_or(u64::MAX),
                limit: u64::from(u16::MAX),
            });
        };
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        header(frag_len, auth_len).encode(&mut bytes);
        if let Some(place) = out.get_mut(start..start.saturating_add(HEADER_BYTES)) {
            place.copy_from_slice(&bytes);
        }
        Ok(())
    }

    /// Takes one whole PDU apart.
    ///
    /// # Errors
    /// Those of [`Header::decode`]; [`Error::Field`], [`Error::AuthLength`].
    pub fn decode(pdu: &'a [u8]) -> Result<Self, Error> {
        let header = Header::decode(pdu)?;
        let head = match header.kind {
            PacketType::Request => RequestHead::len(header.flags.contains(Flags::OBJECT_UUID)),
            PacketType::Response => ResponseHead::LEN,
            _ => HEADER_BYTES,
        };
        let auth = Trailer::of(&header, head, pdu)?;
        let pad = auth.map_or(0, |(trailer, _)| usize::from(trailer.pad));
        let end = header.body_end(head)?.saturating_sub(pad);
        let stub = pdu.get(head..end).ok_or(Error::FragLength { announced: pdu.len(), needed: head })?;
        let mut reader = Reader::new(pdu.get(HEADER_BYTES..end).unwrap_or_default());
        let body = match header.kind {
            PacketType::Request => {
                let RequestHead { alloc_hint, context, opnum, object } = RequestHead::decode(&header, pdu)?;
                Body::Request(Request { alloc_hint, context, opnum, object, stub })
            }
            PacketType::Response => {
                let ResponseHead { alloc_hint, context } = ResponseHead::decode(pdu)?;
                Body::Response(Response { alloc_hint, context, stub })
            }
            PacketType::Fault => Body::Fault(Fault::decode(&mut reader)?),
            PacketType::Bind => Body::Bind(Bind::decode(&mut reader)?),
            PacketType::BindAck => Body::BindAck(BindAck::decode(&mut reader)?),
            PacketType::BindNak => Body::BindNak(BindNak::decode(&mut reader)?),
            PacketType::AlterContext => Body::AlterContext(Bind::decode(&mut reader)?),
            PacketType::AlterContextResp => Body::AlterContextResp(BindAck::decode(&mut reader)?),
            PacketType::Auth3 => Body::Auth3,
            PacketType::Shutdown => Body::Shutdown,
            PacketType::CoCancel => Body::CoCancel,
            PacketType::Orphaned => Body::Orphaned,
        };
        let auth = auth.map(|(Trailer { service, level, context, .. }, token)| Auth {
            service,
            level,
            context,
            token,
        });
        Ok(Self { flags: header.flags, call_id: header.call_id, body, auth })
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flags, call_id, body, auth } = self;
        write!(f, "{} call {call_id} flags {flags}", body.kind())?;
        match body {
            Body::Request(request) => write!(f, " {request}"),
            Body::Response(response) => write!(f, " {response}"),
            Body::Fault(fault) => write!(f, " {fault}"),
            Body::Bind(bind) | Body::AlterContext(bind) => write!(f, " {bind}"),
            Body::BindAck(ack) | Body::AlterContextResp(ack) => write!(f, " {ack}"),
            Body::BindNak(nak) => write!(f, " {nak}"),
            Body::Auth3 | Body::Shutdown | Body::CoCancel | Body::Orphaned => Ok(()),
        }?;
        auth.iter().try_for_each(|auth| {
            let Auth { service, level, context, token } = auth;
            write!(f, ", auth_type {service} level {level} context {context} token {} bytes", token.len())
        })
    }
}
