//! What goes into a set beside database and logs: what the CA tells of its configuration, what its machine
//! has, and its keys.

use certadm::{Authority, CaHost, Configuration, HostState, KeyInfo, KeyKind, PartKind};
use serde::Serialize;

use super::collect::CONFIG_FOLDER;
use super::config;
use crate::keys::{self, KeyPassword};
use crate::manifest::{CertificateKey, Content, Gap, KeptIn};
use crate::{registry, shown_name};

/// Longest file, in bytes: a large CRL is some ten megabytes.
const MAX_FILE: usize = 64 << 20;
/// All files together.
const MAX_TOTAL: usize = 256 << 20;
/// Folder of published files.
const ENROLL_FOLDER: &str = "Config/CertEnroll";
const POLICY: &str = "CAPolicy.inf";
const KEYS: &str = "keys.json";

/// Gathered once, before the first session of a run; all its sets get it.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) files: Vec<File>,
    /// What should be there and could not be had.
    pub(super) gaps: Vec<Gap>,
    /// The CA's certificates, as far as they are known.
    pub(super) certificates: Vec<CertificateKey>,
    /// Were keys to be saved?
    pub(super) keys_asked: bool,
    total: usize,
}

/// A file that is in memory.
pub(super) struct File {
    /// Inside the set; empty for the set's own folder.
    pub(super) folder: &'static str,
    pub(super) name: String,
    pub(super) content: Content,
    pub(super) bytes: Vec<u8>,
}

impl Beside {
    /// What the road to the CA gives.
    pub(super) fn of_road(configuration: &Configuration) -> Self {
        let mut beside = Self::default();
        for (name, content) in config::files(configuration) {
            beside.add(CONFIG_FOLDER, &name, Content::Configuration, content);
        }
        let missing = configuration.missing.iter();
        beside.gaps.extend(missing.map(|part| Gap { name: part.what.clone(), reason: part.reason.clone() }));
        beside.certificates = known(certificates_of(configuration));
        beside
    }

    /// What the road gives, and the CA's machine; with a password the keys too.
    pub(super) fn of_host(
        mut configuration: Configuration,
        state: HostState,
        host: &mut dyn CaHost,
        password: Option<&KeyPassword>,
        ca: &Authority,
    ) -> Self {
        if !state.registry.is_empty() {
            configuration.entries.clone_from(&state.registry);
        }
        let mut beside = Self::of_road(&configuration);
        if !state.registry.is_empty() {
            let values = registry::encode(&state.registry);
            beside.add(CONFIG_FOLDER, registry::FILE_NAME, Content::Configuration, values);
        }
        let told: Vec<&Vec<u8>> = certificates_of(&configuration).map(|(_, der)| der).collect();
        for (index, der) in (0..).zip(&state.certificates) {
            // One that was removed from the CA keeps its place.
            if !der.is_empty() && !told.contains(&der) {
                let name = config::certificate(index);
                beside.add(CONFIG_FOLDER, &name, Content::Configuration, der.clone());
            }
        }
        if !state.certificates.is_empty() {
            beside.certificates = known((0..).zip(&state.certificates));
        }
        if let Some(policy) = state.policy {
            beside.add(CONFIG_FOLDER, POLICY, Content::Configuration, policy);
        }
        for (name, content) in state.enroll {
            beside.add(ENROLL_FOLDER, &name, Content::Configuration, content);
        }
        let missing = state.missing.into_iter();
        beside.gaps.extend(missing.map(|part| Gap { name: part.what, reason: part.reason }));
        beside.where_keys_are(&state.keys);
        if let Some(password) = password {
            beside.keys(host, password, &state.keys, ca);
        }
        beside
    }

    fn add(&mut self, folder: &'static str, name: &str, content: Content, bytes: Vec<u8>) {
        let total = self.total.saturating_add(bytes.len());
        let reason = match (bytes.len() > MAX_FILE, total > MAX_TOTAL) {
            (true, _) => format!("it has {} bytes, more than {MAX_FILE}", bytes.len()),
            (_, true) => format!("the CA's machine has more than {MAX_TOTAL} bytes of such files"),
            _ => {
                self.total = total;
                return self.files.push(File { folder, name: name.to_owned(), content, bytes });
            }
        };
        self.gaps.push(Gap { name: format!("{folder}/{name}"), reason });
    }

    /// `keys.json`.
    fn where_keys_are(&mut self, keys: &[KeyInfo]) {
        for key in keys {
            if let Some(certificate) = self.certificates.iter_mut().find(|c| c.index == key.certificate) {
                certificate.kind = Some(kept_in(key.kind));
                certificate.provider = Some(key.provider.clone());
            }
        }
        if !keys.is_empty() {
            let keys = keys.iter().map(|key| {
                let certificate = self.certificates.iter().find(|c| c.index == key.certificate);
                KeyPlace {
                    certificate: key.certificate,
                    subject: certificate.map(|certificate| certificate.subject.as_str()),
                    thumbprint: certificate.map(|certificate| certificate.thumbprint.as_str()),
                    provider: &key.provider,
                    container: &key.container,
                    kind: kept_in(key.kind),
                    to_save: to_save(key),
                }
            });
            let mut bytes =
                serde_json::to_vec_pretty(&KeyPlaces { format: 1, keys: keys.collect() }).unwrap_or_default();
            bytes.push(b'\n');
            self.add(CONFIG_FOLDER, KEYS, Content::Configuration, bytes);
        }
    }

    /// The PKCS #12, opened again before anything is said of it.
    fn keys(&mut self, host: &mut dyn CaHost, password: &KeyPassword, places: &[KeyInfo], ca: &Authority) {
        self.keys_asked = true;
        let file = format!("{}.p12", ca.name);
        let exported = host.export_keys(password.expose()).map_err(|error| error.to_string());
        let opened = exported.and_then(|pkcs12| {
            let keys = keys::saved(&pkcs12, password)?;
            let mut fitting = self.certificates.iter().filter(|c| keys.contains(&c.spki_sha256));
            match (fitting.next(), self.certificates.is_empty()) {
                (Some(_), _) => Ok((pkcs12, keys)),
                (None, true) => {
                    Err("no certificate of the CA is known that its keys could belong to".to_owned())
                }
                (None, false) => Err("none of its keys belongs to a certificate of the CA".to_owned()),
            }
        });
        let (keys, why_none) = match opened {
            Ok((pkcs12, _)) if pkcs12.len() > MAX_FILE => (Vec::new(), Some("it is too large".to_owned())),
            Ok((pkcs12, keys)) => {
                self.files.push(File {
                    folder: "",
                    name: file.clone(),
                    content: Content::Key,
                    bytes: pkcs12,
                });
                (keys, None)
            }
            Err(reason) => (Vec::new(), Some(reason)),
        };
        for certificate in &mut self.certificates {
            certificate.saved = keys.contains(&certificate.spki_sha256);
            if certificate.saved {
                continue;
            }
            let place = places.iter().find(|place| place.certificate == certificate.index);
            let own = place.filter(|place| place.kind != KeyKind::Exportable).map(to_save);
            let named = own.is_some() || why_none.is_none();
            let reason = own.or(why_none.clone());
            let reason = reason.unwrap_or_else(|| format!("`{}` does not hold it", shown_name(&file)));
            if named {
                self.gaps.push(Gap {
                    name: format!("private key of {}", shown(certificate)),
                    reason: reason.clone(),
                });
            }
            certificate.reason = Some(reason);
        }
        self.gaps.extend(why_none.map(|reason| Gap { name: file, reason }));
    }

    /// What the manifest has of keys.
    pub(super) fn record(&self) -> Option<Vec<CertificateKey>> {
        self.keys_asked.then(|| self.certificates.clone())
    }
}

/// A certificate as operators know it.
pub(crate) fn shown(certificate: &CertificateKey) -> String {
    let CertificateKey { index, subject, serial, thumbprint, valid_from, .. } = certificate;
    let subject = shown_name(subject);
    format!(
        "certificate {index} of the CA ({subject}, serial number {serial}, thumbprint {thumbprint}, valid from \
         {valid_from})"
    )
}

fn certificates_of(configuration: &Configuration) -> impl Iterator<Item = (u32, &Vec<u8>)> {
    let parts = configuration.parts.iter().filter(|part| part.kind == PartKind::Certificate);
    parts.map(|part| (part.index, &part.content))
}

fn known<'a>(certificates: impl Iterator<Item = (u32, &'a Vec<u8>)>) -> Vec<CertificateKey> {
    certificates.filter_map(|(index, der)| keys::certificate(index, der)).collect()
}

fn kept_in(kind: KeyKind) -> KeptIn {
    match kind {
        KeyKind::Exportable => KeptIn::Exportable,
        KeyKind::NotExportable => KeptIn::NotExportable,
        KeyKind::Hardware => KeptIn::Hardware,
        _ => KeptIn::Unknown,
    }
}

/// What has to be done so that a key is not lost with its machine, one clause.
fn to_save(key: &KeyInfo) -> String {
    let KeyInfo { provider, container, .. } = key;
    let (provider, container) = (shown_name(provider), shown_name(container));
    match key.kind {
        KeyKind::Exportable => {
            "`csbackup backup --with-key` saves it as PKCS #12 under a password".to_owned()
        }
        KeyKind::NotExportable => format!(
            "its provider `{provider}` does not let out container `{container}`: only an image of the whole machine \
             holds it"
        ),
        KeyKind::Hardware => format!(
            "it is in hardware: the procedure of the vendor of `{provider}` must save container `{container}`, with \
             the cards, secrets and configuration that open it"
        ),
        _ => format!(
            "its provider `{provider}` could not be asked for container `{container}`: find out who keeps it"
        ),
    }
}

#[derive(Serialize)]
struct KeyPlaces<'a> {
    format: u32,
    keys: Vec<KeyPlace<'a>>,
}

#[derive(Serialize)]
struct KeyPlace<'a> {
    certificate: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbprint: Option<&'a str>,
    provider: &'a str,
    container: &'a str,
    kind: KeptIn,
    to_save: String,
}
