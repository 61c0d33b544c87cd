//! Tests: dry_redo.
