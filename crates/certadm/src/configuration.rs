use alloc::string::String;
use alloc::vec::Vec;

/// What a CA tells of itself beside its database: enough to set up its successor.
///
/// Source: [MS-CSRA] 3.1.4.2.2 (`GetCAProperty`) and 3.1.4.2.14 (`GetConfigEntry`).
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// What there is.
    pub parts: Vec<ConfigurationPart>,
    /// Registry values below `CertSvc\Configuration`.
    pub entries: Vec<ConfigEntry>,
    /// What should be there and could not be had.
    pub missing: Vec<MissingPart>,
}

/// One piece of a CA's configuration that is a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationPart {
    /// What it is.
    pub kind: PartKind,
    /// Which of several, from 0: the index of the CA's certificate that it belongs to.
    pub index: u32,
    /// The bytes: DER for certificates and CRLs, UTF-8 text for lists.
    pub content: Vec<u8>,
}

/// Kinds of [`ConfigurationPart`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// A certificate of the CA (`CR_PROP_CASIGCERT`), DER.
    Certificate,
    /// Its chain (`CR_PROP_CASIGCERTCHAIN`), PKCS #7.
    Chain,
    /// Its base CRL (`CR_PROP_BASECRL`), DER.
    Crl,
    /// Its delta CRL (`CR_PROP_DELTACRL`), DER.
    DeltaCrl,
    /// Where clients find its CRLs (`CR_PROP_CERTCDPURLS`), one URL per line.
    CdpUrls,
    /// Where clients find its certificate (`CR_PROP_CERTAIAURLS`), one URL per line.
    AiaUrls,
    /// Templates the CA offers (`CR_PROP_TEMPLATES`): name and OID in turn, one per line.
    Templates,
}

/// One registry value of the CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Key, relative to `CertSvc\Configuration`, components separated by `\`; the CA's own key begins
    /// with its sanitized name.
    pub node: String,
    /// Name of the value.
    pub name: String,
    /// The value.
    pub value: ConfigValue,
}

/// The types of registry values; the CA's interface knows `Dword`, `Text`, `List` and `Binary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigValue {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_SZ`.
    Text(String),
    /// `REG_EXPAND_SZ`: names of environment variables between percent signs.
    ExpandText(String),
    /// `REG_MULTI_SZ`.
    List(Vec<String>),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
}

/// Something that should be there and could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPart {
    /// What, for people.
    pub what: String,
    /// Why, one clause.
    pub reason: String,
}
