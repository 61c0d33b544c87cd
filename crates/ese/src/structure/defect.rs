//! What can be wrong between pages.

use core::fmt;

/// What is wrong between pages, or between trees.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StructureDefect {}

impl StructureDefect {
    /// Stable name, for machines.
    pub const fn code(&self) -> &'static str {
        match *self {}
    }

    /// The engine's error number and its name without `JET_err`.
    pub(crate) const fn jet(&self) -> Option<(i32, &'static str)> {
        match *self {}
    }

    /// What the operator may do.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match *self {}
    }
}

impl fmt::Display for StructureDefect {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
