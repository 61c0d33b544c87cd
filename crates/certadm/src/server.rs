//! The server's side: who may call ([`Gate`]) and in which order ([`Session`]).
//!
//! Transport-free: the same machine serves in process, behind the wire and behind a Certadm of our
//! own. What it needs of the certificate service behind it is the [`Engine`] trait.
//!
//! Source: [MS-CSRA] 3.1.1.7, 3.1.4.1, 3.1.4.1.16 - 3.1.4.1.28 and 3.1.4.2.14.
//!
//! [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/

mod gate;
mod session;

pub use gate::{Caller, Gate, InterfaceFlags, Roles};
pub use session::{Ending, Engine, Session};
