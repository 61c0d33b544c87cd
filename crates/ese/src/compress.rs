//! Decompression of column values and of pieces of long values.
//!
//! The engine marks what it compressed in two ways (format digest sections 9 and 10): a value in a
//! record by a flag, a piece of a long value by being shorter than its place. Bytes alone never tell:
//! a plain DER certificate starts like XPRESS10. So [`decompress`] is for bytes that are known to be
//! compressed, and never guesses.

mod lz4;
mod output;
mod seven_bit;
mod xpress;

use alloc::vec::Vec;
use core::fmt;

use output::Output;

/// The plain bytes of a compressed column value or piece of a long value, at most `limit` of them.
///
/// The first byte names the scheme in its upper five bits. 7-bit ASCII (1), 7-bit Unicode (2), XPRESS
/// (3) and LZ4 (7) are read. XPRESS9 (5) and XPRESS10 (6) are not: Exchange uses the former, the bit
/// stream of the latter is not published, and no database of a CA was seen with either; their values
/// are an error, and only theirs.
///
/// Takes memory for the result only, never more than `limit` bytes and the 64 KiB that the field of a
/// length can say, whatever the input.
///
/// # Errors
/// When the bytes were wiped, do not decompress, or become longer than `limit`.
///
/// Source: format digest section 11; Extensible-Storage-Engine `dev/ese/src/ese/compression.cxx`.
pub fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let (&first, body) = bytes.split_first().ok_or(CompressionError::Damaged)?;
    match first >> 3 {
        SEVEN_BIT_ASCII => seven_bit::ascii(first & 7, body, limit),
        SEVEN_BIT_UNICODE => seven_bit::unicode(first & 7, body, limit),
        XPRESS => sized(body, limit, xpress::expand),
        SCRUBBED => Err(CompressionError::Scrubbed),
        LZ4 => sized(body, limit, lz4::expand),
        other => Err(CompressionError::Unknown(other)),
    }
}

/// Why compressed bytes give no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CompressionError {
    /// A scheme that is not read here: the number, 0 to 31.
    Unknown(u8),
    /// The engine has overwritten the value on purpose; it is gone.
    Scrubbed,
    /// The bytes end early, point before their own start, or say more than they hold.
    Damaged,
    /// The result is longer than the caller can use.
    TooLong,
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(XPRESS9) => {
                f.write_str("the value is compressed with XPRESS9 (scheme 5), not read here")
            }
            Self::Unknown(XPRESS10) => f.write_str(
                "the value is compressed with XPRESS10 (scheme 6), whose bit stream is not published",
            ),
            Self::Unknown(scheme) => write!(f, "the value is compressed with unknown scheme {scheme}"),
            Self::Scrubbed => f.write_str("the value was overwritten on purpose (scheme 4, scrubbed)"),
            Self::Damaged => f.write_str("the compressed value does not decompress"),
            Self::TooLong => f.write_str("the compressed value becomes longer than its place allows"),
        }
    }
}

impl core::error::Error for CompressionError {}

/// Schemes that carry the plain length as 16 bits before their data.
fn sized(
    body: &[u8],
    limit: usize,
    expand: fn(&[u8], &mut Output) -> Option<()>,
) -> Result<Vec<u8>, CompressionError> {
    let (size, data) = body.split_first_chunk().ok_or(CompressionError::Damaged)?;
    let size = usize::from(u16::from_le_bytes(*size));
    if size > limit {
        return Err(CompressionError::TooLong);
    }
    let mut output = Output::new(size);
    expand(data, &mut output).and_then(|()| output.finish()).ok_or(CompressionError::Damaged)
}

const SEVEN_BIT_ASCII: u8 = 1;
const SEVEN_BIT_UNICODE: u8 = 2;
const XPRESS: u8 = 3;
const SCRUBBED: u8 = 4;
const XPRESS9: u8 = 5;
const XPRESS10: u8 = 6;
const LZ4: u8 = 7;
