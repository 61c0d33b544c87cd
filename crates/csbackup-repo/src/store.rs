//! Stores: what a repository lies on.

mod local;

use std::sync::Arc;

use csbackup::Error;
use rustic_core::WriteBackend;

use crate::Location;
use local::LocalStore;

/// How stores are used.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {}

/// Opens the store of one repository: the folder `folder` below `location`.
pub(crate) fn open(
    location: &Location,
    folder: &str,
    _options: &StoreOptions,
) -> Result<Arc<dyn WriteBackend>, Error> {
    match location {
        Location::Local(path) => Ok(Arc::new(LocalStore::new(path.join(folder)))),
    }
}

/// The folders below `location` that may be repositories.
pub(crate) fn folders(location: &Location, _options: &StoreOptions) -> Result<Vec<String>, Error> {
    match location {
        Location::Local(path) => local::folders(path),
    }
}
