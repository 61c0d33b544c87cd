use alloc::string::String;

use certadm::{BackupType, Call};
use ndr::{Error, Ndr, Reader, Writer};

use super::{Done, Method, no_parameters};

/// `ICertAdminD::BackupPrepare` (opnum 20): opens a backup session.
///
/// ```text
/// in   wchar_t *pwszAuthority          string, unique
/// in   unsigned long grbitJet          0 full, 1 incremental
/// in   unsigned long dwBackupFlags     0, ignored
/// in   WCHAR *pwszBackupAnnotation     ignored
/// in   DWORD dwClientIdentifier        0, ignored
/// out  HRESULT
/// ```
///
/// The definition gives `pwszBackupAnnotation` no `string`: it is a reference to *one* WCHAR, two bytes
/// in place. Text and example of the specification take it for a pointer that may be NULL. Eight zero
/// bytes after `dwBackupFlags` are right for both readings, so that is what is sent; what is received
/// there is not looked at, and more than eight bytes are no error.
///
/// Sequencing: once, before the other backup methods; after a failure none of them may follow.
///
/// Source: [MS-CSRA] 3.1.4.1.18; the example is in 4.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupPrepare {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `grbitJet`, see [`BackupPrepare::kind`].
    pub grbit_jet: u32,
}

impl BackupPrepare {
    /// A session of this kind.
    pub fn new(authority: String, kind: BackupType) -> Self {
        let grbit_jet = match kind {
            BackupType::Full => 0,
            BackupType::Incremental => 1,
        };
        Self { authority: Some(authority), grbit_jet }
    }

    /// What is backed up, if `grbitJet` has a value that the specification gives.
    pub fn kind(&self) -> Option<BackupType> {
        match self.grbit_jet {
            0 => Some(BackupType::Full),
            1 => Some(BackupType::Incremental),
            _ => None,
        }
    }
}

impl Method for BackupPrepare {
    const CALL: Call = Call::BackupPrepare;
    type Reply = Done;
}

impl Ndr for BackupPrepare {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.u32(self.grbit_jet);
        writer.u32(0 /* dwBackupFlags */);
        writer.u32(0 /* pwszBackupAnnotation and padding, or NULL */);
        writer.u32(0 /* dwClientIdentifier */);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let authority = reader.unique_wide_string("pwszAuthority")?;
        let grbit_jet = reader.u32("grbitJet")?;
        reader.u32("dwBackupFlags")?;
        reader.u32("pwszBackupAnnotation")?;
        reader.u32("dwClientIdentifier")?;
        Ok(Self { authority, grbit_jet })
    }
}

no_parameters! {
    /// `ICertAdminD::BackupEnd` (opnum 21): the last call of a backup session.
    ///
    /// ```text
    /// out  HRESULT
    /// ```
    ///
    /// Source: [MS-CSRA] 3.1.4.1.19.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    BackupEnd -> Done;
    /// `ICertAdminD::BackupCloseFile` (opnum 26): closes the open file.
    ///
    /// ```text
    /// out  HRESULT
    /// ```
    ///
    /// Source: [MS-CSRA] 3.1.4.1.24.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    BackupCloseFile -> Done;
    /// `ICertAdminD::BackupTruncateLogs` (opnum 27): lets the CA drop logs that it no longer needs.
    ///
    /// ```text
    /// out  HRESULT
    /// ```
    ///
    /// Sequencing: when every listed file of the session was read.
    ///
    /// Source: [MS-CSRA] 3.1.4.1.25.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    BackupTruncateLogs -> Done;
}
