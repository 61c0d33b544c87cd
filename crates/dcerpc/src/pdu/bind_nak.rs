use alloc::vec::Vec;
use core::fmt;

use ndr::{Reader, Writer};

/// Body of bind_nak: the server refuses the association.
///
/// ```text
/// 16  2  provider_reject_reason
/// 18  1  n_protocols
/// 19  .  n_protocols times: major, minor of rpc_vers
/// ```
///
/// Windows appends extended error information behind it, which is not read here.
///
/// Source: [C706] 12.6.4.5; [MS-RPCE] 2.2.2.5 and 2.2.2.9.
///
/// [C706]: https://publications.opengroup.org/c706
/// [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindNak {
    /// Why (`provider_reject_reason`).
    pub reason: NakReason,
    /// Protocol versions that the server speaks; at most 255. Peers may leave them out.
    pub versions: Vec<(u8, u8)>,
}

/// Why a bind was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NakReason(pub u16);

impl NakReason {
    /// No reason given.
    pub const NOT_SPECIFIED: Self = Self(0);
    /// The server has no room.
    pub const TEMPORARY_CONGESTION: Self = Self(1);
    /// More contexts than the server takes.
    pub const LOCAL_LIMIT: Self = Self(2);
    /// Another version of the protocol is needed.
    pub const PROTOCOL_VERSION: Self = Self(4);
    /// The mechanism or level is not served.
    pub const AUTHENTICATION_TYPE: Self = Self(8);
    /// The mechanism refused the client's token.
    pub const INVALID_CHECKSUM: Self = Self(9);

    /// The name in the specification.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "reason_not_specified",
            1 => "temporary_congestion",
            2 => "local_limit_exceeded",
            4 => "protocol_version_not_supported",
            8 => "authentication_type_not_recognized",
            9 => "invalid_checksum",
            _ => return None,
        })
    }
}

impl BindNak {
    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u16(self.reason.0);
        let versions = self.versions.get(..255).unwrap_or(&self.versions);
        writer.u8(u8::try_from(versions.len()).unwrap_or(u8::MAX));
        versions.iter().for_each(|(major, minor)| writer.raw(&[*major, *minor]));
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        let reason = NakReason(reader.u16("provider_reject_reason")?);
        let count = if reader.remaining() == 0 { 0 } else { reader.u8("n_protocols")? };
        let versions = (0..count)
            .map(|_| Ok((reader.u8("p_protocols")?, reader.u8("p_protocols")?)))
            .collect::<Result<_, ndr::Error>>()?;
        Ok(Self { reason, versions })
    }
}

impl fmt::Display for NakReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for BindNak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "provider_reject_reason {}", self.reason)?;
        self.versions.iter().try_for_each(|(major, minor)| write!(f, ", speaks {major}.{minor}"))
    }
}
