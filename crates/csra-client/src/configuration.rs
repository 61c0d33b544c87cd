//! What the interface tells of the CA's configuration.
//!
//! Source: [MS-CSRA] 3.1.4.2.2 and 3.1.4.2.14; [MS-WCCE] 3.2.1.4.3.2 for the properties.
//!
//! [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
//! [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/

use std::time::{Duration, Instant};

use certadm::{ConfigEntry, ConfigValue, Configuration, ConfigurationPart, Error, MissingPart, PartKind};
use csra::method::{GetCAProperty, GetConfigEntry};
use csra::value::{CaInfo, PropertyId, PropertyType, Variant};
use dtyp::HResult;
use ndr::Ndr;

use crate::RemoteCa;

/// Most certificates of one CA that are asked for: each renewal adds one.
const MAX_CERTIFICATES: u32 = 100;
/// Modules of one kind that are asked for.
const MAX_MODULES: usize = 10;
/// Most values of one key that are asked for.
const MAX_VALUES: usize = 500;
/// Most bytes of all answers together.
const MAX_BYTES: usize = 64 << 20;
/// Longest time for all answers together: the backup waits meanwhile.
const MAX_TIME: Duration = Duration::from_secs(120);

/// What a CA says of a property that it does not have.
const ABSENT: [HResult; 4] =
    [HResult::PROPERTY_EMPTY, HResult::ENTRY_NOT_FOUND, HResult::INVALID_ARG, HResult::NOT_IMPLEMENTED];

/// Keys of the CA itself with values worth having. Modules are added as they are found.
const NODES: [&str; 5] = ["", "CSP", "EncryptionCSP", "PolicyModules", "ExitModules"];

pub(crate) fn capture(ca: &mut RemoteCa) -> Configuration {
    let configuration = Configuration::default();
    let mut capture = Capture { ca, configuration, started: Instant::now(), bytes: 0 };
    if let Err(error) = capture.properties().and_then(|()| capture.entries()) {
        let is_begun = !capture.configuration.parts.is_empty() || !capture.configuration.entries.is_empty();
        let what = if is_begun { "rest of the configuration of the CA" } else { "configuration of the CA" };
        capture.missing(what, &reason(&error));
    }
    capture.configuration
}

struct Capture<'a> {
    ca: &'a mut RemoteCa,
    configuration: Configuration,
    started: Instant,
    /// Bytes of the answers so far.
    bytes: usize,
}

/// A call that got no reply ends it: with a host that is gone each further one would wait in vain.
impl Capture<'_> {
    fn properties(&mut self) -> Result<(), Error> {
        let info = self.property(PropertyId::SIGNING_CERTIFICATE_COUNT, 0, PropertyType::Long)?;
        let info = CaInfo::from_bytes(&info).map_err(|reason| Error::Malformed {
            call: certadm::Call::GetCAProperty,
            reason: reason.into(),
        })?;
        let mut count = info.signing_certificates;
        if count > MAX_CERTIFICATES {
            self.missing("some certificates of the CA", &format!("it says that it has {count}"));
            count = MAX_CERTIFICATES;
        }
        for index in 0..count {
            self.part(PartKind::Certificate, PropertyId::SIGNING_CERTIFICATE, index)?;
            self.part(PartKind::Chain, PropertyId::SIGNING_CERTIFICATE_CHAIN, index)?;
            self.part(PartKind::Crl, PropertyId::BASE_CRL, index)?;
            self.part(PartKind::DeltaCrl, PropertyId::DELTA_CRL, index)?;
            self.part(PartKind::CdpUrls, PropertyId::CDP_URLS, index)?;
            self.part(PartKind::AiaUrls, PropertyId::AIA_URLS, index)?;
        }
        // A certificate that was renewed with its key has no CRL of its own, but some CRL there is.
        let has_crl = self.configuration.parts.iter().any(|part| part.kind == PartKind::Crl);
        if count > 0 && !has_crl {
            self.missing("CRL of the CA", "it gives none for any of its certificates");
        }
        self.part(PartKind::Templates, PropertyId::TEMPLATES, 0)
    }

    /// Stores a property; one that the CA does not have is nothing to miss, except for its certificate.
    fn part(&mut self, kind: PartKind, id: PropertyId, index: u32) -> Result<(), Error> {
        let is_text = matches!(kind, PartKind::CdpUrls | PartKind::AiaUrls | PartKind::Templates);
        let property = if is_text { PropertyType::String } else { PropertyType::Binary };
        let needed = kind == PartKind::Certificate;
        let what = format!("{kind:?} {index} of the CA");
        match self.property(id, index, property) {
            Ok(content) if content.is_empty() && needed => self.missing(&what, "the CA's answer is empty"),
            Ok(content) if content.is_empty() => {}
            Ok(content) => {
                let content = if is_text { text(&content) } else { content };
                self.configuration.parts.push(ConfigurationPart { kind, index, content });
            }
            Err(error @ Error::Lost { .. }) => return Err(error),
            Err(error) if !needed && error.code().is_some_and(|code| ABSENT.contains(&code)) => {}
            Err(error) => self.missing(&what, &reason(&error)),
        }
        Ok(())
    }

    fn property(&mut self, id: PropertyId, index: u32, kind: PropertyType) -> Result<Vec<u8>, Error> {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        let method = GetCAProperty { authority: self.ca.name(), id, index, kind: kind.to_wire().into() };
        self.within_limits(certadm::Call::GetCAProperty)?;
        let content = self.ca.invoke(&method)?.0;
        self.bytes = self.bytes.saturating_add(content.len());
        Ok(content)
    }

    fn entries(&mut self) -> Result<(), Error> {
        let ca = csra::authority::sanitized(&self.ca.name().unwrap_or_default());
        self.node("", "")?;
        for node in NODES {
            self.node(&ca, node)?;
        }
        for modules in ["PolicyModules", "ExitModules"] {
            for module in self.active(&format!("{ca}\\{modules}")) {
                self.node(&ca, &format!("{modules}\\{module}"))?;
            }
        }
        Ok(())
    }

    /// The modules that the CA uses, of those below a key.
    fn active(&self, key: &str) -> Vec<String> {
        let is_it = |entry: &&ConfigEntry| entry.node == key && entry.name.eq_ignore_ascii_case("Active");
        match self.configuration.entries.iter().find(is_it).map(|entry| &entry.value) {
            Some(ConfigValue::Text(module)) => vec![module.clone()],
            Some(ConfigValue::List(modules)) => modules.iter().take(MAX_MODULES).cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Stores the values of one key: of the CA's own, or of the root where `ca` is empty.
    fn node(&mut self, ca: &str, node: &str) -> Result<(), Error> {
        let key = [ca, node].join("\\").trim_matches('\\').to_owned();
        let shown = format!("registry key `CertSvc\\Configuration\\{key}`");
        let names = match self.entry(ca, node, "") {
            Ok(Variant::TextList(names)) => names,
            Ok(Variant::Empty | Variant::Null) => return Ok(()),
            Ok(_) => {
                self.missing(&shown, "its values have no list");
                return Ok(());
            }
            // A key that is not there.
            Err(Error::Refused { code: HResult::ENTRY_NOT_FOUND, .. }) => return Ok(()),
            Err(error @ Error::Lost { .. }) => return Err(error),
            Err(error) => {
                self.missing(&shown, &reason(&error));
                return Ok(());
            }
        };
        if names.len() > MAX_VALUES {
            let reason = format!("it has {} values, {MAX_VALUES} are asked for", names.len());
            self.missing(&format!("some values of {shown}"), &reason);
        }
        for name in names.into_iter().take(MAX_VALUES) {
            let value = match self.entry(ca, node, &name) {
                Ok(Variant::Long(number)) => ConfigValue::Dword(number.cast_unsigned()),
                Ok(Variant::Text(text)) => ConfigValue::Text(text),
                Ok(Variant::TextList(list)) => ConfigValue::List(list),
                Ok(Variant::Bytes(bytes)) => ConfigValue::Binary(bytes),
                // A subkey, if the list names those too, or a value that went meanwhile.
                Ok(Variant::Empty | Variant::Null)
                | Err(Error::Refused { code: HResult::ENTRY_NOT_FOUND, .. }) => continue,
                Err(error @ Error::Lost { .. }) => return Err(error),
                Err(error) => {
                    self.missing(&format!("registry value `{name}` of `{key}`"), &reason(&error));
                    continue;
                }
            };
            self.configuration.entries.push(ConfigEntry { node: key.clone(), name, value });
        }
        Ok(())
    }

    fn entry(&mut self, ca: &str, node: &str, name: &str) -> Result<Variant, Error> {
        let method = GetConfigEntry {
            authority: Some(ca.to_owned()),
            node: Some(node.to_owned()),
            entry: name.to_owned(),
        };
        self.within_limits(certadm::Call::GetConfigEntry)?;
        let value = self.ca.invoke(&method)?;
        self.bytes = self.bytes.saturating_add(match &value {
            Variant::Text(text) => text.len(),
            Variant::TextList(list) => list.iter().map(|text| text.len().saturating_add(24)).sum(),
            Variant::Bytes(bytes) => bytes.len(),
            _ => 0,
        });
        Ok(value)
    }

    /// A CA that never comes to an end does not hold up its own backup.
    fn within_limits(&self, call: certadm::Call) -> Result<(), Error> {
        let cause = match () {
            () if self.bytes > MAX_BYTES => "the answers so far are larger than a configuration can be",
            () if self.started.elapsed() > MAX_TIME => "the answers so far took too long",
            () => return Ok(()),
        };
        Err(Error::Lost { call, cause: cause.into() })
    }

    fn missing(&mut self, what: &str, reason: &str) {
        let part = MissingPart { what: what.to_owned(), reason: reason.to_owned() };
        self.configuration.missing.push(part);
    }
}

/// A string property: UTF-16 with a final NUL, as UTF-8 without.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16_lossy(&units).trim_end_matches('\0').as_bytes().to_vec()
}

/// An error and its causes in one clause.
fn reason(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
