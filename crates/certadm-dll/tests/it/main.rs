//! The C interface: as functions in process, as a library that is loaded, and as C programs see it.

#![expect(clippy::multiple_unsafe_ops_per_block, reason = "tables of calls that all go wrong for one reason")]

mod backup;
mod c;
mod config;
mod faults;
mod handles;
mod library;
mod restore;
mod world;
