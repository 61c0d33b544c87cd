use core::fmt;

/// Why bytes are not what the interface says.
///
/// `what` names the field in the spelling of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end within a field.
    Short {
        /// The field.
        what: &'static str,
        /// Offset of the field from the start, in bytes.
        at: usize,
        /// Bytes that the field needs.
        need: u64,
        /// Bytes that are left.
        left: usize,
    },
    /// A value that the field cannot have.
    Invalid {
        /// The field.
        what: &'static str,
        /// Offset of the field from the start, in bytes.
        at: usize,
        /// The value, as far as a number tells it.
        value: u64,
    },
    /// A count or size above what this side is ready to take.
    TooMany {
        /// The field.
        what: &'static str,
        /// The value.
        value: u64,
        /// The highest accepted.
        limit: u64,
    },
    /// Something that must be there and is not.
    Missing {
        /// What it is.
        what: &'static str,
    },
    /// A string that is no UTF-16 text, or lacks its final NUL.
    Text {
        /// The field.
        what: &'static str,
        /// Offset of the field from the start, in bytes.
        at: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { what, at, need, left } => {
                write!(f, "{what} at offset {at} needs {need} bytes, {left} are left")
            }
            Self::Invalid { what, at, value } => write!(f, "{what} at offset {at} is 0x{value:x}"),
            Self::TooMany { what, value, limit } => {
                write!(f, "{what} is {value}, at most {limit} are accepted")
            }
            Self::Missing { what } => write!(f, "{what} is missing"),
            Self::Text { what, at } => {
                write!(f, "{what} at offset {at} is not a NUL-terminated UTF-16 string")
            }
        }
    }
}

impl core::error::Error for Error {}
