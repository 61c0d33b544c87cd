//! The dry redo: do the logs continue the pages?

mod defect;

pub use defect::RedoDefect;
