//! Exit codes, as in `design.md` section 6 and the README.

use std::io;
use std::process::ExitCode;

use csbackup::Error;
use dtyp::HResult;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Incomplete = 3,
    Damage = 4,
    NotTruncated = 5,
    TruncationUnknown = 6,
    NoRepository = 10,
    Locked = 11,
    Full = 13,
    ReadOnly = 14,
    Unreachable = 20,
    Refused = 21,
    Busy = 22,
    Cancelled = 130,
}

impl Exit {
    pub(crate) fn number(self) -> u8 {
        #[expect(clippy::as_conversions, reason = "the discriminants are exit codes")]
        {
            self as u8
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// The place that was named holds nothing of ours.
#[derive(Debug)]
pub(crate) struct NoRepository(pub(crate) String);

impl std::fmt::Display for NoRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no folder `{}`", self.0)
    }
}

impl std::error::Error for NoRepository {}

/// The code for an error that ended a run.
pub(crate) fn code_of(error: &anyhow::Error) -> Exit {
    if error.downcast_ref::<NoRepository>().is_some() {
        return Exit::NoRepository;
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Server { source, .. }) => match source.code() {
            Some(
                HResult::SERVICE_NOT_ACTIVE
                | HResult::SERVER_SUSPENDED
                | HResult::RPC_UNAVAILABLE
                | HResult::COULD_NOT_CONNECT,
            ) => Exit::Unreachable,
            Some(HResult::READ_VERIFY_FAILURE) => Exit::Damage,
            Some(_) => Exit::Refused,
            None if source.is_lost() => Exit::Unreachable,
            None => Exit::Failed,
        },
        Some(Error::NotOnline { .. }) => Exit::Unreachable,
        Some(Error::Busy { .. }) => Exit::Busy,
        Some(Error::Locked { .. }) => Exit::Locked,
        Some(Error::Cancelled) => Exit::Cancelled,
        Some(Error::ReadBack { .. } | Error::Manifest { .. }) => Exit::Damage,
        Some(Error::Io { source, .. }) => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Exit::Full,
            io::ErrorKind::ReadOnlyFilesystem => Exit::ReadOnly,
            _ => Exit::Failed,
        },
        _ => Exit::Failed,
    }
}
