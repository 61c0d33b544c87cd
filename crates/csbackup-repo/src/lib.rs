#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod error;
mod gate;
mod heal;
mod identity;
mod init;
mod keys;
mod location;
mod lock;
mod notes;
mod opened;
mod reader;
mod repositories;
mod sealed;
mod snapshots;
mod store;
mod stream;
mod upkeep;
mod writer;

pub use error::StoreError;
pub use identity::chunk_size_for;
pub use keys::*;
pub use location::{Bucket, Location, LocationError};
pub use repositories::Repositories;
pub use rustic_core::{ReadBackend, WriteBackend};
pub use store::*;
pub use upkeep::{CheckOptions, CheckReport, Limit, Lost, PruneOptions, PruneReport, ReadData, RepairReport};
