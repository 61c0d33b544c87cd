//! The negotiation over mechanisms made for the test.

mod arbitrary;
mod mechanism;
mod negotiation;
mod tokens;
