//! `IRemUnknown` and `IRemUnknown2`: more interfaces of an object, and references to them.
//!
//! Object calls to the exporter's own IPID, so [`OrpcThis`] and [`OrpcThat`] come first.
//!
//! Source: [MS-DCOM] 3.1.1.5.6 and 3.1.1.5.7.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use alloc::vec::Vec;

use dtyp::{Guid, HResult};
use ndr::{Error, Ndr, Reader, Writer};

use crate::nested::{
    MAX_ELEMENTS, conformance, failed, limited, outcomes, read_guids, read_pointers, read_results,
    write_guids, write_pointers, write_results,
};
use crate::{Ipid, ObjRef, OrpcThat, OrpcThis, StdObjRef};

/// `RemQueryInterface` request (opnum 3): other interfaces of the object behind `ipid`.
///
/// ```text
/// in   ORPCTHIS
/// in   REFIPID ripid
/// in   unsigned long cRefs
/// in   unsigned short cIids
/// in   IID *iids               size_is(cIids)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemQueryInterface {
    /// Header.
    pub this: OrpcThis,
    /// Any interface of the object.
    pub ipid: Ipid,
    /// Public references wanted on each.
    pub refs: u32,
    /// What to ask for, at most 256.
    pub iids: Vec<Guid>,
}

impl RemQueryInterface {
    /// `RemQueryInterface`.
    pub const OPNUM: u16 = 3;
}

impl Ndr for RemQueryInterface {
    fn encode(&self, writer: &mut Writer) {
        self.this.encode(writer);
        writer.guid(self.ipid.0);
        writer.u32(self.refs);
        write_count(writer, self.iids.len());
        write_guids(writer, &self.iids);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let this = OrpcThis::decode(reader)?;
        let ipid = Ipid(reader.guid("ripid")?);
        let refs = reader.u32("cRefs")?;
        let count = read_count(reader, "cIids")?;
        Ok(Self { this, ipid, refs, iids: read_guids(reader, "iids", count)? })
    }
}

/// `RemQueryInterface` response.
///
/// ```text
/// out  ORPCTHAT
/// out  PREMQIRESULT *ppQIResults   pointer, then REMQIRESULT[cIids]: HRESULT, pad 4, STDOBJREF
/// out  HRESULT
/// ```
///
/// The call's own result is 0 if all were had, `S_FALSE` (1) if some, the last failure if none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemQueryInterfaceReply {
    /// One for each IID; empty if the call failed as a whole.
    pub results: Vec<Result<StdObjRef, HResult>>,
    /// The call's result.
    pub status: HResult,
}

impl RemQueryInterfaceReply {
    /// From what was found, with the call's result worked out.
    pub fn new(outcome: Result<Vec<Result<StdObjRef, HResult>>, HResult>) -> Self {
        let status = overall(&outcome);
        Self { results: outcome.unwrap_or_default(), status }
    }
}

impl Ndr for RemQueryInterfaceReply {
    fn encode(&self, writer: &mut Writer) {
        OrpcThat.encode(writer);
        writer.referent(!self.results.is_empty());
        if !self.results.is_empty() {
            writer.count(self.results.len());
            for result in &self.results {
                writer.align(8);
                writer.u32(result.as_ref().err().unwrap_or(&HResult::OK).0);
                result.unwrap_or_default().encode(writer);
            }
        }
        writer.u32(self.status.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        OrpcThat::decode(reader)?;
        let mut results = Vec::new();
        if reader.referent("ppQIResults")? {
            let count = reader.u32("ppQIResults")?;
            for _ in 0..limited("ppQIResults", count, MAX_ELEMENTS)? {
                reader.align(8);
                let result = HResult(reader.u32("REMQIRESULT.hResult")?);
                let std = StdObjRef::decode(reader)?;
                results.push(if failed(result) { Err(result) } else { Ok(std) });
            }
        }
        Ok(Self { results, status: HResult(reader.u32("HRESULT")?) })
    }
}

/// `RemQueryInterface2` request (opnum 6): like [`RemQueryInterface`], answered with whole object
/// references.
///
/// ```text
/// in   ORPCTHIS
/// in   REFIPID ripid
/// in   unsigned short cIids
/// in   IID *iids               size_is(cIids)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemQueryInterface2 {
    /// Header.
    pub this: OrpcThis,
    /// Any interface of the object.
    pub ipid: Ipid,
    /// What to ask for, at most 256.
    pub iids: Vec<Guid>,
}

impl RemQueryInterface2 {
    /// `RemQueryInterface2`.
    pub const OPNUM: u16 = 6;
}

impl Ndr for RemQueryInterface2 {
    fn encode(&self, writer: &mut Writer) {
        self.this.encode(writer);
        writer.guid(self.ipid.0);
        write_count(writer, self.iids.len());
        write_guids(writer, &self.iids);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let this = OrpcThis::decode(reader)?;
        let ipid = Ipid(reader.guid("ripid")?);
        let count = read_count(reader, "cIids")?;
        Ok(Self { this, ipid, iids: read_guids(reader, "iids", count)? })
    }
}

/// `RemQueryInterface2` response.
///
/// ```text
/// out  ORPCTHAT
/// out  HRESULT *phr                         size_is(cIids)
/// out  PMInterfacePointerInternal *ppMIF    size_is(cIids)
/// out  HRESULT
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemQueryInterface2Reply {
    /// One for each IID of the request.
    pub results: Vec<Result<ObjRef, HResult>>,
    /// The call's result, as in [`RemQueryInterfaceReply`].
    pub status: HResult,
}

impl RemQueryInterface2Reply {
    /// From what was found; a failure as a whole needs the request's count, since the arrays have it.
    pub fn new(outcome: Result<Vec<Result<ObjRef, HResult>>, HResult>, requested: usize) -> Self {
        let status = overall(&outcome);
        Self { results: outcome.unwrap_or_else(|result| alloc::vec![Err(result); requested]), status }
    }
}

impl Ndr for RemQueryInterface2Reply {
    fn encode(&self, writer: &mut Writer) {
        OrpcThat.encode(writer);
        write_results(writer, &self.results);
        write_pointers(writer, &self.results);
        writer.u32(self.status.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        OrpcThat::decode(reader)?;
        reader.align(4);
        let count = Reader::new(reader.rest()).u32("phr")?;
        let count = limited("phr", count, MAX_ELEMENTS)?;
        let results = read_results(reader, "phr", count)?;
        let objects = read_pointers(reader, "ppMIF", count)?;
        let results = outcomes("ppMIF", results, objects)?;
        Ok(Self { results, status: HResult(reader.u32("HRESULT")?) })
    }
}

/// References to add to or take from an interface (`REMINTERFACEREF`).
///
/// ```text
///  0 16  ipid
/// 16  4  cPublicRefs
/// 20  4  cPrivateRefs   0: we use none
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceRef {
    /// The interface.
    pub ipid: Ipid,
    /// Public references.
    pub public: u32,
    /// References of this identity only.
    pub private: u32,
}

impl Ndr for InterfaceRef {
    fn encode(&self, writer: &mut Writer) {
        writer.guid(self.ipid.0);
        writer.u32(self.public);
        writer.u32(self.private);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            ipid: Ipid(reader.guid("REMINTERFACEREF.ipid")?),
            public: reader.u32("cPublicRefs")?,
            private: reader.u32("cPrivateRefs")?,
        })
    }
}

/// `RemAddRef` and `RemRelease` request (opnums 4 and 5).
///
/// ```text
/// in   ORPCTHIS
/// in   unsigned short cInterfaceRefs
/// in   REMINTERFACEREF InterfaceRefs[]   size_is(cInterfaceRefs)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemRefs {
    /// Header.
    pub this: OrpcThis,
    /// What to add or take, at most 256.
    pub refs: Vec<InterfaceRef>,
}

impl RemRefs {
    /// `RemAddRef`; the answer is [`RemAddRefReply`].
    pub const ADD_OPNUM: u16 = 4;
    /// `RemRelease`; the answer is [`RemReleaseReply`].
    pub const RELEASE_OPNUM: u16 = 5;
}

impl Ndr for RemRefs {
    fn encode(&self, writer: &mut Writer) {
        self.this.encode(writer);
        write_count(writer, self.refs.len());
        writer.count(self.refs.len());
        self.refs.iter().for_each(|reference| reference.encode(writer));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let this = OrpcThis::decode(reader)?;
        let count = read_count(reader, "cInterfaceRefs")?;
        conformance(reader, "InterfaceRefs", count, 24)?;
        let refs = (0..count).map(|_| InterfaceRef::decode(reader)).collect::<Result<_, _>>()?;
        Ok(Self { this, refs })
    }
}

/// `RemAddRef` response.
///
/// ```text
/// out  ORPCTHAT
/// out  HRESULT *pResults   size_is(cInterfaceRefs)
/// out  HRESULT
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemAddRefReply {
    /// One for each element of the request.
    pub results: Vec<HResult>,
    /// The call's result.
    pub status: HResult,
}

impl Ndr for RemAddRefReply {
    fn encode(&self, writer: &mut Writer) {
        OrpcThat.encode(writer);
        writer.count(self.results.len());
        self.results.iter().for_each(|result| writer.u32(result.0));
        writer.u32(self.status.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        OrpcThat::decode(reader)?;
        let count = reader.u32("pResults")?;
        let count = limited("pResults", count, MAX_ELEMENTS)?;
        let results = (0..count).map(|_| reader.u32("pResults").map(HResult)).collect::<Result<_, _>>()?;
        Ok(Self { results, status: HResult(reader.u32("HRESULT")?) })
    }
}

/// `RemRelease` response, and that of any object call without output: `ORPCTHAT`, `HRESULT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemReleaseReply {
    /// The call's result.
    pub status: HResult,
}

impl Ndr for RemReleaseReply {
    fn encode(&self, writer: &mut Writer) {
        OrpcThat.encode(writer);
        writer.u32(self.status.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        OrpcThat::decode(reader)?;
        Ok(Self { status: HResult(reader.u32("HRESULT")?) })
    }
}

const SOME_FAILED: HResult = HResult(1);

fn overall<T>(outcome: &Result<Vec<Result<T, HResult>>, HResult>) -> HResult {
    let results = match outcome {
        Ok(results) => results,
        Err(result) => return *result,
    };
    match results.iter().filter_map(|result| result.as_ref().err()).next_back() {
        None => HResult::OK,
        Some(_) if results.iter().any(Result::is_ok) => SOME_FAILED,
        Some(last) => *last,
    }
}

fn write_count(writer: &mut Writer, count: usize) {
    writer.u16(u16::try_from(count).unwrap_or(u16::MAX));
}

fn read_count(reader: &mut Reader<'_>, what: &'static str) -> Result<usize, Error> {
    let count = reader.u16(what)?;
    limited(what, u32::from(count), MAX_ELEMENTS)
}
