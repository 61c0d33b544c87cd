//! Tests of the public surface, on real databases.
