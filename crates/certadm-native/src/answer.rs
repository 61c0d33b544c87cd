use std::fmt;

use certadm::{Call, Error};
use certadm_sys::HRESULT;
use dtyp::HResult;

/// `S_OK` or an error: the interface documents no other success.
pub(crate) fn answered(call: Call, code: HRESULT) -> Result<(), Error> {
    match HResult(code.cast_unsigned()) {
        HResult::OK => Ok(()),
        code if UNKNOWN.contains(&code) => Err(Error::Lost { call, cause: NoReply(code).into() }),
        code => Err(Error::Refused { call, code }),
    }
}

pub(crate) fn malformed(call: Call, reason: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Malformed { call, reason: reason.into() }
}

/// The library asked the service, and the call broke under way: the service may have done it.
const UNKNOWN: [HResult; 10] = [
    HResult::RPC_CALL_FAILED,
    HResult::COMMUNICATION_ERROR,
    // RPC_S_COMM_FAILURE
    HResult(0x8007_071C),
    // RPC_S_CALL_CANCELLED
    HResult(0x8007_071A),
    // RPC_E_CALL_CANCELED
    HResult(0x8001_0002),
    // RPC_E_CONNECTION_TERMINATED
    HResult(0x8001_0006),
    // RPC_E_SERVER_DIED
    HResult(0x8001_0007),
    // RPC_E_DISCONNECTED
    HResult(0x8001_0108),
    // RPC_E_SERVERFAULT
    HResult(0x8001_0105),
    // RPC_E_TIMEOUT
    HResult(0x8001_011F),
];

/// A code that says that there was no answer.
#[derive(Debug)]
struct NoReply(HResult);

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the library returned {}", self.0)
    }
}

impl std::error::Error for NoReply {}

/// What is wrong with an answer that says success.
#[derive(Debug)]
pub(crate) enum Oddity {
    /// No context.
    NoContext,
    /// A list that is not there.
    NullList { size: usize },
    /// A list that is longer than any CA's.
    HugeList { size: usize },
    /// A list that ends before its announced end.
    OverlongList { end: usize, size: usize },
    /// A file of a negative size, or of none that was set.
    FileSize { size: i64 },
    /// More bytes than there was room for.
    ReadTooMuch { read: u32, want: u32 },
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContext => f.write_str("success without a context (phbc is null)"),
            Self::NullList { size } => write!(f, "a null pointer for a list of {size} bytes"),
            Self::HugeList { size } => write!(f, "a list of {size} bytes is longer than any CA's"),
            Self::OverlongList { end, size } => {
                write!(f, "list ends at byte {end} but is announced with {size} bytes")
            }
            Self::FileSize { size } => write!(f, "liFileSize is {size}"),
            Self::ReadTooMuch { read, want } => {
                write!(f, "cbRead is {read} but only {want} bytes were asked for")
            }
        }
    }
}

impl std::error::Error for Oddity {}
