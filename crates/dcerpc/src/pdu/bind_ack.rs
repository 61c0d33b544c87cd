use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ndr::{Reader, Writer};

use super::Features;
use crate::Syntax;

/// Body of bind_ack and alter_context_resp: what the server agrees to.
///
/// ```text
/// 16  2  max_xmit_frag
/// 18  2  max_recv_frag
/// 20  4  assoc_group_id
/// 24  2  sec_addr length, NUL included; 0: none
/// 26  .  sec_addr, then padding to 4
///  .  1  n_results
///  .  3  reserved
///  .  .  n_results times:
///        2  result
///        2  reason
///       20  transfer_syntax
/// ```
///
/// Source: [C706] 12.6.4.4 and 12.6.4.2.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAck {
    /// Longest fragment the server sends, in bytes.
    pub max_xmit: u16,
    /// Longest fragment the server takes, in bytes.
    pub max_recv: u16,
    /// The association group.
    pub group: u32,
    /// Secondary address; for TCP the port as text. Bytes that are not UTF-8 are replaced.
    pub secondary_address: String,
    /// One per context offered, in its order; at most 255.
    pub results: Vec<ContextResult>,
}

/// The server's word on one presentation context (`p_result_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextResult {
    /// Taken, with the encoding chosen (result 0).
    Accepted(Syntax),
    /// Refused by the application; `reason` (result 1).
    UserRejected(u16),
    /// Refused by the runtime; `reason` as in [`provider_reason`] (result 2).
    ProviderRejected(u16),
    /// Bind-time features; these are the server's (result 3, `negotiate_ack`).
    Negotiated(Features),
}

/// Reasons of [`ContextResult::ProviderRejected`] (`p_provider_reason_t`).
pub mod provider_reason {
    /// `reason_not_specified`.
    pub const NOT_SPECIFIED: u16 = 0;
    /// `abstract_syntax_not_supported`: the server does not have the interface.
    pub const ABSTRACT_SYNTAX: u16 = 1;
    /// `proposed_transfer_syntaxes_not_supported`.
    pub const TRANSFER_SYNTAXES: u16 = 2;
    /// `local_limit_exceeded`.
    pub const LOCAL_LIMIT: u16 = 3;
}

impl BindAck {
    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u16(self.max_xmit);
        writer.u16(self.max_recv);
        writer.u32(self.group);
        let address = self.secondary_address.as_bytes();
        match u16::try_from(address.len().saturating_add(1)) {
            Ok(len) if len > 1 => {
                writer.u16(len);
                writer.raw(address);
                writer.u8(0);
            }
            _ => writer.u16(0),
        }
        writer.align(4);
        let results = self.results.get(..255).unwrap_or(&self.results);
        writer.u32(u32::try_from(results.len()).unwrap_or(u32::MAX));
        for result in results {
            let (code, reason, transfer) = match *result {
                ContextResult::Accepted(transfer) => (0, 0, transfer),
                ContextResult::UserRejected(reason) => (1, reason, Syntax::NIL),
                ContextResult::ProviderRejected(reason) => (2, reason, Syntax::NIL),
                ContextResult::Negotiated(features) => (3, features.0, Syntax::NIL),
            };
            writer.u16(code);
            writer.u16(reason);
            transfer.encode(writer);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        let max_xmit = reader.u16("max_xmit_frag")?;
        let max_recv = reader.u16("max_recv_frag")?;
        let group = reader.u32("assoc_group_id")?;
        let len = reader.u16("sec_addr")?;
        let address = reader.raw("sec_addr", usize::from(len))?;
        let address = address.split(|byte| *byte == 0).next().unwrap_or_default();
        let secondary_address = String::from_utf8_lossy(address).into_owned();
        reader.align(4);
        let count = reader.u8("n_results")?;
        let results = (0..count)
            .map(|_| {
                reader.align(4);
                let at = reader.position();
                let result = reader.u16("result")?;
                let reason = reader.u16("reason")?;
                let transfer = Syntax::decode(reader)?;
                match result {
                    0 => Ok(ContextResult::Accepted(transfer)),
                    1 => Ok(ContextResult::UserRejected(reason)),
                    2 => Ok(ContextResult::ProviderRejected(reason)),
                    3 => Ok(ContextResult::Negotiated(Features(reason))),
                    _ => Err(ndr::Error::Invalid { what: "result", at, value: u64::from(result) }),
                }
            })
            .collect::<Result<_, ndr::Error>>()?;
        Ok(Self { max_xmit, max_recv, group, secondary_address, results })
    }
}

impl fmt::Display for BindAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_xmit, max_recv, group, secondary_address, results } = self;
        write!(f, "max_xmit_frag {max_xmit} max_recv_frag {max_recv} assoc_group_id 0x{group:x}")?;
        write!(f, " sec_addr {secondary_address:?}")?;
        results.iter().try_for_each(|result| write!(f, ", {result}"))
    }
}

impl fmt::Display for ContextResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(transfer) => write!(f, "acceptance of {transfer}"),
            Self::UserRejected(reason) => write!(f, "user_rejection, reason {reason}"),
            Self::ProviderRejected(provider_reason::ABSTRACT_SYNTAX) => {
                f.write_str("provider_rejection, abstract_syntax_not_supported")
            }
            Self::ProviderRejected(provider_reason::TRANSFER_SYNTAXES) => {
                f.write_str("provider_rejection, proposed_transfer_syntaxes_not_supported")
            }
            Self::ProviderRejected(provider_reason::LOCAL_LIMIT) => {
                f.write_str("provider_rejection, local_limit_exceeded")
            }
            Self::ProviderRejected(reason) => write!(f, "provider_rejection, reason {reason}"),
            Self::Negotiated(features) => write!(f, "negotiate_ack {features}"),
        }
    }
}
