use core::fmt;

use certadm::Call;
use dtyp::HResult;

/// Why a method gave no result, although a reply came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The CA answered with a failure code: anything but zero ([MS-CSRA] 3.2.4).
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    Refused {
        /// The method.
        call: Call,
        /// Its answer, never success.
        code: HResult,
    },
    /// The reply is not what the interface says.
    Malformed {
        /// The method.
        call: Call,
        /// What is wrong with it.
        reason: ndr::Error,
    },
}

impl From<Error> for certadm::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { call, code } => Self::Refused { call, code },
            Error::Malformed { call, reason } => Self::Malformed { call, reason: reason.into() },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { call, code } => write!(f, "{call} returned {code}"),
            Self::Malformed { call, .. } => write!(f, "{call} reply is malformed"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Refused { .. } => None,
            Self::Malformed { reason, .. } => Some(reason),
        }
    }
}
