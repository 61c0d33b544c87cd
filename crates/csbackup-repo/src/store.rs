//! Stores: what a repository lies on.
//!
//! From the bottom up: the store itself, what a test puts over it ([`StoreOptions::wrap`]), repetition
//! of what failed, the limit of bandwidth, and reading ahead where each request has a long way.

mod ahead;
mod credentials;
mod limit;
mod local;
mod network;
mod rest;
mod retry;
mod s3;

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use csbackup::{Error, StoreTrouble};
use rustic_core::WriteBackend;

use crate::Location;
use crate::error::StoreError;
use crate::lock::{LockFiles, LockFolder};
use ahead::Ahead;
pub use credentials::StoreCredentials;
use limit::Limited;
use local::LocalStore;
use rest::RestStore;
use retry::Retried;
use s3::S3Store;

/// How stores are used.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Who we are to servers.
    pub credentials: StoreCredentials,
    /// Bytes a second that are sent at most, on average.
    pub upload_limit: Option<NonZeroU64>,
    /// Bytes a second that are fetched at most, on average.
    pub download_limit: Option<NonZeroU64>,
    /// How long a server may take for a request, beside the time for its bytes at 1 Mbit/s.
    pub timeout: Duration,
    /// How often a request that failed is repeated, when that can help. Folders of this machine are asked once.
    pub retries: u32,
    /// For tests: what lies over every store.
    #[doc(hidden)]
    pub wrap: Option<Wrap>,
}

impl Default for StoreOptions {
    /// No limits, a minute, five repetitions, no credentials.
    fn default() -> Self {
        Self {
            credentials: StoreCredentials::default(),
            upload_limit: None,
            download_limit: None,
            timeout: Duration::from_secs(60),
            retries: 5,
            wrap: None,
        }
    }
}

/// Puts something over a store.
#[doc(hidden)]
#[derive(Clone)]
pub struct Wrap(Arc<Layer>);

type Layer = dyn Fn(Arc<dyn WriteBackend>) -> Arc<dyn WriteBackend> + Send + Sync;

impl Wrap {
    /// This function does it.
    pub fn new(
        wrap: impl Fn(Arc<dyn WriteBackend>) -> Arc<dyn WriteBackend> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(wrap))
    }
}

impl fmt::Debug for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wrap")
    }
}

/// Opens the store of one repository: the folder `folder` below `location`.
///
/// # Errors
/// Credentials or addresses that cannot be used. Nothing is asked of the store yet.
pub(crate) fn open(
    location: &Location,
    folder: &str,
    options: &StoreOptions,
) -> Result<Arc<dyn WriteBackend>, Error> {
    let at = |error: StoreError| error.at(&location.to_string());
    let mut store: Arc<dyn WriteBackend> = match location {
        Location::Local(path) => Arc::new(LocalStore::new(path.join(folder))),
        Location::S3(bucket) => Arc::new(S3Store::new(bucket, folder, options).map_err(at)?),
        Location::Rest(url) => Arc::new(RestStore::new(url, folder, options).map_err(at)?),
    };
    if let Some(Wrap(wrap)) = &options.wrap {
        store = wrap(store);
    }
    let remote = !matches!(location, Location::Local(_));
    if remote {
        store = Arc::new(Retried::new(store, options.retries));
    }
    if options.upload_limit.is_some() || options.download_limit.is_some() {
        store = Arc::new(Limited::new(store, options.upload_limit, options.download_limit));
    }
    if remote {
        store = Arc::new(Ahead::new(store));
    }
    Ok(store)
}

/// The lock files of the repository in `folder` below `location`.
///
/// # Errors
/// Credentials or addresses that cannot be used.
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
            Arc::new(Retried::new(S3Store::new(bucket, folder, options).map_err(at)?, retries))
        }
        Location::Rest(url) => {
            Arc::new(Retried::new(RestStore::new(url, folder, options).map_err(at)?, retries))
        }
    })
}

/// `None`, if it is not there.
fn present<T>(answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match answer {
        Err(error) if error.trouble == StoreTrouble::Damaged => Ok(None),
        answer => answer.map(Some),
    }
}

/// The folders below `location` that hold a repository, in order.
///
/// # Errors
/// What the store says; and [`StoreTrouble::Failed`] for a rest server, which cannot list them.
pub(crate) fn folders(location: &Location, options: &StoreOptions) -> Result<Vec<String>, Error> {
    let found = match location {
        Location::Local(path) => local::folders(path),
        Location::S3(bucket) => retry::again(options.retries, || s3::folders(bucket, options)),
        Location::Rest(_) => Err(StoreError::new(
            StoreTrouble::Failed,
            "a rest server cannot say which repositories it has; name the CA with `--ca-name`",
        )),
    };
    found.map_err(|error| error.at(&location.to_string()))
}

/// Removes what writers that died left below `location` in `folder`; says what it was.
///
/// # Errors
/// What the store says.
pub(crate) fn sweep_temporary(location: &Location, folder: &str) -> Result<Vec<String>, Error> {
    match location {
        Location::Local(path) => LocalStore::new(path.join(folder))
            .sweep_temporary()
            .map_err(|error| error.at(&location.to_string())),
        // An object is there whole or not at all.
        _ => Ok(Vec::new()),
    }
}
