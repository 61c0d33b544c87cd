//! What is Windows' own, elsewhere.

use std::path::{Path, PathBuf};

use dtyp::HResult;

use crate::{LoadError, Privilege, PrivilegeError};

/// The text of the system, or of the backup layer, for a code; in the system's language, and only on
/// Windows.
pub fn message(_code: HResult) -> Option<String> {
    None
}

/// Where a library lies: on Windows that decides where those that it needs may lie.
pub(crate) enum Place {
    System,
    Named,
}

/// COM, for a library that needs it.
#[derive(Debug)]
pub(crate) struct Com;

impl Com {
    pub(crate) fn new() -> Self {
        Self
    }
}

pub(crate) fn library() -> Result<PathBuf, LoadError> {
    Err(LoadError::NotWindows)
}

pub(crate) fn load(path: &Path, place: Place) -> Result<libloading::Library, libloading::Error> {
    match place {
        Place::System | Place::Named => {
            // SAFETY: the operator named the library; that its initialisers may run is what loading it means.
            unsafe { libloading::Library::new(path) }
        }
    }
}

pub(crate) fn enable(_privilege: Privilege) -> Result<bool, PrivilegeError> {
    Ok(false)
}

pub(crate) fn disable(_privilege: Privilege) {}
