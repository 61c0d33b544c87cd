use core::fmt;

use ndr::Reader;

use super::Header;
use crate::Error;

/// Length of the security trailer before its token, in bytes.
pub const TRAILER_LEN: usize = 8;

/// The security trailer of a PDU, without its token (`sec_trailer`, `auth_verifier_co_t`).
///
/// ```text
///  0  1  auth_type        see `AuthService`
///  1  1  auth_level       see `Level`
///  2  1  auth_pad_length  bytes of padding between body and trailer
///  3  1  auth_reserved    0
///  4  4  auth_context_id  of the security context
///  8  .  auth_value       auth_length bytes: the token
/// ```
///
/// It stands at `frag_length - auth_length - 8`.
///
/// Source: [MS-RPCE] 2.2.2.11.
///
/// [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Number of the mechanism (`auth_type`), which may be one that this crate does not know.
    pub service: u8,
    /// Number of the level (`auth_level`), which may be one that this crate does not know.
    pub level: u8,
    /// Padding before the trailer, in bytes (`auth_pad_length`).
    pub pad: u8,
    /// The security context (`auth_context_id`).
    pub context: u32,
}

impl Trailer {
    /// The trailer and the token of a whole PDU, when it has them.
    ///
    /// # Errors
    /// [`Error::AuthLength`] when they do not fit behind the `head` bytes of fixed fields.
    pub(crate) fn of<'a>(
        header: &Header,
        head: usize,
        pdu: &'a [u8],
    ) -> Result<Option<(Self, &'a [u8])>, Error> {
        if header.auth_len == 0 {
            return Ok(None);
        }
        let end = header.body_end(head)?;
        let mut reader = Reader::new(pdu.get(end..).unwrap_or_default());
        let service = reader.u8("auth_type")?;
        let level = reader.u8("auth_level")?;
        let pad = reader.u8("auth_pad_length")?;
        reader.u8("auth_reserved")?;
        let context = u32::from_le_bytes(reader.array("auth_context_id")?);
        if usize::from(pad) > end.saturating_sub(head) {
            return Err(Error::AuthLength {
                token: usize::from(header.auth_len),
                pad: usize::from(pad),
                left: pdu.len().saturating_sub(head),
            });
        }
        Ok(Some((Self { service, level, pad, context }, reader.rest())))
    }

    pub(crate) fn to_bytes(self) -> [u8; TRAILER_LEN] {
        let [c0, c1, c2, c3] = self.context.to_le_bytes();
        [self.service, self.level, self.pad, 0, c0, c1, c2, c3]
    }
}

impl fmt::Display for Trailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, level, pad, context } = self;
        write!(f, "auth_type {service} auth_level {level} auth_pad_length {pad} auth_context_id {context}")
    }
}
