//! What went wrong, in the words and kinds of [`io::Error`].

use std::io;

use smb2::{Error, ErrorKind};

/// A failed step of a conversation with a server, which several askers may have to be told.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: io::ErrorKind,
    text: String,
}

impl Failure {
    /// `doing` says what was tried and where, as in "cannot list a folder of `\\ca01\C$`".
    pub(crate) fn new(doing: &str, error: &Error) -> Self {
        Self { kind: kind(error), text: format!("{doing}: {}", said(error)) }
    }

    pub(crate) fn because(kind: io::ErrorKind, doing: &str, reason: &str) -> Self {
        Self { kind, text: format!("{doing}: {reason}") }
    }

    pub(crate) fn timed_out(doing: &str) -> Self {
        Self::because(io::ErrorKind::TimedOut, doing, "the server did not finish in time")
    }

    /// Appends what the operator should know.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.text = format!("{}; {hint}", self.text);
        self
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, failure.text)
    }
}

fn kind(error: &Error) -> io::ErrorKind {
    match error {
        Error::Io(error) => error.kind(),
        Error::ConnectFailed { attempts, .. } => {
            let refused = attempts.iter().find_map(|attempt| attempt.error_kind);
            refused.unwrap_or(io::ErrorKind::TimedOut)
        }
        _ => match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::AuthRequired
            | ErrorKind::SigningRequired
            | ErrorKind::AccessDenied
            | ErrorKind::GuestSessionRefused => io::ErrorKind::PermissionDenied,
            ErrorKind::SharingViolation => io::ErrorKind::ResourceBusy,
            ErrorKind::IsADirectory => io::ErrorKind::IsADirectory,
            ErrorKind::NotADirectory => io::ErrorKind::NotADirectory,
            ErrorKind::ConnectionLost | ErrorKind::SessionExpired => io::ErrorKind::ConnectionReset,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::InvalidName => io::ErrorKind::InvalidInput,
            ErrorKind::InvalidData | ErrorKind::SignatureInvalid => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        },
    }
}

fn said(error: &Error) -> String {
    match error {
        Error::Protocol { status, command } => {
            format!("{command:?} was answered with 0x{:08X} ({status})", status.0)
        }
        Error::ConnectFailed { attempts, .. } => {
            let attempts: Vec<_> = attempts.iter().map(ToString::to_string).collect();
            attempts.join(", ")
        }
        _ => error.to_string(),
    }
}
