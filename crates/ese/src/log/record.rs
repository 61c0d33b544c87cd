//! Log records: what stands in a log file, typed, in order.
//!
//! [`LogReader`] walks through a file of either format; a [`Record`] borrows its bytes.
//!
//! Source: format digest sections 13 to 15.

mod attachment;
mod chain;
mod changes;
mod decode;
mod kind;
mod node;
mod operation;

mod reader;
mod size;
mod stream;
mod text;
mod tree;

pub use attachment::{Attachment, DatabasePath};
pub use changes::{Author, PageBefore};
pub use kind::RecordType;
pub use node::{EmptiedPage, EmptyTree, NodeHead, PageHead};
pub use operation::{MacroId, Operation};
pub use reader::{LogReadError, LogReader};
pub use tree::{Image, Merge, NewTree, PageMove, Split};

/// One record of a log.
///
/// Displays as one line for experts: the name, then what it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// Its type.
    pub kind: RecordType,
    /// What it says.
    pub operation: Operation<'a>,
    /// All bytes of it, the type first.
    pub bytes: &'a [u8],
}

impl Record<'_> {
    /// Name of the type, as in format digest section 15.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }
}
