use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ndr::{Error, Ndr, Reader, Writer};

/// Tower id of `ncacn_ip_tcp`, the only protocol here.
pub const TCP: u16 = 7;

/// How to reach a resolver or an exporter, and how to authenticate there (`DUALSTRINGARRAY`).
///
/// ```text
/// 0  2  wNumEntries       16-bit units after this header
/// 2  2  wSecurityOffset   units before the first security binding
/// 4     string bindings   each: wTowerId, text, NUL; ended by a 0
///       security bindings each: wAuthnSvc, 0xFFFF, text, NUL; ended by a 0
/// ```
///
/// [`Ndr`] is the form of RPC parameters, which has a conformance (`u32`, the units) before this;
/// object references have it without.
///
/// Source: [MS-DCOM] 2.2.19.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DualStringArray {
    /// Addresses, the server's favourite first.
    pub strings: Vec<StringBinding>,
    /// Authentication services, the server's favourite first.
    pub security: Vec<SecurityBinding>,
}

/// A protocol and an address, perhaps with an endpoint (`STRINGBINDING`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringBinding {
    /// `wTowerId`, see [`TCP`]. Never 0.
    pub tower: u16,
    /// `aNetworkAddr`: `host` or `host[endpoint]`.
    pub address: String,
}

/// An authentication service and who the server is to it (`SECURITYBINDING`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityBinding {
    /// `wAuthnSvc`: 9 negotiate, 10 NTLM, 16 Kerberos. Never 0.
    pub service: u16,
    /// `aPrincName`: the service principal name, or nothing.
    pub principal: String,
}

impl StringBinding {
    /// `host` or `host[port]` for TCP. An IPv6 address goes without brackets of its own.
    pub fn tcp(host: &str, port: Option<u16>) -> Self {
        let address = port.map_or_else(|| String::from(host), |port| format!("{host}[{port}]"));
        Self { tower: TCP, address }
    }

    /// Host and port, if this is TCP and makes sense. Brackets around an IPv6 address are dropped.
    pub fn host_port(&self) -> Option<(&str, Option<u16>)> {
        if self.tower != TCP {
            return None;
        }
        let (host, endpoint) = match self.address.strip_prefix('[') {
            Some(rest) => rest.split_once(']').filter(|(host, _)| host.contains(':'))?,
            None => self.address.split_at(self.address.find('[').unwrap_or(self.address.len())),
        };
        let port = match endpoint {
            "" => None,
            endpoint => Some(endpoint.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?),
        };
        let is_plain = |c: char| c.is_alphanumeric() || "-._:%".contains(c);
        (!host.is_empty() && host.chars().all(is_plain) && port != Some(0)).then_some((host, port))
    }
}

impl DualStringArray {
    /// The form inside object references, without a conformance.
    pub(crate) fn encode_packed(&self, writer: &mut Writer) {
        let (units, security) = self.units();
        write_head(writer, &units, security);
        units.iter().for_each(|unit| writer.u16(*unit));
    }

    pub(crate) fn decode_packed(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let at = reader.position();
        let count = reader.u16("wNumEntries")?;
        let security = reader.u16("wSecurityOffset")?;
        let bytes = reader.raw("aStringArray", usize::from(count).saturating_mul(2))?;
        let (units, _) = bytes.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        Self::from_units(&units, security, at)
    }

    /// All units, and how many belong to string bindings. Bindings that would overflow the counts
    /// are left out.
    fn units(&self) -> (Vec<u16>, u16) {
        let strings = self.strings.iter().map(|binding| entry(&[binding.tower], &binding.address));
        let security =
            self.security.iter().map(|binding| entry(&[binding.service, 0xffff], &binding.principal));
        let mut units = Vec::new();
        section(&mut units, strings);
        let offset = units.len();
        section(&mut units, security);
        (units, u16::try_from(offset).unwrap_or(u16::MAX))
    }

    fn from_units(units: &[u16], security: u16, at: usize) -> Result<Self, Error> {
        let (mut strings, mut services) = units
            .split_at_checked(usize::from(security))
            .ok_or(Error::Invalid { what: "wSecurityOffset", at, value: u64::from(security) })?;
        let mut bindings = Self::default();
        while let Some((tower, address)) = next(&mut strings, 1, "aNetworkAddr", at)? {
            bindings.strings.push(StringBinding { tower, address });
        }
        while let Some((service, principal)) = next(&mut services, 2, "aPrincName", at)? {
            bindings.security.push(SecurityBinding { service, principal });
        }
        Ok(bindings)
    }
}

impl Ndr for DualStringArray {
    fn encode(&self, writer: &mut Writer) {
        let (units, security) = self.units();
        writer.count(units.len());
        write_head(writer, &units, security);
        units.iter().for_each(|unit| writer.u16(*unit));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let at = reader.position();
        let conformance = reader.u32("aStringArray")?;
        let count = Reader::new(reader.rest()).u16("wNumEntries")?;
        if u32::from(count) != conformance {
            return Err(Error::Invalid { what: "aStringArray", at, value: u64::from(conformance) });
        }
        Self::decode_packed(reader)
    }
}

fn write_head(writer: &mut Writer, units: &[u16], security: u16) {
    writer.u16(u16::try_from(units.len()).unwrap_or(u16::MAX));
    writer.u16(security);
}

/// One binding: its numbers, the text up to a NUL, the NUL.
fn entry(numbers: &[u16], text: &str) -> Vec<u16> {
    let text = text.encode_utf16().take_while(|unit| *unit != 0);
    numbers.iter().copied().chain(text).chain([0]).collect()
}

/// Appends entries and the final 0. No entries at all are two zeros ([MS-DCOM] 2.2.19.1).
fn section(units: &mut Vec<u16>, entries: impl Iterator<Item = Vec<u16>>) {
    let start = units.len();
    for entry in entries {
        let len = units.len().saturating_add(entry.len());
        let is_fitting = len < usize::from(u16::MAX).saturating_sub(4 /* both terminators */);
        if is_fitting && entry.first() != Some(&0) {
            units.extend(entry);
        }
    }
    if units.len() == start {
        units.push(0);
    }
    units.push(0);
}

/// Takes one binding with `numbers` numbers before its text; nothing at a 0 or at the end.
fn next(
    units: &mut &[u16],
    numbers: usize,
    what: &'static str,
    at: usize,
) -> Result<Option<(u16, String)>, Error> {
    let Some(first) = units.first().copied().filter(|first| *first != 0) else { return Ok(None) };
    let text = || {
        let rest = units.get(numbers..)?;
        let len = rest.iter().position(|unit| *unit == 0)?;
        let text = String::from_utf16(rest.get(..len)?).ok()?;
        Some((text, rest.get(len.saturating_add(1)..)?))
    };
    let (text, rest) = text().ok_or(Error::Text { what, at })?;
    *units = rest;
    Ok(Some((first, text)))
}
