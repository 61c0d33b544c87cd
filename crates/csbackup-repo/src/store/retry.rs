//! Repeats requests that failed, when that can help.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use csbackup::StoreTrouble;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use crate::error::{StoreError, cause};

/// The pause before the first repetition; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// An error that knows what it is.
pub(super) trait Trouble {
    fn trouble(&self) -> StoreTrouble;
}

impl Trouble for StoreError {
    fn trouble(&self) -> StoreTrouble {
        self.trouble
    }
}

impl Trouble for Box<RusticError> {
    fn trouble(&self) -> StoreTrouble {
        cause("", self).trouble
    }
}

/// Runs `request` until it succeeds, fails for good, or was repeated `retries` times.
///
/// A store that is full, read-only, or refuses us will do so again: this is never asked twice.
pub(super) fn again<T, E: Trouble>(retries: u32, mut request: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..retries {
        match request() {
            Err(error) if matches!(error.trouble(), StoreTrouble::Unreachable | StoreTrouble::Failed) => {
                thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            answered => return answered,
        }
    }
    request()
}

/// A store that is asked again.
#[derive(Debug)]
pub(super) struct Retried {
    inner: Arc<dyn WriteBackend>,
    retries: u32,
}

impl Retried {
    pub(super) fn new(inner: Arc<dyn WriteBackend>, retries: u32) -> Self {
        Self { inner, retries }
    }
}

impl ReadBackend for Retried {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        again(self.retries, || self.inner.list_with_size(kind))
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        again(self.retries, || self.inner.read_full(kind, id))
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        again(self.retries, || self.inner.read_partial(kind, id, cacheable, offset, length))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.inner.warmup_path(kind, id)
    }
}

impl WriteBackend for Retried {
    fn create(&self) -> RusticResult<()> {
        again(self.retries, || self.inner.create())
    }

    fn write_bytes(&self, kind: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        again(self.retries, || self.inner.write_bytes(kind, id, cacheable, content.clone()))
    }

    fn remove(&self, kind: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        let mut first = true;
        again(self.retries, || {
            let removed = self.inner.remove(kind, id, cacheable);
            let repeated = !std::mem::take(&mut first);
            match removed {
                // The first attempt did it, and its answer was lost.
                Err(error) if repeated && error.trouble() == StoreTrouble::Damaged => Ok(()),
                removed => removed,
            }
        })
    }
}
