//! Private keys of an embedded CA: files of `ca/keys`.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use certadm::{ConfigurationPart, HostError, KeyInfo, KeyKind, PartKind};
use csra::authority::sanitized;
use p12_keystore::error::Error as P12Error;
use p12_keystore::{
    Certificate, KeyStore, KeyStoreEntry, Pkcs12Archive, PrivateKey, PrivateKeyBag, PrivateKeyChain,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::failed;
use crate::profile;
use crate::site::Site;
use crate::{Error, disk};

/// Provider of a key whose `ca-N.toml` names none.
const PROVIDER: &str = "Microsoft Software Key Storage Provider";

/// `ca-N.toml`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct About {
    provider: Option<String>,
    container: Option<String>,
    kind: Option<Kind>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Exportable,
    NotExportable,
    Hardware,
    Unknown,
}

/// Where the key of a certificate is.
pub(super) fn info(site: &Site, index: u32) -> Result<KeyInfo, Error> {
    let file = path(site, index, "toml");
    let about: About = if file.is_file() { disk::read_toml(&file)? } else { About::default() };
    let kind = match about.kind {
        Some(Kind::Exportable) => KeyKind::Exportable,
        Some(Kind::NotExportable) => KeyKind::NotExportable,
        Some(Kind::Hardware) => KeyKind::Hardware,
        Some(Kind::Unknown) => KeyKind::Unknown,
        None if path(site, index, "key").is_file() => KeyKind::Exportable,
        None => KeyKind::Unknown,
    };
    let provider = about.provider.unwrap_or_else(|| PROVIDER.to_owned());
    let container = about.container.unwrap_or_else(|| container(site, index));
    Ok(KeyInfo { certificate: index, provider, container, kind })
}

/// The exportable keys with their certificates.
pub(super) fn export(site: &Site, password: &str) -> Result<Vec<u8>, HostError> {
    if password.is_empty() {
        return Err(HostError::Failed { what: "the password of the keys is empty".to_owned() });
    }
    let mut store = KeyStore::new();
    let mut reasons = Vec::new();
    for index in 0..profile::certificates(site) {
        let info = info(site, index).map_err(failed)?;
        if info.kind != KeyKind::Exportable {
            reasons.push(format!("key {index} is {}", reason(info.kind)));
            continue;
        }
        let certificate = profile::part(site, PartKind::Certificate, index).map_err(failed)?;
        let certificate = Certificate::from_der(&certificate.unwrap_or_default());
        let certificate = certificate.map_err(|error| unusable(&format!("certificate {index}"), &error))?;
        let key = private_key(site, index)?;
        let chain = PrivateKeyChain::new(index.to_be_bytes().to_vec(), key, [certificate]);
        store.add_entry(&info.container, KeyStoreEntry::PrivateKeyChain(chain));
    }
    if store.entries_len() == 0 {
        reasons.is_empty().then(|| reasons.push("the CA has no certificate".to_owned()));
        return Err(HostError::NoKey { reason: reasons.join(", ") });
    }
    store.writer(password).write().map_err(|error| unusable("the PKCS #12", &error))
}

/// Keys go beside the certificates that they came with; certificates that are not there are added.
pub(super) fn import(site: &Site, pkcs12: &[u8], password: &str) -> Result<(), HostError> {
    let archive = Pkcs12Archive::from_pkcs12(pkcs12, password).map_err(|error| match error {
        P12Error::MacError(_) => HostError::WrongPassword,
        error => unusable("the PKCS #12", &error),
    })?;
    let mut pairs = Vec::new();
    for key in &archive.keys {
        let certificate = partner(&archive, key)
            .ok_or_else(|| HostError::NoKey { reason: "a key has no certificate beside it".to_owned() })?;
        pairs.push((key.key.as_der(), certificate));
    }
    if pairs.is_empty() {
        return Err(HostError::NoKey { reason: "the PKCS #12 has none".to_owned() });
    }
    pairs.into_iter().try_for_each(|(key, certificate)| place(site, key, certificate)).map_err(failed)
}

/// The certificate that has the key's mark; where there is one of each they need none.
fn partner<'a>(archive: &'a Pkcs12Archive, key: &PrivateKeyBag) -> Option<&'a [u8]> {
    let marked = key.local_key_id.as_ref().and_then(|id| {
        archive.certs.iter().find(|certificate| certificate.local_key_id.as_deref() == Some(id.as_ref()))
    });
    let only = || match (archive.keys.as_slice(), archive.certs.as_slice()) {
        ([_], [only]) => Some(only),
        _ => None,
    };
    marked.or_else(only).map(|certificate| certificate.cert.as_der())
}

fn place(site: &Site, key: &[u8], certificate: &[u8]) -> Result<(), Error> {
    let count = profile::certificates(site);
    let mut index = count;
    for known in 0..count {
        if profile::part(site, PartKind::Certificate, known)?.is_some_and(|known| known == certificate) {
            index = known;
        }
    }
    store(site, index, key)?;
    let kind = PartKind::Certificate;
    profile::set_part(site, &ConfigurationPart { kind, index, content: certificate.to_vec() })
}

/// Replaces `ca-N.key`; only its owner may read it.
pub(crate) fn store(site: &Site, index: u32, key: &[u8]) -> Result<(), Error> {
    let file = path(site, index, "key");
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    // What is left of an interrupted attempt keeps its permissions; a new file has these.
    let temp = file.with_extension("key.tmp");
    disk::remove(&temp)?;
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&temp).map_err(Error::io("create", &temp))?;
    out.write_all(key).and_then(|()| out.sync_all()).map_err(Error::io("write", &temp))?;
    fs::rename(&temp, &file).map_err(Error::io("replace", &file))
}

fn private_key(site: &Site, index: u32) -> Result<PrivateKey, HostError> {
    let file = path(site, index, "key");
    let bytes = Zeroizing::new(profile::read(&file).map_err(failed)?.unwrap_or_default());
    let der = match bytes.starts_with(b"-----") {
        true => Zeroizing::new(pem_rfc7468::decode_vec(&bytes).map(|(_, der)| der).unwrap_or_default()),
        false => bytes,
    };
    PrivateKey::from_der(&der).map_err(|error| unusable(&format!("`{}`", file.display()), &error))
}

/// Windows numbers the containers of renewed keys.
fn container(site: &Site, index: u32) -> String {
    let name = sanitized(&site.authority.name);
    if index == 0 { name } else { format!("{name}({index})") }
}

fn path(site: &Site, index: u32, extension: &str) -> PathBuf {
    profile::folder(site).join("keys").join(format!("ca-{index}.{extension}"))
}

fn reason(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Hardware => "in hardware",
        KeyKind::NotExportable => "marked as not exportable",
        _ => "not here",
    }
}

fn unusable(what: &str, error: &P12Error) -> HostError {
    HostError::Failed { what: format!("{what} cannot be used: {error}") }
}
