//! The embedded Certificate Services through the seam and over loopback.

mod backup_marks;
mod engine_sets;
mod faults;
mod host;
mod hostile;
mod invented;
mod names;
mod network;
mod network_hostile;
mod network_lifetime;
mod profile;
mod restore;
mod service;
mod view;
mod wire;
