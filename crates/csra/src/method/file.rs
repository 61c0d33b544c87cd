use alloc::string::String;

use certadm::Call;
use dcom::OrpcThat;
use dtyp::HResult;
use ndr::{Ndr, Reader, Writer};

use super::Method;
use crate::Error;

/// `ICertAdminD::BackupOpenFile` (opnum 24): opens a listed file and tells its size.
///
/// ```text
/// in   wchar_t *pwszPath             string, unique; a name of opnum 22 or 23 without its tag
/// out  unsigned hyper *pliLength     bytes; aligned to 8 from the start of the stub
/// out  HRESULT
/// ```
///
/// Source: [MS-CSRA] 3.1.4.1.22. Its client side (3.2.4.1.22) allows dynamic files as well, which the
/// server side forbids.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupOpenFile {
    /// `pwszPath`.
    pub path: Option<String>,
}

/// The reply to [`BackupOpenFile`]: `pliLength`, size of the file's stream in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileSize(pub u64);

impl Method for BackupOpenFile {
    const CALL: Call = Call::BackupOpenFile;
    type Reply = FileSize;
}

impl Ndr for BackupOpenFile {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.path.as_deref());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        Ok(Self { path: reader.unique_wide_string("pwszPath")? })
    }
}

impl Ndr for FileSize {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        reader.u64("pliLength").map(Self)
    }
}

/// `ICertAdminD::BackupReadFile` (opnum 25): the next bytes of the open file.
///
/// The server keeps the position; there is no seek and no rewind. A successful reply with fewer bytes
/// than asked for, or none, is the end of the file.
///
/// ```text
/// in   LONG cbBuffer       bytes wanted, multiple of the server's page size
/// out  BYTE pbBuffer[]     conformant array, size_is(cbBuffer): always all of it
/// out  LONG pcbRead        bytes valid in pbBuffer, 0 at the end of the file
/// out  HRESULT
/// ```
///
/// Sequencing: only between [`BackupOpenFile`] and `BackupCloseFile` of the same session.
/// It is no [`Method`]: its reply borrows from the stub ([`BackupReadFile::reply`]), and the server
/// builds it in place, so that neither side copies the bytes needlessly.
///
/// Source: [MS-CSRA] 3.1.4.1.23; the end: 3.2.4.1.23.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReadFile {
    /// `cbBuffer`: bytes wanted.
    pub want: u32,
}

/// Largest `cbBuffer` that this side asks for and serves, in bytes: 4 MiB. The specification has no
/// limit; that of the API's documentation is the same.
pub const MAX_READ: u32 = 4 << 20;

impl BackupReadFile {
    /// The method.
    pub const CALL: Call = Call::BackupReadFile;

    /// The valid bytes of the reply to this request, where they lie in its stub.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Malformed`], also for more bytes than were asked for.
    pub fn reply<'a>(&self, stub: &'a [u8]) -> Result<&'a [u8], Error> {
        let (data, code) =
            self.decode_reply(stub).map_err(|reason| Error::Malformed { call: Self::CALL, reason })?;
        if code.is_success() { Ok(data) } else { Err(Error::Refused { call: Self::CALL, code }) }
    }

    fn decode_reply<'a>(&self, stub: &'a [u8]) -> Result<(&'a [u8], HResult), ndr::Error> {
        let mut reader = Reader::new(stub);
        OrpcThat::decode(&mut reader)?;
        let buffer = reader.byte_array("pbBuffer")?;
        let read = reader.u32("pcbRead")?;
        let code = HResult(reader.u32("HRESULT")?);
        if !code.is_success() {
            return Ok((&[], code));
        }
        let limit = u64::from(self.want).min(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        let data = usize::try_from(read).ok().and_then(|read| buffer.get(..read));
        let data = data.filter(|_| u64::from(read) <= limit).ok_or(ndr::Error::TooMany {
            what: "pcbRead",
            value: u64::from(read),
            limit,
        })?;
        Ok((data, code))
    }
}

impl Ndr for BackupReadFile {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.want);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        Ok(Self { want: reader.u32("cbBuffer")? })
    }
}
