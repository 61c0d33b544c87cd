//! What a certificate revocation list says of itself.

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Tag};
use x509_parser::extensions::X509Extension;
use x509_parser::num_bigint::BigUint;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use crate::FileTime;
use crate::hex::hex;
use crate::x509::distinguished;

/// Facts of a certificate revocation list.
#[derive(Debug, Clone, PartialEq)]
pub struct CrlFacts {
    /// Issuer, most specific part first.
    pub issuer: String,
    /// Start of its validity.
    pub this_update: Option<FileTime>,
    /// End of its validity.
    pub next_update: Option<FileTime>,
    /// Number of entries. They are counted, not kept: a list can have millions.
    pub entries: u64,
    /// CRL number, decimal.
    pub number: Option<String>,
    /// Number of the base CRL that a delta CRL builds on, decimal.
    pub base_number: Option<String>,
    /// When the CA meant to publish the next one, in the CRLs of Microsoft's CAs (`szOID_CRL_NEXT_PUBLISH`).
    pub next_publish: Option<FileTime>,
    /// Identifier of the key that signed it, lower-case hex.
    pub authority_key: Option<String>,
}

impl CrlFacts {
    /// Reads a DER certificate revocation list.
    ///
    /// # Errors
    /// In words, what is wrong with the bytes.
    pub fn parse(der: &[u8]) -> Result<Self, String> {
        let bad = |what: &str| format!("is no certificate revocation list: {what}");
        let outer = Any::from_der(der).ok().filter(|(_, outer)| outer.tag() == Tag::Sequence);
        let (rest, outer) = outer.ok_or_else(|| bad("it does not begin with a sequence of its length"))?;
        if !rest.is_empty() {
            return Err(format!("has {} bytes behind the list", rest.len()));
        }
        let mut list = Elements(
            Any::from_der(outer.data)
                .ok()
                .filter(|(_, list)| list.tag() == Tag::Sequence)
                .map_or(&[], |(_, list)| list.data),
        );
        list.take(|any| any.tag() == Tag::Integer);
        list.take(|any| any.tag() == Tag::Sequence).ok_or_else(|| bad("no algorithm"))?;
        let (rest, issuer) = X509Name::from_der(list.0).map_err(|_| bad("no issuer"))?;
        list.0 = rest;
        let this_update = list.time().ok_or_else(|| bad("no time"))?;
        let next_update = list.time();
        let entries = list.take(|any| any.tag() == Tag::Sequence && any.class() == Class::Universal);
        let mut facts = Self {
            issuer: distinguished(&issuer),
            this_update: FileTime::try_from(this_update.to_datetime()).ok(),
            next_update: next_update.and_then(|at| FileTime::try_from(at.to_datetime()).ok()),
            entries: 0,
            number: None,
            base_number: None,
            next_publish: None,
            authority_key: None,
        };
        let mut entries = Elements(entries.map_or(&[], |entries| entries.data));
        while entries.take(|_| true).is_some() {
            facts.entries = facts.entries.saturating_add(1);
        }
        if !entries.0.is_empty() {
            return Err(bad("its entries cannot be read to their end"));
        }
        facts.read_extensions(&mut list);
        Ok(facts)
    }

    fn read_extensions(&mut self, list: &mut Elements<'_>) {
        let tagged = list.take(|any| any.class() == Class::ContextSpecific);
        let inner = tagged.and_then(|tagged| Any::from_der(tagged.data).ok());
        let mut rest = inner.map_or(&[][..], |(_, inner)| inner.data);
        while let Ok((behind, extension)) = X509Extension::from_der(rest) {
            rest = behind;
            let number = || {
                let (_, number) = Any::from_der(extension.value).ok()?;
                (number.tag() == Tag::Integer && number.data.len() <= MAX_NUMBER)
                    .then(|| BigUint::from_bytes_be(number.data).to_string())
            };
            match extension.oid.to_id_string().as_str() {
                "2.5.29.20" => self.number = number(),
                "2.5.29.27" => self.base_number = number(),
                "2.5.29.35" => self.authority_key = key_identifier(extension.value),
                "1.3.6.1.4.1.311.21.4" => {
                    let at = ASN1Time::from_der(extension.value).ok();
                    self.next_publish = at.and_then(|(_, at)| FileTime::try_from(at.to_datetime()).ok());
                }
                _ => {}
            }
        }
    }
}

/// `AuthorityKeyIdentifier`, RFC 5280 section 4.2.1.1: a sequence that begins with the identifier, tag 0.
fn key_identifier(value: &[u8]) -> Option<String> {
    let (_, outer) = Any::from_der(value).ok().filter(|(_, outer)| outer.tag() == Tag::Sequence)?;
    let (_, key) = Any::from_der(outer.data).ok()?;
    let is_key = key.class() == Class::ContextSpecific && key.tag() == Tag(0);
    (is_key && key.data.len() <= MAX_NUMBER).then(|| hex(key.data))
}

/// Bytes of a CRL number: RFC 5280 section 5.2.3 says 20; decimal text of far more would only cost time.
const MAX_NUMBER: usize = 64;

/// Elements one after the other.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// Takes the next element if it is what is wanted.
    fn take(&mut self, wanted: impl Fn(&Any<'a>) -> bool) -> Option<Any<'a>> {
        let (rest, any) = Any::from_der(self.0).ok().filter(|(_, any)| wanted(any))?;
        self.0 = rest;
        Some(any)
    }

    fn time(&mut self) -> Option<ASN1Time> {
        let (rest, at) = ASN1Time::from_der(self.0).ok()?;
        self.0 = rest;
        Some(at)
    }
}
