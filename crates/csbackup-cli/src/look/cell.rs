//! Columns of rows, and what stands in them.

use ca_database::{
    CertificateSummary, CrlSummary, FileTime, RequestFacts, RequestSummary, RowError, San, purpose_name,
};
use serde_json::Value;

/// What stands in a column. Ordered for sorting: nothing comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    None,
    Bool(bool),
    Number(i64),
    Time(FileTime),
    Text(String),
    List(Vec<String>),
}

impl Cell {
    /// For people and spreadsheets.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Bool(true) => "yes".to_owned(),
            Self::Bool(false) => "no".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Time(at) => at.truncate_to_second().to_string(),
            Self::Text(text) => text.clone(),
            Self::List(list) => list.join(", "),
        }
    }

    /// For programs.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Bool(bool) => Value::from(*bool),
            Self::Number(number) => Value::from(*number),
            Self::Time(at) => Value::from(at.to_string()),
            Self::Text(text) => Value::from(text.clone()),
            Self::List(list) => Value::from(list.clone()),
        }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<FileTime> for Cell {
    fn from(value: FileTime) -> Self {
        Self::Time(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Cell {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

/// A column of rows of one type: its name (in JSON too), what it holds, and how.
pub(crate) struct Column<R> {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) of: fn(&R) -> Cell,
}

/// A row that can be listed.
pub(crate) trait Listed: Sized + 'static {
    /// Every column.
    const COLUMNS: &'static [Column<Self>];
    /// Those of a table that nobody asked more of.
    const DEFAULT: &'static [&'static str];
    /// Type of its message in JSON.
    const MESSAGE: &'static str;
    /// What a row is called, before its number.
    const ROW: &'static str;
    /// Its number.
    fn id(&self) -> i32;
    /// What of it cannot be read.
    fn error(&self) -> Option<&RowError>;
}

macro_rules! columns {
    ($($name:literal, $about:literal, $of:expr;)*) => {
        &[$(Column { name: $name, about: $about, of: $of }),*]
    };
}

type Cert = CertificateSummary;
type Req = RequestSummary;
type Crl = CrlSummary;

impl Listed for CertificateSummary {
    const MESSAGE: &'static str = "certificate";
    const ROW: &'static str = "certificate of request";
    const DEFAULT: &'static [&'static str] =
        &["request_id", "serial", "common_name", "template", "requester", "not_after", "disposition"];
    const COLUMNS: &'static [Column<Self>] = columns! {
        "request_id", "number of the request", |row: &Cert| i64::from(row.request_id).into();
        "serial", "serial number, hex", |row: &Cert| row.serial.as_ref().into();
        "common_name", "common name of the subject", |row: &Cert| row.common_name().into();
        "subject", "subject", |row: &Cert| row.subject.as_ref().into();
        "template", "template: its name where it is known", |row: &Cert| row.template_shown().into();
        "template_id", "template as the CA stored it: a name or an object identifier", |row: &Cert| row.template.as_ref().into();
        "requester", "account it was requested for", |row: &Cert| facts(row, |facts| facts.requester.as_ref().into());
        "caller", "account that sent the request", |row: &Cert| facts(row, |facts| facts.caller.as_ref().into());
        "not_before", "start of validity", |row: &Cert| row.not_before.into();
        "not_after", "end of validity", |row: &Cert| row.not_after.into();
        "issued", "when it was issued", |row: &Cert| row.issued_at().into();
        "submitted", "when the request came in", |row: &Cert| facts(row, |facts| facts.submitted.into());
        "disposition", "issued, revoked, ca-certificate, ...", |row: &Cert| row.disposition().map(|it| it.to_string()).into();
        "revoked", "when it was revoked", |row: &Cert| facts(row, |facts| facts.revoked.into());
        "revoked_effective", "from when on it counts as revoked", |row: &Cert| facts(row, |facts| facts.revoked_effective.into());
        "revocation_reason", "why it was revoked", |row: &Cert| facts(row, reason);
        "sans", "alternative names of the subject", |row: &Cert| Cell::List(row.sans.iter().map(San::to_string).collect());
        "sid", "security identifier of the account", |row: &Cert| row.sid.as_ref().into();
        "key_usage", "key usage", |row: &Cert| row.key_usage.map_or(Cell::None, |usage| Cell::List(usage.names().map(str::to_owned).collect()));
        "purposes", "extended key usages", |row: &Cert| Cell::List(row.purposes.iter().map(|oid| purpose_name(oid).unwrap_or(oid).to_owned()).collect());
        "is_ca", "a CA certificate?", |row: &Cert| row.is_ca.into();
        "key", "algorithm of the key", |row: &Cert| row.key_algorithm.as_ref().into();
        "key_bits", "size of the key in bits", |row: &Cert| row.key_bits.map(i64::from).into();
        "signature", "algorithm of the signature", |row: &Cert| row.signature_algorithm.as_ref().into();
        "sha1", "thumbprint, SHA-1", |row: &Cert| row.sha1.as_ref().into();
        "sha256", "thumbprint, SHA-256", |row: &Cert| row.sha256.as_ref().into();
        "issuer", "issuer", |row: &Cert| row.issuer.as_ref().into();
        "issuer_id", "the CA's certificate that signed it: key index * 65536 + certificate index", |row: &Cert| row.issuer_id.map(i64::from).into();
        "archived_key", "is the private key archived?", |row: &Cert| facts(row, |facts| facts.has_archived_key.into());
        "message", "the CA's words on the request", |row: &Cert| facts(row, |facts| facts.message.as_ref().into());
        "length", "length in bytes", |row: &Cert| row.length.map(i64::from).into();
        "error", "what of the row cannot be read", |row: &Cert| row.error.as_ref().map(|error| error.to_string()).into();
    };

    fn id(&self) -> i32 {
        self.request_id
    }

    fn error(&self) -> Option<&RowError> {
        self.error.as_ref()
    }
}

impl Listed for RequestSummary {
    const MESSAGE: &'static str = "request";
    const ROW: &'static str = "request";
    const DEFAULT: &'static [&'static str] =
        &["request_id", "submitted", "disposition", "requester", "template", "subject"];
    const COLUMNS: &'static [Column<Self>] = columns! {
        "request_id", "number of the request", |row: &Req| i64::from(row.request_id).into();
        "submitted", "when it came in", |row: &Req| row.facts.submitted.into();
        "resolved", "when it was decided", |row: &Req| row.facts.resolved.into();
        "disposition", "pending, issued, denied, failed, revoked, ...", |row: &Req| row.facts.disposition.to_string().into();
        "status", "HRESULT of its processing", |row: &Req| row.facts.status.map(hresult).into();
        "message", "the CA's words", |row: &Req| row.facts.message.as_ref().into();
        "requester", "account it was made for", |row: &Req| row.facts.requester.as_ref().into();
        "caller", "account that sent it", |row: &Req| row.facts.caller.as_ref().into();
        "subject", "subject that was asked for", |row: &Req| row.subject.as_ref().into();
        "template", "template that was asked for or issued", |row: &Req| row.template.as_ref().into();
        "type", "form: pkcs10, cmc, ...", |row: &Req| row.request_type.map(|it| it.to_string()).into();
        "flags", "flags of its processing", |row: &Req| row.flags.map(i64::from).into();
        "attributes", "attributes, name:value", |row: &Req| Cell::List(row.attributes.clone());
        "serial", "serial number of the certificate that came of it", |row: &Req| row.serial.as_ref().into();
        "revoked", "when that was revoked", |row: &Req| row.facts.revoked.into();
        "revoked_effective", "from when on that counts as revoked", |row: &Req| row.facts.revoked_effective.into();
        "revocation_reason", "why it was revoked", |row: &Req| reason(&row.facts);
        "archived_key", "is the private key archived?", |row: &Req| row.facts.has_archived_key.into();
        "recovery_agents", "certificates that can open it, SHA-1", |row: &Req| Cell::List(row.recovery_agents.clone());
        "error", "what of the row cannot be read", |row: &Req| row.error.as_ref().map(|error| error.to_string()).into();
    };

    fn id(&self) -> i32 {
        self.request_id
    }

    fn error(&self) -> Option<&RowError> {
        self.error.as_ref()
    }
}

impl Listed for CrlSummary {
    const MESSAGE: &'static str = "crl";
    const ROW: &'static str = "CRL in row";
    const DEFAULT: &'static [&'static str] =
        &["number", "delta", "this_update", "next_update", "entries", "published", "status"];
    const COLUMNS: &'static [Column<Self>] = columns! {
        "row_id", "number of the row", |row: &Crl| i64::from(row.row_id).into();
        "number", "CRL number", |row: &Crl| row.number.map(i64::from).into();
        "delta", "a delta CRL?", |row: &Crl| row.is_delta.into();
        "base_number", "the base CRL that a delta CRL builds on", |row: &Crl| row.min_base.map(i64::from).into();
        "this_update", "start of validity", |row: &Crl| row.this_update.into();
        "next_update", "end of validity", |row: &Crl| row.next_update.into();
        "entries", "number of revoked certificates in it", |row: &Crl| row.entries.and_then(|count| i64::try_from(count).ok()).or(row.count.map(i64::from)).into();
        "published", "last publication", |row: &Crl| row.last_published.into();
        "next_publish", "when its successor is due", |row: &Crl| row.next_publish.into();
        "effective", "from when on a delta CRL counts", |row: &Crl| row.effective.into();
        "propagation_complete", "when it is expected to be everywhere", |row: &Crl| row.propagation_complete.into();
        "attempts", "how often publication was tried", |row: &Crl| row.attempts.map(i64::from).into();
        "flags", "flags of the publication", |row: &Crl| row.flags.map(i64::from).into();
        "status", "HRESULT of the publication", |row: &Crl| row.status.map(hresult).into();
        "publish_error", "the CA's words where it failed", |row: &Crl| row.publish_error.as_ref().into();
        "issuer", "issuer", |row: &Crl| row.issuer.as_ref().into();
        "issuer_id", "the CA's certificate that signed it: key index * 65536 + certificate index", |row: &Crl| row.issuer_id.map(i64::from).into();
        "sha1", "SHA-1 of the list", |row: &Crl| row.sha1.as_ref().into();
        "length", "length in bytes", |row: &Crl| row.length.map(i64::from).into();
        "error", "what of the row cannot be read", |row: &Crl| row.error.as_ref().map(|error| error.to_string()).into();
    };

    fn id(&self) -> i32 {
        self.row_id
    }

    fn error(&self) -> Option<&RowError> {
        self.error.as_ref()
    }
}

fn facts(row: &CertificateSummary, of: impl FnOnce(&RequestFacts) -> Cell) -> Cell {
    row.request.as_ref().map_or(Cell::None, of)
}

fn reason(facts: &RequestFacts) -> Cell {
    facts.revoked_reason.map(|reason| reason.to_string()).into()
}

fn hresult(code: i32) -> String {
    dtyp::HResult(code.cast_unsigned()).to_string()
}
