//! Tests of the public surface, on real files where there are any.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests stop at the first surprise"
)]

mod build;
mod checksum;
mod chunking;
mod damage;
mod facts;
mod field;
mod flips;
mod garbage;
mod headers;
mod hot_damage;
mod limits;
mod logs;
mod names;
mod old_logs;
mod rules;
mod sniffing;
mod streams;
mod support;
