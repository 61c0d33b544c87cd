//! Why nothing could be composed.

use core::fmt;

use crate::header::HeaderError;

/// Why a log, a header or a trailer could not be composed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ComposeError {
    /// The header of the database or of the log to be continued is none.
    Header(HeaderError),
    /// The log to be continued is damaged.
    Damaged,
    /// The log to be continued is of a format that only engines before Windows 8 write.
    OldLog,
    /// The stream has as many generations as it can have.
    LastGeneration,
    /// The buffer has not the length of what is to be composed, in bytes.
    Length {
        /// The buffer.
        buffer: usize,
        /// What is needed.
        need: usize,
    },
    /// The log is full.
    Full,
}

impl From<HeaderError> for ComposeError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => fmt::Display::fmt(error, f),
            Self::Damaged => f.write_str("is damaged and cannot be continued"),
            Self::OldLog => f.write_str("is of a format before Windows 8, which is not written here"),
            Self::LastGeneration => f.write_str("is the last generation that can be"),
            Self::Length { buffer, need } => write!(f, "{buffer} bytes instead of {need}"),
            Self::Full => f.write_str("is full"),
        }
    }
}

impl core::error::Error for ComposeError {}
