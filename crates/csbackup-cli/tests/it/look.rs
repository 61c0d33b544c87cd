//! Tests of `look`.
