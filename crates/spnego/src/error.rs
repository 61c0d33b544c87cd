use alloc::string::ToString;
use core::fmt;
use dcerpc::security::SecurityError;

/// Why bytes are not a token of the negotiation.
///
/// `what` names the field in the spelling of [RFC 4178].
///
/// [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end within an element.
    Short {
        /// The field.
        what: &'static str,
        /// Bytes that the element needs.
        need: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// The length is indefinite or has more than four bytes.
    Length {
        /// The field.
        what: &'static str,
        /// The first byte of the length.
        first: u8,
    },
    /// Bytes follow the element that should be the last.
    Trailing {
        /// The field.
        what: &'static str,
        /// Bytes that follow.
        left: usize,
    },
    /// Another tag than the field has.
    Tag {
        /// The field.
        what: &'static str,
        /// The tag.
        found: u8,
        /// The tag of the field.
        expected: u8,
    },
    /// A value that the field cannot have.
    Invalid {
        /// The field.
        what: &'static str,
        /// The first bytes of the value.
        value: u8,
    },
    /// The field appears twice.
    Twice {
        /// The field.
        what: &'static str,
    },
    /// The field is required and absent.
    Missing {
        /// The field.
        what: &'static str,
    },
    /// More elements than this side is ready to take.
    TooMany {
        /// The field.
        what: &'static str,
        /// The highest accepted.
        limit: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { what, need, left } => write!(f, "{what} needs {need} bytes, {left} are left"),
            Self::Length { what, first } => {
                write!(f, "the length of {what} starts with 0x{first:02x}, expected up to four bytes")
            }
            Self::Trailing { what, left } => write!(f, "{left} bytes follow {what}"),
            Self::Tag { what, found, expected } => {
                write!(f, "{what} has tag 0x{found:02x}, expected 0x{expected:02x}")
            }
            Self::Invalid { what, value } => write!(f, "{what} is 0x{value:02x}"),
            Self::Twice { what } => write!(f, "{what} appears twice"),
            Self::Missing { what } => write!(f, "{what} is missing"),
            Self::TooMany { what, limit } => write!(f, "{what} has more than {limit} elements"),
        }
    }
}

impl core::error::Error for Error {}

impl From<Error> for SecurityError {
    fn from(error: Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
