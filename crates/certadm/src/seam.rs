use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dtyp::HResult;

use crate::{Call, Configuration, Error, FileList, RestoreMap};

/// Which CA: host and CA common name, together the config string `HOST\CA`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// NetBIOS or DNS name of the host.
    pub host: String,
    /// Common name of the CA.
    pub name: String,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\\{}", self.host, self.name)
    }
}

/// State of the certificate service: three different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerState {
    /// The service does not run.
    Stopped,
    /// The service runs but is suspended (paused, or restoring a database).
    Suspended,
    /// The service runs and serves.
    Online,
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "stopped",
            Self::Suspended => "suspended",
            Self::Online => "online",
        })
    }
}

/// What a session backs up.
///
/// In the C API `CSBACKUP_TYPE_FULL` (1) and `CSBACKUP_TYPE_LOGS_ONLY` (2) of `dwBackupFlags`; on
/// the wire `grbitJet` 0 and 1. Source: [MS-CSRA] 3.1.4.1.18.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackupType {
    /// Database and logs.
    Full,
    /// Logs since the last full or incremental backup.
    Incremental,
}

impl fmt::Display for BackupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        })
    }
}

/// A road to one CA. Implementations are blocking; one thread uses one context.
pub trait CertServer {
    /// The CA at the end of the road.
    fn authority(&self) -> &Authority;

    /// Is the service stopped, suspended or online? A backup needs online.
    ///
    /// # Errors
    /// Only when the question itself fails; a stopped service is an answer.
    fn state(&mut self) -> Result<ServerState, Error>;

    /// What the CA tells of its configuration; empty where the road has no way to ask.
    ///
    /// # Errors
    /// Only when nothing at all could be asked; what is missing is part of the answer.
    fn configuration(&mut self) -> Result<Configuration, Error> {
        Ok(Configuration::default())
    }

    /// Lets the certificate service end (`CertSrvServerControl`, `CSCONTROL_SHUTDOWN`). Success says that
    /// it was asked: its state tells when it has.
    ///
    /// # Errors
    /// [`HResult::NOT_IMPLEMENTED`] where the road has no such call; refusals of the CA.
    fn shut_down(&mut self) -> Result<(), Error> {
        Err(Error::Refused { call: Call::ServerControl, code: HResult::NOT_IMPLEMENTED })
    }

    /// Opens a backup session (`CertSrvBackupPrepare`).
    ///
    /// Sequencing: after success the caller owes exactly one [`BackupContext::end`]. After a failure
    /// no backup call may follow.
    ///
    /// # Errors
    /// Refusals of the CA, among them busy ([`HResult::BACKUP_IN_PROGRESS`],
    /// [`HResult::UNEXPECTED`]) and, for increments, a missing base
    /// ([`HResult::MISSING_FULL_BACKUP`], [`HResult::MISSING_FILE_TO_BACKUP`]).
    fn prepare_backup(&mut self, kind: BackupType) -> Result<Box<dyn BackupContext + '_>, Error>;

    /// Opens a restore session (`CertSrvRestorePrepare`), on the CA's own host only.
    ///
    /// # Errors
    /// [`HResult::NOT_IMPLEMENTED`] where the road cannot register a restore.
    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, Error>;
}

/// One backup session, from prepare to end.
///
/// Names go back to the CA exactly as listed, without the tag. One file is open at a time.
///
/// Source: SDK documentation of `CertSrvBackup*` (sdk-api, `certbcli`); [MS-CSRA] 3.1.4.1.18.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
pub trait BackupContext {
    /// Where database, logs and checkpoint live on the CA (`CertSrvRestoreGetDatabaseLocations`).
    ///
    /// # Errors
    /// See [`Error`].
    fn restore_map(&mut self) -> Result<RestoreMap, Error>;

    /// The database files; refused in a logs-only session.
    ///
    /// # Errors
    /// See [`Error`].
    fn database_files(&mut self) -> Result<FileList, Error>;

    /// The log files. Asked after the databases were read: the engine fixes the range here.
    ///
    /// # Errors
    /// See [`Error`].
    fn log_files(&mut self) -> Result<FileList, Error>;

    /// Untagged names of files outside the database. They are not readable here.
    ///
    /// # Errors
    /// See [`Error`].
    fn dynamic_files(&mut self) -> Result<Vec<String>, Error>;

    /// Opens a listed file and returns the size of its stream in bytes.
    ///
    /// # Errors
    /// See [`Error`].
    fn open_file(&mut self, name: &str) -> Result<u64, Error>;

    /// Reads the next bytes of the open file into `buffer`; 0 is the end of the file.
    ///
    /// Units: bytes. `buffer` is a multiple of 4096 (of the database's page size for databases) and
    /// larger than two pages on the first call.
    ///
    /// # Errors
    /// See [`Error`].
    fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, Error>;

    /// Closes the open file.
    ///
    /// # Errors
    /// See [`Error`].
    fn close_file(&mut self) -> Result<(), Error>;

    /// Lets the CA delete logs it no longer needs, once every listed file was read.
    ///
    /// Success does not mean that anything was deleted.
    ///
    /// # Errors
    /// See [`Error`]. When the reply is lost the effect is unknown.
    fn truncate_logs(&mut self) -> Result<(), Error>;

    /// Ends the session; the last call of it, also on error paths.
    ///
    /// # Errors
    /// See [`Error`].
    fn end(&mut self) -> Result<(), Error>;
}

/// What `CertSrvRestoreRegister` is told: the files lie, these logs are to be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Old and new path of the database; `None` for an incremental set.
    pub database: Option<(String, String)>,
    /// Directory of the checkpoint file.
    pub checkpoint_directory: Option<String>,
    /// Target log directory.
    pub log_directory: Option<String>,
    /// Directory in which the restored logs lie.
    pub backup_log_directory: Option<String>,
    /// Lowest restored generation.
    pub low: u32,
    /// Highest restored generation.
    pub high: u32,
}

/// One restore session, on the CA's own host.
///
/// Source: "Restoring Certificate Services from a Backup" (win32, `SecCrypto`).
pub trait RestoreContext {
    /// Leaves recovery instructions for the next start of the service.
    ///
    /// # Errors
    /// See [`Error`]; a registration that is not completed blocks the next one.
    fn register(&mut self, registration: &Registration) -> Result<(), Error>;

    /// Confirms the registration: [`HResult::OK`] when the files lie correctly, else why not. Until
    /// then the service refuses to start.
    ///
    /// # Errors
    /// See [`Error`].
    fn register_complete(&mut self, outcome: HResult) -> Result<(), Error>;

    /// Ends the session.
    ///
    /// # Errors
    /// See [`Error`].
    fn end(&mut self) -> Result<(), Error>;
}
