//! An established security context: checks and opens one fragment, where it lies.

use alloc::boxed::Box;

use crate::Error;
use crate::pdu::{Header, TRAILER_LEN, Trailer};
use crate::security::{Level, Message, Protection};

/// A security context after its exchange, the same on both sides.
pub(crate) struct Context {
    pub(crate) service: u8,
    pub(crate) level: Level,
    pub(crate) id: u32,
    pub(crate) protection: Box<dyn Protection>,
}

impl Context {
    /// Checks a fragment and decrypts its stub. `head` is the length of the fields before it, and
    /// `trailer` is the fragment's.
    ///
    /// What is returned is stub alone: padding is removed after decrypting, since the trailer that
    /// tells its length is signed.
    pub(crate) fn open<'p>(
        &mut self,
        header: &Header,
        head: usize,
        trailer: Trailer,
        signs_header: bool,
        pdu: &'p mut [u8],
    ) -> Result<&'p [u8], Error> {
        self.admits(trailer)?;
        let body_end = header.body_end(head)?;
        let short = || Error::AuthLength { token: usize::from(header.auth_len), pad: 0, left: 0 };
        let (clear, token) =
            pdu.split_at_mut_checked(body_end.saturating_add(TRAILER_LEN)).ok_or_else(short)?;
        let (clear, trailer_bytes) = clear.split_at_mut_checked(body_end).ok_or_else(short)?;
        let (head, body) = clear.split_at_mut_checked(head).ok_or_else(short)?;
        if self.level.is_signed() {
            let message = Message { header: head, body, trailer: trailer_bytes, signs_header };
            self.protection.unprotect(self.level, message, token)?;
        }
        let stub = body.len().saturating_sub(usize::from(trailer.pad));
        Ok(body.get(..stub).unwrap_or_default())
    }

    /// The trailer names this context and its level.
    pub(crate) fn admits(&self, trailer: Trailer) -> Result<(), Error> {
        same("auth_context_id", self.id, trailer.context)?;
        same("auth_type", u32::from(self.service), u32::from(trailer.service))?;
        same("auth_level", u32::from(self.level.code()), u32::from(trailer.level))
    }
}

/// Two values of a field that must be the same.
pub(crate) fn same(what: &'static str, expected: u32, actual: u32) -> Result<(), Error> {
    if expected == actual { Ok(()) } else { Err(Error::Mismatch { what, expected, actual }) }
}
