//! Healing: what a store has lost or damaged no longer counts as stored.
//!
//! Chunks that the index names and the store has not, or not as they were, would be stored by no later set. `repair_index` of the
//! library wants the repository for itself; here only index files that name such a pack are replaced, so that
//! runs beside this one keep what they add.

use std::collections::{HashMap, HashSet};

use csbackup::{Error, StoreTrouble};
use rustic_core::repofile::{BlobType, IndexFile, IndexId, SnapshotFile};
use rustic_core::{FileType, Id, OpenStatus, Repository, RusticResult};

use crate::error::{StoreError, cause, of_store};
use crate::opened::{Indexed, Opened};
use crate::sealed::seal;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Healed {
    /// Packs that the store has lost, or damaged.
    pub(crate) packs: usize,
    /// Why the index still names them.
    pub(crate) still_named: Option<String>,
}

impl Opened {
    /// Takes packs out of the index that the store has lost.
    ///
    /// The index is read before the packs are listed: a run beside this one writes them in the other order.
    /// No list alone is believed.
    ///
    /// # Errors
    /// The store's. One that refuses to remove is told of in [`Healed::still_named`].
    pub(crate) fn heal(&self) -> Result<Healed, Error> {
        let mut indexes = Vec::new();
        let lost = self.run("compare the index with what is stored", || {
            indexes = self.indexes(&self.handle()?)?;
            self.lost(&indexes)
        })?;
        self.drop_from(indexes, &lost)
    }

    /// Reads all data of a snapshot, and names the packs in which some of it is damaged.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn damaged(&self, snapshot: &SnapshotFile) -> Result<HashSet<Id>, Error> {
        let repo = self.indexed()?;
        self.run("read what is stored", || damaged(&repo, snapshot))
    }

    /// Takes these packs out of the index.
    ///
    /// # Errors
    /// As [`Opened::heal`].
    pub(crate) fn drop_packs(&self, packs: &HashSet<Id>) -> Result<Healed, Error> {
        let indexes = self.run("read the index", || self.indexes(&self.handle()?))?;
        self.drop_from(indexes, packs)
    }

    fn drop_from(&self, indexes: Vec<(Id, IndexFile)>, packs: &HashSet<Id>) -> Result<Healed, Error> {
        let mut healed = Healed { packs: packs.len(), still_named: None };
        for (id, index) in indexes {
            if !index.packs.iter().any(|pack| packs.contains(&*pack.id)) {
                continue;
            }
            match self.run("mend the index", || self.replace(id, index, packs)) {
                Err(Error::Store {
                    trouble: StoreTrouble::ReadOnly | StoreTrouble::Refused, reason, ..
                }) => {
                    healed.still_named = Some(reason);
                }
                replaced => replaced?,
            }
        }
        if healed.packs > 0 {
            self.changed();
        }
        Ok(healed)
    }

    fn indexes(&self, repo: &Repository<OpenStatus>) -> RusticResult<Vec<(Id, IndexFile)>> {
        let mut indexes = Vec::new();
        for id in self.store.list(FileType::Index)? {
            match repo.get_file::<IndexFile>(&IndexId::from(id)) {
                Ok(index) => indexes.push((id, index)),
                // Replaced by another run since.
                Err(_) if !self.store.list(FileType::Index)?.contains(&id) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(indexes)
    }

    fn lost(&self, indexes: &[(Id, IndexFile)]) -> RusticResult<HashSet<Id>> {
        let packs = indexes.iter().flat_map(|(_, index)| &index.packs);
        let named: HashMap<Id, u32> = packs.map(|pack| (*pack.id, pack.pack_size())).collect();
        let stored: HashMap<Id, u32> = self.store.list_with_size(FileType::Pack)?.into_iter().collect();
        let mut lost = HashSet::new();
        for (id, size) in named.into_iter().filter(|(id, size)| stored.get(id) != Some(size)) {
            match self.store.read_partial(FileType::Pack, &id, false, size.saturating_sub(1), 1) {
                Ok(_) => {}
                Err(error) if cause("read", &error).trouble == StoreTrouble::Damaged => _ = lost.insert(id),
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    /// Writes the index file anew without the lost packs, then removes the old one.
    fn replace(&self, id: Id, mut index: IndexFile, lost: &HashSet<Id>) -> RusticResult<()> {
        index.packs.retain(|pack| !lost.contains(&*pack.id));
        index.packs_to_delete.retain(|pack| !lost.contains(&*pack.id));
        if !index.packs.is_empty() || !index.packs_to_delete.is_empty() {
            let failed = |reason: String| StoreError::new(StoreTrouble::Failed, reason).boxed();
            let text = serde_json::to_vec(&index).map_err(|error| failed(error.to_string()))?;
            let packed = zstd::bulk::compress(&text, 3).map_err(|error| failed(error.to_string()))?;
            let (name, content) =
                seal(&self.master, &[&[2], &*packed].concat()).map_err(|error| failed(error.to_owned()))?;
            self.store.write_bytes(FileType::Index, &name.parse()?, false, content.into())?;
        }
        match self.store.remove(FileType::Index, &id, false) {
            // Another run was faster.
            Err(error) if of_store(&error).is_some_and(|error| error.trouble == StoreTrouble::Damaged) => {
                Ok(())
            }
            removed => removed,
        }
    }
}

/// The packs in which a tree or a chunk of a snapshot cannot be read. What the index does not know is not looked for.
fn damaged(repo: &Indexed, snapshot: &SnapshotFile) -> RusticResult<HashSet<Id>> {
    let mut packs = HashSet::new();
    let mut note = |pack: Id, read: RusticResult<()>| match read {
        Err(error) if cause("read", &error).trouble != StoreTrouble::Damaged => Err(error),
        read => {
            packs.extend(read.err().map(|_| pack));
            Ok(())
        }
    };
    let (mut trees, mut chunks) = (vec![snapshot.tree], HashSet::new());
    while let Some(tree) = trees.pop() {
        let Ok(entry) = repo.get_index_entry(&tree) else { continue };
        let read = repo.get_tree(&tree).map(|tree| {
            trees.extend(tree.nodes.iter().filter_map(|node| node.subtree));
            chunks.extend(tree.nodes.into_iter().flat_map(|node| node.content).flatten());
        });
        note(*entry.pack, read)?;
    }
    for chunk in chunks {
        if let Ok(entry) = repo.get_index_entry(&chunk) {
            note(*entry.pack, repo.get_blob_cached(&chunk.into(), BlobType::Data).map(drop))?;
        }
    }
    Ok(packs)
}
