use dtyp::{Guid, HResult};
use ndr::{Error, Ndr, Reader, Writer};

use crate::ComVersion;

/// First parameter of every object call and of the activation calls (`ORPCTHIS`).
///
/// ```text
///  0  4  version      see `ComVersion`
///  4  4  flags        0 in object calls; anything in activation
///  8  4  reserved1    0, ignored
/// 12 16  cid          causality id: the same in all calls of one chain
/// 28  4  extensions   NULL, or out-of-band data after it
/// ```
///
/// Extensions are read past and never sent: none is of use to us, and unknown ones must be ignored.
///
/// Source: [MS-DCOM] 2.2.13.3.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrpcThis {
    /// What the client speaks on this call.
    pub version: ComVersion,
    /// `flags`.
    pub flags: u32,
    /// Causality id, random for each chain of calls.
    pub cid: Guid,
}

impl OrpcThis {
    /// Flags 0 and the negotiated version.
    pub fn new(version: ComVersion, cid: Guid) -> Self {
        Self { version, flags: 0, cid }
    }

    /// Server side, object calls: may this call be served? Activation calls only ask
    /// [`ComVersion::accept`].
    ///
    /// # Errors
    /// [`HResult::VERSION_MISMATCH`]; [`HResult::INVALID_HEADER`] for flags.
    pub fn check(&self, server: ComVersion) -> Result<(), HResult> {
        server.accept(self.version)?;
        if self.flags == 0 { Ok(()) } else { Err(HResult::INVALID_HEADER) }
    }
}

impl Ndr for OrpcThis {
    fn encode(&self, writer: &mut Writer) {
        writer.align(4);
        self.version.encode(writer);
        writer.u32(self.flags);
        writer.u32(0);
        writer.guid(self.cid);
        writer.referent(false);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.align(4);
        let version = ComVersion::decode(reader)?;
        let flags = reader.u32("flags")?;
        reader.u32("reserved1")?;
        let cid = reader.guid("cid")?;
        skip_extensions(reader)?;
        Ok(Self { version, flags, cid })
    }
}

/// First parameter of every answer to a call that had [`OrpcThis`] (`ORPCTHAT`).
///
/// ```text
/// 0  4  flags        0, ignored
/// 4  4  extensions   NULL, or out-of-band data after it
/// ```
///
/// Source: [MS-DCOM] 2.2.13.4.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrpcThat;

impl Ndr for OrpcThat {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(0);
        writer.referent(false);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.u32("flags")?;
        skip_extensions(reader)?;
        Ok(Self)
    }
}

/// `ORPC_EXTENT_ARRAY`, read past. Every element costs the peer bytes, so the work is bounded by the
/// stub's length.
fn skip_extensions(reader: &mut Reader<'_>) -> Result<(), Error> {
    if !reader.referent("extensions")? {
        return Ok(());
    }
    reader.u32("ORPC_EXTENT_ARRAY.size")?;
    reader.u32("ORPC_EXTENT_ARRAY.reserved")?;
    if !reader.referent("extent")? {
        return Ok(());
    }
    let count = reader.count("extent", 4)?;
    let mut present = 0usize;
    for _ in 0..count {
        present = present.saturating_add(usize::from(reader.referent("extent")?));
    }
    for _ in 0..present {
        let len = reader.count("ORPC_EXTENT.data", 1)?;
        reader.guid("ORPC_EXTENT.id")?;
        reader.u32("ORPC_EXTENT.size")?;
        reader.raw("ORPC_EXTENT.data", len)?;
    }
    Ok(())
}
