//! The extensions that listings show.

use std::net::IpAddr;

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Oid};
use x509_parser::extensions::{BasicConstraints, GeneralName, KeyUsage as ParsedUsage, X509Extension};

use super::name::{distinguished, text};
use crate::hex::hex;
use crate::{KeyUsage, San};

/// What the extensions of a certificate say.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) sans: Vec<San>,
    pub(super) sid: Option<String>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) purposes: Vec<String>,
    pub(super) is_ca: bool,
    pub(super) template_name: Option<String>,
    pub(super) template: Option<String>,
}

impl Extensions {
    pub(super) fn read(extensions: &[X509Extension<'_>]) -> Self {
        let mut all = Self::default();
        for extension in extensions {
            let value = extension.value;
            match extension.oid.to_id_string().as_str() {
                "2.5.29.15" => {
                    let usage = ParsedUsage::from_der(value);
                    all.key_usage = usage.ok().map(|(_, usage)| KeyUsage(usage.flags));
                }
                "2.5.29.17" => all.sans = sans(value),
                "2.5.29.19" => all.is_ca = BasicConstraints::from_der(value).is_ok_and(|(_, basic)| basic.ca),
                "2.5.29.37" => all.purposes = purposes(value),
                "1.3.6.1.4.1.311.20.2" => {
                    all.template_name = Any::from_der(value).ok().map(|(_, name)| text(&name));
                }
                "1.3.6.1.4.1.311.21.7" => all.template = template(value),
                "1.3.6.1.4.1.311.25.2" => all.sid = sid(value),
                _ => {}
            }
        }
        all
    }
}

/// The elements of a sequence; what follows an unreadable one is left out.
fn elements(sequence: &[u8]) -> impl Iterator<Item = Any<'_>> {
    let mut rest = Any::from_der(sequence).map_or(Default::default(), |(_, sequence)| sequence.data);
    std::iter::from_fn(move || {
        let (behind, element) = Any::from_der(rest).ok()?;
        rest = behind;
        Some(element)
    })
}

fn purposes(value: &[u8]) -> Vec<String> {
    elements(value).filter_map(|any| any.oid().ok().map(|oid: Oid<'_>| oid.to_id_string())).collect()
}

/// `CertificateTemplateOID ::= SEQUENCE { templateID OBJECT IDENTIFIER, major, minor }`
fn template(value: &[u8]) -> Option<String> {
    elements(value).next()?.oid().ok().map(|oid| oid.to_id_string())
}

/// General names with one other name of type 1.3.6.1.4.1.311.25.2.1: an octet string with the SID in text.
fn sid(value: &[u8]) -> Option<String> {
    elements(value).find_map(|any| match GeneralName::try_from(any) {
        Ok(GeneralName::OtherName(oid, rest)) if oid.to_id_string() == "1.3.6.1.4.1.311.25.2.1" => {
            Some(String::from_utf8_lossy(explicit(rest)?.data).into_owned())
        }
        _ => None,
    })
}

/// What is inside of `[0] EXPLICIT`.
fn explicit(bytes: &[u8]) -> Option<Any<'_>> {
    let (_, outer) = Any::from_der(bytes).ok()?;
    let (_, inner) = Any::from_der(outer.data).ok()?;
    Some(inner)
}

fn sans(value: &[u8]) -> Vec<San> {
    elements(value).map(san).collect()
}

fn san(any: Any<'_>) -> San {
    let unreadable = |any: &Any<'_>| San::Other(format!("unreadable {}", hex(any.data)));
    if any.class() != Class::ContextSpecific {
        return unreadable(&any);
    }
    match GeneralName::try_from(any.clone()) {
        Ok(GeneralName::DNSName(name)) => San::Dns(name.to_owned()),
        Ok(GeneralName::RFC822Name(name)) => San::Email(name.to_owned()),
        Ok(GeneralName::URI(name)) => San::Uri(name.to_owned()),
        Ok(GeneralName::IPAddress(bytes)) => San::Ip(address(bytes)),
        Ok(GeneralName::DirectoryName(name)) => San::Other(distinguished(&name)),
        Ok(GeneralName::OtherName(oid, rest)) => other_name(&oid, rest),
        Ok(GeneralName::RegisteredID(oid)) => San::Other(format!("oid {}", oid.to_id_string())),
        _ => unreadable(&any),
    }
}

fn other_name(oid: &Oid<'_>, rest: &[u8]) -> San {
    let oid = oid.to_id_string();
    match (oid.as_str(), explicit(rest)) {
        ("1.3.6.1.4.1.311.20.2.3", Some(name)) => San::Upn(text(&name)),
        (_, Some(value)) => San::Other(format!("{oid} {}", hex(value.data))),
        (_, None) => San::Other(format!("{oid} {}", hex(rest))),
    }
}

fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return IpAddr::from(four).to_string();
    }
    <[u8; 16]>::try_from(bytes).map_or_else(|_| hex(bytes), |sixteen| IpAddr::from(sixteen).to_string())
}
