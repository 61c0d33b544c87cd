//! Lock files on each kind of store.

use std::sync::Arc;

use csbackup::Error;

use super::StoreOptions;
use super::rest::RestStore;
use super::retry::again;
use super::s3::S3Store;
use crate::Location;
use crate::error::StoreError;
use crate::lock::{LockFiles, LockFolder};

/// The lock files of the repository in `folder` below `location`.
///
/// # Errors
/// Credentials or addresses that cannot be used. Nothing is asked of the store yet.
pub(crate) fn locks(
    location: &Location,
    folder: &str,
    options: &StoreOptions,
) -> Result<Arc<dyn LockFiles>, Error> {
    let at = |error: StoreError| error.at(&location.to_string());
    let retries = options.retries;
    Ok(match location {
        Location::Local(path) => Arc::new(LockFolder::of(&path.join(folder))),
        Location::S3(bucket) => {
            Arc::new(Retried { inner: S3Store::new(bucket, folder, options).map_err(at)?, retries })
        }
        Location::Rest(url) => {
            Arc::new(Retried { inner: RestStore::new(url, folder, options).map_err(at)?, retries })
        }
    })
}

/// Lock files that are asked for again.
struct Retried<S> {
    inner: S,
    retries: u32,
}

impl<S: LockFiles> LockFiles for Retried<S> {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        again(self.retries, || self.inner.list())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        again(self.retries, || self.inner.read(name))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        again(self.retries, || self.inner.write(name, content))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        again(self.retries, || self.inner.remove(name))
    }
}

/// A file that is not there is no error here.
pub(super) fn present<T>(outcome: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match outcome {
        Err(error) if error.trouble == csbackup::StoreTrouble::Damaged => Ok(None),
        outcome => outcome.map(Some),
    }
}
