//! The archive medium, as the engine and other people's programs see it.

mod damage;
mod judges;
mod keys;
mod kill;
mod round_trip;
mod world;
