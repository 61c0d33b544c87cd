//! Private keys of the CA: whose they are, and what a PKCS #12 holds.

use std::fmt;

use der::asn1::UintRef;
use der::{Decode as _, Encode as _, Sequence};
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error as P12Error;
use p256::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use p256::pkcs8::{DecodePrivateKey, EncodePublicKey as _, ObjectIdentifier, PrivateKeyInfoRef};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::manifest::{self, CertificateKey};

/// The password of saved keys: never empty, wiped after use, never shown.
#[derive(Clone)]
pub struct KeyPassword(Zeroizing<String>);

impl KeyPassword {
    /// `None` when it is empty.
    pub fn new(password: impl Into<Zeroizing<String>>) -> Option<Self> {
        let password = password.into();
        (!password.is_empty()).then_some(Self(password))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPassword(..)")
    }
}

/// What a certificate says of itself, with nothing saved yet; `None` for what is no certificate.
pub(crate) fn certificate(index: u32, der: &[u8]) -> Option<CertificateKey> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(CertificateKey {
        index,
        subject: certificate.subject().to_string(),
        serial: hex(certificate.raw_serial()),
        valid_from: manifest::timestamp(certificate.validity().not_before.to_datetime()),
        thumbprint: hex(&Sha1::digest(der)),
        spki_sha256: identity(certificate.public_key().raw),
        saved: false,
        kind: None,
        provider: None,
        reason: None,
    })
}

/// Identities (see [`CertificateKey::spki_sha256`]) of the private keys in a PKCS #12.
///
/// # Errors
/// One clause: the password does not open it, it holds no key, one that the password does not protect, or
/// one whose public key cannot be told.
pub(crate) fn saved(pkcs12: &[u8], password: &KeyPassword) -> Result<Vec<String>, String> {
    let archive = Pkcs12Archive::from_pkcs12(pkcs12, password.expose()).map_err(|error| match error {
        P12Error::MacError(_) => "it does not open with its password".to_owned(),
        error => format!("it cannot be opened again: {error}"),
    })?;
    if archive.keys.is_empty() {
        return Err("it holds no private key".to_owned());
    }
    let key_of = |bag: &p12_keystore::PrivateKeyBag| {
        let key = bag.key.as_der();
        if holds(pkcs12, key) {
            return Err("it holds a key that its password does not protect".to_owned());
        }
        let public = public_key(key).ok_or("it holds a key of a kind that is not known here")?;
        Ok(identity(&public))
    };
    archive.keys.iter().map(key_of).collect()
}

fn holds(file: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && file.windows(part.len()).any(|window| window == part)
}

/// `SubjectPublicKeyInfo` of a private key, both DER.
fn public_key(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let info = PrivateKeyInfoRef::try_from(pkcs8).ok()?;
    match info.algorithm.oid {
        RSA => of_rsa(info.private_key.as_bytes()).ok(),
        EC => of_p256(pkcs8).or_else(|| of_p384(pkcs8)).or_else(|| of_p521(pkcs8)),
        _ => None,
    }
}

/// Both from RFC 8017 appendix A.1; what more than two primes add is not read.
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime1: UintRef<'a>,
    prime2: UintRef<'a>,
    exponent1: UintRef<'a>,
    exponent2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn of_rsa(private: &[u8]) -> der::Result<Vec<u8>> {
    let key = RsaPrivateKey::from_der(private)?;
    let public = RsaPublicKey { modulus: key.modulus, exponent: key.public_exponent }.to_der()?;
    let algorithm = AlgorithmIdentifierRef { oid: RSA, parameters: Some(der::asn1::AnyRef::NULL) };
    let subject_public_key = der::asn1::BitStringRef::from_bytes(&public)?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der()
}

/// These compute the public key and refuse a pair that does not fit.
fn of_p256(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let key = p256::SecretKey::from_pkcs8_der(pkcs8).ok()?;
    Some(key.public_key().to_public_key_der().ok()?.into_vec())
}

fn of_p384(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let key = p384::SecretKey::from_pkcs8_der(pkcs8).ok()?;
    Some(key.public_key().to_public_key_der().ok()?.into_vec())
}

fn of_p521(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let key = p521::SecretKey::from_pkcs8_der(pkcs8).ok()?;
    Some(key.public_key().to_public_key_der().ok()?.into_vec())
}

fn identity(spki: &[u8]) -> String {
    hex(&Sha256::digest(spki))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `rsaEncryption`.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `id-ecPublicKey`.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
