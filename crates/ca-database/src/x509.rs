//! What a certificate says of itself.

mod algorithm;
mod extension;
mod name;

use x509_parser::certificate::X509CertificateParser;
use x509_parser::nom::Parser as _;

use crate::hex::hex;
use crate::{FileTime, KeyUsage, San};
use algorithm::{key_facts, signature_name};
use extension::Extensions;

pub(crate) use name::distinguished;

/// Facts of an X.509 certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct CertificateFacts {
    /// Serial number, lower-case hex, every byte of it.
    pub serial: String,
    /// Subject, most specific part first.
    pub subject: String,
    /// Issuer, most specific part first.
    pub issuer: String,
    /// Start of its validity.
    pub not_before: Option<FileTime>,
    /// End of its validity.
    pub not_after: Option<FileTime>,
    /// Algorithm of its key, with the curve where there is one.
    pub key_algorithm: String,
    /// Size of its key in bits, where it is known.
    pub key_bits: Option<u32>,
    /// Algorithm of its signature.
    pub signature_algorithm: String,
    /// Alternative names of the subject.
    pub sans: Vec<San>,
    /// Security identifier of the account ([MS-WCCE] 2.2.2.7.7.4).
    pub sid: Option<String>,
    /// Key usage.
    pub key_usage: Option<KeyUsage>,
    /// Extended key usages, object identifiers.
    pub purposes: Vec<String>,
    /// Is it a CA certificate by its basic constraints?
    pub is_ca: bool,
    /// Name of a version 1 template ([MS-WCCE] 2.2.2.7.7.1).
    pub template_name: Option<String>,
    /// Object identifier of a version 2 template ([MS-WCCE] 2.2.2.7.7.2).
    pub template: Option<String>,
}

impl CertificateFacts {
    /// Reads a DER certificate. An extension that cannot be read does not hide the rest.
    ///
    /// # Errors
    /// In words, what is wrong with the bytes.
    pub fn parse(der: &[u8]) -> Result<Self, String> {
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (rest, certificate) =
            parser.parse(der).map_err(|error| format!("is no X.509 certificate: {}", word(&error)))?;
        if !rest.is_empty() {
            return Err(format!("has {} bytes behind the certificate", rest.len()));
        }
        let validity = certificate.validity();
        let (key_algorithm, key_bits) = key_facts(certificate.public_key());
        let Extensions { sans, sid, key_usage, purposes, is_ca, template_name, template } =
            Extensions::read(certificate.extensions());
        Ok(Self {
            serial: hex(certificate.raw_serial()),
            subject: distinguished(certificate.subject()),
            issuer: distinguished(certificate.issuer()),
            not_before: FileTime::try_from(validity.not_before.to_datetime()).ok(),
            not_after: FileTime::try_from(validity.not_after.to_datetime()).ok(),
            key_algorithm,
            key_bits,
            signature_algorithm: signature_name(&certificate.signature_algorithm),
            sans,
            sid,
            key_usage,
            purposes,
            is_ca,
            template_name,
            template,
        })
    }
}

/// A parser's error in words.
pub(crate) fn word<E: std::fmt::Display>(error: &x509_parser::nom::Err<E>) -> String {
    use x509_parser::nom::Err;
    match error {
        Err::Incomplete(_) => "it ends too early".to_owned(),
        Err::Error(error) | Err::Failure(error) => error.to_string(),
    }
}
