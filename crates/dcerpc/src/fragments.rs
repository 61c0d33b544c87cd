use alloc::vec::Vec;

use crate::Error;
use crate::context::Context;
use crate::pdu::{Flags, Header, PacketType, RequestHead, ResponseHead, TRAILER_LEN, Trailer};
use crate::reassembly::STUB_LENGTH;
use crate::security::Message;

/// A call or its results on their way out: makes one fragment after the other, signed and sealed.
///
/// The stub is copied once, into the output, and encrypted there. Every fragment but the last carries
/// as much as fits.
#[must_use = "the peer waits until the last fragment is sent"]
pub struct Fragments<'a> {
    head: Head,
    call_id: u32,
    max_fragment: u16,
    context: Option<&'a mut Context>,
    signs_header: bool,
    stub: &'a [u8],
    state: State,
}

/// The fields of each fragment; their `alloc_hint` is set as the stub shrinks.
#[derive(Clone, Copy)]
pub(crate) enum Head {
    Request(RequestHead),
    Response(ResponseHead),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Next,
    Done,
}

/// What padding before the trailer aligns to.
const ALIGN: usize = 16;

impl<'a> Fragments<'a> {
    pub(crate) fn new(
        head: Head,
        call_id: u32,
        max_fragment: u16,
        security: Option<(&'a mut Context, bool)>,
        stub: &'a [u8],
    ) -> Result<Self, Error> {
        if u32::try_from(stub.len()).is_err() {
            return Err(Error::Limit {
                what: STUB_LENGTH,
                value: u64::try_from(stub.len()).unwrap_or(u64::MAX),
                limit: u64::from(u32::MAX),
            });
        }
        let (context, signs_header) = security
            .filter(|(context, _)| context.level.is_signed())
            .map_or((None, false), |(context, signs_header)| (Some(context), signs_header));
        Ok(Self { head, call_id, max_fragment, context, signs_header, stub, state: State::First })
    }

    /// No fragment at all.
    pub(crate) fn none() -> Self {
        let head = Head::Response(ResponseHead { alloc_hint: 0, context: 0 });
        Self {
            head,
            call_id: 0,
            max_fragment: 0,
            context: None,
            signs_header: false,
            stub: &[],
            state: State::Done,
        }
    }

    /// Appends the next fragment; false when there is none left.
    ///
    /// # Errors
    /// [`Error::Security`]; [`Error::Limit`] when a token leaves no room for a stub.
    pub fn append_next(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        if self.state == State::Done {
            return Ok(false);
        }
        let token = self.context.as_ref().map_or(0, |context| context.protection.token_len(context.level));
        let tail = if self.context.is_some() { token.saturating_add(TRAILER_LEN) } else { 0 };
        let room = self.room(tail)?;
        let (now, later) = self.stub.split_at_checked(room).unwrap_or((self.stub, &[]));
        let first = Flags::FIRST.when(self.state == State::First);
        let flags = first | Flags::LAST.when(later.is_empty());
        let pad = if tail == 0 { 0 } else { now.len().next_multiple_of(ALIGN).saturating_sub(now.len()) };
        let len = self.head.len().saturating_add(now.len()).saturating_add(pad).saturating_add(tail);
        let start = out.len();
        out.reserve(len);
        let header = self.header(flags, len, token);
        header.encode(out);
        self.head.encode(self.stub.len(), out);
        out.extend_from_slice(now);
        out.resize(start.saturating_add(len), 0);
        if let Some(context) = self.context.as_deref_mut() {
            let fragment = out.get_mut(start..).unwrap_or_default();
            seal(context, self.head.len(), pad, token, self.signs_header, fragment)?;
        }
        self.stub = later;
        self.state = if later.is_empty() { State::Done } else { State::Next };
        Ok(true)
    }

    /// Appends all fragments that are left.
    ///
    /// # Errors
    /// Those of [`Fragments::append_next`].
    pub fn append_all(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        out.reserve(self.stub.len());
        while self.append_next(out)? {}
        Ok(())
    }

    /// Bytes of stub that fit next to `tail` bytes of trailer and token.
    fn room(&self, tail: usize) -> Result<usize, Error> {
        let room = usize::from(self.max_fragment).saturating_sub(self.head.len()).saturating_sub(tail);
        let room = room.saturating_sub(room.checked_rem(ALIGN).unwrap_or_default());
        if room == 0 {
            return Err(Error::Limit {
                what: "auth_length",
                value: u64::try_from(tail).unwrap_or(u64::MAX),
                limit: u64::from(self.max_fragment),
            });
        }
        Ok(room)
    }

    fn header(&self, flags: Flags, len: usize, token: usize) -> Header {
        let (kind, object) = match self.head {
            Head::Request(head) => (PacketType::Request, head.object.is_some()),
            Head::Response(_) => (PacketType::Response, false),
        };
        Header {
            kind,
            flags: flags | Flags::OBJECT_UUID.when(object),
            // Both are below `max_fragment`.
            frag_len: u16::try_from(len).unwrap_or(u16::MAX),
            auth_len: u16::try_from(token).unwrap_or(u16::MAX),
            call_id: self.call_id,
        }
    }
}

impl Head {
    fn len(&self) -> usize {
        match self {
            Self::Request(head) => RequestHead::len(head.object.is_some()),
            Self::Response(_) => ResponseHead::LEN,
        }
    }

    fn encode(&self, left: usize, out: &mut Vec<u8>) {
        let alloc_hint = u32::try_from(left).unwrap_or(u32::MAX);
        match *self {
            Self::Request(head) => RequestHead { alloc_hint, ..head }.encode(out),
            Self::Response(head) => ResponseHead { alloc_hint, ..head }.encode(out),
        }
    }
}

/// Writes trailer and token over the zeros at the end of a fragment.
fn seal(
    context: &mut Context,
    head: usize,
    pad: usize,
    token: usize,
    signs_header: bool,
    fragment: &mut [u8],
) -> Result<(), Error> {
    let Context { service, level, id, protection } = context;
    let pad = u8::try_from(pad).unwrap_or_default();
    let bytes = Trailer { service: *service, level: level.code(), pad, context: *id }.to_bytes();
    let token_at = fragment.len().saturating_sub(token);
    let (clear, token) = fragment.split_at_mut_checked(token_at).unwrap_or_default();
    let body_end = clear.len().saturating_sub(TRAILER_LEN);
    let (clear, trailer) = clear.split_at_mut_checked(body_end).unwrap_or_default();
    let (header, body) = clear.split_at_mut_checked(head).unwrap_or_default();
    trailer.copy_from_slice(&bytes);
    Ok(protection.protect(*level, Message { header, body, trailer, signs_header }, token)?)
}
