//! The seam between associations and security mechanisms.
//!
//! A mechanism exchanges opaque tokens until both sides hold a [`Protection`]; from then on it signs
//! or seals one fragment at a time. Implementations may ask a KDC: `step` is the one place that may
//! block.
//!
//! Source: [MS-RPCE] 2.2.1.1.7, 2.2.1.1.8, 2.2.2.11 and 3.3.1.5.2.
//!
//! [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Which mechanism a security trailer names (`auth_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthService {
    /// SPNEGO (`RPC_C_AUTHN_GSS_NEGOTIATE`, 9).
    Negotiate,
    /// NTLM without SPNEGO (`RPC_C_AUTHN_WINNT`, 10).
    Ntlm,
    /// Kerberos without SPNEGO (`RPC_C_AUTHN_GSS_KERBEROS`, 16).
    Kerberos,
}

impl AuthService {
    /// The number in the trailer.
    pub fn code(self) -> u8 {
        match self {
            Self::Negotiate => 9,
            Self::Ntlm => 10,
            Self::Kerberos => 16,
        }
    }

    /// The mechanism of a number, when it is one of ours.
    pub fn of(code: u8) -> Option<Self> {
        [Self::Negotiate, Self::Ntlm, Self::Kerberos].into_iter().find(|service| service.code() == code)
    }
}

/// How much each fragment is protected (`auth_level`), lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing (1).
    None,
    /// The caller proved who he is when the context was made (2); fragments carry no token.
    Connect,
    /// As `Packet` on this transport (3).
    Call,
    /// Each fragment is signed (4): the mechanisms here treat it as `Integrity`.
    Packet,
    /// Each fragment is signed (5).
    Integrity,
    /// Each fragment is signed and its body encrypted (6).
    Privacy,
}

impl Level {
    /// The number in the trailer.
    pub fn code(self) -> u8 {
        match self {
            Self::None => 1,
            Self::Connect => 2,
            Self::Call => 3,
            Self::Packet => 4,
            Self::Integrity => 5,
            Self::Privacy => 6,
        }
    }

    /// The level of a number.
    pub fn of(code: u8) -> Option<Self> {
        [Self::None, Self::Connect, Self::Call, Self::Packet, Self::Integrity, Self::Privacy]
            .into_iter()
            .find(|level| level.code() == code)
    }

    /// Fragments carry a token.
    pub fn is_signed(self) -> bool {
        self > Self::Connect
    }
}

/// One fragment, cut where protection cuts it.
#[derive(Debug)]
pub struct Message<'a> {
    /// PDU header up to the body, object UUID included.
    pub header: &'a [u8],
    /// Stub and padding: what `Privacy` encrypts, in place.
    pub body: &'a mut [u8],
    /// The 8 bytes of the security trailer before the token.
    pub trailer: &'a [u8],
    /// Header signing was agreed. Mechanisms that sign header and trailer anyway (NTLM) ignore it.
    pub signs_header: bool,
}

/// The established state of a mechanism on one side of a security context.
pub trait Protection: Send {
    /// Bytes of a token at `level`. Constant: `auth_length` is signed before the token exists.
    fn token_len(&self, level: Level) -> usize;

    /// Signs, and at `Privacy` encrypts, an outgoing fragment. `token` has [`Protection::token_len`]
    /// bytes.
    ///
    /// # Errors
    /// Only when the mechanism's state is used up.
    fn protect(&mut self, level: Level, message: Message<'_>, token: &mut [u8]) -> Result<(), SecurityError>;

    /// Decrypts and checks an incoming fragment. On an error `message.body` is not to be used.
    ///
    /// # Errors
    /// [`SecurityError::Altered`] for a fragment that was changed, replayed or left out.
    fn unprotect(&mut self, level: Level, message: Message<'_>, token: &[u8]) -> Result<(), SecurityError>;

    /// A signature over data outside fragments (SPNEGO's `mechListMIC`).
    ///
    /// # Errors
    /// Only when the mechanism's state is used up.
    fn mic(&mut self, data: &[u8]) -> Result<Vec<u8>, SecurityError>;

    /// Checks the peer's signature over data outside fragments.
    ///
    /// # Errors
    /// [`SecurityError::Altered`].
    fn check_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), SecurityError>;
}

/// The client's side of a mechanism.
pub trait Initiator: Send {
    /// What the trailer names.
    fn service(&self) -> AuthService;

    /// The next token; `token` is the peer's, empty at the first step.
    ///
    /// # Errors
    /// See [`SecurityError`]. After an error the initiator is of no use.
    fn step(&mut self, token: &[u8]) -> Result<Initiated, SecurityError>;
}

/// What an [`Initiator`]'s step produced.
pub enum Initiated {
    /// Send the token; the peer answers with another.
    Continue(Vec<u8>),
    /// Established. A token that is not empty still goes out; no answer to it is expected.
    Done {
        /// The last token; may be empty.
        token: Vec<u8>,
        /// What protects fragments from now on.
        protection: Box<dyn Protection>,
    },
}

/// The server's side of a mechanism, for one security context.
pub trait Acceptor: Send {
    /// Takes the client's next token.
    ///
    /// # Errors
    /// See [`SecurityError`]. After an error the acceptor is of no use.
    fn step(&mut self, token: &[u8]) -> Result<Accepted, SecurityError>;
}

/// What an [`Acceptor`]'s step produced.
pub enum Accepted {
    /// Send the token; the client answers with another.
    Continue(Vec<u8>),
    /// The client is who it says.
    Done {
        /// The last token; may be empty.
        token: Vec<u8>,
        /// What protects fragments from now on.
        protection: Box<dyn Protection>,
        /// Who the client is.
        identity: Identity,
    },
}

/// Makes acceptors: what a server knows of its users.
pub trait Authenticator: Send + Sync {
    /// An acceptor for a new security context; `None` for a mechanism that is not served.
    fn acceptor(&self, service: AuthService) -> Option<Box<dyn Acceptor>>;
}

/// A proven identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Account name, without domain.
    pub user: String,
    /// NetBIOS domain or Kerberos realm; empty when there is none.
    pub domain: String,
    /// The mechanism that proved it: `NTLM` or `Kerberos`, for logs.
    pub mechanism: &'static str,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain.is_empty() {
            f.write_str(&self.user)
        } else {
            write!(f, "{}\\{}", self.domain, self.user)
        }
    }
}

/// Why security could not be established or kept.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecurityError {
    /// A token is not what its mechanism says; one clause that names the field.
    Malformed(String),
    /// The proof is wrong, the user unknown, or the peer refused; one clause.
    Denied(String),
    /// A fragment was changed, replayed, reordered or left out.
    Altered,
    /// The mechanism could not run: no ticket, no KDC, clock skew.
    Unavailable(Box<dyn core::error::Error + Send + Sync>),
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "malformed token: {reason}"),
            Self::Denied(reason) => write!(f, "authentication refused: {reason}"),
            Self::Altered => {
                f.write_str("the signature does not fit: a fragment was altered, replayed or left out")
            }
            Self::Unavailable(_) => f.write_str("authentication could not be carried out"),
        }
    }
}

impl core::error::Error for SecurityError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Unavailable(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}
