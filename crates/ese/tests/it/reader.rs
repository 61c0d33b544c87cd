//! Tests: reader.
