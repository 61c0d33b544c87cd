use alloc::string::String;

use certadm::Call;
use ndr::{Error, Ndr, Reader, Writer};

use super::{Counted, Method, authority_only};
use crate::value::{Blob, PropertyId};

/// `ICertAdminD2::GetCAProperty` (opnum 32): one property of the CA.
///
/// ```text
/// in   wchar_t *pwszAuthority              string, unique
/// in   LONG PropId                         see `PropertyId`; unknown: 0x80070057
/// in   LONG PropIndex                      of an indexed property, from 0; else ignored
/// in   LONG PropType                       see `PropertyType`
/// out  CERTTRANSBLOB *pctbPropertyValue    ref
/// out  HRESULT
/// ```
///
/// What the blob holds depends on type and id: text ([`crate::value::decode_text`]), DER, a
/// [`crate::value::CaInfo`] or bytes.
///
/// Source: [MS-CSRA] 3.1.4.2.2; [MS-WCCE] 3.2.1.4.3.2.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/cf0c39e4-ca14-42bc-9df5-fbb7b2b02ae9
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/7c715f9f-db50-41c3-abfc-0021c6390d4e
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCAProperty {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `PropId`.
    pub id: PropertyId,
    /// `PropIndex`.
    pub index: i32,
    /// `PropType`: [`crate::value::PropertyType`] as its number.
    pub kind: i32,
}

impl Method for GetCAProperty {
    const CALL: Call = Call::GetCAProperty;
    type Reply = Blob;
}

impl Ndr for GetCAProperty {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.i32(self.id.0);
        writer.i32(self.index);
        writer.i32(self.kind);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            id: PropertyId(reader.i32("PropId")?),
            index: reader.i32("PropIndex")?,
            kind: reader.i32("PropType")?,
        })
    }
}

authority_only! {
    /// `ICertAdminD2::GetCAPropertyInfo` (opnum 34): which properties there are, see
    /// [`Counted::properties`].
    ///
    /// ```text
    /// in   wchar_t *pwszAuthority         string, unique
    /// out  LONG *pcProperty
    /// out  CERTTRANSBLOB *pctbPropInfo    ref
    /// out  HRESULT
    /// ```
    ///
    /// Source: [MS-CSRA] 3.1.4.2.4; [MS-WCCE] 3.2.1.4.3.3.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    /// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/767fe54b-73f7-4fd1-99c8-4447b0953817
    GetCAPropertyInfo -> Counted;
}
