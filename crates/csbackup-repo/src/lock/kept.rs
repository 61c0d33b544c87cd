//! The locks that an opened repository holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustic_core::repofile::MasterKey;

use super::{Claim, LockFiles, RepositoryLock, sweep};
use crate::error::StoreError;

/// Locks of one opened repository.
pub(crate) struct Locks {
    files: Arc<dyn LockFiles>,
    master: MasterKey,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The one that was taken last.
    taken: Weak<RepositoryLock>,
    reading: Reading,
}

/// The lock that reading takes by itself; it is kept as long as the repository is open.
#[derive(Default)]
enum Reading {
    #[default]
    NotAsked,
    /// `None`: it could not be taken.
    Asked(#[expect(dead_code, reason = "it is held, not used")] Option<Arc<RepositoryLock>>),
}

impl Locks {
    pub(crate) fn new(files: Arc<dyn LockFiles>, master: MasterKey) -> Self {
        Self { files, master, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a lock; one that was only for our own reading gives way to an exclusive one.
    ///
    /// # Errors
    /// Those of [`RepositoryLock::take`].
    pub(crate) fn take(&self, claim: &Claim) -> Result<Arc<RepositoryLock>, StoreError> {
        let mut kept = self.kept();
        if claim.exclusive {
            kept.reading = Reading::NotAsked;
        }
        let lock = Arc::new(RepositoryLock::take(self.files.clone(), self.master.clone(), claim)?);
        kept.taken = Arc::downgrade(&lock);
        Ok(lock)
    }

    /// The lock that is held, or a shared one.
    ///
    /// # Errors
    /// Those of [`RepositoryLock::take`].
    pub(crate) fn held_or_taken(&self, doing: &str) -> Result<Arc<RepositoryLock>, StoreError> {
        let held = self.kept().taken.upgrade();
        held.map_or_else(|| self.take(&Claim::shared(doing)), Ok)
    }

    /// Keeps others from pruning what is read from now on. Where that cannot be, it is read without: a restore
    /// does not wait for a lock that somebody left behind, and what is pruned beneath it is missed at once.
    pub(crate) fn for_reading(&self) {
        let mut kept = self.kept();
        if kept.taken.strong_count() > 0 || matches!(kept.reading, Reading::Asked(_)) {
            return;
        }
        let claim = Claim::shared("a program that reads");
        let taken = RepositoryLock::take(self.files.clone(), self.master.clone(), &claim);
        kept.reading = Reading::Asked(taken.ok().map(Arc::new));
    }

    /// Removes stale locks, and says whose they were.
    ///
    /// # Errors
    /// Those of [`sweep`].
    pub(crate) fn sweep(&self) -> Result<Vec<String>, StoreError> {
        sweep(&*self.files, &self.master)
    }
}
