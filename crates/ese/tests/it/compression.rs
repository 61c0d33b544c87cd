//! Tests: compression.
