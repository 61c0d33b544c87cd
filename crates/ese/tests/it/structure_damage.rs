//! Tests: structure_damage.
