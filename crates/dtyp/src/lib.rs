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

mod guid;
mod hresult;
pub mod multi_string;

pub use guid::Guid;
pub use hresult::HResult;
