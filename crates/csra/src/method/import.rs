use alloc::string::String;
use alloc::vec::Vec;

use certadm::Call;
use ndr::{Error, Ndr, Reader, Writer};

use super::{Method, Number};
use crate::value::Blob;

/// `ICertAdminD::ImportCertificate` (opnum 28): enters a certificate into the database.
///
/// ```text
/// in   wchar_t *pwszAuthority            string, unique
/// in   CERTTRANSBLOB *pctbCertificate    ref; X.509 in DER
/// in   LONG dwFlags
/// out  LONG *pdwRequestId
/// out  HRESULT
/// ```
///
/// Source: [MS-CSRA] 3.1.4.1.26.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportCertificate {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `pctbCertificate`.
    pub certificate: Vec<u8>,
    /// `dwFlags`: 0 or the constants below.
    pub flags: u32,
}

impl ImportCertificate {
    /// `FLAG_ALLOW_IMPORT_FOREIGN`: certificates of other CAs as well.
    pub const ALLOW_FOREIGN: u32 = 0x0001_0000;
    /// `ICF_EXISTINGROW`: into the row of a pending request.
    pub const EXISTING_ROW: u32 = 0x0002_0000;
}

impl Method for ImportCertificate {
    const CALL: Call = Call::ImportCertificate;
    type Reply = Number;
}

impl Ndr for ImportCertificate {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.count(self.certificate.len());
        writer.referent(true);
        writer.byte_array(&self.certificate);
        writer.u32(self.flags);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            certificate: Blob::decode(reader)?.0,
            flags: reader.u32("dwFlags")?,
        })
    }
}
