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

mod configuration;
mod error;
mod host;
mod list;
mod seam;
pub mod server;

pub use configuration::{ConfigEntry, ConfigValue, Configuration, ConfigurationPart, MissingPart, PartKind};
pub use error::{Call, Error};
pub use host::{CaHost, HostError, HostState, KeyInfo, KeyKind, LogHoarding};
pub use list::{FileKind, FileList, ListError, ListedFile, RestoreMap, base_name};
pub use seam::{Authority, BackupContext, BackupType, CertServer, Registration, RestoreContext, ServerState};
