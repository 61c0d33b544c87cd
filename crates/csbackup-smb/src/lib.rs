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

mod failure;
mod first_of;
mod greeting;
mod hosts;
mod link;
mod login;
mod smb_files;
#[cfg(windows)]
mod system;
mod unc;
mod worker;

pub use first_of::FirstOf;
pub use hosts::Host;
pub use login::Login;
pub use smb_files::{Options, SmbFiles};
#[cfg(windows)]
pub use system::SystemFiles;
pub use unc::UncName;
