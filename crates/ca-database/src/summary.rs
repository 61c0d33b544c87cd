//! What listings, filters and an index need of a row: no raw bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Disposition, FileTime, RequestType, RevocationReason};

/// A certificate and what the CA knows of its request.
///
/// What a certificate says is taken from its bytes; the columns beside them stand in where the bytes are absent
/// or cannot be parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertificateSummary {
    /// Number of the request.
    pub request_id: i32,
    /// Serial number, lower-case hex as the CA writes it.
    pub serial: Option<String>,
    /// SHA-1 of the certificate, lower-case hex: what people call its thumbprint.
    pub sha1: Option<String>,
    /// SHA-256 of the certificate, lower-case hex.
    pub sha256: Option<String>,
    /// Subject, most specific part first.
    pub subject: Option<String>,
    /// Issuer, most specific part first.
    pub issuer: Option<String>,
    /// Which of the CA's certificates issued it: key index times 65536, plus certificate index.
    pub issuer_id: Option<i32>,
    /// Template as the CA stored it: a name (version 1 templates) or an object identifier.
    pub template: Option<String>,
    /// Name of the template where `template` is an object identifier and the request named it.
    pub template_name: Option<String>,
    /// Alternative names of the subject.
    pub sans: Vec<San>,
    /// Security identifier of the account, from the extension 1.3.6.1.4.1.311.25.2.
    pub sid: Option<String>,
    /// Key usage.
    pub key_usage: Option<KeyUsage>,
    /// Extended key usages, object identifiers.
    pub purposes: Vec<String>,
    /// Is it a CA certificate by its basic constraints?
    pub is_ca: bool,
    /// Start of its validity.
    pub not_before: Option<FileTime>,
    /// End of its validity.
    pub not_after: Option<FileTime>,
    /// Algorithm of its key, with the curve where there is one.
    pub key_algorithm: Option<String>,
    /// Size of its key in bits.
    pub key_bits: Option<u32>,
    /// Algorithm of its signature.
    pub signature_algorithm: Option<String>,
    /// Length of the certificate in bytes; `None` when the row has none.
    pub length: Option<u32>,
    /// What the row of the request says; `None` when there is none.
    pub request: Option<RequestFacts>,
    /// Why the certificate, or a value of the row, could not be read. The other fields hold what could.
    pub error: Option<RowError>,
}

impl CertificateSummary {
    /// Is there a certificate at all? Rows of denied and failed requests have none.
    pub fn is_issued(&self) -> bool {
        self.length.is_some() || self.serial.is_some()
    }

    /// When it was issued: when the request was resolved, or else the start of its validity.
    pub fn issued_at(&self) -> Option<FileTime> {
        self.request.as_ref().and_then(|request| request.resolved).or(self.not_before)
    }

    /// What the CA says of it.
    pub fn disposition(&self) -> Option<Disposition> {
        self.request.as_ref().map(|request| request.disposition)
    }

    /// Revoked, by the CA's record?
    pub fn is_revoked(&self) -> bool {
        self.disposition() == Some(Disposition::REVOKED)
    }

    /// Within its validity at that moment, and not revoked.
    pub fn is_valid_at(&self, now: FileTime) -> bool {
        let begun = self.not_before.is_some_and(|from| from <= now);
        begun && self.not_after.is_some_and(|to| now <= to) && !self.is_revoked()
    }

    /// The common name of the subject.
    pub fn common_name(&self) -> Option<String> {
        self.subject.as_deref().and_then(common_name)
    }

    /// The template for people: its name where it is known.
    pub fn template_shown(&self) -> Option<&str> {
        self.template_name.as_deref().or(self.template.as_deref())
    }
}

/// What the CA records of a request, without its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// What became of it.
    pub disposition: Disposition,
    /// The CA's words for that.
    pub message: Option<String>,
    /// HRESULT of its processing.
    pub status: Option<i32>,
    /// Account it was made for.
    pub requester: Option<String>,
    /// Account that sent it.
    pub caller: Option<String>,
    /// When it came in.
    pub submitted: Option<FileTime>,
    /// When it was decided.
    pub resolved: Option<FileTime>,
    /// When the certificate was revoked by an officer.
    pub revoked: Option<FileTime>,
    /// From when on the certificate counts as revoked.
    pub revoked_effective: Option<FileTime>,
    /// Why it was revoked.
    pub revoked_reason: Option<RevocationReason>,
    /// Is the private key archived?
    pub has_archived_key: bool,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Its number.
    pub request_id: i32,
    /// What the CA records of it.
    pub facts: RequestFacts,
    /// Its form.
    pub request_type: Option<RequestType>,
    /// Flags of its processing.
    pub flags: Option<i32>,
    /// Subject that was asked for.
    pub subject: Option<String>,
    /// Template that was asked for, or issued.
    pub template: Option<String>,
    /// Attributes, one `name:value` each.
    pub attributes: Vec<String>,
    /// Certificates of the recovery agents that can open the archived key: SHA-1, lower-case hex.
    pub recovery_agents: Vec<String>,
    /// Serial number of the certificate that came of it.
    pub serial: Option<String>,
    /// What of the row could not be read. The other fields hold what could.
    pub error: Option<RowError>,
}

/// A certificate revocation list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrlSummary {
    /// Number of the row.
    pub row_id: i32,
    /// CRL number, by the row.
    pub number: Option<i32>,
    /// Number of the base CRL that a delta CRL builds on; 0 for a base CRL.
    pub min_base: Option<i32>,
    /// Which of the CA's certificates signs: key index times 65536, plus certificate index.
    pub issuer_id: Option<i32>,
    /// Number of revoked certificates, by the row.
    pub count: Option<i32>,
    /// Start of its validity.
    pub this_update: Option<FileTime>,
    /// End of its validity.
    pub next_update: Option<FileTime>,
    /// When it was published, or was to be.
    pub this_publish: Option<FileTime>,
    /// When its successor is due.
    pub next_publish: Option<FileTime>,
    /// From when on a delta CRL counts.
    pub effective: Option<FileTime>,
    /// When it is expected to be everywhere.
    pub propagation_complete: Option<FileTime>,
    /// Last publication.
    pub last_published: Option<FileTime>,
    /// How often publication was tried.
    pub attempts: Option<i32>,
    /// Flags of the publication.
    pub flags: Option<i32>,
    /// HRESULT of the publication.
    pub status: Option<i32>,
    /// The CA's words where publication failed.
    pub publish_error: Option<String>,
    /// Length of the CRL in bytes; `None` when the row has none.
    pub length: Option<u32>,
    /// SHA-1 of the CRL, lower-case hex.
    pub sha1: Option<String>,
    /// Issuer, most specific part first.
    pub issuer: Option<String>,
    /// Number of revoked certificates in the CRL itself.
    pub entries: Option<u64>,
    /// CRL number in the CRL itself, decimal.
    pub own_number: Option<String>,
    /// Is it a delta CRL by its own extension, or by the row where it cannot be parsed?
    pub is_delta: bool,
    /// Why the CRL, or a value of the row, could not be read. The other fields hold what could.
    pub error: Option<RowError>,
}

/// An alternative name of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum San {
    /// DNS name.
    Dns(String),
    /// User principal name.
    Upn(String),
    /// E-mail address.
    Email(String),
    /// IP address.
    Ip(String),
    /// URI.
    Uri(String),
    /// A directory name, another name or one that cannot be read, in words.
    Other(String),
}

impl San {
    /// The kind in lower case.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Upn(_) => "upn",
            Self::Email(_) => "email",
            Self::Ip(_) => "ip",
            Self::Uri(_) => "uri",
            Self::Other(_) => "other",
        }
    }

    /// The name.
    pub fn value(&self) -> &str {
        match self {
            Self::Dns(value)
            | Self::Upn(value)
            | Self::Email(value)
            | Self::Ip(value)
            | Self::Uri(value)
            | Self::Other(value) => value,
        }
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.value())
    }
}

/// Key usage: bit 0 is the first named bit of RFC 5280 section 4.2.1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    const NAMES: [&'static str; 9] = [
        "digital-signature",
        "non-repudiation",
        "key-encipherment",
        "data-encipherment",
        "key-agreement",
        "cert-sign",
        "crl-sign",
        "encipher-only",
        "decipher-only",
    ];

    /// The usages in words.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 >> bit & 1 != 0)
            .map(|(_, name)| name)
    }
}

/// Why a value of a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// In words, with the column.
    pub text: String,
    /// What that means.
    pub cause: Cause,
}

/// What it means that a value cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The database is damaged there.
    Damage,
    /// Nothing is damaged: the database was copied while it changed, and the value is whole again once the logs
    /// are replayed.
    InMotion,
    /// The database is sound; the bytes in it are no certificate, or no revocation list.
    Content,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first common name in a distinguished name as this crate writes it.
pub(crate) fn common_name(name: &str) -> Option<String> {
    let mut rest = name;
    loop {
        let (kind, value) = rest.split_once('=')?;
        let (value, behind) = value_of(value);
        if kind == "CN" {
            return Some(value);
        }
        rest = behind;
    }
}

/// The value at the beginning of a text, quoted or not, and what follows it behind the separator.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '+']).unwrap_or(text.len());
        let (value, behind) = text.split_at(end);
        return (value.trim_end().to_owned(), behind.trim_start_matches([',', '+', ' ']));
    };
    let mut value = String::new();
    let mut rest = quoted;
    // Inside of quotes a quote is written twice.
    while let Some((before, behind)) = rest.split_once('"') {
        value.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None => return (value, behind.trim_start_matches([',', '+', ' '])),
        }
    }
    (value, "")
}
