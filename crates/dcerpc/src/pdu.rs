//! PDUs of connection-oriented DCE/RPC, version 5.0: values, their bytes, and one line of text for each.
//!
//! [`Packet`] is any of them, whole and in clear. Associations take signed and sealed requests and
//! responses apart themselves, in place.
//!
//! Source: [C706] 12.6.4; [MS-RPCE] 2.2.2.
//!
//! [C706]: https://publications.opengroup.org/c706
//! [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/

mod bind;
mod bind_ack;
mod bind_nak;
mod fault;
mod features;
mod header;
mod line;
mod packet;
mod request;
mod response;
mod trailer;

pub use bind::{Bind, Offer};
pub use bind_ack::{BindAck, ContextResult, provider_reason};
pub use bind_nak::{BindNak, NakReason};
pub use fault::Fault;
pub use features::Features;
pub use header::{Flags, Header, PacketType};
pub use line::Line;
pub use packet::{Auth, Body, Packet};
pub use request::Request;
pub use response::Response;
pub use trailer::{TRAILER_LEN, Trailer};

pub(crate) use header::HEADER_BYTES;
pub(crate) use request::RequestHead;
pub(crate) use response::ResponseHead;
