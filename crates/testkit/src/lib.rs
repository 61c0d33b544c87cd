//! Test data, builders and harnesses; a dev-dependency only.
pub mod data;
