//! What a call is answered with.

use certadm::server::Caller;
use dcerpc::Status;
use dcerpc::security::Level;
use dcerpc::server::Request;
use dtyp::HResult;
use ndr::Ndr;

use super::host::Host;

/// The answer to one request.
pub(super) enum Answer {
    /// The results.
    Reply(Vec<u8>),
    /// The call was not made.
    Fault(Status),
    /// None: the connection is closed instead.
    Cut,
}

impl Answer {
    pub(super) fn reply(results: &impl Ndr) -> Self {
        Self::Reply(results.to_bytes())
    }
}

impl From<HResult> for Answer {
    fn from(code: HResult) -> Self {
        Self::Fault(Status(code.0))
    }
}

impl From<Status> for Answer {
    fn from(status: Status) -> Self {
        Self::Fault(status)
    }
}

/// The parameters of a call. Bytes after them are ignored.
pub(super) fn parameters<T: Ndr>(request: &Request) -> Result<T, Answer> {
    T::from_bytes(&request.stub).map_err(|_| Answer::Fault(Status::BAD_STUB_DATA))
}

/// A user of `ca.toml` who calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who {
    /// Which one.
    pub(super) user: UserNumber,
    /// As the CA sees him.
    pub(super) caller: Caller,
}

/// Which entry of `ca.toml` a user is: who owns an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UserNumber(pub(super) usize);

/// Who calls: proven, signed, and known in `ca.toml`; `None` for anybody else.
pub(super) fn who(host: &Host, request: &Request) -> Option<Who> {
    let security = request.security.as_ref().filter(|security| security.level >= Level::Integrity)?;
    let identity = &security.identity;
    let users = &host.site().config.users;
    let number = users.iter().position(|user| user.is(&identity.user, &identity.domain))?;
    let sealed = security.level == Level::Privacy;
    let roles = users.get(number)?.role_bits();
    Some(Who { user: UserNumber(number), caller: Caller { known: true, remote: true, sealed, roles } })
}
