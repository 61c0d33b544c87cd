//! Tests of the repository medium.

mod lock;
mod place;
mod restic;
mod round_trip;
mod sizes;
