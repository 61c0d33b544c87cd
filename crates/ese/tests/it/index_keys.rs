//! Tests: index_keys.
