use dtyp::HResult;
use ndr::{Error, Ndr, Reader, Writer};

/// The version of the protocol that a side speaks (`COMVERSION`).
///
/// ```text
/// 0  2  MajorVersion   5
/// 2  2  MinorVersion   1, 2, 4, 6 or 7
/// ```
///
/// Source: [MS-DCOM] 2.2.11 and 1.7.
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComVersion {
    /// `MajorVersion`.
    pub major: u16,
    /// `MinorVersion`.
    pub minor: u16,
}

impl ComVersion {
    /// Ours: 5.7.
    pub const OURS: Self = Self { major: 5, minor: 7 };

    /// What a server without `ServerAlive2` and `ResolveOxid2` is taken for: 5.1.
    pub const OLDEST: Self = Self { major: 5, minor: 1 };

    /// The version to speak with a peer: 5 and the smaller minor.
    ///
    /// # Errors
    /// [`HResult::VERSION_MISMATCH`] for another major version.
    pub fn negotiate(self, peer: Self) -> Result<Self, HResult> {
        if self.major == peer.major {
            Ok(Self { major: self.major, minor: self.minor.min(peer.minor) })
        } else {
            Err(HResult::VERSION_MISMATCH)
        }
    }

    /// Server side: may a client call with this version?
    ///
    /// # Errors
    /// [`HResult::VERSION_MISMATCH`] for another major or a higher minor version than the server's.
    pub fn accept(self, client: Self) -> Result<(), HResult> {
        if client.major == self.major && client.minor <= self.minor {
            Ok(())
        } else {
            Err(HResult::VERSION_MISMATCH)
        }
    }
}

impl Ndr for ComVersion {
    fn encode(&self, writer: &mut Writer) {
        writer.u16(self.major);
        writer.u16(self.minor);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { major: reader.u16("MajorVersion")?, minor: reader.u16("MinorVersion")? })
    }
}
