//! Tests of the repository medium.

mod golden;
mod lock;
mod place;
mod restic;
mod round_trip;
mod sizes;
mod traps;
