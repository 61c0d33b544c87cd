//! The real program, as an operator or a script runs it.

mod archive;
mod config;
mod copies;
mod crl;
mod demo;
mod doctor;
mod drill;
mod dump;
mod errors;
mod exit_codes;
mod generate;
mod in_repository;
mod json;
mod judges;
mod keys;
#[cfg(unix)]
mod killed;
mod layout;
mod library;
mod look;
mod names;
mod net;
mod obstacles;
mod passwords;
mod past;
mod ping;
mod proven;
mod repository;
mod restore;
mod review;
mod round_trip;
mod run;
mod serve;
#[cfg(unix)]
mod smb;
mod status;
mod upkeep;
#[cfg(unix)]
mod wine;
mod wire;
mod world;
