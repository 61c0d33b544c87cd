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
mod der;
mod error;
mod initiator;
pub mod mech_list;
mod oid;
mod token;

pub use acceptor::{Acceptor, Service};
pub use error::Error;
pub use initiator::{Initiator, Offer};
pub use oid::Oid;
pub use token::{NegState, NegTokenInit, NegTokenResp, Token};
