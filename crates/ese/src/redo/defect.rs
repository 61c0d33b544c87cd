//! What can be wrong between a database and its logs.

use core::fmt;

/// What is wrong between a database and its logs.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RedoDefect {}

impl RedoDefect {
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

impl fmt::Display for RedoDefect {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
