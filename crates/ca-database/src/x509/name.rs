//! Distinguished names as Windows writes them.

use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::hex::hex;

/// A name with its most specific part first, `CN=x, DC=y`: the form of the CA's own columns.
///
/// Source: `CertNameToStr` with `CERT_X500_NAME_STR | CERT_NAME_STR_REVERSE_FLAG`.
pub(crate) fn distinguished(name: &X509Name<'_>) -> String {
    let parts: Vec<String> =
        name.iter_rdn().map(|part| part.iter().map(attribute).collect::<Vec<_>>().join(" + ")).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(", ")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let name = match oid.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "S",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "T",
        "2.5.4.42" => "G",
        "2.5.4.43" => "I",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "E",
        other => return format!("OID.{other}={}", quoted(&text(attribute.attr_value()))),
    };
    format!("{name}={}", quoted(&text(attribute.attr_value())))
}

fn quoted(value: &str) -> String {
    let special = |c: char| matches!(c, ',' | '+' | '=' | '"' | '\n' | '<' | '>' | '#' | ';');
    if value.is_empty() || value.contains(special) || value.starts_with(' ') || value.ends_with(' ') {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

/// A string of any of the types that names use; other values as `#` and hex.
pub(super) fn text(value: &Any<'_>) -> String {
    let bytes = value.data;
    let units = |chunk: &[u8]| chunk.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    match value.tag() {
        Tag::T61String => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).map(|pair| u16::try_from(units(pair)).unwrap_or_default());
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::UniversalString => bytes
            .chunks_exact(4)
            .map(|chunk| char::from_u32(units(chunk)).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString
        | Tag::GeneralString => String::from_utf8_lossy(bytes).into_owned(),
        _ => format!("#{}", hex(bytes)),
    }
}
