use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{ConfigEntry, MissingPart, ServerState};

/// The machine that the CA runs on, as far as the program runs there too: what no interface of the CA
/// gives. Windows, or the directory of an embedded CA.
pub trait CaHost {
    /// Everything beside the database that a successor of the CA needs, keys excepted. What could not be
    /// had is part of the answer.
    fn capture(&mut self) -> HostState;

    /// The CA's keys that their providers let out, with their certificates, as one PKCS #12 under
    /// `password`, which is never empty.
    ///
    /// # Errors
    /// No key can be let out (hardware, not exportable), the right to is missing, or the system fails.
    fn export_keys(&mut self, password: &str) -> Result<Vec<u8>, HostError>;

    /// Puts keys and certificates of a PKCS #12 where the certificate service looks for them.
    ///
    /// # Errors
    /// A wrong password; no right to; the system's.
    fn import_keys(&mut self, pkcs12: &[u8], password: &str) -> Result<(), HostError>;

    /// Writes registry values below `CertSvc\Configuration`; keys are made where they are missing.
    ///
    /// # Errors
    /// No right to; the system's.
    fn import_registry(&mut self, entries: &[ConfigEntry]) -> Result<(), HostError>;

    /// Values of the `RestoreInProgress` key: what the next start of the service is to replay, or a
    /// leftover that keeps it from starting. Empty where there is none.
    ///
    /// # Errors
    /// No right to; the system's.
    fn pending_restore(&mut self) -> Result<Vec<ConfigEntry>, HostError>;

    /// Does the certificate service run, by what starts and stops it? Whether it answers is another matter.
    ///
    /// # Errors
    /// No right to ask; the system's.
    fn service_state(&mut self) -> Result<ServerState, HostError>;

    /// Stops the certificate service and waits until it has.
    ///
    /// # Errors
    /// No right to; it does not stop in time; the system's.
    fn stop_service(&mut self) -> Result<(), HostError>;

    /// Starts the certificate service and waits until it runs.
    ///
    /// # Errors
    /// No right to; it ends again, or does not come up in time; the system's.
    fn start_service(&mut self) -> Result<(), HostError>;

    /// Folder of published certificates and CRLs (`CertEnroll`), a path of this machine.
    fn enroll_folder(&self) -> Option<String>;

    /// Where `CAPolicy.inf` belongs, a path of this machine.
    fn policy_file(&self) -> Option<String>;
}

/// What a CA's machine has beside the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostState {
    /// Registry values below `CertSvc\Configuration`, all of them.
    pub registry: Vec<ConfigEntry>,
    /// `CAPolicy.inf`, as it lies there.
    pub policy: Option<Vec<u8>>,
    /// Files of `CertEnroll`: name and content.
    pub enroll: Vec<(String, Vec<u8>)>,
    /// Installed certificates of the CA, DER, by their index; empty where one was removed from the CA.
    pub certificates: Vec<Vec<u8>>,
    /// Where the keys of these certificates are.
    pub keys: Vec<KeyInfo>,
    /// Does the engine keep superfluous logs although it is told to delete them?
    pub hoards_logs: Option<LogHoarding>,
    /// What should be there and could not be had.
    pub missing: Vec<MissingPart>,
}

/// Where one key of the CA is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Index of its certificate in [`HostState::certificates`].
    pub certificate: u32,
    /// Cryptographic provider.
    pub provider: String,
    /// Its container there.
    pub container: String,
    /// Who keeps it.
    pub kind: KeyKind,
}

/// Who keeps a key, and whether it can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// Software, and may be exported.
    Exportable,
    /// Software, and marked as not exportable.
    NotExportable,
    /// A hardware security module or a smart card: its vendor's procedure saves it.
    Hardware,
    /// The provider was not there to ask.
    Unknown,
}

/// Windows Server 2008 R2 to 2016: up to some 60 logs stay after a truncation that succeeded, until the
/// service is started anew (event 225 of source ESENT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHoarding {
    /// The system, for people.
    pub system: String,
}

/// Why the CA's machine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// This road does not lead to the machine, or the machine has no such thing.
    NotHere,
    /// The caller lacks a right.
    Denied {
        /// What was tried, with the system's answer; one clause.
        what: String,
    },
    /// The password does not open the PKCS #12.
    WrongPassword,
    /// Nothing that could be let out: the keys and why.
    NoKey {
        /// One clause.
        reason: String,
    },
    /// Anything else.
    Failed {
        /// What was tried, with the system's answer; one clause.
        what: String,
    },
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere => f.write_str("only possible on the CA's own machine"),
            Self::Denied { what } => write!(f, "access denied: {what}"),
            Self::WrongPassword => f.write_str("the password does not open the PKCS #12"),
            Self::NoKey { reason } => write!(f, "no key can be saved: {reason}"),
            Self::Failed { what } => f.write_str(what),
        }
    }
}

impl core::error::Error for HostError {}
