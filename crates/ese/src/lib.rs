#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    expect(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::arithmetic_side_effects,
        reason = "unit tests may stop"
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod bytes;
mod checkpoint;
mod checksum;
mod compose;
mod compress;
mod database;
mod finding;
mod header;
mod index_key;
mod log;
mod numbers;
mod page;
mod reader;
mod redo;
mod replay;
mod set;
mod sniff;
mod source;
mod structure;
mod time;
mod trailer;
mod view;

pub use checkpoint::*;
pub use checksum::{Block, xor_ecc, xor32};
pub use compose::*;
pub use compress::*;
pub use database::{DatabaseFacts, DatabaseReport, DatabaseVerifier, Origin, PageCounts};
pub use finding::{Affected, Finding, FindingKind, Need, Place, Severity};
pub use header::{BackupInfo, DatabaseHeader, DbState, HeaderError, OsVersion};
pub use index_key::*;
pub use log::record::*;
pub use log::{
    LogFacts, LogFormat, LogHeader, LogName, LogReport, LogVerifier, LogVersion, SegmentCounts,
    log_generation_of_name,
};
pub use numbers::{Generation, LogPosition, PageNumber, PageSize};
pub use page::page_is_whole;
pub use reader::*;
pub use redo::*;
pub use replay::*;
pub use set::{NamedLog, RequiredLogs, SetInput, check_set, required_logs};
pub use sniff::{FileType, sniff};
pub use source::{PageSource, SourceError};
pub use structure::*;
pub use time::{LogTime, Signature};
pub use trailer::Trailer;
pub use view::{Node, NodeFlags, PageFlags, PageView};
