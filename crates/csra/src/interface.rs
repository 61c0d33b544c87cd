use dtyp::Guid;

/// The class to activate: the CA's administration object (`CCertAdminD`).
///
/// Source: [MS-CSRA] 2.1.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
pub const CLSID_CERT_ADMIN: Guid =
    Guid::new(0xd99e_6e73, 0xfc88, 0x11d0, [0xb4, 0x98, 0x00, 0xa0, 0xc9, 0x03, 0x12, 0xf3]);

/// One of the two interfaces of a CA. Both have the RPC version 0.0.
///
/// A client asks for [`Interface::CertAdmin2`] and falls back ([MS-CSRA] 1.7).
///
/// Source: [MS-CSRA] 2.1; that text elsewhere says version 1.0 (3.1.4.2), which no implementation uses.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// `ICertAdminD`: opnums 3 to 30.
    CertAdmin,
    /// `ICertAdminD2`: those and 31 to 48.
    CertAdmin2,
}

impl Interface {
    /// The interface with this id.
    pub fn from_iid(iid: Guid) -> Option<Self> {
        [Self::CertAdmin, Self::CertAdmin2].into_iter().find(|interface| interface.iid() == iid)
    }

    /// The interface's id (IID).
    pub const fn iid(self) -> Guid {
        match self {
            Self::CertAdmin => {
                Guid::new(0xd99e_6e71, 0xfc88, 0x11d0, [0xb4, 0x98, 0x00, 0xa0, 0xc9, 0x03, 0x12, 0xf3])
            }
            Self::CertAdmin2 => {
                Guid::new(0x7fe0_d935, 0xdda6, 0x443f, [0x85, 0xd0, 0x1c, 0xfb, 0x58, 0xfe, 0x41, 0xdd])
            }
        }
    }

    /// Has the interface a method with this number? 0 to 2 are `IUnknown`'s, which never go on the wire.
    pub fn has(self, opnum: u16) -> bool {
        match self {
            Self::CertAdmin => (3..=30).contains(&opnum),
            Self::CertAdmin2 => (3..=48).contains(&opnum),
        }
    }
}
