//! Tests of the repository medium.

mod round_trip;
mod sizes;
