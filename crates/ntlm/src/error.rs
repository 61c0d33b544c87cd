use alloc::string::ToString;
use core::fmt;
use dcerpc::security::SecurityError;

/// Why bytes are not an NTLM message, or a message cannot be written.
///
/// `what` names the field in the spelling of [MS-NLMP].
///
/// [MS-NLMP]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-nlmp/
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end within a field, or a field points behind the end.
    Short {
        /// The field.
        what: &'static str,
        /// Offset of the field from the start of the message, in bytes.
        at: usize,
        /// Bytes that the field needs.
        need: usize,
        /// Bytes of the whole message.
        length: usize,
    },
    /// A value that the field cannot have.
    Invalid {
        /// The field.
        what: &'static str,
        /// The value.
        value: u64,
        /// The value, or the least of the values, that it may have.
        expected: u64,
    },
    /// Bytes that are not UTF-16 text.
    Text {
        /// The field.
        what: &'static str,
    },
    /// A text that is not an NT hash. The text is not repeated: it may be a password.
    Hash,
    /// A value is too long for its field, or longer than it can be in good faith.
    Long {
        /// The field.
        what: &'static str,
        /// Its length in bytes, or the number of its elements.
        length: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { what, at, need, length } => {
                write!(f, "{what} needs {need} bytes at offset {at}, the message has {length}")
            }
            Self::Invalid { what, value, expected } => {
                write!(f, "{what} is 0x{value:x}, expected 0x{expected:x}")
            }
            Self::Text { what } => write!(f, "{what} is not UTF-16 text"),
            Self::Hash => f.write_str("an NT hash has 32 hexadecimal digits"),
            Self::Long { what, length } => write!(f, "{what} is too long: {length}"),
        }
    }
}

impl core::error::Error for Error {}

impl From<Error> for SecurityError {
    fn from(error: Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
