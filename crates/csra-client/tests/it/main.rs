//! The road over the network: against the embedded CA on loopback, and against servers that lie.

mod admin;
mod backup;
mod configuration;
mod cuts;
mod fake;
mod faults;
mod held;
mod kill;
mod lifetime;
mod proxy;
mod state;
mod target;
mod wire;
