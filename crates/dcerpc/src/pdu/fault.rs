use core::fmt;

use ndr::{Reader, Writer};

use crate::Status;

/// Body of fault: the call failed.
///
/// ```text
/// 16  4  alloc_hint
/// 20  2  p_cont_id
/// 22  1  cancel_count
/// 23  1  reserved
/// 24  4  status
/// 28  4  reserved
/// ```
///
/// Source: [C706] 12.6.4.7; [MS-RPCE] 2.2.2.8.
///
/// [C706]: https://publications.opengroup.org/c706
/// [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The presentation context of the call, as far as the server knows it.
    pub context: u16,
    /// Why.
    pub status: Status,
}

/// What Samba and Windows announce: the body behind the first 8 bytes of the header.
const ALLOC_HINT: u32 = 24;

impl Fault {
    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u32(ALLOC_HINT);
        writer.u16(self.context);
        writer.raw(&[0, 0]);
        writer.u32(self.status.0);
        writer.u32(0);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        reader.u32("alloc_hint")?;
        let context = reader.u16("p_cont_id")?;
        reader.raw("cancel_count", 2)?;
        Ok(Self { context, status: Status(reader.u32("status")?) })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context {} status {}", self.context, self.status)
    }
}
