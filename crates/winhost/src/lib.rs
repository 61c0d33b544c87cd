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

mod event;
#[cfg(any(windows, test))]
mod patience;
#[cfg(any(windows, test))]
mod provider_name;
#[cfg(any(windows, test))]
mod release;
#[cfg(any(windows, test))]
mod value;

#[cfg(windows)]
mod certificates;
#[cfg(windows)]
mod console;
#[cfg(windows)]
mod event_log;
#[cfg(windows)]
mod failure;
#[cfg(windows)]
mod folder;
#[cfg(windows)]
mod host;
#[cfg(windows)]
mod machine;
#[cfg(windows)]
mod pkcs12;
#[cfg(windows)]
mod provider;
#[cfg(windows)]
mod registry;
#[cfg(windows)]
mod service;

pub use event::{Event, Severity};

#[cfg(windows)]
pub use console::{enable_colour, on_interrupt};
#[cfg(windows)]
pub use event_log::record;
#[cfg(windows)]
pub use folder::private_folder;
#[cfg(windows)]
pub use host::{WindowsHost, local_authority};
