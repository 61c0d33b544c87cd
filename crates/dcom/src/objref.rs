use alloc::vec::Vec;

use dtyp::Guid;
use ndr::{Error, Ndr, Reader, Writer};

use crate::{DualStringArray, Ipid, Oid, Oxid};

/// An interface of an object, with references to it (`STDOBJREF`).
///
/// ```text
///  0  4  flags         SORF_NOPING 0x1000: must not be pinged
///  4  4  cPublicRefs   references that come with this
///  8  8  oxid
/// 16  8  oid
/// 24 16  ipid
/// ```
///
/// Source: [MS-DCOM] 2.2.18.1.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StdObjRef {
    /// `flags`, see [`StdObjRef::NO_PING`].
    pub flags: u32,
    /// References that whoever receives this has to release.
    pub public_refs: u32,
    /// The exporter.
    pub oxid: Oxid,
    /// The object.
    pub oid: Oid,
    /// The interface.
    pub ipid: Ipid,
}

impl StdObjRef {
    /// `SORF_NOPING`: the object lives without pings.
    pub const NO_PING: u32 = 0x1000;
}

impl Ndr for StdObjRef {
    fn encode(&self, writer: &mut Writer) {
        writer.align(8);
        writer.u32(self.flags);
        writer.u32(self.public_refs);
        writer.u64(self.oxid.0);
        writer.u64(self.oid.0);
        writer.guid(self.ipid.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.align(8);
        Ok(Self {
            flags: reader.u32("STDOBJREF.flags")?,
            public_refs: reader.u32("cPublicRefs")?,
            oxid: Oxid(reader.u64("oxid")?),
            oid: Oid(reader.u64("oid")?),
            ipid: Ipid(reader.guid("ipid")?),
        })
    }
}

/// An object reference as it travels inside an `MInterfacePointer` (`OBJREF`).
///
/// ```text
///  0  4  signature   "MEOW"
///  4  4  flags       1 standard, 2 handler, 4 custom, 8 extended
///  8 16  iid
/// 24     standard: STDOBJREF, DUALSTRINGARRAY of the resolver
///        handler:  STDOBJREF, CLSID, DUALSTRINGARRAY
///        custom:   CLSID, cbExtension, reserved, pObjectData to the end
///        extended: STDOBJREF, "VYSN", DUALSTRINGARRAY, context data
/// ```
///
/// Handler and extended references are read as standard ones: their class and context are advice to
/// COM runtimes. They are never written.
///
/// Source: [MS-DCOM] 2.2.18.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjRef {
    /// An interface to call.
    Standard {
        /// What the interface is.
        iid: Guid,
        /// Which one it is.
        std: StdObjRef,
        /// Where its resolver is, for pings and OXID resolution.
        resolver: DualStringArray,
    },
    /// Data for a class to make something of.
    Custom {
        /// What that will be.
        iid: Guid,
        /// The class (`clsid`).
        clsid: Guid,
        /// `pObjectData`.
        data: Vec<u8>,
    },
}

const SIGNATURE: u32 = 0x574f_454d;
const EXTENDED_SIGNATURE: u32 = 0x4e53_5956;
const STANDARD: u32 = 1;
const HANDLER: u32 = 2;
const CUSTOM: u32 = 4;
const EXTENDED: u32 = 8;

impl ObjRef {
    /// The interface's references, unless this is custom data.
    pub fn standard(&self) -> Option<&StdObjRef> {
        match self {
            Self::Standard { std, .. } => Some(std),
            Self::Custom { .. } => None,
        }
    }

    /// What the interface is.
    pub fn iid(&self) -> Guid {
        match self {
            Self::Standard { iid, .. } | Self::Custom { iid, .. } => *iid,
        }
    }
}

/// Alignment counts from the reference's own start, so it is written to and read from bytes of its
/// own.
impl Ndr for ObjRef {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(SIGNATURE);
        match self {
            Self::Standard { iid, std, resolver } => {
                writer.u32(STANDARD);
                writer.guid(*iid);
                std.encode(writer);
                resolver.encode_packed(writer);
            }
            Self::Custom { iid, clsid, data } => {
                writer.u32(CUSTOM);
                writer.guid(*iid);
                writer.guid(*clsid);
                writer.u32(0 /* cbExtension */);
                // The field is reserved; peers put the size of the data with 8 bytes of head there.
                writer.count(data.len().saturating_add(8));
                writer.raw(data);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        exactly(reader, "OBJREF.signature", SIGNATURE)?;
        let at = reader.position();
        let flags = reader.u32("OBJREF.flags")?;
        let iid = reader.guid("OBJREF.iid")?;
        if flags == CUSTOM {
            let clsid = reader.guid("clsid")?;
            exactly(reader, "cbExtension", 0)?;
            reader.u32("reserved")?;
            return Ok(Self::Custom { iid, clsid, data: reader.rest().to_vec() });
        }
        let std = StdObjRef::decode(reader)?;
        match flags {
            STANDARD => {}
            HANDLER => {
                reader.guid("clsid")?;
            }
            EXTENDED => exactly(reader, "Signature1", EXTENDED_SIGNATURE)?,
            value => return Err(Error::Invalid { what: "OBJREF.flags", at, value: u64::from(value) }),
        }
        Ok(Self::Standard { iid, std, resolver: DualStringArray::decode_packed(reader)? })
    }
}

fn exactly(reader: &mut Reader<'_>, what: &'static str, expected: u32) -> Result<(), Error> {
    let at = reader.position();
    match reader.u32(what)? {
        value if value == expected => Ok(()),
        value => Err(Error::Invalid { what, at, value: u64::from(value) }),
    }
}
