//! Decompression of column values and pieces of long values.
