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

mod ccache;
mod client;
mod config;
mod crypto;
mod cursor;
mod der;
mod error;
mod gss;
mod kdc;
mod kdc_messages;
mod keytab;
mod messages;
mod principal;
mod protection;
mod service;
mod ticket;
mod transport;

pub use ccache::CredentialCache;
pub use client::{Client, ClientContext, Credential};
pub use config::Config;
pub use error::Error;
pub use keytab::Keytab;
pub use principal::Principal;
pub use service::{Service, ServiceContext};
