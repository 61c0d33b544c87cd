use alloc::string::String;
use alloc::vec::Vec;

use ndr::{Error, Reader, Writer};

use super::blob::{push_text, text_at};

/// Which property of the CA: `PropID` of `GetCAProperty`. The ones that a backup has use for, and those
/// that [`super::CaInfo`] answers.
///
/// Source: [MS-WCCE] 3.2.1.4.3.2.
///
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/7c715f9f-db50-41c3-abfc-0021c6390d4e
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PropertyId(pub i32);

impl PropertyId {
    /// `CR_PROP_FILEVERSION`, string: version of the CA.
    pub const FILE_VERSION: Self = Self(0x01);
    /// `CR_PROP_PRODUCTVERSION`, string: build of the CA.
    pub const PRODUCT_VERSION: Self = Self(0x02);
    /// `CR_PROP_EXITCOUNT`, long, in [`super::CaInfo`].
    pub const EXIT_COUNT: Self = Self(0x03);
    /// `CR_PROP_CANAME`, string: the common name.
    pub const CA_NAME: Self = Self(0x06);
    /// `CR_PROP_SANITIZEDCANAME`, string.
    pub const SANITIZED_CA_NAME: Self = Self(0x07);
    /// `CR_PROP_SHAREDFOLDER`, string: UNC path.
    pub const SHARED_FOLDER: Self = Self(0x08);
    /// `CR_PROP_PARENTCA`, string.
    pub const PARENT_CA: Self = Self(0x09);
    /// `CR_PROP_CATYPE`, long, in [`super::CaInfo`].
    pub const CA_TYPE: Self = Self(0x0A);
    /// `CR_PROP_CASIGCERTCOUNT`, long, in [`super::CaInfo`].
    pub const SIGNING_CERTIFICATE_COUNT: Self = Self(0x0B);
    /// `CR_PROP_CASIGCERT`, binary, indexed: X.509 in DER.
    pub const SIGNING_CERTIFICATE: Self = Self(0x0C);
    /// `CR_PROP_CASIGCERTCHAIN`, binary, indexed: CMS in DER.
    pub const SIGNING_CERTIFICATE_CHAIN: Self = Self(0x0D);
    /// `CR_PROP_CAXCHGCERTCOUNT`, long, in [`super::CaInfo`].
    pub const EXCHANGE_CERTIFICATE_COUNT: Self = Self(0x0E);
    /// `CR_PROP_BASECRL`, binary, indexed: CRL in DER.
    pub const BASE_CRL: Self = Self(0x11);
    /// `CR_PROP_DELTACRL`, binary, indexed: CRL in DER.
    pub const DELTA_CRL: Self = Self(0x12);
    /// `CR_PROP_CACERTSTATE`, long, indexed: one byte per signing certificate.
    pub const CERTIFICATE_STATE: Self = Self(0x13);
    /// `CR_PROP_CRLSTATE`, long, indexed.
    pub const CRL_STATE: Self = Self(0x14);
    /// `CR_PROP_CAPROPIDMAX`, long, in [`super::CaInfo`].
    pub const HIGHEST: Self = Self(0x15);
    /// `CR_PROP_DNSNAME`, string: host of the CA.
    pub const DNS_NAME: Self = Self(0x16);
    /// `CR_PROP_ROLESEPARATIONENABLED`, long, in [`super::CaInfo`].
    pub const ROLE_SEPARATION: Self = Self(0x17);
    /// `CR_PROP_KRACERTUSEDCOUNT`, long, in [`super::CaInfo`].
    pub const RECOVERY_CERTIFICATE_USED_COUNT: Self = Self(0x18);
    /// `CR_PROP_KRACERTCOUNT`, long, in [`super::CaInfo`].
    pub const RECOVERY_CERTIFICATE_COUNT: Self = Self(0x19);
    /// `CR_PROP_ADVANCEDSERVER`, long, in [`super::CaInfo`].
    pub const ADVANCED_SERVER: Self = Self(0x1C);
    /// `CR_PROP_TEMPLATES`, string: name and object identifier by turns, one a line.
    pub const TEMPLATES: Self = Self(0x1D);
    /// `CR_PROP_SANITIZEDCASHORTNAME`, string.
    pub const SANITIZED_CA_SHORT_NAME: Self = Self(0x28);
    /// `CR_PROP_CERTCDPURLS`, string, indexed: where CRLs are published.
    pub const CDP_URLS: Self = Self(0x29);
    /// `CR_PROP_CERTAIAURLS`, string, indexed: where certificates are published.
    pub const AIA_URLS: Self = Self(0x2A);
}

/// Type of a property: `PropType` (`PROPTYPE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PropertyType {
    /// A number, or bytes that are numbers.
    Long,
    /// A point in time, 8 bytes.
    Date,
    /// Bytes.
    Binary,
    /// Text, see [`decode_text`].
    String,
}

impl PropertyType {
    /// From the number on the wire.
    pub fn from_wire(value: i32) -> Option<Self> {
        Some(match value {
            1 => Self::Long,
            2 => Self::Date,
            3 => Self::Binary,
            4 => Self::String,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub fn to_wire(self) -> u8 {
        match self {
            Self::Long => 1,
            Self::Date => 2,
            Self::Binary => 3,
            Self::String => 4,
        }
    }
}

/// One property that the CA has: `CATRANSPROP`.
///
/// ```text
///  0  4  lPropID
///  4  1  propType            see `PropertyType`
///  5  1  Reserved            0
///  6  2  propFlags           bit 0: indexed
///  8  4  obwszDisplayName    offset from the first structure
/// ```
///
/// Source: [MS-WCCE] 2.2.2.3 and 2.2.2.3.1.
///
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/8116912a-59e6-4849-83dd-77b39b6370e0
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyInfo {
    /// The property.
    pub id: PropertyId,
    /// Its type.
    pub kind: PropertyType,
    /// It has several values.
    pub indexed: bool,
    /// Its name in the system language of the server; empty if it has none.
    pub display_name: String,
}

/// Bytes of one `CATRANSPROP`.
const SIZE: usize = 12;
const INDEXED: u16 = 1;

impl PropertyInfo {
    /// The array of `count` structures in a blob.
    ///
    /// # Errors
    /// Fewer bytes than structures, an unknown type, a name outside the blob or without its end.
    pub fn decode_all(bytes: &[u8], count: u32) -> Result<Vec<Self>, Error> {
        let mut budget = bytes.len();
        let mut reader = Reader::new(bytes);
        (0..count)
            .map(|_| {
                let id = PropertyId(reader.i32("lPropID")?);
                let at = reader.position();
                let kind = reader.u8("propType")?;
                let kind = PropertyType::from_wire(kind.into()).ok_or(Error::Invalid {
                    what: "propType",
                    at,
                    value: kind.into(),
                })?;
                reader.u8("Reserved")?;
                let indexed = reader.u16("propFlags")? & INDEXED != 0;
                let display_name = match reader.u32("obwszDisplayName")? {
                    0 => String::new(),
                    offset => text_at(bytes, "obwszDisplayName", offset, &mut budget)?,
                };
                Ok(Self { id, kind, indexed, display_name })
            })
            .collect()
    }

    /// The blob with these structures.
    pub fn encode_all(infos: &[Self]) -> Vec<u8> {
        let start = infos.len().saturating_mul(SIZE);
        let (mut heads, mut names) = (Writer::new(), Writer::new());
        for info in infos {
            let name = push_text(&mut names, &info.display_name);
            heads.i32(info.id.0);
            heads.u8(info.kind.to_wire());
            heads.u8(0);
            heads.u16(if info.indexed { INDEXED } else { 0 });
            heads.count(start.saturating_add(name));
        }
        heads.raw(&names.finish());
        heads.finish()
    }
}

/// The text of a property of type string: UTF-16LE, with or without its final NUL.
///
/// # Errors
/// [`Error::Text`] for what is no such text.
pub fn decode_text(bytes: &[u8]) -> Result<String, Error> {
    let bad = Error::Text { what: "pctbPropertyValue", at: 0 };
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(bad);
    }
    let units = units.strip_suffix(&[[0, 0]]).unwrap_or(units);
    let text = units.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(text).collect::<Result<_, _>>().map_err(|_| bad)
}

/// The value of a property of type string: UTF-16LE and a NUL.
pub fn encode_text(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}
