//! The embedded Certificate Services through the seam.

mod backup_marks;
mod engine_sets;
mod faults;
mod hostile;
mod invented;
mod names;
mod restore;
mod service;
