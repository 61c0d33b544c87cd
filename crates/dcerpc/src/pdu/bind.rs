use alloc::vec::Vec;
use core::fmt;

use ndr::{Reader, Writer};

use crate::Syntax;

/// Body of bind and alter_context: what the client wants to speak.
///
/// ```text
/// 16  2  max_xmit_frag
/// 18  2  max_recv_frag
/// 20  4  assoc_group_id
/// 24  1  n_context_elem
/// 25  3  reserved
/// 28  .  n_context_elem times:
///        2  p_cont_id
///        1  n_transfer_syn
///        1  reserved
///       20  abstract_syntax
///        .  n_transfer_syn times 20: transfer_syntaxes
/// ```
///
/// Source: [C706] 12.6.4.3 and 12.6.4.1.
///
/// [C706]: https://publications.opengroup.org/c706
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Longest fragment the client would send, in bytes.
    pub max_xmit: u16,
    /// Longest fragment the client takes, in bytes.
    pub max_recv: u16,
    /// Association group to join; 0 asks for a new one.
    pub group: u32,
    /// Presentation contexts; at most 255.
    pub offers: Vec<Offer>,
}

/// One presentation context offered (`p_cont_elem_t`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The number that the client gives it (`p_cont_id`).
    pub context: u16,
    /// The interface (`abstract_syntax`).
    pub interface: Syntax,
    /// Encodings to choose from (`transfer_syntaxes`); at most 255.
    pub transfers: Vec<Syntax>,
}

impl Bind {
    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u16(self.max_xmit);
        writer.u16(self.max_recv);
        writer.u32(self.group);
        let offers = self.offers.get(..255).unwrap_or(&self.offers);
        writer.u32(u32::try_from(offers.len()).unwrap_or(u32::MAX));
        for offer in offers {
            let transfers = offer.transfers.get(..255).unwrap_or(&offer.transfers);
            writer.u16(offer.context);
            writer.u8(u8::try_from(transfers.len()).unwrap_or(u8::MAX));
            writer.u8(0);
            offer.interface.encode(writer);
            transfers.iter().for_each(|transfer| transfer.encode(writer));
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, ndr::Error> {
        let max_xmit = reader.u16("max_xmit_frag")?;
        let max_recv = reader.u16("max_recv_frag")?;
        let group = reader.u32("assoc_group_id")?;
        let count = reader.u8("n_context_elem")?;
        let offers = (0..count)
            .map(|_| {
                reader.align(4);
                let context = reader.u16("p_cont_id")?;
                let count = reader.u8("n_transfer_syn")?;
                let interface = Syntax::decode(reader)?;
                let transfers =
                    (0..count).map(|_| Syntax::decode(reader)).collect::<Result<_, ndr::Error>>()?;
                Ok(Offer { context, interface, transfers })
            })
            .collect::<Result<_, ndr::Error>>()?;
        Ok(Self { max_xmit, max_recv, group, offers })
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_xmit, max_recv, group, offers } = self;
        write!(f, "max_xmit_frag {max_xmit} max_recv_frag {max_recv} assoc_group_id 0x{group:x}")?;
        for offer in offers {
            write!(f, ", context {} is {} over", offer.context, offer.interface)?;
            offer.transfers.iter().try_for_each(|transfer| write!(f, " {transfer}"))?;
        }
        Ok(())
    }
}
