//! Transaction logs: header, names, and the streaming verifier of both formats.

mod header;
mod name;
mod ranges;
pub(crate) mod record;
mod segments;
mod verifier;

pub use header::{LogFormat, LogHeader, LogVersion};
pub use name::{LogName, log_generation_of_name};
pub use verifier::{LogFacts, LogReport, LogVerifier, SegmentCounts};
