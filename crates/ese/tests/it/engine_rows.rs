//! Tests: engine_rows.
