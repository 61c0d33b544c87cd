//! Test data, builders and harnesses; a dev-dependency only.
pub mod ca;
pub mod data;
pub mod mix;
pub mod restic;
pub mod stores;
pub mod synthetic;
pub mod world;
