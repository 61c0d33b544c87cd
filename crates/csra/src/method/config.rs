use alloc::string::String;

use certadm::Call;
use ndr::{Error, Ndr, Reader, Writer};

use super::Method;
use crate::value::Variant;

/// `ICertAdminD2::GetConfigEntry` (opnum 44): one configuration value, or the names of a node's values.
///
/// ```text
/// in   wchar_t *pwszAuthority    string, unique; empty for the root of the configuration
/// in   wchar_t *pwszNodePath     string, unique; may be empty, not NULL
/// in   wchar_t *pwszEntry        string, ref: no referent; empty for the names of all entries
/// out  VARIANT *pVariant         ref
/// out  HRESULT
/// ```
///
/// On Windows this is the registry below `CertSvc\Configuration`. An empty authority with a node is
/// 0x80070057.
///
/// Source: [MS-CSRA] 3.1.4.2.14.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetConfigEntry {
    /// `pwszAuthority`: common or sanitized name of the CA, or empty.
    pub authority: Option<String>,
    /// `pwszNodePath`, for example `PolicyModules`.
    pub node: Option<String>,
    /// `pwszEntry`, for example `InterfaceFlags`.
    pub entry: String,
}

impl Method for GetConfigEntry {
    const CALL: Call = Call::GetConfigEntry;
    type Reply = Variant;
}

impl Ndr for GetConfigEntry {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.unique_wide_string(self.node.as_deref());
        writer.align(4);
        writer.wide_string(&self.entry);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            node: reader.unique_wide_string("pwszNodePath")?,
            entry: reader.wide_string("pwszEntry")?,
        })
    }
}
