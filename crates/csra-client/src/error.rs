use std::io;
use std::time::Duration;

use dcerpc::Status;
use dcerpc::pdu::NakReason;
use dcom::Endpoint;
use dtyp::HResult;

/// Why a CA could not be reached, or an answer not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text after `--ca` is no CA.
    #[error("`{text}` does not name a CA: {reason}")]
    Target {
        /// As given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Name resolution failed.
    #[error("the host name `{host}` cannot be resolved")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's answer.
        source: io::Error,
    },
    /// No TCP connection.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// Where.
        endpoint: Endpoint,
        /// The last address's answer.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to {endpoint} broke")]
    Broken {
        /// Where.
        endpoint: Endpoint,
        /// How.
        source: io::Error,
    },
    /// No complete answer in time.
    #[error("{endpoint} gave no complete answer within {} s", .after.as_secs_f32())]
    Timeout {
        /// Where.
        endpoint: Endpoint,
        /// How long was waited.
        after: Duration,
    },
    /// What came is not what the protocol allows, or the server refused a bind.
    #[error("speaking RPC with {endpoint} failed")]
    Rpc {
        /// Where.
        endpoint: Endpoint,
        /// What was wrong.
        source: dcerpc::Error,
    },
    /// The server could not run the call.
    #[error("{what} failed with RPC fault {status}")]
    Fault {
        /// The call.
        what: String,
        /// The fault's status.
        status: Status,
    },
    /// The answer does not decode.
    #[error("the answer to {what} is malformed")]
    Malformed {
        /// The call.
        what: &'static str,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host does not give out the CA's administration object.
    #[error("{host} refused to activate the CA's administration interface with {code}")]
    Activation {
        /// The host.
        host: String,
        /// Its answer.
        code: HResult,
    },
    /// The exporter of the object is not where the object's host is.
    #[error("{host} names no TCP endpoint for the CA's administration interface")]
    NoEndpoint {
        /// The host.
        host: String,
    },
    /// The CA's name is not known and cannot be asked for.
    #[error(r"{host} does not tell the name of its CA: give it as '{host}\CA name'")]
    NoName {
        /// The host.
        host: String,
        /// Its answer, when it was none.
        source: Option<Box<certadm::Error>>,
    },
    /// The user could not log on.
    #[error("cannot log on to {host}")]
    Logon {
        /// The host.
        host: String,
        /// What is missing on this side, or that the host refused.
        source: rpc_auth::Error,
    },
}

impl Error {
    /// The host says that nobody serves the CA's interface: the service is stopped.
    ///
    /// The code comes as the result of the activation or as a fault ([MS-DCOM] 3.2.4.2).
    ///
    /// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
    pub fn is_stopped(&self) -> bool {
        match self {
            Self::Activation { code, .. } => STOPPED.contains(code),
            Self::Fault { status, .. } => STOPPED.contains(&HResult(status.0)),
            _ => false,
        }
    }

    /// The host refused the user's name or proof.
    pub fn is_logon_refused(&self) -> bool {
        matches!(self, Self::Logon { source: rpc_auth::Error::Refused { .. }, .. })
    }

    /// The host refused the user, for what he is or for what he may do.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Logon { .. } => self.is_logon_refused(),
            Self::Activation { code, .. } => *code == HResult::ACCESS_DENIED,
            Self::Fault { status, .. } => {
                *status == Status::ACCESS_DENIED || HResult(status.0) == HResult::ACCESS_DENIED
            }
            Self::Rpc { source, .. } => match source {
                dcerpc::Error::Security(dcerpc::security::SecurityError::Denied(_)) => true,
                // Congestion, limits and versions are no judgement of the user.
                dcerpc::Error::BindRefused(reason) => REFUSALS.contains(reason),
                dcerpc::Error::Refused(status) => *status == Status::ACCESS_DENIED,
                _ => false,
            },
            _ => false,
        }
    }
}

/// What activation answers when the CA's service does not run: class not registered, server
/// execution failed, service not active, service disabled, RPC server unavailable.
const STOPPED: [HResult; 5] = [
    HResult::CLASS_NOT_REGISTERED,
    HResult::SERVER_EXEC_FAILURE,
    HResult::SERVICE_NOT_ACTIVE,
    HResult::SERVICE_DISABLED,
    HResult::RPC_UNAVAILABLE,
];

/// Reasons of a bind_nak that speak of the user; servers use the first for want of a better one.
const REFUSALS: [NakReason; 3] =
    [NakReason::NOT_SPECIFIED, NakReason::AUTHENTICATION_TYPE, NakReason::INVALID_CHECKSUM];
