//! The security contexts of an association, from their first token on.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::SecurityInfo;
use crate::Error;
use crate::context::{Context, same};
use crate::pdu::Auth;
use crate::security::{Accepted, Acceptor, AuthService, Authenticator, Level, SecurityError};

/// By `auth_context_id`.
#[derive(Default)]
pub(super) struct Contexts(BTreeMap<u32, Slot>);

enum Slot {
    /// The client owes a token.
    Exchanging { service: AuthService, level: Level, acceptor: Box<dyn Acceptor> },
    /// Fragments can be protected.
    Established { context: Context, info: SecurityInfo },
}

/// What a token led to.
pub(super) struct Stepped {
    /// The answer; may be empty.
    pub(super) token: Vec<u8>,
    /// Set when the context is established by this token.
    pub(super) established: Option<SecurityInfo>,
    /// The client owes another token.
    pub(super) is_waiting: bool,
}

impl Contexts {
    /// No security exchange was ever begun.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An established context.
    pub(super) fn established(&mut self, id: u32) -> Option<(&mut Context, &SecurityInfo)> {
        match self.0.get_mut(&id) {
            Some(Slot::Established { context, info }) => Some((context, info)),
            _ => None,
        }
    }

    /// The context that a request without a trailer belongs to: one whose level has no tokens.
    ///
    /// # Errors
    /// [`Error::Unprotected`] when all contexts sign.
    pub(super) fn unsigned(&self) -> Result<u32, Error> {
        let unsigned = self.0.iter().find_map(|(id, slot)| match slot {
            Slot::Established { info, .. } if !info.level.is_signed() => Some(*id),
            _ => None,
        });
        unsigned.ok_or(Error::Unprotected)
    }

    /// Takes the token of a bind or alter_context: begins a context, continues it, or ignores the
    /// token when the context is established already, which Samba's clients send again.
    ///
    /// # Errors
    /// [`Error::Security`] when the mechanism refuses; [`Error::Mismatch`] for a mechanism or level
    /// that is not served, or not that of the context; [`Error::Limit`].
    pub(super) fn step(
        &mut self,
        auth: Auth<'_>,
        authenticator: &dyn Authenticator,
        max: usize,
    ) -> Result<Stepped, Error> {
        if let Some(Slot::Established { context, .. }) = self.0.get(&auth.context) {
            context.admits(auth.trailer())?;
            return Ok(Stepped { token: Vec::new(), established: None, is_waiting: false });
        }
        if !self.0.contains_key(&auth.context) {
            if self.0.len() >= max {
                let limit = u64::try_from(max).unwrap_or(u64::MAX);
                let value = limit.saturating_add(1);
                return Err(Error::Limit { what: "number of security contexts", value, limit });
            }
            self.0.insert(auth.context, begin(auth, authenticator)?);
        }
        self.resume(auth)
    }

    /// Takes a token for a context whose exchange is under way.
    ///
    /// # Errors
    /// As for [`Contexts::step`]; [`Error::Context`] when there is no such exchange.
    pub(super) fn resume(&mut self, auth: Auth<'_>) -> Result<Stepped, Error> {
        let id = auth.context;
        let Some(Slot::Exchanging { service, level, acceptor }) = self.0.get_mut(&id) else {
            return Err(Error::Context { what: "security", id });
        };
        let (service, level) = (*service, *level);
        same("auth_type", u32::from(service.code()), u32::from(auth.service))?;
        same("auth_level", u32::from(level.code()), u32::from(auth.level))?;
        match acceptor.step(auth.token)? {
            Accepted::Continue(token) => Ok(Stepped { token, established: None, is_waiting: true }),
            Accepted::Done { token, protection, identity } => {
                let info = SecurityInfo { service, level, identity: Arc::new(identity) };
                let context = Context { service: service.code(), level, id, protection };
                self.0.insert(id, Slot::Established { context, info: info.clone() });
                Ok(Stepped { token, established: Some(info), is_waiting: false })
            }
        }
    }
}

fn begin(auth: Auth<'_>, authenticator: &dyn Authenticator) -> Result<Slot, Error> {
    let unserved = |what, actual: u8| Error::Mismatch { what, expected: 0, actual: u32::from(actual) };
    let service = AuthService::of(auth.service).ok_or(unserved("auth_type", auth.service))?;
    let level = Level::of(auth.level).filter(|level| *level > Level::None);
    let level = level.ok_or(unserved("auth_level", auth.level))?;
    let acceptor = authenticator.acceptor(service).ok_or(unserved("auth_type", auth.service))?;
    Ok(Slot::Exchanging { service, level, acceptor })
}

/// An exchange that asks for another token where the client has none to send.
pub(super) fn unfinished() -> Error {
    Error::Security(SecurityError::Denied("the exchange needs more tokens than auth3 allows".into()))
}
