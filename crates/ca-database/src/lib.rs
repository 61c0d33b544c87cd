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

mod filter;
mod glob;
mod hex;
mod summary;
mod time;
mod words;

pub use filter::{CertFilter, CrlFilter, IdRange, RequestFilter};
pub use glob::Glob;
pub use summary::{CertificateSummary, CrlSummary, KeyUsage, RequestFacts, RequestSummary, San};
pub use time::FileTime;
pub use words::{Disposition, ExtensionFlags, RequestType, RevocationReason, purpose_name};
