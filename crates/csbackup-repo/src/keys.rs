//! Passwords of a repository.

use std::fmt;

use zeroize::Zeroizing;

/// A password of a repository. Never shown, never stored.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// This password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
