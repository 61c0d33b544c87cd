use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use certadm::{CaHost, ConfigEntry, HostError, HostState, MissingPart, ServerState};

use crate::certificates::Installed;
use crate::{certificates, machine, pkcs12, registry, service};

/// The machine that the program runs on, with the CA that is configured there.
///
/// Every call asks the system anew. Most of them need an administrator.
#[derive(Debug)]
pub struct WindowsHost {
    /// Its key below `CertSvc\Configuration`.
    sanitized_name: String,
    name: String,
    /// Services that were stopped because they depend on the certificate service.
    dependents: Vec<String>,
}

/// The DNS name of this machine and the common name of the CA on it, for [`certadm::Authority`].
///
/// # Errors
/// [`HostError::NotHere`] where no CA is configured on this machine; the system's.
pub fn local_authority() -> Result<(String, String), HostError> {
    let host = WindowsHost::new()?;
    Ok((machine::dns_name()?, host.name))
}

/// Folder of a published file that is larger than this is not a CA's.
const MAX_FILE: u64 = 64 << 20;
/// Files of CertEnroll that are taken at most.
const MAX_FILES: usize = 10_000;

/// Name of the value with the active CA's key, of its name, and of the list of its certificates.
const ACTIVE: &str = "Active";
const COMMON_NAME: &str = "CommonName";
const CERTIFICATES: &str = "CACertHash";
/// The key with what the next start is to replay.
const RESTORE: &str = "RestoreInProgress";

impl WindowsHost {
    /// The CA that is active on this machine.
    ///
    /// # Errors
    /// [`HostError::NotHere`] where no CA is configured on this machine; the system's.
    pub fn new() -> Result<Self, HostError> {
        let configuration = registry::open("")?.ok_or(HostError::NotHere)?;
        let sanitized_name = registry::text(&configuration, ACTIVE).ok_or(HostError::NotHere)?;
        let key = registry::open(&sanitized_name)?.ok_or(HostError::NotHere)?;
        let name = registry::text(&key, COMMON_NAME).unwrap_or_else(|| sanitized_name.clone());
        Ok(Self { sanitized_name, name, dependents: Vec::new() })
    }

    /// The CA's common name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The CA's installed certificates by their index.
    fn certificates(&self) -> Result<Vec<Installed>, HostError> {
        let Some(key) = registry::open(&self.sanitized_name)? else { return Err(HostError::NotHere) };
        let hashes = key.get_multi_string(CERTIFICATES).unwrap_or_default();
        certificates::find(&hashes)
    }

    fn capture_certificates(&self, state: &mut HostState) {
        let found = match self.certificates() {
            Ok(found) => found,
            Err(error) => return miss(&mut state.missing, "installed certificates of the CA", &error),
        };
        if found.is_empty() {
            miss(&mut state.missing, "installed certificates of the CA", &"the registry lists none");
        }
        for (index, certificate) in (0_u32..).zip(found) {
            let Installed::Here(certificate) = certificate else {
                if matches!(certificate, Installed::Lost) {
                    let what = format!("certificate {index} of the CA");
                    miss(&mut state.missing, &what, &"it is not in the certificate store of the machine");
                }
                // Its place: the index of those that follow counts.
                state.certificates.push(Vec::new());
                continue;
            };
            match certificate.key_info(index) {
                Some(key) => state.keys.push(key),
                None => {
                    let what = format!("key of certificate {index} of the CA");
                    miss(&mut state.missing, &what, &"its certificate does not say where it is");
                }
            }
            state.certificates.push(certificate.der());
        }
    }
}

impl CaHost for WindowsHost {
    fn capture(&mut self) -> HostState {
        let mut state = HostState { hoards_logs: machine::log_hoarding(), ..HostState::default() };
        match registry::read("") {
            Ok(tree) => (state.registry, state.missing) = (tree.entries, tree.missing),
            Err(error) => miss(&mut state.missing, "the CA's registry key", &error),
        }
        if let Some(path) = self.policy_file() {
            match read_file(Path::new(&path)) {
                Ok(content) => state.policy = Some(content),
                // Most CAs have none.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => miss(&mut state.missing, &format!("`{path}`"), &error),
            }
        }
        if let Some(path) = self.enroll_folder() {
            capture_folder(Path::new(&path), &mut state);
        }
        self.capture_certificates(&mut state);
        state
    }

    fn export_keys(&mut self, password: &str) -> Result<Vec<u8>, HostError> {
        pkcs12::export(&self.certificates()?, password)
    }

    fn import_keys(&mut self, pkcs12: &[u8], password: &str) -> Result<(), HostError> {
        pkcs12::import(pkcs12, password)
    }

    fn import_registry(&mut self, entries: &[ConfigEntry]) -> Result<(), HostError> {
        registry::write(entries)
    }

    fn pending_restore(&mut self) -> Result<Vec<ConfigEntry>, HostError> {
        // Which of the two it is, no specification says.
        let nodes = [RESTORE.to_owned(), format!(r"{}\{RESTORE}", self.sanitized_name)];
        let mut entries = Vec::new();
        for node in nodes {
            entries.extend(registry::read(&node)?.entries);
        }
        Ok(entries)
    }

    fn service_state(&mut self) -> Result<ServerState, HostError> {
        service::state()
    }

    fn stop_service(&mut self) -> Result<(), HostError> {
        let stopped = service::stop(&mut self.dependents);
        if stopped.is_err() && service::state().is_ok_and(|state| state == ServerState::Online) {
            // It stays up, and so must what depends on it; the reason above is what counts.
            let _ = self.start_service();
        }
        stopped
    }

    fn start_service(&mut self) -> Result<(), HostError> {
        service::start(&self.dependents)?;
        self.dependents.clear();
        Ok(())
    }

    fn enroll_folder(&self) -> Option<String> {
        machine::system_folder().map(|folder| shown(&folder.join(r"CertSrv\CertEnroll")))
    }

    fn policy_file(&self) -> Option<String> {
        machine::windows_folder().map(|folder| shown(&folder.join("CAPolicy.inf")))
    }
}

fn capture_folder(folder: &Path, state: &mut HostState) {
    let names = match file_names(folder) {
        Ok(names) => names,
        Err(error) => return miss(&mut state.missing, &format!("`{}`", folder.display()), &error),
    };
    for name in names {
        match read_file(&folder.join(&name)) {
            Ok(content) => state.enroll.push((name, content)),
            Err(error) => miss(&mut state.missing, &format!("`{}`", folder.join(&name).display()), &error),
        }
    }
}

fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        if names.len() >= MAX_FILES {
            return Err(io::Error::other(format!("it has more than {MAX_FILES} files")));
        }
        let name = entry.file_name().into_string();
        names.push(name.map_err(|name| io::Error::other(format!("file name {name:?} is not UTF-16")))?);
    }
    names.sort();
    Ok(names)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(MAX_FILE.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(io::Error::other(format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(content)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn miss(missing: &mut Vec<MissingPart>, what: &str, reason: &dyn ToString) {
    missing.push(MissingPart { what: what.to_owned(), reason: reason.to_string() });
}
