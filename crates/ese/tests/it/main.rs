//! Tests of the public surface, on real files where there are any.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests stop at the first surprise"
)]

mod build;
mod checkpoint;
mod checksum;
mod chunking;
mod compose;
mod compression;
mod damage;
mod dry_redo;
mod engine_rows;
mod facts;
mod field;
mod flips;
mod garbage;
mod golden;
mod headers;
mod hot_damage;
mod index_keys;
mod limits;
mod logs;
mod names;
mod old_logs;
mod reader;
mod records;
mod replay;
mod rules;
mod sniffing;
mod streams;
mod structure;
mod structure_damage;
mod support;
