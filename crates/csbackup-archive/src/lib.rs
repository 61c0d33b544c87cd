#![doc = include_str!("../README.md")]
#![warn(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod archives;
mod frames;
mod keys;
mod member;
mod opened;
mod shelf;
mod writer;

pub use archives::{Archives, LOCATION};
pub use keys::{Identities, KeyError, Recipients};
