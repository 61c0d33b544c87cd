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

pub mod client;
mod context;
mod error;
mod fragments;
mod framer;
pub mod pdu;
mod reassembly;
pub mod security;
pub mod server;
mod status;
mod syntax;
pub mod verification;

pub use error::Error;
pub use fragments::Fragments;
pub use framer::{Framer, HEADER_LEN, frag_len};
pub use status::Status;
pub use syntax::Syntax;

/// Longest fragment this crate offers, in bytes: the highest multiple of 8 that `frag_length` can hold,
/// less 8 as Windows does.
pub const MAX_FRAGMENT: u16 = 65_528;

/// Shortest fragment this crate offers or agrees to, in bytes: what Windows servers hold to, above the
/// 1432 of [C706] 12.6.3.1 (`MustRecvFragSize`).
///
/// [C706]: https://publications.opengroup.org/c706
pub const MIN_FRAGMENT: u16 = 2048;
