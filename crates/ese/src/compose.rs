//! What an engine writes when it begins a backup of a database that it has at hand: the header and the trailer
//! of the streamed copy, and the logs that go with it.
//!
//! Only the bytes: they go into buffers of the caller, who has the clock and the files.
//!
//! Source: format digest sections 4, 13, 15 and 18.

mod error;
mod log;
mod stream;

pub use error::ComposeError;
pub use log::{LogEnd, NextLog};
pub use stream::{BackupBegin, attach_database, stream_header, stream_trailer};
