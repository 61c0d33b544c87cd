#![doc = include_str!("../README.md")]
#![no_std]
#![warn(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

extern crate alloc;

pub mod activation;
mod bindings;
mod choose;
pub mod client;
pub mod exporter;
mod ids;
mod nested;
mod objref;
mod orpc;
pub mod remunknown;
pub mod server;
mod version;

pub use bindings::{DualStringArray, SecurityBinding, StringBinding, TCP};
pub use choose::{Endpoint, MAX_CANDIDATES, choose};
pub use ids::{INTERFACE_VERSION, Ipid, Oid, Oxid, SetId, clsid, iid, status};
pub use objref::{ObjRef, StdObjRef};
pub use orpc::{OrpcThat, OrpcThis};
pub use version::ComVersion;
