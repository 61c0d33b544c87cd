//! Errors of the library and of stores, as the engine knows them.

use std::error::Error as StdError;
use std::io;

use csbackup::{Error, StoreTrouble};
use rustic_core::{ErrorKind, RusticError};

/// Why a store failed. It travels inside the library's error and is found again by `cause`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct StoreError {
    /// What it is, for the exit code.
    pub trouble: StoreTrouble,
    /// One clause.
    pub reason: String,
}

impl StoreError {
    /// An error of this kind.
    pub fn new(trouble: StoreTrouble, reason: impl Into<String>) -> Self {
        Self { trouble, reason: reason.into() }
    }

    /// What the system said while `doing` something at `place`.
    pub fn io(doing: &str, place: &str, error: &io::Error) -> Self {
        let trouble = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StoreTrouble::Full
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StoreTrouble::ReadOnly,
            io::ErrorKind::NotFound => StoreTrouble::Damaged,
            io::ErrorKind::TimedOut | io::ErrorKind::ConnectionRefused => StoreTrouble::Unreachable,
            _ => StoreTrouble::Failed,
        };
        Self::new(trouble, format!("cannot {doing} `{place}`: {error}"))
    }

    /// For the library.
    pub fn boxed(self) -> Box<RusticError> {
        RusticError::with_source(ErrorKind::Backend, self.reason.clone(), self)
    }

    /// For a reader or a sink.
    pub(crate) fn into_io(self) -> io::Error {
        let kind = match self.trouble {
            StoreTrouble::Full => io::ErrorKind::StorageFull,
            StoreTrouble::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            StoreTrouble::Damaged => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }

    pub(crate) fn at(self, place: &str) -> Error {
        Error::Store { place: place.to_owned(), trouble: self.trouble, reason: self.reason }
    }
}

/// What an error of the library means.
pub(crate) fn cause(doing: &str, error: &RusticError) -> StoreError {
    if let Some(ours) = of_store(error) {
        return ours;
    }
    if error.is_incorrect_password() {
        return StoreError::new(StoreTrouble::WrongPassword, "the password opens no key of this repository");
    }
    let said = said(error);
    // The library has neither a kind nor a code of its own for these.
    if said.contains("Config version") {
        return StoreError::new(StoreTrouble::UnknownFormat, "a later version of restic made it");
    }
    // The code is that of the innermost error; of one around it only the text tells.
    let damaged = error.is_code(MAC_CHECK_FAILED)
        || said.contains("`cryptographic operations`")
        || said.contains("not found in index");
    let trouble = if damaged { StoreTrouble::Damaged } else { StoreTrouble::Failed };
    StoreError::new(trouble, format!("cannot {doing}: {said}"))
}

/// What a store said, if it was a store that failed.
pub(crate) fn of_store(error: &RusticError) -> Option<StoreError> {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref::<StoreError>() {
            return Some(ours.clone());
        }
        source = inner.source();
    }
    None
}

/// The library's code for bytes that are not what was written.
const MAC_CHECK_FAILED: &str = "C001";

/// The library's message in one line, without what is for its own developers.
fn said(error: &RusticError) -> String {
    let text = error.display_log();
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("Error: ").unwrap_or(line);
    let Some((head, tail)) = line.split_once(" (kind: ") else { return line.to_owned() };
    let tail = tail.split_once(')').map_or("", |(_, tail)| tail);
    format!("{}{tail}", head.trim_end_matches('.'))
}
