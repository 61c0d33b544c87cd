use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why a CA directory could not be made, opened or moved on.
///
/// What a *client* of the CA sees are `certadm` errors with the codes a CA returns.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Its answer.
        cause: io::Error,
    },
    /// A file of the directory is not TOML or JSON of the expected shape.
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what, from the parser.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value makes no sense.
    Invalid {
        /// The file that holds it, or the folder it is about.
        path: PathBuf,
        /// One clause.
        reason: String,
    },
    /// A CA directory could not be served.
    Listen {
        /// Where.
        address: SocketAddr,
        /// The operating system's answer.
        cause: io::Error,
    },
    /// The service of a CA directory does not start.
    NotStarted {
        /// The directory.
        path: PathBuf,
        /// What stands in the way, with what to do; one clause.
        reason: String,
    },
    /// A new CA directory was to be made where something lies already.
    Occupied {
        /// The place.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { doing, path, cause }
    }

    pub(crate) fn syntax<E>(path: &Path) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let path = path.to_owned();
        move |cause| Self::Syntax { path, cause: Box::new(cause) }
    }

    pub(crate) fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, .. } => write!(f, "cannot {doing} `{}`", path.display()),
            Self::Syntax { path, .. } => write!(f, "cannot parse `{}`", path.display()),
            Self::Invalid { path, reason } => write!(f, "`{}`: {reason}", path.display()),
            Self::Listen { address, .. } => write!(f, "cannot listen on {address}"),
            Self::NotStarted { path, reason } => {
                write!(f, "the certificate service of `{}` does not start: {reason}", path.display())
            }
            Self::Occupied { path } => write!(f, "`{}` is not an empty folder", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } | Self::Listen { cause, .. } => Some(cause),
            Self::Syntax { cause, .. } => Some(cause.as_ref()),
            Self::Invalid { .. } | Self::NotStarted { .. } | Self::Occupied { .. } => None,
        }
    }
}
