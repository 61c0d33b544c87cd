#![doc = include_str!("../README.md")]
#![no_std]
#![warn(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

extern crate alloc;

mod acceptor;
mod authenticate;
pub mod av_pair;
mod challenge;
mod error;
mod field;
pub mod flags;
mod initiator;
mod keys;
mod negotiate;
mod response;
mod session;

pub use acceptor::{Acceptor, Host, User, Users};
pub use authenticate::Authenticate;
pub use challenge::Challenge;
pub use error::Error;
pub use initiator::{Client, Fresh, Initiator};
pub use keys::NtHash;
pub use negotiate::Negotiate;
pub use response::Response;
pub use session::{Role, Session};
