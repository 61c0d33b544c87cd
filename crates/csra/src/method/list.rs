use alloc::vec::Vec;

use certadm::Call;
use ndr::{Error, Ndr, Reader, Writer};

use super::{Method, no_parameters};
use crate::value::blob::same_count;

/// A list of names, as bytes: what `certadm::FileList` and `dtyp::multi_string` decode.
///
/// ```text
/// out  WCHAR **ppwszzFiles    size_is(, *pcwcFiles): referent, then max_count and the units
/// out  LONG *pcwcFiles        UTF-16 units, with every NUL
/// ```
///
/// No names at all are NULL and 0. The example of the specification returns the number of files as the
/// count; its text and definition say units.
///
/// Source: [MS-CSRA] 3.1.4.1.20 and 2.2.4.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(pub Vec<u8>);

impl Ndr for Names {
    fn encode(&self, writer: &mut Writer) {
        let (units, _) = self.0.as_chunks::<2>();
        writer.referent(!units.is_empty());
        if !units.is_empty() {
            writer.count(units.len());
            writer.raw(units.as_flattened());
        }
        writer.count(units.len());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut bytes: &[u8] = &[];
        if reader.referent("ppwszzFiles")? {
            let count = reader.count("ppwszzFiles", 2)?;
            bytes = reader.raw("ppwszzFiles", count.saturating_mul(2))?;
        }
        let count = reader.u32("pcwcFiles")?;
        same_count("pcwcFiles", count, bytes.len() / 2, reader)?;
        Ok(Self(bytes.to_vec()))
    }
}

no_parameters! {
    /// `ICertAdminD::BackupGetAttachmentInformation` (opnum 22): the database files, tag `D`.
    ///
    /// Sequencing: in a full session only, else 0xC8000209.
    ///
    /// Source: [MS-CSRA] 3.1.4.1.20.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    BackupGetAttachmentInformation -> Names;
    /// `ICertAdminD::BackupGetBackupLogs` (opnum 23): the log files, tag `!`.
    ///
    /// Source: [MS-CSRA] 3.1.4.1.21.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    BackupGetBackupLogs -> Names;
    /// `ICertAdminD::BackupGetDynamicFiles` (opnum 29): files outside the database, without a tag. Their
    /// bytes are not to be had through this interface.
    ///
    /// Source: [MS-CSRA] 3.1.4.1.27.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    BackupGetDynamicFiles -> Names;
    /// `ICertAdminD::RestoreGetDatabaseLocations` (opnum 30): database, tag `D`, log directory, tag
    /// U+0082, system directory, tag U+0083.
    ///
    /// The client's side of the specification (3.2.4.1.28) says `!` for logs; the server's is right.
    ///
    /// Source: [MS-CSRA] 3.1.4.1.28.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    RestoreGetDatabaseLocations -> Names;
}
