use core::fmt;

use dtyp::Guid;

/// Version of every interface in a bind, object or not: 0.0 (major, minor).
///
/// Other documents give some of them "1.0"; nobody uses it.
///
/// Source: [MS-DCOM] 2.1.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
pub const INTERFACE_VERSION: (u16, u16) = (0, 0);

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
    )*};
}

numbers! {
    /// An object exporter: the process that holds objects (`OXID`).
    Oxid;
    /// An object within its exporter; what is pinged (`OID`).
    Oid;
    /// A ping set within its resolver (`SETID`). 0 asks for a new one and never names one.
    SetId;
}

/// An interface of an object: the object UUID of the calls to it (`IPID`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ipid(pub Guid);

impl fmt::Display for Ipid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `xxxxxxxx-0000-0000-c000-000000000046`, the range that COM keeps for itself.
const fn com(first: u32) -> Guid {
    Guid::new(first, 0, 0, [0xc0, 0, 0, 0, 0, 0, 0, 0x46])
}

/// Well-known interfaces ([MS-DCOM] 1.9).
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
pub mod iid {
    use super::{Guid, com};

    /// `IUnknown`: never bound to, but may be asked for.
    pub const UNKNOWN: Guid = com(0);
    /// `IRemUnknown`.
    pub const REM_UNKNOWN: Guid = com(0x131);
    /// `IRemUnknown2`.
    pub const REM_UNKNOWN_2: Guid = com(0x143);
    /// `IRemoteSCMActivator`, not an object interface.
    pub const REMOTE_SCM_ACTIVATOR: Guid = com(0x1a0);
    /// `IActivation`, not an object interface.
    pub const ACTIVATION: Guid =
        Guid::new(0x4d9f_4ab8, 0x7d1c, 0x11cf, [0x86, 0x1e, 0, 0x20, 0xaf, 0x6e, 0x7c, 0x57]);
    /// `IObjectExporter`, not an object interface.
    pub const OBJECT_EXPORTER: Guid =
        Guid::new(0x99fc_fec4, 0x5260, 0x101b, [0xbb, 0xcb, 0, 0xaa, 0, 0x21, 0x34, 0x7a]);
    /// `IActivationPropertiesIn`: the IID inside the OBJREF of a request's properties.
    pub const ACTIVATION_PROPERTIES_IN: Guid = com(0x1a2);
    /// `IActivationPropertiesOut`: the same of a response.
    pub const ACTIVATION_PROPERTIES_OUT: Guid = com(0x1a3);
}

/// Well-known classes: unmarshalers and activation properties ([MS-DCOM] 1.9).
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
pub mod clsid {
    use super::{Guid, com};

    /// `CLSID_ActivationPropertiesIn`: unmarshaler of a request's properties.
    pub const ACTIVATION_PROPERTIES_IN: Guid = com(0x338);
    /// `CLSID_ActivationPropertiesOut`: unmarshaler of a response's properties.
    pub const ACTIVATION_PROPERTIES_OUT: Guid = com(0x339);
    /// `CLSID_PropsOutInfo`: the same value, as a property.
    pub const PROPS_OUT_INFO: Guid = ACTIVATION_PROPERTIES_OUT;
    /// `CLSID_ServerLocationInfo`.
    pub const SERVER_LOCATION_INFO: Guid = com(0x1a4);
    /// `CLSID_ActivationContextInfo`.
    pub const ACTIVATION_CONTEXT_INFO: Guid = com(0x1a5);
    /// `CLSID_SecurityInfo`.
    pub const SECURITY_INFO: Guid = com(0x1a6);
    /// `CLSID_ScmRequestInfo`.
    pub const SCM_REQUEST_INFO: Guid = com(0x1aa);
    /// `CLSID_InstantiationInfo`.
    pub const INSTANTIATION_INFO: Guid = com(0x1ab);
    /// `CLSID_InstanceInfo`.
    pub const INSTANCE_INFO: Guid = com(0x1ad);
    /// `CLSID_ScmReplyInfo`.
    pub const SCM_REPLY_INFO: Guid = com(0x1b6);
    /// `CLSID_SpecialSystemProperties`.
    pub const SPECIAL_SYSTEM_PROPERTIES: Guid = com(0x1b9);
}

/// `error_status_t` of the interfaces that are not objects' ([MS-ERREF] 2.2).
///
/// [MS-ERREF]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/
pub mod status {
    /// Success.
    pub const OK: u32 = 0;
    /// `ERROR_ACCESS_DENIED`.
    pub const ACCESS_DENIED: u32 = 5;
    /// `RPC_S_OUT_OF_RESOURCES`: our limits on ping sets.
    pub const OUT_OF_RESOURCES: u32 = 1721;
    /// `OR_INVALID_OXID`: no such exporter.
    pub const INVALID_OXID: u32 = 1910;
    /// `OR_INVALID_OID`: no such object.
    pub const INVALID_OID: u32 = 1911;
    /// `OR_INVALID_SET`: no such ping set.
    pub const INVALID_SET: u32 = 1912;
}
