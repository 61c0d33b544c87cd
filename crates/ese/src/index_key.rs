//! Index keys from column values.
