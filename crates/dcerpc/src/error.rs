use core::fmt;

use crate::Status;
use crate::pdu::{ContextResult, NakReason, PacketType};
use crate::security::SecurityError;

/// Why an association cannot go on, or refuses what was asked of it.
///
/// From `receive` every error closes the association. From the other methods [`Error::Sequence`],
/// [`Error::Context`] and [`Error::Rejected`] leave it as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A PDU's fields do not decode.
    Field(ndr::Error),
    /// `rpc_vers` and `rpc_vers_minor` are not 5.0 or 5.1: the peer does not speak DCE/RPC.
    Version {
        /// `rpc_vers`.
        major: u8,
        /// `rpc_vers_minor`.
        minor: u8,
    },
    /// The data representation is not little-endian, ASCII, IEEE.
    Representation([u8; 4]),
    /// A number that `PTYPE` does not have in connection-oriented RPC.
    PacketType(u8),
    /// `frag_length` is not the length of the PDU, or is too short for what it must hold.
    FragLength {
        /// As announced, in bytes.
        announced: usize,
        /// As there, or as needed, in bytes.
        needed: usize,
    },
    /// `auth_length` or `auth_pad_length` reaches over what the PDU holds.
    AuthLength {
        /// `auth_length`, in bytes.
        token: usize,
        /// `auth_pad_length`, in bytes.
        pad: usize,
        /// Bytes that there are for both and the trailer.
        left: usize,
    },
    /// A PDU that may not come now.
    Unexpected {
        /// What came.
        packet: PacketType,
        /// What the association was doing.
        state: &'static str,
    },
    /// A PDU whose field contradicts the call, the context or the negotiation it belongs to.
    Mismatch {
        /// The field, in the spelling of the specification.
        what: &'static str,
        /// What it must be.
        expected: u32,
        /// What it is.
        actual: u32,
    },
    /// A PDU that must carry a security trailer has none.
    Unprotected,
    /// More than this side is ready to take.
    Limit {
        /// What, in bytes or pieces as the name says.
        what: &'static str,
        /// How much came.
        value: u64,
        /// The highest accepted.
        limit: u64,
    },
    /// The mechanism refused or failed.
    Security(SecurityError),
    /// The server refused the bind.
    BindRefused(NakReason),
    /// The server answered a bind or alter_context with a fault.
    Refused(Status),
    /// The server did not accept the presentation context.
    Rejected(ContextResult),
    /// A verification trailer does not fit the request that carries it; the command.
    Verification(&'static str),
    /// Authentication failed before; nothing else is answered on this connection.
    Unauthenticated,
    /// A method of this crate was called out of order.
    Sequence {
        /// The method.
        method: &'static str,
        /// What the association was doing.
        state: &'static str,
    },
    /// A presentation or security context that was not agreed.
    Context {
        /// Which of the two.
        what: &'static str,
        /// Its number.
        id: u32,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(_) => f.write_str("a PDU does not decode"),
            Self::Version { major, minor } => {
                write!(f, "rpc_vers is {major}.{minor}, only 5.0 and 5.1 are spoken")
            }
            Self::Representation(drep) => {
                write!(f, "packed_drep is {drep:02x?}, only little-endian, ASCII and IEEE are spoken")
            }
            Self::PacketType(code) => write!(f, "PTYPE is {code}, which connection-oriented RPC lacks"),
            Self::FragLength { announced, needed } => {
                write!(f, "frag_length is {announced} where {needed} bytes are there or needed")
            }
            Self::AuthLength { token, pad, left } => {
                write!(f, "auth_length {token} and auth_pad_length {pad} exceed the {left} bytes there")
            }
            Self::Unexpected { packet, state } => write!(f, "{packet} arrived while {state}"),
            Self::Mismatch { what, expected, actual } => {
                write!(f, "{what} is {actual} where {expected} is due")
            }
            Self::Unprotected => f.write_str("a PDU that must carry a security trailer has none"),
            Self::Limit { what, value, limit } => write!(f, "{what} is {value}, at most {limit} are taken"),
            Self::Security(_) => f.write_str("the security context failed"),
            Self::BindRefused(reason) => write!(f, "bind was refused, provider_reject_reason {reason}"),
            Self::Refused(status) => write!(f, "bind or alter_context was refused with fault {status}"),
            Self::Rejected(result) => write!(f, "the presentation context was not accepted: {result}"),
            Self::Verification(command) => {
                write!(f, "the verification trailer's {command} does not fit the request")
            }
            Self::Unauthenticated => f.write_str("authentication failed before on this connection"),
            Self::Sequence { method, state } => write!(f, "{method} called while {state}"),
            Self::Context { what, id } => write!(f, "{what} context {id} was not agreed"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Field(cause) => Some(cause),
            Self::Security(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<ndr::Error> for Error {
    fn from(error: ndr::Error) -> Self {
        Self::Field(error)
    }
}

impl From<SecurityError> for Error {
    fn from(error: SecurityError) -> Self {
        Self::Security(error)
    }
}
