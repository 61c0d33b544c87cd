use alloc::string::String;
use alloc::vec::Vec;

use ndr::{Error, Ndr, Reader, Writer};

/// A configuration value: the forms of `VARIANT` that a CA's configuration has.
///
/// ```text
/// u32 referent, then, aligned to 8:
///  0  4  clSize          size of all of it, in units of 8 bytes
///  4  4  rpcReserved     0
///  8  2  vt
/// 10  6  wReserved       0
/// 16  4  discriminant    vt; 0x2000 for every array
/// 20     arm             VT_I4: LONG
///                        VT_BSTR: pointer to FLAGGED_WORD_BLOB
///                        arrays: pointer to pointer to SAFEARRAY
///
/// FLAGGED_WORD_BLOB: u32 max_count, u32 cBytes, u32 clSize, clSize units; no NUL
///
/// SAFEARRAY: u32 max_count (1), u16 cDims (1), u16 fFeatures, u32 cbElements, u32 cLocks (high word:
///     type of the elements), u32 sfType, u32 Size, u32 referent, { u32 cElements, i32 lLbound },
///     then what the referent leads to: u32 max_count, and bytes, or pointers to FLAGGED_WORD_BLOB
/// ```
///
/// Arms of other sizes than 4 bytes do not occur here; public codecs disagree on their padding.
///
/// Source: [MS-OAUT] 2.2.29, 2.2.23, 2.2.30; which registry type becomes which form: [MS-CSRA] 3.1.4.2.14.
///
/// [MS-OAUT]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-oaut/
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Variant {
    /// `VT_EMPTY`, and a NULL pointer.
    #[default]
    Empty,
    /// `VT_NULL`.
    Null,
    /// `VT_I4`, from `REG_DWORD`.
    Long(i32),
    /// `VT_BSTR`, from `REG_SZ`.
    Text(String),
    /// `VT_ARRAY | VT_BSTR`, from `REG_MULTI_SZ`, and lists of names.
    TextList(Vec<String>),
    /// `VT_ARRAY | VT_UI1`, from `REG_BINARY`.
    Bytes(Vec<u8>),
}

const VT_EMPTY: u16 = 0;
const VT_NULL: u16 = 1;
const VT_I4: u16 = 3;
const VT_BSTR: u16 = 8;
const VT_UI1: u16 = 17;
const VT_ARRAY: u16 = 0x2000;
const VT_ARRAY_BSTR: u16 = VT_ARRAY | VT_BSTR;
const VT_ARRAY_UI1: u16 = VT_ARRAY | VT_UI1;

const SF_I1: u32 = 16;
const SF_BSTR: u32 = 8;

const FADF_HAVEVARTYPE: u16 = 0x80;
const FADF_BSTR: u16 = 0x100;

/// `cBytes` of a BSTR that is NULL.
const NULL_BSTR: u32 = u32::MAX;

impl Ndr for Variant {
    fn encode(&self, writer: &mut Writer) {
        let mut alone = Writer::new();
        self.encode_body(&mut alone, 0);
        writer.referent(true);
        writer.align(8);
        self.encode_body(writer, alone.len().div_ceil(8));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if !reader.referent("pVariant")? {
            return Ok(Self::Empty);
        }
        reader.align(8);
        reader.u32("clSize")?;
        reader.u32("rpcReserved")?;
        let at = reader.position();
        let vt = reader.u16("vt")?;
        reader.array::<6>("wReserved")?;
        let arm = if vt & VT_ARRAY == 0 { vt } else { VT_ARRAY };
        expect(reader, "_varUnion", u32::from(arm))?;
        match vt {
            VT_EMPTY => Ok(Self::Empty),
            VT_NULL => Ok(Self::Null),
            VT_I4 => reader.i32("lVal").map(Self::Long),
            VT_BSTR => {
                let present = reader.referent("bstrVal")?;
                decode_bstr(reader, present).map(Self::Text)
            }
            VT_ARRAY_BSTR => decode_array(reader, SF_BSTR, |reader| {
                let count = reader.count("aBstr", 4)?;
                let present = (0..count).map(|_| reader.referent("aBstr")).collect::<Result<Vec<_>, _>>()?;
                present.into_iter().map(|present| decode_bstr(reader, present)).collect()
            })
            .map(Self::TextList),
            VT_ARRAY_UI1 => {
                decode_array(reader, SF_I1, |reader| reader.byte_array("pData").map(<[u8]>::to_vec))
                    .map(Self::Bytes)
            }
            _ => Err(Error::Invalid { what: "vt", at, value: u64::from(vt) }),
        }
    }
}

impl Variant {
    fn encode_body(&self, writer: &mut Writer, size: usize) {
        let vt = match self {
            Self::Empty => VT_EMPTY,
            Self::Null => VT_NULL,
            Self::Long(_) => VT_I4,
            Self::Text(_) => VT_BSTR,
            Self::TextList(_) => VT_ARRAY_BSTR,
            Self::Bytes(_) => VT_ARRAY_UI1,
        };
        writer.count(size);
        writer.u32(0);
        writer.u16(vt);
        writer.raw(&[0; 6]);
        writer.u32(u32::from(if vt & VT_ARRAY == 0 { vt } else { VT_ARRAY }));
        match self {
            Self::Empty | Self::Null => {}
            Self::Long(value) => writer.i32(*value),
            Self::Text(text) => {
                writer.referent(true);
                encode_bstr(writer, text);
            }
            Self::TextList(list) => {
                encode_array(writer, FADF_BSTR, (4, VT_BSTR), SF_BSTR, list.len());
                writer.count(list.len());
                list.iter().for_each(|_| writer.referent(true));
                list.iter().for_each(|text| encode_bstr(writer, text));
            }
            Self::Bytes(bytes) => {
                encode_array(writer, 0, (1, VT_UI1), SF_I1, bytes.len());
                writer.byte_array(bytes);
            }
        }
    }
}

fn encode_bstr(writer: &mut Writer, text: &str) {
    let count = text.encode_utf16().count();
    writer.count(count);
    writer.count(count.saturating_mul(2));
    writer.count(count);
    text.encode_utf16().for_each(|unit| writer.raw(&unit.to_le_bytes()));
}

fn decode_bstr(reader: &mut Reader<'_>, is_present: bool) -> Result<String, Error> {
    if !is_present {
        return Ok(String::new());
    }
    let what = "bstrVal";
    let max = reader.u32(what)?;
    let at = reader.position();
    let bytes = reader.u32("cBytes")?;
    let count = reader.count("clSize", 2)?;
    let is_whole = u32::try_from(count).is_ok_and(|count| {
        count == max && (bytes == NULL_BSTR && count == 0 || count.checked_mul(2) == Some(bytes))
    });
    if !is_whole {
        return Err(Error::Invalid { what: "cBytes", at, value: u64::from(bytes) });
    }
    let (units, _) = reader.raw(what, count.saturating_mul(2))?.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| Error::Text { what, at })
}

/// Everything of an array up to its data. `element` is size in bytes and type.
fn encode_array(writer: &mut Writer, features: u16, element: (u32, u16), sf_type: u32, count: usize) {
    writer.referent(true);
    writer.referent(true);
    writer.u32(1);
    writer.u16(1);
    writer.u16(features | FADF_HAVEVARTYPE);
    writer.u32(element.0);
    writer.u32(u32::from(element.1) << 16);
    writer.u32(sf_type);
    writer.count(count);
    writer.referent(true);
    writer.count(count);
    writer.i32(0);
}

/// An array of one dimension; NULL where a pointer leads nowhere is an empty one.
fn decode_array<'a, T>(
    reader: &mut Reader<'a>,
    sf_type: u32,
    data: impl FnOnce(&mut Reader<'a>) -> Result<Vec<T>, Error>,
) -> Result<Vec<T>, Error> {
    if !reader.referent("parray")? || !reader.referent("parray")? {
        return Ok(Vec::new());
    }
    expect(reader, "rgsabound", 1)?;
    let at = reader.position();
    let dimensions = reader.u16("cDims")?;
    if dimensions != 1 {
        return Err(Error::Invalid { what: "cDims", at, value: u64::from(dimensions) });
    }
    reader.u16("fFeatures")?;
    reader.u32("cbElements")?;
    reader.u32("cLocks")?;
    expect(reader, "sfType", sf_type)?;
    let at = reader.position();
    let size = reader.u32("Size")?;
    let is_present = reader.referent("pData")?;
    let elements = reader.u32("cElements")?;
    reader.i32("lLbound")?;
    let values = if is_present { data(reader)? } else { Vec::new() };
    if size != elements || usize::try_from(size) != Ok(values.len()) {
        return Err(Error::Invalid { what: "Size", at, value: u64::from(size) });
    }
    Ok(values)
}

fn expect(reader: &mut Reader<'_>, what: &'static str, good: u32) -> Result<(), Error> {
    let at = reader.position();
    let value = reader.u32(what)?;
    if value == good { Ok(()) } else { Err(Error::Invalid { what, at, value: u64::from(value) }) }
}
