//! Tests of `doctor`.
