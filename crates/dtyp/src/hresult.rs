use core::fmt;

/// A Windows result code: 0 is success, and for the CA's methods *any* other value is failure.
///
/// Engine error -N appears as `0xC8000000 | N`, codes of the backup layer as `0xC7FF00xx`.
///
/// Source: [MS-ERREF] 2.1; `ntdsbmsg.h`; [MS-CSRA] 2.2.5 and 3.2.4 (non-zero is failure).
///
/// [MS-ERREF]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HResult(pub u32);

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $value:literal, $name:literal;)*) => {
        impl HResult {
            $($(#[$doc])* pub const $constant: Self = Self($value);)*

            /// The name of the code in the public headers, when it is one that a CA is known to return.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Success.
    OK = 0, "S_OK";
    /// A column number beyond the table; end of the rows, on a Windows CA ([MS-CSRA] 2.2.5).
    ARITHMETIC_OVERFLOW = 1, "ERROR_ARITHMETIC_OVERFLOW";
    /// No such configuration value.
    ENTRY_NOT_FOUND = 0x8007_0002, "ERROR_FILE_NOT_FOUND";
    /// Not what it should be, for example no certificate.
    INVALID_DATA = 0x8007_000D, "ERROR_INVALID_DATA";
    /// The property, or this index of it, has no value.
    PROPERTY_EMPTY = 0x8009_4004, "CERTSRV_E_PROPERTY_EMPTY";
    /// Role missing, interface flag set, or the call was not sealed.
    ACCESS_DENIED = 0x8007_0005, "E_ACCESSDENIED";
    /// Invalid handle.
    HANDLE = 0x8007_0006, "E_HANDLE";
    /// Not enough memory.
    OUT_OF_MEMORY = 0x8007_000E, "E_OUTOFMEMORY";
    /// Invalid parameter.
    INVALID_ARG = 0x8007_0057, "E_INVALIDARG";
    /// The user name is unknown or the password wrong.
    LOGON_FAILURE = 0x8007_052E, "ERROR_LOGON_FAILURE";
    /// The directory layout is not that of a backup (`ERROR_DIRECTORY`).
    DIRECTORY = 0x8007_010B, "ERROR_DIRECTORY";
    /// The object exists already ([MS-CSRA] 2.2.5).
    OBJECT_ALREADY_EXISTS = 0x8007_1392, "ERROR_OBJECT_ALREADY_EXISTS";
    /// Call out of order; the CA's generic answer ([MS-CSRA] 3.1.4.1.18, `ERROR_UNEXPECTED_ERROR`).
    UNEXPECTED = 0x8000_FFFF, "E_UNEXPECTED";
    /// The method is not there.
    NOT_IMPLEMENTED = 0x8000_4001, "E_NOTIMPL";
    /// Suspended for a database restore.
    SERVER_SUSPENDED = 0x8009_4006, "CERTSRV_E_SERVER_SUSPENDED";
    /// Role separation is on and the caller holds two roles.
    ROLE_CONFLICT = 0x8009_4008, "CERTSRV_E_ROLECONFLICT";
    /// The service is not running.
    SERVICE_NOT_ACTIVE = 0x8007_0426, "ERROR_SERVICE_NOT_ACTIVE";
    /// The certificate service is disabled.
    SERVICE_DISABLED = 0x8007_0422, "ERROR_SERVICE_DISABLED";
    /// The certificate service was started and did not come up.
    SERVER_EXEC_FAILURE = 0x8008_0005, "CO_E_SERVER_EXEC_FAILURE";
    /// The caller does not hold a privilege that the CA's host asks for.
    PRIVILEGE_NOT_HELD = 0x8007_0522, "ERROR_PRIVILEGE_NOT_HELD";
    /// Nobody has registered the interface with the endpoint mapper.
    ENDPOINT_NOT_REGISTERED = 0x8007_06D9, "EPT_S_NOT_REGISTERED";
    /// Backup layer: invalid parameter.
    HR_INVALID_PARAM = 0xC7FF_0001, "hrInvalidParam";
    /// Backup layer: error.
    HR_ERROR = 0xC7FF_0002, "hrError";
    /// Backup layer: invalid handle.
    HR_INVALID_HANDLE = 0xC7FF_0003, "hrInvalidHandle";
    /// Backup layer: a restore is in progress.
    RESTORE_IN_PROGRESS = 0xC7FF_0004, "hrRestoreInProgress";
    /// Backup layer: a file is open already.
    ALREADY_OPEN = 0xC7FF_0005, "hrAlreadyOpen";
    /// Backup layer: no connection.
    COULD_NOT_CONNECT = 0xC7FF_0007, "hrCouldNotConnect";
    /// Backup layer: a restore map is registered already.
    RESTORE_MAP_EXISTS = 0xC7FF_0008, "hrRestoreMapExists";
    /// Backup layer: incremental backup is disabled.
    INCREMENTAL_DISABLED = 0xC7FF_0009, "hrIncrementalBackupDisabled";
    /// Backup layer: a log file was not found.
    LOG_FILE_NOT_FOUND = 0xC7FF_000A, "hrLogFileNotFound";
    /// Backup layer: circular logging is on.
    CIRCULAR_LOGGING = 0xC7FF_000B, "hrCircularLogging";
    /// Backup layer: the database was not restored.
    NO_FULL_RESTORE = 0xC7FF_000C, "hrNoFullRestore";
    /// Backup layer: communication error.
    COMMUNICATION_ERROR = 0xC7FF_000D, "hrCommunicationError";
    /// Backup layer: a full backup must come first.
    FULL_BACKUP_NOT_TAKEN = 0xC7FF_000E, "hrFullBackupNotTaken";
    /// Engine -505: a backup is active already.
    BACKUP_IN_PROGRESS = 0xC800_01F9, "hrBackupInProgress";
    /// Engine -516: logging is off.
    LOGGING_DISABLED = 0xC800_0204, "hrLoggingDisabled";
    /// Engine -520: no backup is in progress.
    NO_BACKUP = 0xC800_0208, "hrNoBackup";
    /// Engine -521: call out of order.
    INVALID_BACKUP_SEQUENCE = 0xC800_0209, "hrInvalidBackupSequence";
    /// Engine -523: backup is not allowed yet.
    BACKUP_NOT_ALLOWED_YET = 0xC800_020B, "hrBackupNotAllowedYet";
    /// Engine -526: incremental backup with circular logging.
    INVALID_BACKUP = 0xC800_020E, "hrInvalidBackup";
    /// Engine -528: a log file is missing.
    MISSING_LOG_FILE = 0xC800_0210, "hrMissingLogFile";
    /// Engine -560: an incremental backup needs a full one first.
    MISSING_FULL_BACKUP = 0xC800_0230, "hrMissingFullBackup";
    /// Engine -561: the database has a bad size.
    BAD_BACKUP_DATABASE_SIZE = 0xC800_0231, "hrBadBackupDatabaseSize";
    /// Engine -569: logs since the last backup are gone.
    MISSING_FILE_TO_BACKUP = 0xC800_0239, "hrMissingFileToBackup";
    /// Engine -616: a listed log was not read before truncation.
    LOG_FILE_NOT_COPIED = 0xC800_0268, "hrLogFileNotCopied";
    /// Engine -1003: invalid parameter, for example a read size that is no page multiple.
    HR_INVALID_PARAMETER = 0xC800_03EB, "hrInvalidParameter";
    /// Engine -1011: out of memory.
    HR_OUT_OF_MEMORY = 0xC800_03F3, "hrOutOfMemory";
    /// Engine -1018: the CA read a damaged page.
    READ_VERIFY_FAILURE = 0xC800_03FA, "hrReadVerifyFailure";
    /// Engine -1022: the CA's disk failed.
    DISK_IO = 0xC800_03FE, "hrDiskIO";
    /// Engine -1032: access to a file was denied.
    FILE_ACCESS_DENIED = 0xC800_0408, "hrFileAccessDenied";
    /// Engine -1069: version store out of memory.
    VERSION_STORE_OUT_OF_MEMORY = 0xC800_042D, "hrVersionStoreOutOfMemory";
    /// Engine -1811: a file was not found.
    FILE_NOT_FOUND = 0xC800_0713, "hrFileNotFound";
    /// COM: the object has no such interface.
    NO_INTERFACE = 0x8000_4002, "E_NOINTERFACE";
    /// COM: no such class here.
    CLASS_NOT_REGISTERED = 0x8004_0154, "REGDB_E_CLASSNOTREG";
    /// COM: no such object to add references to.
    OBJECT_NOT_REGISTERED = 0x8004_01FB, "CO_E_OBJNOTREG";
    /// COM: the object is gone, or never was.
    DISCONNECTED = 0x8001_0108, "RPC_E_DISCONNECTED";
    /// COM: the versions do not fit.
    VERSION_MISMATCH = 0x8001_0110, "RPC_E_VERSION_MISMATCH";
    /// COM: the call's header is wrong.
    INVALID_HEADER = 0x8001_0111, "RPC_E_INVALID_HEADER";
    /// COM: the interface that was asked for others is not one of ours.
    INVALID_OBJECT = 0x8001_0114, "RPC_E_INVALID_OBJECT";
    /// COM: the object reference is malformed.
    INVALID_OBJREF = 0x8001_011D, "RPC_E_INVALID_OBJREF";
    /// RPC: the server is not there.
    RPC_UNAVAILABLE = 0x8007_06BA, "RPC_S_SERVER_UNAVAILABLE";
    /// RPC: the call failed and may or may not have run.
    RPC_CALL_FAILED = 0x8007_06BE, "RPC_S_CALL_FAILED";
}

impl HResult {
    /// True for zero only: the CA's clients treat any other value, even a positive one, as failure.
    pub fn is_success(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:08X} ({name})", self.0),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
