use alloc::string::String;
use alloc::vec::Vec;

use certadm::Call;
use dtyp::HResult;
use ndr::{Error, Ndr, Reader, Writer};

use super::{Counted, Done, Method, authority_only};
use crate::value::blob::same_count;

/// One condition of a view: `CERTVIEWRESTRICTION`.
///
/// ```text
/// DWORD ColumnIndex
/// LONG SeekOperator    1 =, 2 <, 4 <=, 8 >=, 16 >
/// LONG SortOrder       0 none, 1 ascending, 2 descending
/// BYTE *pbValue        unique, size_is(cbValue)
/// DWORD cbValue
/// ```
///
/// Source: [MS-CSRA] 2.2.1.3.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// `ColumnIndex`: identifier of the column.
    pub column: u32,
    /// `SeekOperator`.
    pub seek: i32,
    /// `SortOrder`; at most one condition of a view may have another than 0.
    pub sort: i32,
    /// `pbValue`, as a value of the column's type is encoded.
    pub value: Vec<u8>,
}

/// `ICertAdminD::OpenView` (opnum 14): opens a view of the database and returns its first rows, see
/// [`Counted::rows`].
///
/// ```text
/// in   wchar_t *pwszAuthority           string, unique
/// in   DWORD ccvr
/// in   CERTVIEWRESTRICTION acvr[]       size_is(ccvr); what pointers lead to follows the array
/// in   DWORD ccolOut
/// in   DWORD acolOut[]                  size_is(ccolOut)
/// in   DWORD ielt                       the first row, from 1
/// in   DWORD celt                       rows wanted
/// out  DWORD *pceltFetched
/// out  CERTTRANSBLOB *pctbResultRows    ref
/// out  HRESULT
/// ```
///
/// A reply that reaches the end of the view has an extra row ([`crate::value::Rows::total`]). A Windows CA
/// also answers 0x00000001 there although the rows are good, against [MS-CSRA] 3.2.4, as go-msrpc's
/// sample client found; this code therefore counts as success. The same client starts at row 1, which
/// the specification leaves open.
///
/// Sequencing: one view is open per object; opening a second is 0x8000FFFF.
///
/// Source: [MS-CSRA] 3.1.4.1.12.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenView {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `acvr`.
    pub restrictions: Vec<Restriction>,
    /// `acolOut`: identifiers of the columns to return.
    pub columns: Vec<u32>,
    /// `ielt`.
    pub first: u32,
    /// `celt`.
    pub count: u32,
}

impl Method for OpenView {
    const CALL: Call = Call::OpenView;
    type Reply = Counted;

    fn is_success(code: HResult) -> bool {
        reached_rows(code)
    }
}

impl Ndr for OpenView {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.count(self.restrictions.len());
        writer.count(self.restrictions.len());
        for restriction in &self.restrictions {
            writer.u32(restriction.column);
            writer.i32(restriction.seek);
            writer.i32(restriction.sort);
            writer.referent(!restriction.value.is_empty());
            writer.count(restriction.value.len());
        }
        for restriction in self.restrictions.iter().filter(|restriction| !restriction.value.is_empty()) {
            writer.byte_array(&restriction.value);
        }
        writer.count(self.columns.len());
        writer.count(self.columns.len());
        self.columns.iter().for_each(|column| writer.u32(*column));
        writer.u32(self.first);
        writer.u32(self.count);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let authority = reader.unique_wide_string("pwszAuthority")?;
        let ccvr = reader.u32("ccvr")?;
        let count = reader.count("acvr", 20)?;
        same_count("ccvr", ccvr, count, reader)?;
        let mut heads = Vec::with_capacity(count);
        for _ in 0..count {
            let column = reader.u32("ColumnIndex")?;
            let seek = reader.i32("SeekOperator")?;
            let sort = reader.i32("SortOrder")?;
            let is_present = reader.referent("pbValue")?;
            heads.push((column, seek, sort, is_present, reader.u32("cbValue")?));
        }
        let mut restrictions = Vec::with_capacity(count);
        for (column, seek, sort, is_present, size) in heads {
            let value = if is_present { reader.byte_array("pbValue")? } else { &[] };
            same_count("cbValue", size, value.len(), reader)?;
            restrictions.push(Restriction { column, seek, sort, value: value.to_vec() });
        }
        let ccol = reader.u32("ccolOut")?;
        let count = reader.count("acolOut", 4)?;
        same_count("ccolOut", ccol, count, reader)?;
        let columns = (0..count).map(|_| reader.u32("acolOut")).collect::<Result<_, _>>()?;
        Ok(Self { authority, restrictions, columns, first: reader.u32("ielt")?, count: reader.u32("celt")? })
    }
}

/// `ICertAdminD::EnumView` (opnum 15): rows of the open view, see [`OpenView`].
///
/// ```text
/// in   wchar_t *pwszAuthority           string, unique
/// in   DWORD ielt                       the first row, from 1
/// in   DWORD celt                       rows wanted
/// out  DWORD *pceltFetched
/// out  CERTTRANSBLOB *pctbResultRows    ref
/// out  HRESULT
/// ```
///
/// Sequencing: without an open view it is 0x80070006.
///
/// Source: [MS-CSRA] 3.1.4.1.13.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumView {
    /// `pwszAuthority`: common or sanitized name of the CA.
    pub authority: Option<String>,
    /// `ielt`.
    pub first: u32,
    /// `celt`.
    pub count: u32,
}

impl Method for EnumView {
    const CALL: Call = Call::EnumView;
    type Reply = Counted;

    fn is_success(code: HResult) -> bool {
        reached_rows(code)
    }
}

impl Ndr for EnumView {
    fn encode(&self, writer: &mut Writer) {
        writer.unique_wide_string(self.authority.as_deref());
        writer.u32(self.first);
        writer.u32(self.count);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            authority: reader.unique_wide_string("pwszAuthority")?,
            first: reader.u32("ielt")?,
            count: reader.u32("celt")?,
        })
    }
}

authority_only! {
    /// `ICertAdminD::CloseView` (opnum 16): closes the open view.
    ///
    /// ```text
    /// in   wchar_t *pwszAuthority    string, unique
    /// out  HRESULT
    /// ```
    ///
    /// Sequencing: without an open view it is 0x80070006.
    ///
    /// Source: [MS-CSRA] 3.1.4.1.14.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    CloseView -> Done;
}

fn reached_rows(code: HResult) -> bool {
    code.is_success() || code == HResult::ARITHMETIC_OVERFLOW
}
