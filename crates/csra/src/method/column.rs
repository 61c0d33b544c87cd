use alloc::string::String;

use certadm::Call;
use ndr::{Error, Ndr, Reader, Writer};

use super::{Counted, Method};

/// A table of the CA's database, as views know them.
///
/// Source: [MS-CSRA] 3.1.4.2.5. Its notes 52 and 53 give the columns of the extension table the range
/// 0x4000 and those of the attribute table 0x3000, the other way round.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/eeeea0fb-6076-48a4-9371-04db43c8fdf9
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Requests and certificates.
    Request,
    /// Extensions of requests.
    Extension,
    /// Attributes of requests.
    Attribute,
    /// Certificate revocation lists.
    Crl,
}

impl Table {
    /// From `iTable`.
    pub fn from_wire(value: u32) -> Option<Self> {
        [Self::Request, Self::Extension, Self::Attribute, Self::Crl]
            .into_iter()
            .find(|table| table.to_wire() == value)
    }

    /// `iTable`.
    pub fn to_wire(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Extension => 0x3000,
            Self::Attribute => 0x4000,
            Self::Crl => 0x5000,
        }
    }
}

/// `ICertAdminD::EnumViewColumn` (opnum 11): columns of the request table, see [`Counted::columns`].
///
/// ```text
/// in   wchar_t *pwszAuthority           string, unique
/// in   DWORD iColumn                    the first column, from 0
/// in   DWORD cColumn                    columns wanted, not 0
/// out  DWORD *pcColumn
/// out  CERTTRANSBLOB *pctbColumnInfo    ref
/// out  HRESULT
/// ```
///
/// Source: [MS-CSRA] 3.1.4.1.9.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumViewColumn {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `iColumn`.
    pub first: u32,
    /// `cColumn`.
    pub count: u32,
}

impl Method for EnumViewColumn {
    const CALL: Call = Call::EnumViewColumn;
    type Reply = Counted;
}

impl Ndr for EnumViewColumn {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.u32(self.first);
        writer.u32(self.count);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            first: reader.u32("iColumn")?,
            count: reader.u32("cColumn")?,
        })
    }
}

/// `ICertAdminD2::EnumViewColumnTable` (opnum 35): columns of a table, see [`Counted::columns`].
///
/// ```text
/// in   wchar_t *pwszAuthority           string, unique
/// in   DWORD iTable                     see `Table`
/// in   DWORD iColumn                    the first column, from 0; beyond the last: 0x00000001
/// in   DWORD cColumn                    columns wanted, not 0
/// out  DWORD *pcColumn
/// out  CERTTRANSBLOB *pctbColumnInfo    ref
/// out  HRESULT
/// ```
///
/// Source: [MS-CSRA] 3.1.4.2.5.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/eeeea0fb-6076-48a4-9371-04db43c8fdf9
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumViewColumnTable {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `iTable`, see [`Table`].
    pub table: u32,
    /// `iColumn`.
    pub first: u32,
    /// `cColumn`.
    pub count: u32,
}

impl Method for EnumViewColumnTable {
    const CALL: Call = Call::EnumViewColumnTable;
    type Reply = Counted;
}

impl Ndr for EnumViewColumnTable {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.u32(self.table);
        writer.u32(self.first);
        writer.u32(self.count);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            table: reader.u32("iTable")?,
            first: reader.u32("iColumn")?,
            count: reader.u32("cColumn")?,
        })
    }
}

/// `ICertAdminD::GetViewDefaultColumnSet` (opnum 12): the columns that a usual view shows, see
/// [`Counted::column_ids`].
///
/// ```text
/// in   wchar_t *pwszAuthority           string, unique
/// in   DWORD iColumnSetDefault          the view: 0xFFFFFFFF pending, ..FE issued, ..FD failed,
///                                       ..FC extensions, ..FB attributes, ..FA CRLs, ..F9 revoked
/// out  DWORD *pcColumn
/// out  CERTTRANSBLOB *pctbColumnInfo    ref; DWORDs
/// out  HRESULT
/// ```
///
/// Source: [MS-CSRA] 3.1.4.1.10.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetViewDefaultColumnSet {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `iColumnSetDefault`.
    pub view: u32,
}

impl Method for GetViewDefaultColumnSet {
    const CALL: Call = Call::GetViewDefaultColumnSet;
    type Reply = Counted;
}

impl Ndr for GetViewDefaultColumnSet {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.u32(self.view);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            view: reader.u32("iColumnSetDefault")?,
        })
    }
}
