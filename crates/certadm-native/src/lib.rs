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
mod ca;
mod context;
mod list;
mod load;
mod privilege;
mod restore;
#[cfg(not(windows))]
#[path = "other.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;
mod wide;

pub use ca::NativeCa;
pub use load::{Library, LoadError};
pub use privilege::{Privilege, PrivilegeError, Privileges, SystemPrivileges};
pub use system::message;
