//! The CA's machine, for an embedded CA: its own directory.

use std::path::PathBuf;

use certadm::{CaHost, ConfigEntry, HostError, HostState, LogHoarding, MissingPart, PartKind, ServerState};

use crate::profile::{self, registry};
use crate::site::Site;
use crate::{CaDirectory, Error, disk};

pub(crate) mod keys;

/// What Windows would hold beside the CA's database, as files of the CA directory.
///
/// ```text
/// ca/configuration.toml   registry values, over those that follow from ca.toml
/// ca/CAPolicy.inf
/// ca/ca-0.cer             installed certificates
/// ca/keys/ca-0.key        private key of the first one, PKCS #8 in PEM or DER, unencrypted
/// ca/keys/ca-0.toml       optional: provider, container, kind ("exportable", "not-exportable", "hardware",
///                         "unknown"); a key without its file is in hardware or lost
/// CertEnroll/             published files
/// ```
#[derive(Debug)]
pub struct Host {
    ca: CaDirectory,
}

impl Host {
    pub(crate) fn new(ca: CaDirectory) -> Self {
        Self { ca }
    }

    fn site(&self) -> &Site {
        self.ca.site()
    }

    fn enroll(&self) -> PathBuf {
        self.site().dir.join("CertEnroll")
    }

    fn policy(&self) -> PathBuf {
        profile::folder(self.site()).join("CAPolicy.inf")
    }

    /// The published files. A link is none of them.
    fn published(&self, state: &mut HostState) {
        let folder = self.enroll();
        if !folder.is_dir() {
            return;
        }
        let files = match disk::files(&folder) {
            Ok(files) => files,
            Err(error) => return missing(state, "CertEnroll", &error.to_string()),
        };
        for (name, path) in files {
            match profile::read(&path) {
                Ok(content) => state.enroll.extend(content.map(|content| (name, content))),
                Err(error) => missing(state, &format!("CertEnroll/{name}"), &reason(error)),
            }
        }
    }

    fn certificates(&self, state: &mut HostState) {
        for index in 0..profile::certificates(self.site()) {
            match profile::part(self.site(), PartKind::Certificate, index) {
                Ok(content) => state.certificates.extend(content),
                // What comes after it would have the wrong index.
                Err(error) => {
                    return missing(state, &format!("certificate {index} of the CA"), &reason(error));
                }
            }
        }
    }
}

impl CaHost for Host {
    fn capture(&mut self) -> HostState {
        let mut state = HostState::default();
        match registry::entries(self.site()) {
            Ok(entries) => state.registry = entries,
            Err(error) => missing(&mut state, "registry key of the CA", &reason(error)),
        }
        match profile::read(&self.policy()) {
            Ok(policy) => state.policy = policy,
            Err(error) => missing(&mut state, "CAPolicy.inf", &reason(error)),
        }
        self.published(&mut state);
        self.certificates(&mut state);
        for index in 0..u32::try_from(state.certificates.len()).unwrap_or(u32::MAX) {
            match keys::info(self.site(), index) {
                Ok(info) => state.keys.push(info),
                Err(error) => missing(&mut state, &format!("key {index} of the CA"), &reason(error)),
            }
        }
        state.hoards_logs =
            self.site().config.deep_checkpoint.then(|| LogHoarding {
                system: "this embedded CA (deep_checkpoint in its ca.toml)".to_owned(),
            });
        state
    }

    fn export_keys(&mut self, password: &str) -> Result<Vec<u8>, HostError> {
        keys::export(self.site(), password)
    }

    fn import_keys(&mut self, pkcs12: &[u8], password: &str) -> Result<(), HostError> {
        keys::import(self.site(), pkcs12, password)
    }

    fn import_registry(&mut self, entries: &[ConfigEntry]) -> Result<(), HostError> {
        registry::import(self.site(), entries).map_err(failed)
    }

    fn pending_restore(&mut self) -> Result<Vec<ConfigEntry>, HostError> {
        self.ca.pending_restore().map_err(failed)
    }

    fn service_state(&mut self) -> Result<ServerState, HostError> {
        Ok(self.ca.site().service())
    }

    fn stop_service(&mut self) -> Result<(), HostError> {
        self.ca.stop().map_err(failed)
    }

    fn start_service(&mut self) -> Result<(), HostError> {
        self.ca.start().map_err(failed)
    }

    fn enroll_folder(&self) -> Option<String> {
        self.enroll().to_str().map(str::to_owned)
    }

    fn policy_file(&self) -> Option<String> {
        self.policy().to_str().map(str::to_owned)
    }
}

fn missing(state: &mut HostState, what: &str, reason: &str) {
    state.missing.push(MissingPart { what: what.to_owned(), reason: reason.to_owned() });
}

/// An error with its cause, as one clause.
fn reason(error: Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn failed(error: Error) -> HostError {
    HostError::Failed { what: reason(error) }
}
