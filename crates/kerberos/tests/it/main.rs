//! Kerberos: files, both roles against each other, hostile tokens, and other programs as judges.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod contexts;
mod files;
mod forge;
mod judge;
mod kdc;
mod messages;
