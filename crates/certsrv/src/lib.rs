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
#![cfg_attr(
    test,
    expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "unit tests may stop"
    )
)]

mod bookkeeping;
mod config;
mod connection;
mod create;
mod directory;
mod disk;
mod engine;
mod error;
mod fault;
mod host;
mod live;
mod names;
mod net;
mod profile;
mod recover;
mod restore;
mod service;
mod services;
mod site;
mod users;
mod view;

pub use bookkeeping::{Range, State};
pub use config::{Config, HexHash, Kerberos, Network, Role, Service, User};
pub use connection::Connection;
pub use create::StateSource;
pub use directory::CaDirectory;
pub use error::Error;
pub use fault::{CallLog, Fault, FaultRule, Faulty};
pub use host::Host;
pub use net::{Clock, LocalAddrs, Server, ServerOptions};
