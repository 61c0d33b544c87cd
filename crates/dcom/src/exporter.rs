//! `IObjectExporter`: the resolver's own interface, for addresses, pings and signs of life.
//!
//! Plain RPC: no ORPC headers. `ServerAlive` and `ServerAlive2` must be served without
//! authentication. Answers carry an `error_status_t` last, see [`crate::status`].
//!
//! Source: [MS-DCOM] 3.1.2.5.1.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use alloc::vec::Vec;

use ndr::{Error, Ndr, Reader, Writer};

use crate::nested::{conformance, limited};
use crate::{ComVersion, DualStringArray, Ipid, Oid, Oxid, SetId, status};

/// Where an exporter is and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// Its addresses, with endpoints.
    pub bindings: DualStringArray,
    /// Its `IRemUnknown`.
    pub rem_unknown: Ipid,
    /// Lowest authentication level that it serves (`pAuthnHint`), 6 for privacy.
    pub authn_hint: u32,
    /// What it speaks.
    pub version: ComVersion,
}

/// `ResolveOxid` and `ResolveOxid2` request: the address of an exporter.
///
/// ```text
/// in   OXID *pOxid
/// in   unsigned short cRequestedProtseqs
/// in   unsigned short arRequestedProtseqs[]   size_is(cRequestedProtseqs)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveOxid {
    /// The exporter.
    pub oxid: Oxid,
    /// Protocols that the client speaks, see [`crate::TCP`].
    pub protocols: Vec<u16>,
}

impl ResolveOxid {
    /// `ResolveOxid`; the answer is [`ResolveOxidReply`].
    pub const OPNUM: u16 = 0;
    /// `ResolveOxid2`; the answer is [`ResolveOxid2Reply`].
    pub const OPNUM_2: u16 = 4;
}

impl Ndr for ResolveOxid {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.oxid.0);
        write_protocols(writer, &self.protocols);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { oxid: Oxid(reader.u64("pOxid")?), protocols: read_protocols(reader)? })
    }
}

/// A count and a conformant array of protocol sequences.
pub(crate) fn write_protocols(writer: &mut Writer, protocols: &[u16]) {
    writer.u16(u16::try_from(protocols.len()).unwrap_or(u16::MAX));
    writer.unit_array(protocols);
}

pub(crate) fn read_protocols(reader: &mut Reader<'_>) -> Result<Vec<u16>, Error> {
    let count = usize::from(reader.u16("cRequestedProtseqs")?);
    conformance(reader, "arRequestedProtseqs", count, 2)?;
    (0..count).map(|_| reader.u16("arRequestedProtseqs")).collect()
}

/// `ResolveOxid` response: like [`ResolveOxid2Reply`] without a version, which is read as
/// [`ComVersion::OLDEST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveOxidReply {
    /// The exporter, or the status.
    pub result: Result<Exporter, u32>,
}

/// `ResolveOxid2` response.
///
/// ```text
/// out  DUALSTRINGARRAY **ppdsaOxidBindings   NULL on failure
/// out  IPID *pipidRemUnknown
/// out  DWORD *pAuthnHint
/// out  COMVERSION *pComVersion
/// out  error_status_t
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveOxid2Reply {
    /// The exporter, or the status.
    pub result: Result<Exporter, u32>,
}

impl Ndr for ResolveOxidReply {
    fn encode(&self, writer: &mut Writer) {
        write_resolved(writer, self.result.as_ref().ok());
        writer.u32(self.result.as_ref().err().copied().unwrap_or(status::OK));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let exporter = read_resolved(reader)?;
        Ok(Self { result: settle(reader, "ppdsaOxidBindings", exporter)? })
    }
}

impl Ndr for ResolveOxid2Reply {
    fn encode(&self, writer: &mut Writer) {
        write_resolved(writer, self.result.as_ref().ok());
        let version = self.result.as_ref().map_or(ComVersion::OURS, |exporter| exporter.version);
        version.encode(writer);
        writer.u32(self.result.as_ref().err().copied().unwrap_or(status::OK));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let exporter = read_resolved(reader)?;
        let version = ComVersion::decode(reader)?;
        let exporter = exporter.map(|exporter| Exporter { version, ..exporter });
        Ok(Self { result: settle(reader, "ppdsaOxidBindings", exporter)? })
    }
}

/// Bindings behind their pointer, remote unknown, hint: common to both forms and to `IActivation`.
pub(crate) fn write_resolved(writer: &mut Writer, exporter: Option<&Exporter>) {
    writer.referent(exporter.is_some());
    if let Some(exporter) = exporter {
        exporter.bindings.encode(writer);
    }
    writer.guid(exporter.map(|exporter| exporter.rem_unknown.0).unwrap_or_default());
    writer.u32(exporter.map_or(0, |exporter| exporter.authn_hint));
}

pub(crate) fn read_resolved(reader: &mut Reader<'_>) -> Result<Option<Exporter>, Error> {
    let is_there = reader.referent("ppdsaOxidBindings")?;
    let bindings = if is_there { Some(DualStringArray::decode(reader)?) } else { None };
    let rem_unknown = Ipid(reader.guid("pipidRemUnknown")?);
    let authn_hint = reader.u32("pAuthnHint")?;
    let version = ComVersion::OLDEST;
    Ok(bindings.map(|bindings| Exporter { bindings, rem_unknown, authn_hint, version }))
}

/// Reads the status: 0 needs the value, everything else is the result.
fn settle<T>(reader: &mut Reader<'_>, what: &'static str, value: Option<T>) -> Result<Result<T, u32>, Error> {
    match (reader.u32("error_status_t")?, value) {
        (status::OK, Some(value)) => Ok(Ok(value)),
        (status::OK, None) => Err(Error::Missing { what }),
        (status, _) => Ok(Err(status)),
    }
}

/// `SimplePing` request (opnum 1): the client of this set is alive.
///
/// ```text
/// in   SETID *pSetId
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimplePing {
    /// A set that `ComplexPing` made.
    pub set: SetId,
}

impl SimplePing {
    /// `SimplePing`; the answer is [`StatusReply`].
    pub const OPNUM: u16 = 1;
}

impl Ndr for SimplePing {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.set.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { set: SetId(reader.u64("pSetId")?) })
    }
}

/// `ServerAlive` request (opnum 3): nothing. The answer is [`StatusReply`].
pub const SERVER_ALIVE_OPNUM: u16 = 3;

/// `ServerAlive2` request (opnum 5): nothing. The answer is [`ServerAlive2Reply`].
pub const SERVER_ALIVE_2_OPNUM: u16 = 5;

/// `SimplePing` and `ServerAlive` response: the `error_status_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusReply {
    /// The status.
    pub status: u32,
}

impl Ndr for StatusReply {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.status);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { status: reader.u32("error_status_t")? })
    }
}

/// `ComplexPing` request (opnum 2): make or change a set, and ping it.
///
/// ```text
/// in   SETID *pSetId                 0 for a new set
/// in   unsigned short SequenceNum
/// in   unsigned short cAddToSet
/// in   unsigned short cDelFromSet
/// in   OID AddToSet[]                unique, size_is(cAddToSet)
/// in   OID DelFromSet[]              unique, size_is(cDelFromSet)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplexPing {
    /// The set, 0 for a new one.
    pub set: SetId,
    /// Grows by one with each change of the set, modulo 2^16.
    pub sequence: u16,
    /// Objects to add, at most [`MAX_OIDS`].
    pub add: Vec<Oid>,
    /// Objects to take out, at most [`MAX_OIDS`].
    pub delete: Vec<Oid>,
}

/// Most OIDs in one list of a `ComplexPing` that this side reads.
pub const MAX_OIDS: usize = 4096;

impl ComplexPing {
    /// `ComplexPing`; the answer is [`ComplexPingReply`].
    pub const OPNUM: u16 = 2;
}

impl Ndr for ComplexPing {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.set.0);
        writer.u16(self.sequence);
        for oids in [&self.add, &self.delete] {
            writer.u16(u16::try_from(oids.len()).unwrap_or(u16::MAX));
        }
        for oids in [&self.add, &self.delete] {
            writer.referent(!oids.is_empty());
            if !oids.is_empty() {
                writer.count(oids.len());
                oids.iter().for_each(|oid| writer.u64(oid.0));
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let set = SetId(reader.u64("pSetId")?);
        let sequence = reader.u16("SequenceNum")?;
        let adds = reader.u16("cAddToSet")?;
        let deletes = reader.u16("cDelFromSet")?;
        let add = read_oids(reader, "AddToSet", adds)?;
        let delete = read_oids(reader, "DelFromSet", deletes)?;
        Ok(Self { set, sequence, add, delete })
    }
}

fn read_oids(reader: &mut Reader<'_>, what: &'static str, count: u16) -> Result<Vec<Oid>, Error> {
    let count = limited(what, u32::from(count), MAX_OIDS)?;
    let at = reader.position();
    match reader.referent(what)? {
        true => {
            conformance(reader, what, count, 8)?;
            (0..count).map(|_| reader.u64(what).map(Oid)).collect()
        }
        false if count == 0 => Ok(Vec::new()),
        false => Err(Error::Invalid { what, at, value: 0 }),
    }
}

/// `ComplexPing` response.
///
/// ```text
/// out  SETID *pSetId
/// out  unsigned short *pPingBackoffFactor
/// out  error_status_t
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComplexPingReply {
    /// The set: a new one, or that of the request.
    pub set: SetId,
    /// `pPingBackoffFactor`: clients may ping less often, by 2 to this power. We send and assume 0.
    pub backoff: u16,
    /// The status.
    pub status: u32,
}

impl Ndr for ComplexPingReply {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.set.0);
        writer.u16(self.backoff);
        writer.u32(self.status);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            set: SetId(reader.u64("pSetId")?),
            backoff: reader.u16("pPingBackoffFactor")?,
            status: reader.u32("error_status_t")?,
        })
    }
}

/// `ServerAlive2` response: what the resolver speaks and where it is.
///
/// ```text
/// out  COMVERSION *pComVersion
/// out  DUALSTRINGARRAY **ppdsaOrBindings   addresses without endpoints
/// out  DWORD *pReserved                    0
/// out  error_status_t
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAlive2Reply {
    /// Version and bindings, or the status.
    pub result: Result<(ComVersion, DualStringArray), u32>,
}

impl Ndr for ServerAlive2Reply {
    fn encode(&self, writer: &mut Writer) {
        let version = self.result.as_ref().map_or(ComVersion::OURS, |(version, _)| *version);
        version.encode(writer);
        writer.referent(self.result.is_ok());
        if let Ok((_, bindings)) = &self.result {
            bindings.encode(writer);
        }
        writer.u32(0);
        writer.u32(self.result.as_ref().err().copied().unwrap_or(status::OK));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let version = ComVersion::decode(reader)?;
        let is_there = reader.referent("ppdsaOrBindings")?;
        let bindings = if is_there { Some(DualStringArray::decode(reader)?) } else { None };
        reader.u32("pReserved")?;
        let value = bindings.map(|bindings| (version, bindings));
        Ok(Self { result: settle(reader, "ppdsaOrBindings", value)? })
    }
}
