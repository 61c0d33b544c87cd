use alloc::string::String;

use certadm::Call;
use ndr::{Error, Ndr, Reader, Writer};

use super::{Done, Method, Number, authority_only};
use crate::value::Blob;

authority_only! {
    /// `ICertAdminD::Ping` (opnum 18): is the CA alive? Needs an administrator.
    ///
    /// ```text
    /// in   wchar_t *pwszAuthority    string, unique; may be NULL or empty
    /// out  HRESULT
    /// ```
    ///
    /// Source: [MS-CSRA] 3.1.4.1.16; [MS-WCCE] 3.2.1.4.2.3.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/83e0f43d-e45c-4821-a66d-578855bb62d0
    /// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/d01c6184-610d-4592-b61c-e4af8125bb1b
    Ping -> Done;
    /// `ICertAdminD2::Ping2` (opnum 38): as [`Ping`].
    ///
    /// Source: [MS-CSRA] 3.1.4.2.8; the role: 3.1.1.7.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    Ping2 -> Done;
    /// `ICertAdminD::GetServerState` (opnum 19): 1 when the caller may read the CA's database, else 0.
    /// Needs no role, so it is also the test that any caller may make.
    ///
    /// ```text
    /// in   wchar_t *pwszAuthority    string, unique
    /// out  DWORD *pdwState
    /// out  HRESULT
    /// ```
    ///
    /// Source: [MS-CSRA] 3.1.4.1.17.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/babc0fb8-4cbc-4527-ae09-3c4433c300a9
    GetServerState -> Number;
    /// `ICertAdminD2::GetMyRoles` (opnum 47): the caller's roles, bits of [`certadm::server::Roles`].
    ///
    /// ```text
    /// in   wchar_t *pwszAuthority    string, unique
    /// out  LONG *pdwRoles
    /// out  HRESULT
    /// ```
    ///
    /// Source: [MS-CSRA] 3.1.4.2.17.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/da0d6e98-3d77-4994-a877-1813d5839503
    GetMyRoles -> Number;
}

/// `ICertAdminD::ServerControl` (opnum 17): the CA gives up its administration interfaces.
///
/// ```text
/// in   wchar_t *pwszAuthority    string, unique
/// in   DWORD dwControlFlags      1 unregister; 2 and 3 do nothing; else 0x80070057
/// out  CERTTRANSBLOB *pctbOut    ref, all zero
/// out  HRESULT
/// ```
///
/// In the SDK the same call is said to stop the service.
///
/// Source: [MS-CSRA] 3.1.4.1.15.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerControl {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `dwControlFlags`.
    pub flags: u32,
}

impl ServerControl {
    /// Value of `flags`: unregister both interfaces.
    pub const UNREGISTER: u32 = 1;
}

impl Method for ServerControl {
    const CALL: Call = Call::ServerControl;
    type Reply = Blob;
}

impl Ndr for ServerControl {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.u32(self.flags);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            flags: reader.u32("dwControlFlags")?,
        })
    }
}
