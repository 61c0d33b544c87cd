//! Which columns there are.
//!
//! Names, types and sizes are those that `certutil -schema` shows on a CA; the first number of each
//! group and the order within it follow [MS-CSRA] 3.1.1.1 to 3.1.1.4 and its notes on 3.1.4.2.5.
//!
//! [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/

use csra::method::Table;
use csra::value::ColumnType::{self, Binary, Date, Long, String};

/// Name, type, bytes at most, indexed.
type Entry = (&'static str, ColumnType, u32, bool);

/// Columns with consecutive numbers.
pub(super) struct Group {
    pub(super) table: Table,
    /// Number of the first.
    pub(super) first: u32,
    pub(super) prefix: &'static str,
    pub(super) columns: &'static [Entry],
}

impl Group {
    pub(super) fn has(&self, id: u32) -> bool {
        let index = id.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        index.is_some_and(|index| index < self.columns.len())
    }
}

/// All columns.
pub(super) const GROUPS: &[Group] = &[
    Group { table: Table::Request, first: 0x1000, prefix: "Request.", columns: REQUEST },
    Group { table: Table::Request, first: 0, prefix: "", columns: CERTIFICATE },
    Group { table: Table::Attribute, first: 0x3000, prefix: "", columns: ATTRIBUTE },
    Group { table: Table::Extension, first: 0x4000, prefix: "", columns: EXTENSION },
    Group { table: Table::Crl, first: 0x5000, prefix: "", columns: CRL },
];

/// The usual views: number, table, columns.
pub(super) const DEFAULTS: &[(u32, Table, &[&str])] = &[
    (0xFFFF_FFFF, Table::Request, &["Request.RequestID", "Request.SubmittedWhen", "Request.RequesterName"]),
    (0xFFFF_FFFE, Table::Request, ISSUED),
    (0xFFFF_FFFD, Table::Request, &["Request.RequestID", "Request.StatusCode", "Request.DispositionMessage"]),
    (0xFFFF_FFFC, Table::Extension, &["ExtensionRequestId", "ExtensionName", "ExtensionFlags"]),
    (0xFFFF_FFFB, Table::Attribute, &["AttributeRequestId", "AttributeName", "AttributeValue"]),
    (0xFFFF_FFFA, Table::Crl, &["CRLRowId", "CRLNumber", "CRLThisUpdate", "CRLNextUpdate"]),
    (0xFFFF_FFF9, Table::Request, &["Request.RequestID", "Request.RevokedWhen", "Request.RevokedReason"]),
];

const ISSUED: &[&str] =
    &["RequestID", "Request.RequesterName", "SerialNumber", "NotBefore", "NotAfter", "CommonName"];

/// Of a request.
const REQUEST: &[Entry] = &[
    ("RequestID", Long, 4, true),
    ("RawRequest", Binary, 65536, false),
    ("RawArchivedKey", Binary, 65536, false),
    ("KeyRecoveryHashes", String, 8192, false),
    ("RawOldCertificate", Binary, 16384, false),
    ("RequestAttributes", String, 32768, false),
    ("RequestType", Long, 4, false),
    ("RequestFlags", Long, 4, false),
    ("StatusCode", Long, 4, false),
    ("Disposition", Long, 4, true),
    ("DispositionMessage", String, 8192, false),
    ("SubmittedWhen", Date, 8, true),
    ("ResolvedWhen", Date, 8, true),
    ("RevokedWhen", Date, 8, false),
    ("RevokedEffectiveWhen", Date, 8, true),
    ("RevokedReason", Long, 4, false),
    ("RequesterName", String, 2048, true),
    ("CallerName", String, 2048, true),
    ("SignerPolicies", String, 8192, false),
    ("SignerApplicationPolicies", String, 8192, false),
    ("Officer", Long, 4, false),
    ("DistinguishedName", String, 8192, false),
    ("RawName", Binary, 4096, false),
    ("Country", String, 8192, false),
    ("Organization", String, 8192, false),
    ("OrgUnit", String, 8192, false),
    ("CommonName", String, 8192, false),
    ("Locality", String, 8192, false),
    ("State", String, 8192, false),
    ("Title", String, 8192, false),
    ("GivenName", String, 8192, false),
    ("Initials", String, 8192, false),
    ("SurName", String, 8192, false),
    ("DomainComponent", String, 8192, false),
    ("EMail", String, 8192, false),
    ("StreetAddress", String, 8192, false),
    ("UnstructuredName", String, 8192, false),
    ("UnstructuredAddress", String, 8192, false),
    ("DeviceSerialNumber", String, 8192, false),
    ("AttestationChallenge", Binary, 4096, false),
    ("EndorsementKeyHash", String, 144, true),
    ("EndorsementCertificateHash", String, 144, true),
    ("RawPrecertificate", Binary, 16384, false),
];

/// Of the certificate that became of it.
const CERTIFICATE: &[Entry] = &[
    ("RequestID", Long, 4, true),
    ("RawCertificate", Binary, 16384, false),
    ("CertificateHash", String, 128, true),
    ("CertificateTemplate", String, 254, true),
    ("EnrollmentFlags", Long, 4, false),
    ("GeneralFlags", Long, 4, false),
    ("PrivatekeyFlags", Long, 4, false),
    ("SerialNumber", String, 128, true),
    ("IssuerNameID", Long, 4, false),
    ("NotBefore", Date, 8, false),
    ("NotAfter", Date, 8, true),
    ("SubjectKeyIdentifier", String, 128, true),
    ("RawPublicKey", Binary, 4096, false),
    ("PublicKeyLength", Long, 4, false),
    ("PublicKeyAlgorithm", String, 254, false),
    ("RawPublicKeyAlgorithmParameters", Binary, 4096, false),
    ("PublishExpiredCertInCRL", Long, 4, false),
    ("UPN", String, 2048, true),
    ("DistinguishedName", String, 8192, false),
    ("RawName", Binary, 4096, false),
    ("Country", String, 8192, false),
    ("Organization", String, 8192, false),
    ("OrgUnit", String, 8192, false),
    ("CommonName", String, 8192, false),
    ("Locality", String, 8192, false),
    ("State", String, 8192, false),
    ("Title", String, 8192, false),
    ("GivenName", String, 8192, false),
    ("Initials", String, 8192, false),
    ("SurName", String, 8192, false),
    ("DomainComponent", String, 8192, false),
    ("EMail", String, 8192, false),
    ("StreetAddress", String, 8192, false),
    ("UnstructuredName", String, 8192, false),
    ("UnstructuredAddress", String, 8192, false),
    ("DeviceSerialNumber", String, 8192, false),
];

/// Of an attribute.
const ATTRIBUTE: &[Entry] = &[
    ("AttributeRequestId", Long, 4, true),
    ("AttributeName", String, 254, false),
    ("AttributeValue", String, 8192, false),
];

/// Of an extension.
const EXTENSION: &[Entry] = &[
    ("ExtensionRequestId", Long, 4, true),
    ("ExtensionName", String, 254, false),
    ("ExtensionFlags", Long, 4, false),
    ("ExtensionRawValue", Binary, 4096, false),
];

/// Of a CRL.
const CRL: &[Entry] = &[
    ("CRLRowId", Long, 4, true),
    ("CRLNumber", Long, 4, true),
    ("CRLMinBase", Long, 4, false),
    ("CRLNameId", Long, 4, false),
    ("CRLCount", Long, 4, false),
    ("CRLThisUpdate", Date, 8, false),
    ("CRLNextUpdate", Date, 8, true),
    ("CRLThisPublish", Date, 8, false),
    ("CRLNextPublish", Date, 8, true),
    ("CRLEffective", Date, 8, false),
    ("CRLPropagationComplete", Date, 8, true),
    ("CRLLastPublished", Date, 8, true),
    ("CRLPublishAttempts", Long, 4, true),
    ("CRLPublishFlags", Long, 4, false),
    ("CRLPublishStatusCode", Long, 4, true),
    ("CRLPublishError", String, 8192, false),
    ("CRLRawCRL", Binary, 536870912, false),
];
