//! Exit codes, as in `design.md` section 6 and the README.

use std::io;
use std::process::ExitCode;

use ca_database::OpenError;
use certadm::Error as CallError;
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use csbackup::{Error, StoreTrouble};
use csra_client::Error as WireError;
use dtyp::HResult;

use crate::args::Args;
use crate::config::ConfigError;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Incomplete = 3,
    Damage = 4,
    NotTruncated = 5,
    TruncationUnknown = 6,
    NoRepository = 10,
    Locked = 11,
    WrongPassword = 12,
    Full = 13,
    ReadOnly = 14,
    OtherCa = 15,
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

impl Exit {
    /// That of a run of this program, which may have been killed.
    pub(crate) fn of_run(code: Option<i32>) -> Self {
        const ALL: [Exit; 17] = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Incomplete,
            Exit::Damage,
            Exit::NotTruncated,
            Exit::TruncationUnknown,
            Exit::NoRepository,
            Exit::Locked,
            Exit::WrongPassword,
            Exit::Full,
            Exit::ReadOnly,
            Exit::OtherCa,
            Exit::Unreachable,
            Exit::Refused,
            Exit::Busy,
            Exit::Cancelled,
        ];
        ALL.into_iter().find(|exit| code == Some(i32::from(exit.number()))).unwrap_or(Exit::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// The place that was named holds nothing of ours: a clause that says so.
#[derive(Debug)]
pub(crate) struct NoRepository(pub(crate) String);

impl std::fmt::Display for NoRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoRepository {}

/// Why a run ends, with its code: a clause.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) Exit, pub(crate) String);

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.1)
    }
}

impl std::error::Error for Stopped {}

/// Nothing came of a replay: a clause that says so. The findings are told before.
#[derive(Debug)]
pub(crate) struct NotRecovered(pub(crate) String);

impl std::fmt::Display for NotRecovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotRecovered {}

/// Arguments that do not go together, or leave something open: exit code 2, as for what clap finds.
pub(crate) fn usage(kind: ErrorKind, text: &str) -> anyhow::Error {
    Args::command().error(kind, text).into()
}

/// The code for an error that ended a run.
pub(crate) fn code_of(error: &anyhow::Error) -> Exit {
    if error.downcast_ref::<NoRepository>().is_some() {
        return Exit::NoRepository;
    }
    if error.downcast_ref::<NotRecovered>().is_some() {
        return Exit::Damage;
    }
    if let Some(Stopped(code, _)) = error.downcast_ref() {
        return *code;
    }
    if error.downcast_ref::<ConfigError>().is_some() {
        return Exit::Usage;
    }
    if let Some(error) = error.downcast_ref::<WireError>() {
        return code_of_wire(error);
    }
    if let Some(error) = error.downcast_ref::<CallError>() {
        return code_of_call(error);
    }
    error.downcast_ref().map_or(Exit::Failed, code_of_engine)
}

/// The code for what a catalogue could not read, where all else went well: sets that are there and damaged,
/// or a place that could not be asked.
pub(crate) fn code_of_unreadable(errors: &[Error]) -> Exit {
    if errors.is_empty() {
        return Exit::Done;
    }
    let out_of_reach =
        |error: &Error| matches!(error, Error::Store { trouble, .. } if *trouble != StoreTrouble::Damaged);
    if errors.iter().all(out_of_reach) { Exit::Incomplete } else { Exit::Damage }
}

fn code_of_store(trouble: StoreTrouble) -> Exit {
    match trouble {
        StoreTrouble::Missing => Exit::NoRepository,
        StoreTrouble::Locked => Exit::Locked,
        StoreTrouble::WrongPassword | StoreTrouble::NoKey => Exit::WrongPassword,
        StoreTrouble::Full => Exit::Full,
        StoreTrouble::ReadOnly => Exit::ReadOnly,
        StoreTrouble::OtherCa => Exit::OtherCa,
        StoreTrouble::Damaged => Exit::Damage,
        _ => Exit::Failed,
    }
}

fn code_of_engine(error: &Error) -> Exit {
    match error {
        Error::Restoring { source, .. } => code_of_engine(source),
        Error::Server { source, .. } => code_of_call(source),
        Error::NotOnline { .. } | Error::NotRestarted { .. } => Exit::Unreachable,
        Error::Busy { .. } => Exit::Busy,
        Error::Locked { .. } => Exit::Locked,
        Error::Store { trouble, .. } => code_of_store(*trouble),
        Error::Cancelled => Exit::Cancelled,
        Error::ReadBack { .. } | Error::Manifest { .. } | Error::NotRecovered { .. } => Exit::Damage,
        Error::Database { source: OpenError::NoTables { catalog: None }, .. } => Exit::Failed,
        Error::Database { .. } => Exit::Damage,
        Error::Io { source, .. } => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Exit::Full,
            io::ErrorKind::ReadOnlyFilesystem => Exit::ReadOnly,
            _ => Exit::Failed,
        },
        _ => Exit::Failed,
    }
}

fn code_of_call(error: &CallError) -> Exit {
    match error {
        CallError::Refused { code, .. } => match *code {
            HResult::READ_VERIFY_FAILURE => Exit::Damage,
            HResult::SERVICE_NOT_ACTIVE
            | HResult::SERVICE_DISABLED
            | HResult::SERVER_EXEC_FAILURE
            | HResult::ENDPOINT_NOT_REGISTERED
            | HResult::SERVER_SUSPENDED
            | HResult::CLASS_NOT_REGISTERED
            | HResult::DISCONNECTED
            | HResult::RPC_UNAVAILABLE
            | HResult::RPC_CALL_FAILED
            | HResult::COULD_NOT_CONNECT => Exit::Unreachable,
            _ => Exit::Refused,
        },
        CallError::Lost { .. } => Exit::Unreachable,
        CallError::NoReadRight { .. } | CallError::NoPrivilege { .. } => Exit::Refused,
        _ => Exit::Failed,
    }
}

fn code_of_wire(error: &WireError) -> Exit {
    match error {
        error if error.is_denied() => Exit::Refused,
        error if error.is_stopped() => Exit::Unreachable,
        WireError::Activation { code, .. } => {
            code_of_call(&CallError::Refused { call: certadm::Call::GetServerState, code: *code })
        }
        WireError::NoName { source: Some(source), .. } => code_of_call(source),
        WireError::NoName { .. } => Exit::Refused,
        WireError::Resolve { .. }
        | WireError::Connect { .. }
        | WireError::Broken { .. }
        | WireError::Timeout { .. }
        | WireError::Rpc { .. }
        | WireError::NoEndpoint { .. } => Exit::Unreachable,
        _ => Exit::Failed,
    }
}
