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

pub mod authority;
mod error;
mod interface;
pub mod method;
pub mod server;
mod stub;
pub mod value;

pub use error::Error;
pub use interface::{CLSID_CERT_ADMIN, Interface};
pub use stub::{reply, request};
