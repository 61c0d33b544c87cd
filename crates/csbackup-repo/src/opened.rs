//! One repository, opened.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use csbackup::{Error, SetId, StoreTrouble};
use rustic_core::repofile::{MasterKey, Node, SnapshotFile};
use rustic_core::{
    Credentials, Id, IndexedFullStatus, OpenStatus, Repository, RepositoryBackends, RepositoryOptions,
    RusticResult, WriteBackend,
};

use crate::error::{StoreError, cause};
use crate::heal::Gone;
use crate::identity::Identity;
use crate::keys::{self, Password};
use crate::lock::{Claim, LockFiles, Locks, RepositoryLock};
use crate::snapshots::{Snapshots, Unreadable};

/// A repository with its whole index.
pub(crate) type Indexed = Repository<IndexedFullStatus>;

/// The files of a snapshot by their paths.
pub(crate) type Files = BTreeMap<String, Node>;

/// One repository, opened with a password.
pub(crate) struct Opened {
    /// Folder of the CA below the location.
    pub(crate) folder: String,
    /// The place, for people.
    pub(crate) place: String,
    pub(crate) store: Arc<dyn WriteBackend>,
    pub(crate) master: MasterKey,
    /// The key file that the password opened.
    pub(crate) key: Id,
    pub(crate) identity: Identity,
    pub(crate) locks: Locks,
    indexed: Mutex<Option<Arc<Indexed>>>,
    /// What was read of the snapshots: a snapshot never changes.
    snapshots: Mutex<Snapshots>,
    /// Trees of the snapshot that was read last.
    files: Mutex<Option<(String, Arc<Files>)>>,
}

impl Opened {
    pub(crate) fn open(
        folder: &str,
        place: &str,
        store: Arc<dyn WriteBackend>,
        locks: Arc<dyn LockFiles>,
        password: &Password,
    ) -> Result<Self, Error> {
        let guarded = || -> Result<(MasterKey, Id, Identity, Snapshots), StoreError> {
            let doing = "open the repository";
            let repo = bare(&store).map_err(|error| cause(doing, &error))?;
            if repo.config_id().map_err(|error| cause(doing, &error))?.is_none() {
                return Err(StoreError::new(StoreTrouble::Missing, "there is no repository"));
            }
            let (repo, key) = keys::unlock(&store, password)?;
            let mut snapshots = Snapshots::default();
            snapshots.refresh(&repo, &*store)?;
            let identity =
                Identity::find(&snapshots.all()).map_err(|error| snapshots.or_unreadable(error))?;
            Ok((repo.key(), key, identity, snapshots))
        };
        let (master, key, identity, snapshots) = guard(guarded).map_err(|error| error.at(place))?;
        Ok(Self {
            folder: folder.to_owned(),
            place: place.to_owned(),
            store,
            locks: Locks::new(locks, master.clone()),
            master,
            key,
            identity,
            indexed: Mutex::default(),
            snapshots: Mutex::new(snapshots),
            files: Mutex::default(),
        })
    }

    /// Takes a lock; it is held until it is dropped.
    ///
    /// # Errors
    /// [`StoreTrouble::Locked`] names who stands against it; the store's.
    pub(crate) fn lock(&self, claim: &Claim) -> Result<Arc<RepositoryLock>, Error> {
        self.locks.take(claim).map_err(|error| error.at(&self.place))
    }

    /// Runs `body`; what the library says, or its panic, becomes our error.
    pub(crate) fn run<T>(&self, doing: &str, body: impl FnOnce() -> RusticResult<T>) -> Result<T, Error> {
        guard(|| body().map_err(|error| cause(doing, &error))).map_err(|error| error.at(&self.place))
    }

    /// A handle without an index, on `store` (the repository's own, or one behind a gate).
    pub(crate) fn handle_on(&self, store: &Arc<dyn WriteBackend>) -> RusticResult<Repository<OpenStatus>> {
        bare(store)?.open(&Credentials::Masterkey(self.master.clone()))
    }

    pub(crate) fn handle(&self) -> RusticResult<Repository<OpenStatus>> {
        self.handle_on(&self.store)
    }

    /// A handle with the index as it was when it was first needed since [`Opened::changed`].
    pub(crate) fn indexed(&self) -> Result<Arc<Indexed>, Error> {
        let mut slot = self.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(indexed) = &*slot {
            return Ok(indexed.clone());
        }
        let indexed = Arc::new(self.run("read the index", || self.handle()?.to_indexed())?);
        *slot = Some(indexed.clone());
        Ok(indexed)
    }

    /// Something was written or removed: the index must be read again.
    pub(crate) fn changed(&self) {
        *self.indexed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// All snapshots that can be read: sets, notes and the identity.
    ///
    /// # Errors
    /// The store's. What cannot be understood is in [`Opened::unreadable`].
    pub(crate) fn snapshots(&self) -> Result<Vec<SnapshotFile>, Error> {
        let refreshed = guard(|| {
            let repo = self.handle().map_err(|error| cause("open the repository", &error))?;
            self.known_snapshots().refresh(&repo, &*self.store)
        });
        refreshed.map_err(|error| error.at(&self.place))?;
        Ok(self.known_snapshots().all())
    }

    /// The snapshots that could not be read when they were listed last.
    pub(crate) fn unreadable(&self) -> Vec<Unreadable> {
        self.known_snapshots().unreadable.clone()
    }

    fn known_snapshots(&self) -> MutexGuard<'_, Snapshots> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a snapshot need data that the index does not have, or that is gone?
    ///
    /// # Errors
    /// The store's, but for damage: a tree that cannot be read is lacking.
    pub(crate) fn lacks_data(&self, snapshot: &SnapshotFile, gone: &Gone) -> Result<bool, Error> {
        let repo = self.indexed()?;
        let files = match self.files(snapshot) {
            Err(Error::Store { trouble: StoreTrouble::Damaged, .. }) => return Ok(true),
            files => files?,
        };
        let mut chunks = files.values().flat_map(|node| node.content.iter().flatten());
        Ok(chunks.any(|chunk| repo.get_index_entry(chunk).map_or(true, |entry| gone.has(&entry.pack, chunk))))
    }

    /// The snapshot of a set, if it was seen.
    pub(crate) fn known(&self, id: &SetId) -> Option<SnapshotFile> {
        self.known_snapshots().find(id)
    }

    /// What is read next is read from the store.
    pub(crate) fn forget_known(&self) {
        *self.known_snapshots() = Snapshots::default();
        self.changed();
    }

    /// The files of a snapshot.
    pub(crate) fn files(&self, snapshot: &SnapshotFile) -> Result<Arc<Files>, Error> {
        let key = snapshot.tree.to_hex().as_str().to_owned();
        let mut slot = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, files)) = slot.as_ref().filter(|(tree, _)| *tree == key) {
            return Ok(files.clone());
        }
        let repo = self.indexed()?;
        let files = self.run("read the snapshot's tree", || {
            let mut files = Files::new();
            let mut trees = vec![(String::new(), snapshot.tree)];
            while let Some((folder, tree)) = trees.pop() {
                for node in repo.get_tree(&tree)?.nodes {
                    let path = format!("{folder}{}", node.name().to_string_lossy());
                    match node.subtree {
                        Some(tree) => trees.push((format!("{path}/"), tree)),
                        None => {
                            files.insert(path, node);
                        }
                    }
                }
            }
            Ok(files)
        })?;
        let files = Arc::new(files);
        *slot = Some((key, files.clone()));
        Ok(files)
    }

    /// One file of the snapshot's root, without its other trees.
    pub(crate) fn root_file(&self, snapshot: &SnapshotFile, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let repo = self.indexed()?;
        self.run("read the manifest", || {
            let tree = repo.get_tree(&snapshot.tree)?;
            let Some(node) = tree.nodes.iter().find(|node| Path::new(&node.name()) == Path::new(name)) else {
                return Ok(None);
            };
            let mut bytes = Vec::new();
            repo.dump(node, &mut bytes)?;
            Ok(Some(bytes))
        })
    }
}

/// A repository that is not opened yet. No cache: what is read is what the store has.
pub(crate) fn bare(store: &Arc<dyn WriteBackend>) -> RusticResult<Repository<()>> {
    let options = RepositoryOptions::default().no_cache(true);
    Repository::new(&options, &RepositoryBackends::new(store.clone(), None))
}

/// The library panics on some kinds of damage (`storage.md` section 4, trap 7).
pub(crate) fn guard<T>(body: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let reason = format!("the repository library failed: {}", said.unwrap_or_default());
        Err(StoreError::new(StoreTrouble::Failed, reason))
    })
}
