//! What keeps a repository in order: removing, pruning, checking, repairing.

mod check;
mod inventory;
mod prune;
mod removal;
mod repair;

pub use check::{CheckOptions, CheckReport, Lost, ReadData};
pub use prune::{Limit, PruneOptions, PruneReport};
pub(crate) use removal::remove;
pub use repair::RepairReport;
