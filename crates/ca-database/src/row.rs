//! Rows of the CA's tables.

use ese::PageSource;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::bind::Cells;
use crate::hex::{bare, hex};
use crate::{
    Cause, CertificateFacts, CertificateSummary, CrlFacts, CrlSummary, Disposition, ExtensionFlags,
    RequestFacts, RequestSummary, RequestType, RevocationReason, RowError,
};

/// A certificate with its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct CertificateRow {
    /// What it says and what the CA knows of it.
    pub summary: CertificateSummary,
    /// The certificate, DER; `None` when the row has none, or it cannot be read.
    pub der: Option<Vec<u8>>,
    /// SHA-1 as the CA recorded it, lower-case hex.
    pub recorded_hash: Option<String>,
    /// Serial number as the CA recorded it, lower-case hex.
    pub recorded_serial: Option<String>,
}

impl CertificateRow {
    /// Is the certificate the one that the CA recorded? `true` where there is nothing to compare.
    ///
    /// The CA records its SHA-1; SHA-256, cut to the same length, proves as much.
    pub fn fits_recorded_hash(&self) -> bool {
        let Some(recorded) = self.recorded_hash.as_ref().filter(|_| self.der.is_some()) else { return true };
        let sha256 = self.summary.sha256.as_ref();
        self.summary.sha1.as_ref() == Some(recorded)
            || (recorded.len() >= 40 && sha256.is_some_and(|hash| hash.starts_with(recorded)))
    }
}

/// A request with its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRow {
    /// What the CA knows of it.
    pub summary: RequestSummary,
    /// The request as it came in: PKCS #10, CMC or whatever [`RequestSummary::request_type`] says.
    pub raw: Option<Vec<u8>>,
}

/// A certificate revocation list with its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct CrlRow {
    /// What it says and what the CA knows of it.
    pub summary: CrlSummary,
    /// The list, DER; `None` when the row has none, or it cannot be read.
    pub der: Option<Vec<u8>>,
}

/// An extension as the CA keeps it beside the certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// Object identifier.
    pub oid: Option<String>,
    /// Flags and origin.
    pub flags: Option<ExtensionFlags>,
    /// Its value, DER.
    pub value: Option<Vec<u8>>,
    /// What of the row could not be read.
    pub error: Option<RowError>,
}

/// An attribute of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Name.
    pub name: Option<String>,
    /// Value.
    pub value: Option<String>,
    /// What of the row could not be read.
    pub error: Option<RowError>,
}

/// Columns of Requests that we read; older or other names behind a bar.
pub(crate) const REQUEST_COLUMNS: &[&str] = &[
    "RequestID",
    "RequestType",
    "RequestFlags",
    "StatusCode",
    "Disposition",
    "SubmittedWhen",
    "ResolvedWhen",
    "RevokedWhen",
    "RevokedEffectiveWhen",
    "RevokedReason",
    "RawRequest",
    "RawArchivedKey",
    "KeyRecoveryHashes",
    "RequestAttributes",
    "DispositionMessage",
    "RequesterName",
    "CallerName",
    "DistinguishedName",
    "CommonName",
];

/// Columns of Certificates that we read.
pub(crate) const CERTIFICATE_COLUMNS: &[&str] = &[
    "RequestID",
    "IssuerNameID",
    "NotBefore",
    "NotAfter",
    "PublicKeyLength",
    "PublicKeyAlgorithm",
    "CertificateHash2|CertificateHash",
    "CertificateTemplate",
    "SerialNumber",
    "RawCertificate",
    "DistinguishedName",
    "CommonName",
];

/// Columns of CertificateExtensions that we read.
pub(crate) const EXTENSION_COLUMNS: &[&str] =
    &["RequestID", "ExtensionFlags", "ExtensionName", "ExtensionRawValue"];

/// Columns of RequestAttributes that we read.
pub(crate) const ATTRIBUTE_COLUMNS: &[&str] = &["RequestID", "AttributeName", "AttributeValue"];

/// Columns of CRLs that we read. `PropgationComplete` is the CA's spelling.
pub(crate) const CRL_COLUMNS: &[&str] = &[
    "RowId",
    "Number",
    "MinBase",
    "NameId",
    "Count",
    "ThisUpdate",
    "NextUpdate",
    "ThisPublish",
    "NextPublish",
    "Effective",
    "PropgationComplete|PropagationComplete",
    "CRLLastPublished|LastPublished",
    "CRLPublishAttempts|PublishAttempts",
    "CRLPublishFlags|PublishFlags",
    "CRLPublishStatusCode|PublishStatusCode",
    "CRLPublishError|PublishError",
    "RawCRL",
];

pub(crate) fn certificate<S: PageSource>(
    id: i32,
    mut cells: Cells<'_, S>,
    mut request: Option<Cells<'_, S>>,
) -> CertificateRow {
    let der = cells.bytes("RawCertificate");
    let recorded_hash = cells.text("CertificateHash2").map(|hash| bare(&hash));
    let recorded_serial = cells.text("SerialNumber").map(|serial| bare(&serial));
    let facts = der.as_deref().map(CertificateFacts::parse);
    let (facts, bad) = match facts {
        Some(Ok(facts)) => (Some(facts), None),
        Some(Err(error)) => (None, Some(unparsed("RawCertificate", &error))),
        None => (None, None),
    };
    let mut summary = match facts {
        Some(facts) => of_facts(id, facts),
        None => of_columns(id, &mut cells),
    };
    summary.serial = summary.serial.or_else(|| recorded_serial.clone());
    summary.sha1 = der.as_ref().map(|der| hex(&Sha1::digest(der))).or_else(|| recorded_hash.clone());
    summary.sha256 = der.as_ref().map(|der| hex(&Sha256::digest(der)));
    summary.length = der.as_ref().map(|der| length(der));
    summary.issuer_id = cells.long("IssuerNameID");
    let column = cells.text("CertificateTemplate");
    summary.template = column.or(summary.template).or_else(|| summary.template_name.clone());
    if let Some(request) = &mut request {
        let by_name = summary.template.as_deref().is_some_and(|template| !is_oid(template));
        if by_name {
            summary.template_name = None;
        } else if summary.template.is_some() {
            let attributes = request.text("RequestAttributes").unwrap_or_default();
            summary.template_name = asked_template(&attributes).or(summary.template_name);
        }
        summary.request = Some(request_facts(request));
    }
    let of_request = request.and_then(|request| request.error);
    summary.error = cells.error.or(bad).or(of_request);
    CertificateRow { summary, der, recorded_hash, recorded_serial }
}

fn of_facts(request_id: i32, facts: CertificateFacts) -> CertificateSummary {
    CertificateSummary {
        request_id,
        serial: Some(facts.serial),
        sha1: None,
        sha256: None,
        subject: Some(facts.subject),
        issuer: Some(facts.issuer),
        issuer_id: None,
        template: facts.template,
        template_name: facts.template_name,
        sans: facts.sans,
        sid: facts.sid,
        key_usage: facts.key_usage,
        purposes: facts.purposes,
        is_ca: facts.is_ca,
        not_before: facts.not_before,
        not_after: facts.not_after,
        key_algorithm: Some(facts.key_algorithm),
        key_bits: facts.key_bits,
        signature_algorithm: Some(facts.signature_algorithm),
        length: None,
        request: None,
        error: None,
    }
}

/// Without a certificate that can be read there are still the columns.
fn of_columns<S: PageSource>(request_id: i32, cells: &mut Cells<'_, S>) -> CertificateSummary {
    let subject = cells.text("DistinguishedName");
    CertificateSummary {
        request_id,
        serial: None,
        sha1: None,
        sha256: None,
        subject: subject.or_else(|| cells.text("CommonName").map(|name| format!("CN={name}"))),
        issuer: None,
        issuer_id: None,
        template: None,
        template_name: None,
        sans: Vec::new(),
        sid: None,
        key_usage: None,
        purposes: Vec::new(),
        is_ca: false,
        not_before: cells.time("NotBefore"),
        not_after: cells.time("NotAfter"),
        key_algorithm: cells.text("PublicKeyAlgorithm"),
        key_bits: cells.long("PublicKeyLength").and_then(|bits| u32::try_from(bits).ok()),
        signature_algorithm: None,
        length: None,
        request: None,
        error: None,
    }
}

pub(crate) fn request<S: PageSource>(
    request_id: i32,
    mut cells: Cells<'_, S>,
    mut certificate: Option<Cells<'_, S>>,
) -> RequestRow {
    let attributes = cells.text("RequestAttributes").unwrap_or_default();
    let attributes: Vec<String> =
        attributes.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let issued = certificate.as_mut().and_then(|cells| cells.text("CertificateTemplate"));
    let asked = attributes.iter().find_map(|line| asked_template(line));
    let named = issued.as_ref().is_some_and(|issued| !is_oid(issued));
    let subject = cells.text("DistinguishedName");
    let hashes = cells.text("KeyRecoveryHashes").unwrap_or_default();
    let summary = RequestSummary {
        request_id,
        request_type: cells.long("RequestType").map(RequestType),
        flags: cells.long("RequestFlags"),
        subject: subject.or_else(|| cells.text("CommonName").map(|name| format!("CN={name}"))),
        template: if named { issued } else { asked.or(issued) },
        attributes,
        recovery_agents: hashes.lines().map(bare).filter(|hash| !hash.is_empty()).collect(),
        serial: certificate.as_mut().and_then(|cells| cells.text("SerialNumber")).map(|serial| bare(&serial)),
        facts: request_facts(&mut cells),
        error: cells.error.or_else(|| certificate.and_then(|cells| cells.error)),
    };
    RequestRow { summary, raw: None }
}

fn request_facts<S: PageSource>(cells: &mut Cells<'_, S>) -> RequestFacts {
    RequestFacts {
        disposition: Disposition(cells.long("Disposition").unwrap_or_default()),
        message: cells.text("DispositionMessage"),
        status: cells.long("StatusCode"),
        requester: cells.text("RequesterName"),
        caller: cells.text("CallerName"),
        submitted: cells.time("SubmittedWhen"),
        resolved: cells.time("ResolvedWhen"),
        revoked: cells.time("RevokedWhen"),
        revoked_effective: cells.time("RevokedEffectiveWhen"),
        revoked_reason: cells.long("RevokedReason").map(RevocationReason),
        has_archived_key: cells.bytes("RawArchivedKey").is_some_and(|key| !key.is_empty()),
    }
}

pub(crate) fn crl<S: PageSource>(row_id: i32, mut cells: Cells<'_, S>) -> CrlRow {
    let der = cells.bytes("RawCRL");
    let (facts, bad) = match der.as_deref().map(CrlFacts::parse) {
        Some(Ok(facts)) => (Some(facts), None),
        Some(Err(error)) => (None, Some(unparsed("RawCRL", &error))),
        None => (None, None),
    };
    let min_base = cells.long("MinBase");
    let by_row = min_base.is_some_and(|base| base != 0);
    let summary = CrlSummary {
        row_id,
        number: cells.long("Number"),
        min_base,
        issuer_id: cells.long("NameId"),
        count: cells.long("Count"),
        this_update: cells.time("ThisUpdate"),
        next_update: cells.time("NextUpdate"),
        this_publish: cells.time("ThisPublish"),
        next_publish: cells.time("NextPublish"),
        effective: cells.time("Effective"),
        propagation_complete: cells.time("PropgationComplete"),
        last_published: cells.time("CRLLastPublished"),
        attempts: cells.long("CRLPublishAttempts"),
        flags: cells.long("CRLPublishFlags"),
        status: cells.long("CRLPublishStatusCode"),
        publish_error: cells.text("CRLPublishError").filter(|text| text != "-"),
        length: der.as_ref().map(|der| length(der)),
        sha1: der.as_ref().map(|der| hex(&Sha1::digest(der))),
        is_delta: facts.as_ref().map_or(by_row, |facts| facts.base_number.is_some()),
        entries: facts.as_ref().map(|facts| facts.entries),
        own_number: facts.as_ref().and_then(|facts| facts.number.clone()),
        issuer: facts.map(|facts| facts.issuer),
        error: cells.error.or(bad),
    };
    CrlRow { summary, der }
}

pub(crate) fn extension<S: PageSource>(mut cells: Cells<'_, S>) -> Extension {
    Extension {
        oid: cells.text("ExtensionName"),
        flags: cells.long("ExtensionFlags").map(ExtensionFlags),
        value: cells.bytes("ExtensionRawValue"),
        error: cells.error,
    }
}

pub(crate) fn attribute<S: PageSource>(mut cells: Cells<'_, S>) -> Attribute {
    Attribute { name: cells.text("AttributeName"), value: cells.text("AttributeValue"), error: cells.error }
}

fn unparsed(column: &str, error: &str) -> RowError {
    RowError { text: format!("column {column}: {error}"), cause: Cause::Content }
}

fn is_oid(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The template that a requester named.
fn asked_template(attributes: &str) -> Option<String> {
    let pairs = attributes.lines().filter_map(|line| line.split_once(':'));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("CertificateTemplate"));
    named.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
