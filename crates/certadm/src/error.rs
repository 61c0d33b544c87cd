use alloc::boxed::Box;
use core::fmt;

use dtyp::HResult;

use crate::ListError;

/// A call of the backup interface, named as in the specification.
///
/// Source: [MS-CSRA] 3.1.4.1 (opnums 16 to 30); `certbcli.h`.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Asking for the state of the service.
    GetServerState,
    /// Opening a backup session.
    BackupPrepare,
    /// Ending a backup session.
    BackupEnd,
    /// Listing the database files.
    BackupGetAttachmentInformation,
    /// Listing the log files.
    BackupGetBackupLogs,
    /// Opening a listed file.
    BackupOpenFile,
    /// Reading the next bytes.
    BackupReadFile,
    /// Closing the open file.
    BackupCloseFile,
    /// Letting the CA delete backed-up logs.
    BackupTruncateLogs,
    /// Listing the files outside the database.
    BackupGetDynamicFiles,
    /// Fetching the restore map.
    RestoreGetDatabaseLocations,
    /// Opening a restore session (no wire method: local to the CA).
    RestorePrepare,
    /// Leaving recovery instructions (no wire method).
    RestoreRegister,
    /// Confirming that the files lie (no wire method).
    RestoreRegisterComplete,
    /// Ending a restore session (no wire method).
    RestoreEnd,
}

impl Call {
    /// The method's number on the wire, if it has one.
    pub fn opnum(self) -> Option<u16> {
        Some(match self {
            Self::GetServerState => 19,
            Self::BackupPrepare => 20,
            Self::BackupEnd => 21,
            Self::BackupGetAttachmentInformation => 22,
            Self::BackupGetBackupLogs => 23,
            Self::BackupOpenFile => 24,
            Self::BackupReadFile => 25,
            Self::BackupCloseFile => 26,
            Self::BackupTruncateLogs => 27,
            Self::BackupGetDynamicFiles => 29,
            Self::RestoreGetDatabaseLocations => 30,
            Self::RestorePrepare
            | Self::RestoreRegister
            | Self::RestoreRegisterComplete
            | Self::RestoreEnd => return None,
        })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.opnum() {
            Some(opnum) => write!(f, "{self:?} (opnum {opnum})"),
            None => write!(f, "{self:?}"),
        }
    }
}

/// Why a call failed. The three cases differ in what the CA did: nothing, unknown, something odd.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The CA answered with a failure code.
    Refused {
        /// The call.
        call: Call,
        /// Its answer, never success.
        code: HResult,
    },
    /// No answer came: whether the CA did what was asked is unknown.
    Lost {
        /// The call.
        call: Call,
        /// What broke.
        cause: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The answer contradicts the interface.
    Malformed {
        /// The call.
        call: Call,
        /// What is wrong with the answer.
        reason: ListError,
    },
}

impl Error {
    /// The call that failed.
    pub fn call(&self) -> Call {
        match self {
            Self::Refused { call, .. } | Self::Lost { call, .. } | Self::Malformed { call, .. } => *call,
        }
    }

    /// The CA's code, when it gave one.
    pub fn code(&self) -> Option<HResult> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// True when the reply was lost, so that the effect of the call is unknown.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { call, code } => write!(f, "{call} returned {code}"),
            Self::Lost { call, .. } => write!(f, "{call} got no reply"),
            Self::Malformed { call, .. } => write!(f, "{call} reply is malformed"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Refused { .. } => None,
            Self::Lost { cause, .. } => Some(cause.as_ref()),
            Self::Malformed { reason, .. } => Some(reason),
        }
    }
}
