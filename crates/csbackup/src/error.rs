use std::io;
use std::path::PathBuf;

use certadm::{Authority, BackupType, Call, ServerState};
use dtyp::HResult;

use crate::StoreTrouble;

/// Why a command could not be carried out. Damage in data is never an error but a finding.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The CA failed a call.
    #[error("cannot {doing} `{ca}`")]
    Server {
        /// What was being done, as in "begin a full backup of".
        doing: String,
        /// The CA.
        ca: Authority,
        /// The call and its answer.
        source: certadm::Error,
    },
    /// The service does not serve.
    #[error("the certificate service of `{ca}` is {state}, a backup needs it online")]
    NotOnline {
        /// The CA.
        ca: Authority,
        /// Its state.
        state: ServerState,
    },
    /// The service was to be restarted before the backup and did not stop.
    #[error("cannot stop the certificate service of `{ca}` for its restart: {reason}")]
    NotStopped {
        /// The CA.
        ca: Authority,
        /// What the CA's machine said.
        reason: String,
    },
    /// The service was stopped for its restart and does not serve again.
    #[error(
        "THE CERTIFICATE SERVICE OF `{ca}` IS DOWN: it was stopped for its restart and did not come up again: {reason}"
    )]
    NotRestarted {
        /// The CA.
        ca: Authority,
        /// What the CA's machine said, or the state the service is in.
        reason: String,
    },
    /// The CA has a backup open.
    #[error("another backup of `{ca}` is active: the CA answered {code}")]
    Busy {
        /// The CA.
        ca: Authority,
        /// The CA's answer.
        code: HResult,
    },
    /// An increment was asked for and cannot be.
    #[error("cannot take an incremental backup of `{ca}`: {reason}")]
    NoBase {
        /// The CA.
        ca: Authority,
        /// Why.
        reason: String,
    },
    /// The stream of a file is not what the CA announced.
    #[error("stream of `{}` {what}", crate::shown_name(name))]
    Stream {
        /// Name as listed.
        name: String,
        /// Expected and found.
        what: String,
    },
    /// The CA listed nothing where something must be.
    #[error("the CA listed no {what} for a {kind} backup")]
    EmptyList {
        /// Kind of backup.
        kind: BackupType,
        /// What is missing.
        what: &'static str,
    },
    /// Reading or writing here failed.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another run holds the lock.
    #[error("another csbackup run holds the lock of `{ca}` in `{}` ({holder})", path.display())]
    Locked {
        /// The CA.
        ca: Authority,
        /// The lock file.
        path: PathBuf,
        /// What the lock file says about its owner.
        holder: String,
    },
    /// A place of sets cannot be used.
    #[error("{reason} (`{place}`)")]
    Store {
        /// The place.
        place: String,
        /// What it is, for the exit code and the hint.
        trouble: StoreTrouble,
        /// One clause.
        reason: String,
    },
    /// No set, or more than one, answers to a name.
    #[error("{reason}")]
    NoSet {
        /// Name and why it does not fit.
        reason: String,
    },
    /// A folder holds nothing that could be verified or imported.
    #[error("`{}` holds no ESE database and no log", path.display())]
    NothingHere {
        /// The folder.
        path: PathBuf,
    },
    /// A database cannot be looked into.
    #[error("cannot look into the database of `{place}`")]
    Database {
        /// Set or path.
        place: String,
        /// Why.
        source: ca_database::OpenError,
    },
    /// A stored set cannot be read.
    #[error("manifest `{}`: {reason}", path.display())]
    Manifest {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Read back, a file differs from what was written.
    #[error("stored file `{path}` of set {set}: {what}")]
    ReadBack {
        /// The set.
        set: String,
        /// Path inside the set.
        path: String,
        /// Expected and found.
        what: String,
    },
    /// A restore cannot go on.
    #[error("{reason}")]
    Restore {
        /// Why.
        reason: String,
        /// What to do.
        hint: Option<&'static str>,
    },
    /// A database and its logs do not make one that could be laid down.
    #[error("{reason}")]
    NotRecovered {
        /// Why.
        reason: String,
    },
    /// A restore on a CA failed; what state that left.
    #[error("{state}")]
    Restoring {
        /// One clause.
        state: String,
        /// Why it failed.
        source: Box<Error>,
    },
    /// Nothing may be forgotten.
    #[error("nothing was forgotten: {reason}")]
    Kept {
        /// Why.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The operator stopped the run.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// Does the medium itself know that what it stored is damaged? Anything else may be readable tomorrow.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::InvalidData,
            Self::Store { trouble, .. } => *trouble == StoreTrouble::Damaged,
            Self::ReadBack { .. } | Self::Manifest { .. } => true,
            _ => false,
        }
    }

    /// What the operator can do about it.
    pub fn hints(&self) -> Vec<&'static str> {
        match self {
            Self::Server { source, .. } => server_hints(source),
            Self::NotOnline { state: ServerState::Stopped, .. } => {
                vec!["start the service, or restore from a set with `csbackup restore`"]
            }
            Self::NotOnline { .. } => vec!["a pending restore or a paused service suspends a CA"],
            Self::NotStopped { .. } => {
                vec!["nothing was backed up; run it again without `--restart-service`, or as administrator"]
            }
            Self::NotRestarted { .. } => vec![
                "start it now (`net start CertSvc`) and look at the CA's event logs (Application, System)",
                "nothing was backed up and no log was deleted; run the backup again when it serves",
            ],
            Self::Busy { .. } => vec![
                "wait for it with `--wait SECONDS`, or find the other program (certutil -backup, an agent)",
            ],
            Self::NoBase { .. } => vec!["use `--type auto` or `--type full`"],
            Self::Stream { .. } => vec!["nothing was published and no log was deleted; run the backup again"],
            Self::EmptyList { .. } => {
                vec!["the CA's answer is not that of a working CA; nothing was deleted"]
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                vec!["free some space and run it again; what was published before stays as it is"]
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                vec!["use another place, or `--force` where the command has it"]
            }
            Self::Locked { .. } => vec!["wait for the other run; the lock goes away with its process"],
            Self::Store { trouble, .. } => trouble.hints(),
            Self::NoSet { .. } => vec!["`csbackup list` shows the sets"],
            Self::NothingHere { .. } => vec![],
            Self::Manifest { .. } => {
                vec!["the set cannot be trusted as it is; `csbackup list` shows the others"]
            }
            Self::ReadBack { .. } => vec!["the medium did not keep what was written: check its disk"],
            Self::NotRecovered { .. } => vec!["use another copy of the set, or an older set"],
            Self::Restoring { source, .. } => source.hints(),
            Self::Restore { hint, .. } => hint.iter().copied().collect(),
            Self::Kept { hint, .. } => vec![*hint],
            _ => vec![],
        }
    }
}

fn server_hints(error: &certadm::Error) -> Vec<&'static str> {
    match error.code() {
        Some(HResult::ACCESS_DENIED)
            if matches!(
                error.call(),
                Call::RestorePrepare
                    | Call::RestoreRegister
                    | Call::RestoreRegisterComplete
                    | Call::RestoreEnd
            ) =>
        {
            vec![
                "run it as an administrator of the CA's machine: registering a restore needs that, or at least the privilege to restore files",
            ]
        }
        Some(HResult::ACCESS_DENIED) => vec![
            "the account needs the backup right on the CA: Read permission and the privilege to back up files",
            "the CA may refuse backups from here (InterfaceFlags: IF_NOREMOTEICERTADMINBACKUP, IF_NOLOCALICERTADMINBACKUP)",
        ],
        Some(HResult::ROLE_CONFLICT) => {
            vec![
                "role separation is on and the account holds two CA roles: use one that is backup operator only",
            ]
        }
        Some(HResult::READ_VERIFY_FAILURE) => vec![
            "the CA found a damaged page in its own database and refuses to deliver it",
            "keep the last good set, check the CA's disk, and look at the Application log (source ESENT)",
        ],
        Some(HResult::INVALID_BACKUP | HResult::CIRCULAR_LOGGING) => {
            vec!["the CA uses circular logging: only full backups are possible"]
        }
        Some(HResult::SERVICE_NOT_ACTIVE | HResult::RPC_UNAVAILABLE) => {
            vec!["the certificate service does not run or is out of reach"]
        }
        None if error.is_lost() => {
            vec![
                "the connection broke; the CA ends the session by itself when it notices, which can take minutes",
            ]
        }
        _ => vec![],
    }
}
