//! Hexadecimal text.

use std::fmt::Write as _;

/// Lower-case hex digits without anything between.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // A string takes whatever is written.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What people and tools write between hex digits (blanks, colons), and capitals, taken out: the form to compare.
pub(crate) fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, ':' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
