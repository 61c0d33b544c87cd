use alloc::boxed::Box;
use core::fmt;

use dtyp::HResult;

/// A call of the administration interface, named as in the specification.
///
/// Source: [MS-CSRA] 3.1.4.1 (opnums up to 30) and 3.1.4.2 (from 31); `certbcli.h`.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Describing the columns of the request table.
    EnumViewColumn,
    /// Asking which columns a usual view shows.
    GetViewDefaultColumnSet,
    /// Opening a view of the database.
    OpenView,
    /// Fetching more rows of the view.
    EnumView,
    /// Closing the view.
    CloseView,
    /// Letting the CA give up its interface.
    ServerControl,
    /// Testing whether the CA answers an administrator.
    Ping,
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
    /// Entering a certificate into the database.
    ImportCertificate,
    /// Listing the files outside the database.
    BackupGetDynamicFiles,
    /// Fetching the restore map.
    RestoreGetDatabaseLocations,
    /// Reading a property of the CA.
    GetCAProperty,
    /// Asking which properties there are.
    GetCAPropertyInfo,
    /// Describing the columns of a table.
    EnumViewColumnTable,
    /// Testing whether the CA answers.
    Ping2,
    /// Reading a configuration value.
    GetConfigEntry,
    /// Asking which roles the caller holds.
    GetMyRoles,
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
    /// The calls that are methods on the wire, by number.
    pub const METHODS: [Self; 25] = [
        Self::EnumViewColumn,
        Self::GetViewDefaultColumnSet,
        Self::OpenView,
        Self::EnumView,
        Self::CloseView,
        Self::ServerControl,
        Self::Ping,
        Self::GetServerState,
        Self::BackupPrepare,
        Self::BackupEnd,
        Self::BackupGetAttachmentInformation,
        Self::BackupGetBackupLogs,
        Self::BackupOpenFile,
        Self::BackupReadFile,
        Self::BackupCloseFile,
        Self::BackupTruncateLogs,
        Self::ImportCertificate,
        Self::BackupGetDynamicFiles,
        Self::RestoreGetDatabaseLocations,
        Self::GetCAProperty,
        Self::GetCAPropertyInfo,
        Self::EnumViewColumnTable,
        Self::Ping2,
        Self::GetConfigEntry,
        Self::GetMyRoles,
    ];

    /// The method with this number, if it is one of [`Call::METHODS`].
    pub fn from_opnum(opnum: u16) -> Option<Self> {
        Self::METHODS.into_iter().find(|call| call.opnum() == Some(opnum))
    }

    /// The method's number on the wire, if it has one.
    pub fn opnum(self) -> Option<u16> {
        Some(match self {
            Self::EnumViewColumn => 11,
            Self::GetViewDefaultColumnSet => 12,
            Self::OpenView => 14,
            Self::EnumView => 15,
            Self::CloseView => 16,
            Self::ServerControl => 17,
            Self::Ping => 18,
            Self::GetServerState => 19,
            Self::BackupPrepare => 20,
            Self::BackupEnd => 21,
            Self::BackupGetAttachmentInformation => 22,
            Self::BackupGetBackupLogs => 23,
            Self::BackupOpenFile => 24,
            Self::BackupReadFile => 25,
            Self::BackupCloseFile => 26,
            Self::BackupTruncateLogs => 27,
            Self::ImportCertificate => 28,
            Self::BackupGetDynamicFiles => 29,
            Self::RestoreGetDatabaseLocations => 30,
            Self::GetCAProperty => 32,
            Self::GetCAPropertyInfo => 34,
            Self::EnumViewColumnTable => 35,
            Self::Ping2 => 38,
            Self::GetConfigEntry => 44,
            Self::GetMyRoles => 47,
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

/// Why a call failed. The cases differ in what the CA did: nothing, unknown, something odd.
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
    /// `GetServerState` answered 0: the CA is online or paused, and the caller may not read there.
    ///
    /// Source: [MS-CSRA] 3.1.4.1.17: the method tells whether the caller has read permission.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    NoReadRight {
        /// The call.
        call: Call,
    },
    /// The call needs a privilege that the caller does not hold; it was not made.
    NoPrivilege {
        /// The call.
        call: Call,
        /// The system's name of the privilege, such as `SeBackupPrivilege`.
        privilege: &'static str,
    },
    /// The answer contradicts the interface.
    Malformed {
        /// The call.
        call: Call,
        /// What is wrong with the answer.
        reason: Box<dyn core::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The call that failed.
    pub fn call(&self) -> Call {
        match self {
            Self::Refused { call, .. }
            | Self::Lost { call, .. }
            | Self::NoReadRight { call }
            | Self::NoPrivilege { call, .. }
            | Self::Malformed { call, .. } => *call,
        }
    }

    /// The CA's code, when it gave one.
    pub fn code(&self) -> Option<HResult> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// True when no reply came, or none that says anything: the effect of the call is unknown.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Malformed { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { call, code } => write!(f, "{call} returned {code}"),
            Self::Lost { call, .. } => write!(f, "{call} got no reply"),
            Self::NoReadRight { call } => {
                write!(f, "{call} answered 0: the CA is there, but the caller has no right to read in it")
            }
            Self::NoPrivilege { call, privilege } => {
                write!(f, "{call} was not tried: the account does not hold {privilege}")
            }
            Self::Malformed { call, .. } => write!(f, "{call} reply is malformed"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Refused { .. } | Self::NoReadRight { .. } | Self::NoPrivilege { .. } => None,
            Self::Lost { cause, .. } => Some(cause.as_ref()),
            Self::Malformed { reason, .. } => Some(reason.as_ref()),
        }
    }
}
