//! Why Kerberos could not be used, in an operator's words.

use std::io;
use std::path::PathBuf;

use dcerpc::security::SecurityError;

use crate::Principal;

/// Why Kerberos could not be used. Each text says what to look at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A keytab, credential cache or configuration cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A keytab or credential cache is not one.
    #[error("{kind}: {reason}")]
    File {
        /// What the file should be.
        kind: &'static str,
        /// The field that does not fit.
        reason: String,
    },
    /// The text is not a principal.
    #[error("`{0}` is not a principal name (`user@REALM`, `service/host@REALM`)")]
    Name(String),
    /// The name or realm cannot be sent: `sspi` encodes requests, and takes ASCII only.
    #[error("the KDC request for `{0}` cannot be encoded: names must be ASCII, services `name/host`")]
    Encode(String),
    /// No KDC of the realm answers.
    #[error("no KDC of realm {realm} answers ({tried})")]
    Unreachable {
        /// The realm.
        realm: String,
        /// Each address that was tried, with its error.
        tried: String,
    },
    /// The clocks are too far apart (more than the KDC or we allow, usually 5 minutes).
    #[error("the clock of this machine differs from {of} by {seconds} s (this machine is {})", if *seconds > 0 { "behind" } else { "ahead" })]
    ClockSkew {
        /// Whose clock it was compared with.
        of: String,
        /// Their time minus ours, in seconds.
        seconds: i64,
    },
    /// The KDC does not know the user.
    #[error("the KDC does not know the user {0}")]
    UnknownClient(Principal),
    /// The password, or the key in the keytab, is not the user's.
    #[error("wrong password or key for {0}")]
    WrongPassword(Principal),
    /// The account may not log on: disabled, locked or expired.
    #[error("the account {principal} may not log on: {reason}")]
    Account {
        /// The account.
        principal: Principal,
        /// What the KDC said.
        reason: String,
    },
    /// The KDC does not know the service.
    #[error(
        "the KDC of {realm} knows no service {service}: is its name the one the account is registered with?"
    )]
    UnknownService {
        /// The service asked for.
        service: Principal,
        /// The realm asked.
        realm: String,
    },
    /// A keytab has no key that fits.
    #[error("the keytab has no AES key for {principal}{}; it has {have}", match kvno { Some(kvno) => format!(" with kvno {kvno}"), None => String::new() })]
    NoKey {
        /// Whose key was looked for.
        principal: Principal,
        /// The version looked for, when one was named.
        kvno: Option<u32>,
        /// What the keytab holds.
        have: String,
    },
    /// A ticket is past its end and cannot be renewed from what we have.
    #[error("the ticket for {service} expired at {ended}")]
    Expired {
        /// The ticket's service.
        service: Principal,
        /// When it ended, UTC.
        ended: String,
    },
    /// The credential cache has neither a ticket for the service nor a TGT with an AES key.
    #[error("the credential cache of {client} has no AES ticket for {service} and no TGT")]
    NoTicket {
        /// Whose cache it is.
        client: Principal,
        /// The service.
        service: Principal,
    },
    /// Another refusal of the KDC or of the peer.
    #[error("{from} refused with Kerberos error {code} ({name}){}", if text.is_empty() { String::new() } else { format!(": {text}") })]
    Refused {
        /// Who refused.
        from: String,
        /// `error-code` of RFC 4120 7.5.9.
        code: i64,
        /// Its name, or `unknown`.
        name: &'static str,
        /// `e-text`, cleaned for printing.
        text: String,
    },
    /// A reply is not what the protocol says, or is not for our request.
    #[error("a reply of the KDC is not valid: {0}")]
    Reply(String),
    /// The system's source of randomness failed.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

impl From<Error> for SecurityError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownClient(_) | Error::WrongPassword(_) | Error::Account { .. } => {
                Self::Denied(error.to_string())
            }
            other => Self::Unavailable(Box::new(other)),
        }
    }
}
