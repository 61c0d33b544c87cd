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

mod bind;
mod check;
mod crl;
mod database;
mod diff;
mod filter;
mod glob;
mod hex;
mod row;
mod summary;
mod time;
mod walk;
mod words;
mod x509;

pub use check::{CaFinding, check};
pub use crl::CrlFacts;
pub use database::{CaDatabase, OpenError};
pub use diff::{
    CrlDifference, DiffRows, Difference, Entry, Found, Kinship, diff, diff_crls, diff_rows, kinship,
};
pub use filter::{CertFilter, CrlFilter, IdRange, RequestFilter};
pub use glob::Glob;
pub use row::{Attribute, CertificateRow, CrlRow, Extension, RequestRow};
pub use summary::{
    Cause, CertificateSummary, CrlSummary, KeyUsage, RequestFacts, RequestSummary, RowError, San,
};
pub use time::FileTime;
pub use walk::Lost;
pub use words::{Disposition, ExtensionFlags, RequestType, RevocationReason, purpose_name};
pub use x509::CertificateFacts;
