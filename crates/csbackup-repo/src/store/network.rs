//! Waiting for servers: the one asynchronous runtime of this crate, and the time a request may take.

use std::error::Error as StdError;
use std::sync::OnceLock;
use std::time::Duration;

use csbackup::StoreTrouble;
use tokio::runtime::{Builder, Runtime};

use crate::error::StoreError;

/// The slowest line that is waited for, in bytes a second: 1 Mbit/s.
const SLOWEST: u64 = 125_000;

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(15);

/// Runs the requests of a store to their end, each within its time.
///
/// What a blocked thread of the library waits for ends: with an answer, an error, or when its time is
/// over (`storage.md` section 4, trap 9).
#[derive(Debug, Clone, Copy)]
pub(super) struct Network {
    runtime: &'static Runtime,
    timeout: Duration,
}

impl Network {
    pub(super) fn new(timeout: Duration) -> Result<Self, StoreError> {
        Ok(Self { runtime: runtime()?, timeout })
    }

    /// How long a connection may take to come about.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.timeout.min(CONNECT)
    }

    /// Waits for a request that moves about this many bytes.
    pub(super) fn wait<T>(
        &self,
        bytes: u64,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let time = self.timeout + Duration::from_secs(bytes / SLOWEST);
        // Within the runtime: the timer needs it already when it is made.
        let timed = async { tokio::time::timeout(time, request).await };
        self.runtime.block_on(timed).unwrap_or_else(|_| {
            let reason = format!("the server did not answer within {} seconds", time.as_secs_f32());
            Err(StoreError::new(StoreTrouble::Unreachable, reason))
        })
    }
}

/// One for the process; it never ends, because ending it would wait for name servers.
fn runtime() -> Result<&'static Runtime, StoreError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread().worker_threads(2).thread_name("store").enable_all().build();
    let made = made.map_err(|error| {
        StoreError::new(StoreTrouble::Failed, format!("cannot start the threads for the network: {error}"))
    })?;
    Ok(RUNTIME.get_or_init(|| made))
}

/// What is at the bottom of an error: the part that says something.
pub(super) fn root(error: &(dyn StdError + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
