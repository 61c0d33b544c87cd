//! Repeats requests that failed, when that can help.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use csbackup::StoreTrouble;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use crate::error::{StoreError, cause};
use crate::lock::LockFiles;

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
pub(super) struct Retried<S> {
    inner: S,
    retries: u32,
}

impl<S> Retried<S> {
    pub(super) fn new(inner: S, retries: u32) -> Self {
        Self { inner, retries }
    }
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

impl ReadBackend for Retried<Arc<dyn WriteBackend>> {
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

impl WriteBackend for Retried<Arc<dyn WriteBackend>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a request that fails like this is made with one repetition.
    fn made(trouble: StoreTrouble) -> u32 {
        let mut made = 0;
        let failed = again(1, || {
            made += 1;
            Err::<(), _>(StoreError::new(trouble, "no"))
        });
        assert_eq!(failed.unwrap_err().trouble, trouble);
        made
    }

    #[test]
    fn only_what_may_pass_is_repeated() {
        assert_eq!(made(StoreTrouble::Unreachable), 2);
        assert_eq!(made(StoreTrouble::Failed), 2);
        for trouble in
            [StoreTrouble::Full, StoreTrouble::ReadOnly, StoreTrouble::Refused, StoreTrouble::Missing]
        {
            assert_eq!(made(trouble), 1, "{trouble:?}");
        }
    }

    #[test]
    fn a_repetition_that_succeeds_is_a_success() {
        let mut answers = [Err(StoreError::new(StoreTrouble::Unreachable, "no")), Ok(7)].into_iter();
        assert_eq!(again(3, || answers.next().unwrap()).unwrap(), 7);
    }
}
