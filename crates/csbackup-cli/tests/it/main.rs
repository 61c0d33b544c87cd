//! The real program, as an operator or a script runs it.

mod demo;
mod errors;
mod exit_codes;
mod json;
mod judges;
mod layout;
mod names;
mod net;
mod passwords;
mod ping;
mod review;
mod round_trip;
mod serve;
#[cfg(unix)]
mod smb;
mod wire;
mod world;
