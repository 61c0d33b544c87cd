//! Certificates and CRLs in a set.

use std::collections::HashSet;
use std::io::Read as _;

use ca_database::{CertificateFacts, CrlFacts};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::facts::{CaCertificate, Crl, Facts, Published};
use super::gather::taken;
use crate::manifest::{Content, FileEntry};
use crate::medium::{Medium, StoredSet};
use crate::{Error, keys};

/// Longest file that is read, in bytes; a backup takes none that is longer.
const MAX_FILE: u64 = 64 << 20;
/// All of them together.
const MAX_TOTAL: u64 = 256 << 20;
/// Files that are read at most.
const MAX_FILES: usize = 256;

/// What a set has of them. `unread` is told what could not be read.
pub(super) fn of(
    medium: &dyn Medium,
    set: &StoredSet,
    previous: Option<&Facts>,
    unread: &mut Vec<String>,
) -> Published {
    let known = previous.filter(|facts| facts.unread.is_empty()).and_then(|facts| facts.published.as_ref());
    if let Some(known) = known.filter(|known| known.set == set.id.as_str()) {
        return known.clone();
    }
    let mut published =
        Published { set: set.id.to_string(), taken: taken(set), certificates: Vec::new(), crls: Vec::new() };
    let mut crls = Vec::new();
    let mut total: u64 = 0;
    let mut seen = HashSet::new();
    for file in set.manifest.files.iter().filter(|file| what(file).is_some()).take(MAX_FILES) {
        total = total.saturating_add(file.size);
        // The same list is published at several places.
        if file.size > MAX_FILE || total > MAX_TOTAL || !seen.insert(&file.blake3) {
            continue;
        }
        match (read(medium, set, file), what(file)) {
            (Err(why), _) => unread.push(why),
            (Ok(der), Some(What::Certificate(index))) => {
                published.certificates.extend(certificate(index, &der));
            }
            (Ok(der), _) => crls.extend(crl(&file.path, &der)),
        }
    }
    published.certificates.sort_by_key(|certificate| certificate.key.index);
    published.crls = newest(crls, &published.certificates);
    published
}

enum What {
    Certificate(u32),
    Crl,
}

/// `Config/ca-0.cer`, and every list, wherever it was published.
fn what(file: &FileEntry) -> Option<What> {
    if !matches!(file.content, Content::Configuration | Content::Dynamic) {
        return None;
    }
    let index = |path: &str| path.strip_prefix("Config/ca-")?.strip_suffix(".cer")?.parse().ok();
    if let Some(index) = index(&file.path) {
        return Some(What::Certificate(index));
    }
    file.path.to_ascii_lowercase().ends_with(".crl").then_some(What::Crl)
}

fn read(medium: &dyn Medium, set: &StoredSet, file: &FileEntry) -> Result<Vec<u8>, String> {
    let why = |error: &dyn std::fmt::Display| format!("{} {}: {error}", set.id, file.path);
    let path = file.set_path().ok_or_else(|| why(&"its path is unsafe"))?;
    let content = medium.open(set, &path).map_err(|error: Error| why(&error))?;
    let mut bytes = Vec::new();
    content.take(MAX_FILE).read_to_end(&mut bytes).map_err(|error| why(&error))?;
    if blake3::hash(&bytes).to_hex().as_str() != file.blake3 {
        return Err(why(&"it is not what was written"));
    }
    Ok(bytes)
}

fn certificate(index: u32, der: &[u8]) -> Option<CaCertificate> {
    let facts = CertificateFacts::parse(der).ok()?;
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let key_id = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(keys::hex(id.0)),
        _ => None,
    });
    let key = keys::certificate(index, der)?;
    Some(CaCertificate { key, subject: facts.subject, key_id, not_after: facts.not_after })
}

fn crl(path: &str, der: &[u8]) -> Option<Crl> {
    let facts = CrlFacts::parse(der).ok()?;
    Some(Crl {
        path: path.to_owned(),
        issuer: facts.issuer,
        key_id: facts.authority_key,
        is_delta: facts.base_number.is_some(),
        number: facts.number,
        this_update: facts.this_update,
        next_publish: facts.next_publish,
        next_update: facts.next_update,
    })
}

impl Crl {
    /// Is it one of the CA with these certificates? Copies of its parent's lists often lie beside its own. Where
    /// no certificate is known, every list may be.
    pub(super) fn is_of(&self, certificate: &CaCertificate) -> bool {
        match (&self.key_id, &certificate.key_id) {
            (Some(own), Some(key)) => own == key,
            _ => self.issuer == certificate.subject,
        }
    }
}

/// The CA's own lists, of each key the newest base and the newest delta.
fn newest(mut crls: Vec<Crl>, certificates: &[CaCertificate]) -> Vec<Crl> {
    crls.retain(|crl| certificates.is_empty() || certificates.iter().any(|own| crl.is_of(own)));
    crls.sort_by(|a, b| {
        let same = |crl: &Crl| (crl.is_delta, crl.key_id.clone(), crl.issuer.clone());
        same(a).cmp(&same(b)).then(b.this_update.cmp(&a.this_update))
    });
    crls.dedup_by(|later, kept| {
        (later.is_delta, &later.key_id, &later.issuer) == (kept.is_delta, &kept.key_id, &kept.issuer)
    });
    crls
}
