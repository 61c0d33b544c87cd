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

mod backup;
mod ca;
mod channel;
mod configuration;
mod connector;
mod error;
mod keep_alive;
mod object;
mod survey;
mod target;

pub use ca::RemoteCa;
pub use channel::Timeouts;
pub use connector::Options;
pub use error::Error;
pub use survey::Survey;
pub use target::{RESOLVER_PORT, Target};
