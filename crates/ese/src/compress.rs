//! Decompression of column values and pieces of long values.

use alloc::vec::Vec;
use core::fmt;

/// Why a value cannot be decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompressionError {
    /// Unknown scheme.
    Unknown(u8),
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Decompresses.
///
/// # Errors
/// Yes.
pub fn decompress(bytes: &[u8], _limit: usize) -> Result<Vec<u8>, CompressionError> {
    Err(CompressionError::Unknown(bytes.first().copied().unwrap_or(0)))
}
