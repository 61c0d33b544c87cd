//! Which private keys a set has.

use serde::{Deserialize, Serialize};

/// One certificate of the CA, and whether its private key was saved in this set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateKey {
    /// Index of the certificate on the CA, from 0.
    pub index: u32,
    /// Its subject, for people.
    pub subject: String,
    /// Its serial number, hex.
    pub serial: String,
    /// Start of its validity, UTC, RFC 3339.
    pub valid_from: String,
    /// SHA-1 of the certificate, 40 hex digits: what Windows calls its thumbprint.
    pub thumbprint: String,
    /// SHA-256 of its `SubjectPublicKeyInfo`, DER, 64 hex digits: the identity of its key.
    pub spki_sha256: String,
    /// The set has a PKCS #12 that was opened again and holds this certificate's private key.
    pub saved: bool,
    /// Who keeps the key on the CA.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<KeptIn>,
    /// Cryptographic provider, where the CA's machine told it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// Why it was not saved, one clause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Who keeps a key, as `keys.json` and manifests spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeptIn {
    /// Software that lets it out.
    Exportable,
    /// Software that does not.
    NotExportable,
    /// A hardware security module or a smart card.
    Hardware,
    /// Its provider could not be asked; or a word of a later version.
    #[serde(other)]
    Unknown,
}
