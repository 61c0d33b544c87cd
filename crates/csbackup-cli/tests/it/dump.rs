//! Tests of `dump`.
