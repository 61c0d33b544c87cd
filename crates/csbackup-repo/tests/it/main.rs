//! Tests of the repository medium.

mod faulty_store;
mod golden;
mod keys;
mod kill;
mod lock;
mod place;
mod restic;
mod round_trip;
mod sizes;
mod status;
mod stores;
mod traps;
mod upkeep;
