//! The commit gate: decides whether what the library stored may be published.
//!
//! `rustic_core` drops a file whose source fails and saves the snapshot all the same
//! (`storage.md` section 4, trap 1). So its own snapshot is never written: the gate swallows it, and
//! [`crate::writer`] publishes one of its own after [`Gate::verdict`].

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use csbackup::StoreTrouble;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};

use crate::error::{StoreError, cause};
use crate::lock::RepositoryLock;

/// What one set's writing knows of itself.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Files whose sinks were finished, and their bytes.
    given: Count,
    /// Files that the library read to their end, with exactly the announced size.
    taken: Count,
    closed: AtomicBool,
    failure: Mutex<Option<StoreError>>,
}

#[derive(Debug, Default)]
struct Count {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: u64) {
        self.files.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    fn get(&self) -> (u64, u64) {
        (self.files.load(Ordering::SeqCst), self.bytes.load(Ordering::SeqCst))
    }
}

impl Gate {
    /// A sink completed a file.
    pub(crate) fn given(&self, bytes: u64) {
        self.given.add(bytes);
    }

    /// The library took a file whole.
    pub(crate) fn taken(&self, bytes: u64) {
        self.taken.add(bytes);
    }

    /// Something failed; the first failure is the one that is told.
    pub(crate) fn fail(&self, error: StoreError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// The first failure.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The set is given up: nothing more is written.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// INVARIANT: `Ok` only when every file that was given was taken to its last byte, and the store
    /// refused nothing. `stored` is what the library counted itself.
    pub(crate) fn verdict(&self, stored: (u64, u64)) -> Result<(), StoreError> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let (given, taken) = (self.given.get(), self.taken.get());
        if given == taken && given == stored {
            return Ok(());
        }
        Err(StoreError::new(
            StoreTrouble::Failed,
            format!(
                "of {} files with {} bytes the repository took {} with {} and stored {} with {}",
                given.0, given.1, taken.0, taken.1, stored.0, stored.1
            ),
        ))
    }
}

/// A store behind the gate, and under a lock.
pub(crate) struct Gated<S> {
    inner: S,
    gate: Arc<Gate>,
    /// Not kept: threads of the library outlive a writing that failed.
    lock: Weak<RepositoryLock>,
}

impl<S> fmt::Debug for Gated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl Gated<Arc<dyn WriteBackend>> {
    /// For writing a set.
    pub(crate) fn behind(
        gate: &Arc<Gate>,
        lock: &Arc<RepositoryLock>,
        store: &Arc<dyn WriteBackend>,
    ) -> Arc<dyn WriteBackend> {
        Arc::new(Self { inner: store.clone(), gate: gate.clone(), lock: Arc::downgrade(lock) })
    }

    /// For removing: only as long as the lock is held.
    pub(crate) fn under(lock: &Arc<RepositoryLock>, store: &Arc<dyn WriteBackend>) -> Arc<dyn WriteBackend> {
        Self::behind(&Arc::default(), lock, store)
    }
}

impl<S: ReadBackend> ReadBackend for Gated<S> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.inner.list_with_size(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.inner.read_full(kind, id)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.inner.read_partial(kind, id, cacheable, offset, length)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.inner.warmup_path(kind, id)
    }
}

impl<S: WriteBackend> WriteBackend for Gated<S> {
    fn write_bytes(&self, kind: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        if kind == FileType::Snapshot {
            return Ok(());
        }
        if self.gate.closed.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreTrouble::Failed, "the set was given up").boxed());
        }
        self.inner
            .write_bytes(kind, id, cacheable, content)
            .inspect_err(|error| self.gate.fail(cause("write", error)))
    }

    fn remove(&self, kind: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        let gone = || StoreError::new(StoreTrouble::Locked, "the lock was given back");
        self.lock.upgrade().ok_or_else(gone).and_then(|lock| lock.held()).map_err(StoreError::boxed)?;
        self.inner.remove(kind, id, cacheable)
    }
}
