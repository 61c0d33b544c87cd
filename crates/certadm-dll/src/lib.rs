#![doc = include_str!("../README.md")]
#![warn(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod answer;
mod backup;
mod backup_calls;
mod config;
mod failure;
mod foreign;
mod handles;
mod memory;
mod module;
mod reader;
mod restore;
mod restore_calls;
mod road;
mod server_calls;
mod worker;

pub use backup_calls::*;
pub use restore_calls::*;
pub use server_calls::*;
