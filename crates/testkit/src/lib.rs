//! Test data, builders and harnesses; a dev-dependency only.
pub mod ca;
pub mod data;
pub mod synthetic;
pub mod world;
