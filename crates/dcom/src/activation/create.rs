use alloc::vec::Vec;

use dtyp::{Guid, HResult};
use ndr::{Error, Ndr, Reader, Writer, pickle};

use super::properties::{InstantiationInfo, PropsOutInfo, ScmReplyInfo, ScmRequestInfo, Zeros};
use super::{Activated, Activation, blob};
use crate::nested::{failed, read_interface_pointer, skip_interface_pointer, write_interface_pointer};
use crate::{ObjRef, OrpcThat, OrpcThis, clsid, iid};

/// `IRemoteSCMActivator::RemoteCreateInstance` request (opnum 4).
///
/// ```text
/// in   ORPCTHIS *orpcthis                  explicit; flags ignored
/// in   MInterfacePointer *pUnkOuter        NULL
/// in   MInterfacePointer *pActProperties   OBJREF_CUSTOM around the blob
/// ```
///
/// Written properties, in this order: InstantiationInfo, ActivationContextInfo, ServerLocationInfo,
/// ScmRequestInfo. The context is empty, which the specification forbids and Windows accepts.
/// Read: InstantiationInfo must be there, ScmRequestInfo may; all others, known or not, are passed
/// over.
///
/// Source: [MS-DCOM] 3.1.2.5.2.3.3 and 2.2.22.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCreateInstance {
    /// Header.
    pub this: OrpcThis,
    /// What is wanted.
    pub activation: Activation,
}

impl RemoteCreateInstance {
    /// `RemoteCreateInstance`.
    pub const OPNUM: u16 = 4;
}

impl Ndr for RemoteCreateInstance {
    fn encode(&self, writer: &mut Writer) {
        let Activation { class, interfaces, protocols, version } = self.activation.clone();
        let properties = [
            (clsid::INSTANTIATION_INFO, pickle::encode(&InstantiationInfo { class, interfaces, version })),
            (clsid::ACTIVATION_CONTEXT_INFO, pickle::encode(&Zeros(6))),
            (clsid::SERVER_LOCATION_INFO, pickle::encode(&Zeros(4))),
            (clsid::SCM_REQUEST_INFO, pickle::encode(&ScmRequestInfo { protocols })),
        ];
        self.this.encode(writer);
        writer.referent(false);
        writer.referent(true);
        let custom = ObjRef::Custom {
            iid: iid::ACTIVATION_PROPERTIES_IN,
            clsid: clsid::ACTIVATION_PROPERTIES_IN,
            data: blob::encode(&properties),
        };
        write_interface_pointer(writer, &custom.to_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let this = OrpcThis::decode(reader)?;
        skip_interface_pointer(reader, "pUnkOuter")?;
        reader.present("pActProperties")?;
        let data = read_properties(reader, "pActProperties", clsid::ACTIVATION_PROPERTIES_IN)?;
        let properties = blob::decode(&data)?;
        let info: InstantiationInfo =
            blob::find(&properties, clsid::INSTANTIATION_INFO)?.ok_or(missing("InstantiationInfo"))?;
        let scm: Option<ScmRequestInfo> = blob::find(&properties, clsid::SCM_REQUEST_INFO)?;
        let InstantiationInfo { class, interfaces, version } = info;
        let protocols = scm.map(|scm| scm.protocols).unwrap_or_default();
        Ok(Self { this, activation: Activation { class, interfaces, protocols, version } })
    }
}

/// `IRemoteSCMActivator::RemoteCreateInstance` response.
///
/// ```text
/// out  ORPCTHAT *orpcthat
/// out  MInterfacePointer **ppActProperties   OBJREF_CUSTOM around the blob, NULL on failure
/// out  HRESULT
/// ```
///
/// Written: PropsOutInfo, then ScmReplyInfo (impacket slices them in this order without looking).
/// Read: in any order, by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCreateInstanceReply {
    /// The object, or the call's result. Each interface has a result of its own too.
    pub result: Result<Activated, HResult>,
}

impl Ndr for RemoteCreateInstanceReply {
    fn encode(&self, writer: &mut Writer) {
        OrpcThat.encode(writer);
        writer.referent(self.result.is_ok());
        if let Ok(Activated { oxid, exporter, interfaces }) = self.result.clone() {
            let properties = [
                (clsid::PROPS_OUT_INFO, pickle::encode(&PropsOutInfo { interfaces })),
                (clsid::SCM_REPLY_INFO, pickle::encode(&ScmReplyInfo { oxid, exporter })),
            ];
            let custom = ObjRef::Custom {
                iid: iid::ACTIVATION_PROPERTIES_OUT,
                clsid: clsid::ACTIVATION_PROPERTIES_OUT,
                data: blob::encode(&properties),
            };
            write_interface_pointer(writer, &custom.to_bytes());
        }
        writer.u32(self.result.as_ref().err().unwrap_or(&HResult::OK).0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        OrpcThat::decode(reader)?;
        let data = match reader.referent("ppActProperties")? {
            true => read_properties(reader, "ppActProperties", clsid::ACTIVATION_PROPERTIES_OUT).map(Some)?,
            false => None,
        };
        let result = HResult(reader.u32("HRESULT")?);
        if failed(result) {
            return Ok(Self { result: Err(result) });
        }
        let data = data.ok_or(missing("ppActProperties"))?;
        let properties = blob::decode(&data)?;
        let PropsOutInfo { interfaces } =
            blob::find(&properties, clsid::PROPS_OUT_INFO)?.ok_or(missing("PropsOutInfo"))?;
        let ScmReplyInfo { oxid, exporter } =
            blob::find(&properties, clsid::SCM_REPLY_INFO)?.ok_or(missing("ScmReplyInfo"))?;
        Ok(Self { result: Ok(Activated { oxid, exporter, interfaces }) })
    }
}

fn missing(what: &'static str) -> Error {
    Error::Missing { what }
}

/// The blob inside an OBJREF_CUSTOM of this class.
fn read_properties(reader: &mut Reader<'_>, what: &'static str, expected: Guid) -> Result<Vec<u8>, Error> {
    let at = reader.position();
    let bytes = read_interface_pointer(reader, what)?;
    match ObjRef::from_bytes(bytes)? {
        ObjRef::Custom { clsid, data, .. } if clsid == expected => Ok(data),
        _ => Err(Error::Invalid { what, at, value: 0 }),
    }
}
