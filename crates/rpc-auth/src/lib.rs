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

mod account;
mod credentials;
mod error;
mod fresh;
mod method;
mod preferred;
mod secret;
mod server;
mod users;

pub use account::Account;
pub use credentials::{Credentials, Options, Proof, Target};
pub use error::Error;
pub use kerberos::Config as KerberosConfig;
pub use method::Method;
pub use ntlm::{Host, NtHash, User};
pub use secret::Secret;
pub use server::ServerAuth;
pub use users::Users;
