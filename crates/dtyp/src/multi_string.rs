//! Lists of UTF-16LE strings, each ended by NUL, the list by one more NUL.
//!
//! Lengths here are *bytes*, as in the C API; the wire methods under it count characters.
//!
//! Source: `CertSrvBackupGetDatabaseNamesW` and its relatives, SDK documentation (sdk-api,
//! `certbcli`); [MS-CSRA] 3.1.4.1.20.
//!
//! [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why bytes are not a list of strings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The length is odd, so the last UTF-16 unit is cut.
    OddLength {
        /// Length of the list in bytes.
        bytes: usize,
    },
    /// The last string is not ended by NUL: the list was cut.
    Unterminated {
        /// Index of that string, from 0.
        entry: usize,
    },
    /// The strings are whole but the list's final NUL is missing, so more of them may have followed.
    Unended {
        /// Strings before the end of the bytes.
        entries: usize,
    },
    /// Something follows the final NUL.
    TrailingData {
        /// Offset of the first byte behind the list.
        offset: usize,
        /// Length of the list in bytes, as announced.
        bytes: usize,
    },
    /// A string is not well-formed UTF-16 (unpaired surrogate).
    IllFormed {
        /// Index of that string, from 0.
        entry: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OddLength { bytes } => {
                write!(f, "list of {bytes} bytes is not a whole number of UTF-16 units")
            }
            Self::Unterminated { entry } => {
                write!(f, "list entry {entry} has no NUL at its end, the list was cut")
            }
            Self::Unended { entries } => {
                write!(f, "list has no final NUL after its {entries} entries, more may have followed")
            }
            Self::TrailingData { offset, bytes } => {
                write!(f, "list ends at byte {offset} but is announced with {bytes} bytes")
            }
            Self::IllFormed { entry } => write!(f, "list entry {entry} is not well-formed UTF-16"),
        }
    }
}

impl core::error::Error for Error {}

/// Decodes a list of strings.
///
/// No bytes at all is an empty list, and so are one and two NULs. NULs that pad the end are
/// accepted, other bytes there are not. A missing final NUL is an error, not a courtesy: the list
/// may have been cut between two names, and a log that is not listed would be lost for good.
///
/// # Errors
/// See [`Error`].
pub fn decode(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::OddLength { bytes: bytes.len() });
    }
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let mut strings = Vec::new();
    let mut left = units.as_slice();
    while let Some(end) = left.iter().position(|unit| *unit == 0) {
        let (string, tail) = left.split_at(end);
        left = tail.get(1..).unwrap_or_default();
        if string.is_empty() {
            return if left.iter().all(|unit| *unit == 0) {
                Ok(strings)
            } else {
                let behind = left.len().saturating_mul(2);
                Err(Error::TrailingData { offset: bytes.len().saturating_sub(behind), bytes: bytes.len() })
            };
        }
        let string = String::from_utf16(string).map_err(|_| Error::IllFormed { entry: strings.len() })?;
        strings.push(string);
    }
    match (left, strings.len()) {
        ([], 0) => Ok(strings),
        ([], entries) => Err(Error::Unended { entries }),
        (_, entry) => Err(Error::Unterminated { entry }),
    }
}

/// Encodes a list of strings. An empty list is two NULs.
///
/// Strings must not contain NUL and must not be empty: neither can be told apart in a list.
pub fn encode<'a>(strings: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for string in strings {
        debug_assert!(!string.is_empty() && !string.contains('\0'), "a list cannot hold {string:?}");
        bytes.extend(string.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    if bytes.is_empty() {
        bytes.extend([0, 0]);
    }
    bytes.extend([0, 0]);
    bytes
}
