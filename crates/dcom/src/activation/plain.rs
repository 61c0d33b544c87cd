use alloc::vec::Vec;

use dtyp::HResult;
use ndr::{Error, Ndr, Reader, Writer};

use super::properties::read_interface_count;
use super::{Activated, Activation, IMPERSONATE, Interface, MAX_INTERFACES};
use crate::exporter::{Exporter, read_protocols, read_resolved, write_protocols, write_resolved};
use crate::nested::{
    Outcome, failed, limited, outcomes, read_guids, read_pointers, read_results, skip_interface_pointer,
    write_guids, write_pointers, write_results,
};
use crate::{ComVersion, OrpcThat, OrpcThis, Oxid};

/// `IActivation::RemoteActivation` request (opnum 0).
///
/// ```text
/// in   ORPCTHIS *ORPCthis                 explicit; flags ignored
/// in   GUID *Clsid
/// in   wchar_t *pwszObjectName            string, unique; NULL
/// in   MInterfacePointer *pObjectStorage  unique; NULL
/// in   DWORD ClientImpLevel               ignored
/// in   DWORD Mode                         0, or 0xFFFFFFFF for the class object
/// in   DWORD Interfaces
/// in   IID *pIIDs                         unique, size_is(Interfaces)
/// in   unsigned short cRequestedProtseqs
/// in   unsigned short aRequestedProtseqs[]
/// ```
///
/// Source: [MS-DCOM] 3.1.2.5.2.3.1.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteActivation {
    /// Header.
    pub this: OrpcThis,
    /// What is wanted.
    pub activation: Activation,
    /// `Mode`, see [`RemoteActivation::CLASS_OBJECT`].
    pub mode: u32,
}

impl RemoteActivation {
    /// `RemoteActivation`.
    pub const OPNUM: u16 = 0;
    /// `MODE_GET_CLASS_OBJECT`: the class factory is wanted, not an object.
    pub const CLASS_OBJECT: u32 = u32::MAX;
}

impl Ndr for RemoteActivation {
    fn encode(&self, writer: &mut Writer) {
        let interfaces = &self.activation.interfaces;
        self.this.encode(writer);
        writer.guid(self.activation.class);
        writer.referent(false);
        writer.referent(false);
        writer.u32(IMPERSONATE);
        writer.u32(self.mode);
        writer.count(interfaces.len());
        writer.referent(true);
        write_guids(writer, interfaces);
        write_protocols(writer, &self.activation.protocols);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let this = OrpcThis::decode(reader)?;
        let class = reader.guid("Clsid")?;
        reader.unique_wide_string("pwszObjectName")?;
        reader.align(4);
        skip_interface_pointer(reader, "pObjectStorage")?;
        reader.u32("ClientImpLevel")?;
        let mode = reader.u32("Mode")?;
        let count = read_interface_count(reader, "Interfaces")?;
        reader.present("pIIDs")?;
        let interfaces = read_guids(reader, "pIIDs", count)?;
        let protocols = read_protocols(reader)?;
        let activation = Activation { class, interfaces, protocols, version: this.version };
        Ok(Self { this, activation, mode })
    }
}

/// `IActivation::RemoteActivation` response.
///
/// ```text
/// out  ORPCTHAT *ORPCthat
/// out  OXID *pOxid
/// out  DUALSTRINGARRAY **ppdsaOxidBindings
/// out  IPID *pipidRemUnknown
/// out  DWORD *pAuthnHint
/// out  COMVERSION *pServerVersion
/// out  HRESULT *phr
/// out  MInterfacePointer **ppInterfaceData   size_is(Interfaces)
/// out  HRESULT *pResults                     size_is(Interfaces)
/// out  error_status_t
/// ```
///
/// `phr` tells about the object, the last status about the call; either fails the activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteActivationReply {
    /// The object, or why there is none.
    pub result: Result<Activated, HResult>,
    /// Interfaces of the request: both arrays of a failure have this many elements.
    pub requested: usize,
}

impl Ndr for RemoteActivationReply {
    fn encode(&self, writer: &mut Writer) {
        let activated = self.result.as_ref().ok();
        let refusal = self.result.as_ref().err().copied().unwrap_or(HResult::OK);
        let outcomes: Vec<Outcome> = match activated {
            Some(activated) => {
                activated.interfaces.iter().map(|interface| interface.object.clone()).collect()
            }
            None => alloc::vec![Err(refusal); self.requested],
        };
        OrpcThat.encode(writer);
        writer.u64(activated.map_or(0, |activated| activated.oxid.0));
        write_resolved(writer, activated.map(|activated| &activated.exporter));
        activated.map_or(ComVersion::OURS, |activated| activated.exporter.version).encode(writer);
        writer.u32(refusal.0);
        write_pointers(writer, &outcomes);
        write_results(writer, &outcomes);
        writer.u32(0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        OrpcThat::decode(reader)?;
        let oxid = Oxid(reader.u64("pOxid")?);
        let exporter = read_resolved(reader)?;
        let version = ComVersion::decode(reader)?;
        let refusal = HResult(reader.u32("phr")?);
        let requested =
            limited("ppInterfaceData", Reader::new(reader.rest()).u32("ppInterfaceData")?, MAX_INTERFACES)?;
        let objects = read_pointers(reader, "ppInterfaceData", requested)?;
        let results = read_results(reader, "pResults", requested)?;
        let status = reader.u32("error_status_t")?;
        if let Some(failure) = failure(refusal, status) {
            return Ok(Self { result: Err(failure), requested });
        }
        let exporter = exporter.ok_or(Error::Missing { what: "ppdsaOxidBindings" })?;
        let exporter = Exporter { version, ..exporter };
        let interfaces = outcomes("ppInterfaceData", results, objects)?.into_iter().map(|object| Interface {
            iid: object.as_ref().map(crate::ObjRef::iid).unwrap_or_default(),
            object,
        });
        Ok(Self { result: Ok(Activated { oxid, exporter, interfaces: interfaces.collect() }), requested })
    }
}

/// A Win32 status is shown as its HRESULT.
fn failure(refusal: HResult, status: u32) -> Option<HResult> {
    match status {
        _ if failed(refusal) => Some(refusal),
        0 => None,
        1..=0xffff => Some(HResult(0x8007_0000 | status)),
        status => Some(HResult(status)),
    }
}
