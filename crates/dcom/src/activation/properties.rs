//! The properties that matter: two of a request that say something, two that must be there, two of
//! a response.

use alloc::vec::Vec;

use dtyp::{Guid, HResult};
use ndr::{Error, Ndr, Reader, Writer};

use super::{IMPERSONATE, Interface, MAX_INTERFACES};
use crate::exporter::Exporter;
use crate::nested::{
    Outcome, limited, outcomes, read_guids, read_pointers, read_results, write_guids, write_pointers,
    write_results,
};
use crate::{ComVersion, DualStringArray, Ipid, Oxid};

/// `InstantiationInfoData`: class and interfaces.
///
/// ```text
///  0 16  classId
/// 16  4  classCtx           ignored
/// 20  4  actvflags          0
/// 24  4  fIsSurrogate       0, ignored
/// 28  4  cIID
/// 32  4  instFlag           0, ignored
/// 36  4  pIID               pointer to cIID IIDs
/// 40  4  thisSize           of this, with its serialization headers
/// 44  4  clientCOMVersion
/// ```
pub(super) struct InstantiationInfo {
    pub(super) class: Guid,
    pub(super) interfaces: Vec<Guid>,
    pub(super) version: ComVersion,
}

/// Without serialization headers: fixed part and conformance.
const INSTANTIATION_INFO_LEN: usize = 48 + 4;

impl Ndr for InstantiationInfo {
    fn encode(&self, writer: &mut Writer) {
        writer.guid(self.class);
        writer.u32(0);
        writer.u32(0);
        writer.u32(0);
        writer.count(self.interfaces.len());
        writer.u32(0);
        writer.referent(true);
        let body = self.interfaces.len().saturating_mul(16).saturating_add(INSTANTIATION_INFO_LEN);
        writer.count(body.next_multiple_of(8).saturating_add(ndr::pickle::HEADER_LEN));
        self.version.encode(writer);
        write_guids(writer, &self.interfaces);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let class = reader.guid("classId")?;
        reader.u32("classCtx")?;
        reader.u32("actvflags")?;
        reader.u32("fIsSurrogate")?;
        let count = read_interface_count(reader, "cIID")?;
        reader.u32("instFlag")?;
        reader.present("pIID")?;
        reader.u32("thisSize")?;
        let version = ComVersion::decode(reader)?;
        Ok(Self { class, interfaces: read_guids(reader, "pIID", count)?, version })
    }
}

/// 1 to [`MAX_INTERFACES`].
pub(super) fn read_interface_count(reader: &mut Reader<'_>, what: &'static str) -> Result<usize, Error> {
    let at = reader.position();
    match reader.u32(what)? {
        0 => Err(Error::Invalid { what, at, value: 0 }),
        count => limited(what, count, MAX_INTERFACES),
    }
}

/// `ScmRequestInfoData`: protocols.
///
/// ```text
///  0  4  pdwReserved     NULL
///  4  4  remoteRequest   pointer to customREMOTE_REQUEST_SCM_INFO:
///  8  4    ClientImpLevel
/// 12  2    cRequestedProtseqs
/// 16  4    pRequestedProtseqs   pointer to that many 16-bit numbers
/// ```
pub(super) struct ScmRequestInfo {
    pub(super) protocols: Vec<u16>,
}

impl Ndr for ScmRequestInfo {
    fn encode(&self, writer: &mut Writer) {
        writer.referent(false);
        writer.referent(true);
        writer.u32(IMPERSONATE);
        writer.u16(u16::try_from(self.protocols.len()).unwrap_or(u16::MAX));
        writer.referent(true);
        writer.unit_array(&self.protocols);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        read_reserved(reader)?;
        reader.present("remoteRequest")?;
        reader.u32("ClientImpLevel")?;
        let count = usize::from(reader.u16("cRequestedProtseqs")?);
        let at = reader.position();
        let protocols = match reader.referent("pRequestedProtseqs")? {
            true => reader.unit_array("pRequestedProtseqs")?,
            false => Vec::new(),
        };
        if protocols.len() != count {
            let value = u64::try_from(protocols.len()).unwrap_or(u64::MAX);
            return Err(Error::Invalid { what: "pRequestedProtseqs", at, value });
        }
        Ok(Self { protocols })
    }
}

/// `DWORD *pdwReserved`, which must be NULL: what it led to would come between the fields we read.
fn read_reserved(reader: &mut Reader<'_>) -> Result<(), Error> {
    let at = reader.position();
    match reader.u32("pdwReserved")? {
        0 => Ok(()),
        value => Err(Error::Invalid { what: "pdwReserved", at, value: u64::from(value) }),
    }
}

/// So many zero words: `LocationInfoData` is four, `ActivationContextInfoData` without contexts six.
/// Both are expected by servers and say nothing; received ones are not looked at.
pub(super) struct Zeros(pub(super) usize);

impl Ndr for Zeros {
    fn encode(&self, writer: &mut Writer) {
        (0..self.0).for_each(|_| writer.u32(0));
    }

    fn decode(_: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self(0))
    }
}

/// `ScmReplyInfoData`: the exporter.
///
/// ```text
///  0  4  pdwReserved        NULL
///  4  4  remoteReply        pointer to customREMOTE_REPLY_SCM_INFO:
///  8  8    Oxid
/// 16  4    pdsaOxidBindings pointer to DUALSTRINGARRAY
/// 20 16    ipidRemUnknown
/// 36  4    authnHint
/// 40  4    serverVersion
/// ```
pub(super) struct ScmReplyInfo {
    pub(super) oxid: Oxid,
    pub(super) exporter: Exporter,
}

impl Ndr for ScmReplyInfo {
    fn encode(&self, writer: &mut Writer) {
        writer.referent(false);
        writer.referent(true);
        writer.u64(self.oxid.0);
        writer.referent(true);
        writer.guid(self.exporter.rem_unknown.0);
        writer.u32(self.exporter.authn_hint);
        self.exporter.version.encode(writer);
        self.exporter.bindings.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        read_reserved(reader)?;
        reader.present("remoteReply")?;
        let oxid = Oxid(reader.u64("Oxid")?);
        reader.present("pdsaOxidBindings")?;
        let rem_unknown = Ipid(reader.guid("ipidRemUnknown")?);
        let authn_hint = reader.u32("authnHint")?;
        let version = ComVersion::decode(reader)?;
        let bindings = DualStringArray::decode(reader)?;
        Ok(Self { oxid, exporter: Exporter { bindings, rem_unknown, authn_hint, version } })
    }
}

/// `PropsOutInfo`: the outcome for each interface.
///
/// ```text
///  0  4  cIfs
///  4  4  piid         pointer to cIfs IIDs
///  8  4  phresults    pointer to cIfs HRESULTs
/// 12  4  ppIntfData   pointer to cIfs pointers to MInterfacePointer
/// ```
pub(super) struct PropsOutInfo {
    pub(super) interfaces: Vec<Interface>,
}

impl Ndr for PropsOutInfo {
    fn encode(&self, writer: &mut Writer) {
        let iids: Vec<Guid> = self.interfaces.iter().map(|interface| interface.iid).collect();
        let outcomes: Vec<Outcome> =
            self.interfaces.iter().map(|interface| interface.object.clone()).collect();
        writer.count(self.interfaces.len());
        (0..3).for_each(|_| writer.referent(true));
        write_guids(writer, &iids);
        write_results(writer, &outcomes);
        write_pointers(writer, &outcomes);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let count = read_interface_count(reader, "cIfs")?;
        reader.present("piid")?;
        reader.present("phresults")?;
        reader.present("ppIntfData")?;
        let iids = read_guids(reader, "piid", count)?;
        let results: Vec<HResult> = read_results(reader, "phresults", count)?;
        let objects = read_pointers(reader, "ppIntfData", count)?;
        let objects = outcomes("ppIntfData", results, objects)?;
        let interfaces = iids.into_iter().zip(objects);
        Ok(Self { interfaces: interfaces.map(|(iid, object)| Interface { iid, object }).collect() })
    }
}
