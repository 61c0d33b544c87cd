//! Healing: what a store has lost no longer counts as stored.
//!
//! Chunks that the index names and the store has lost would be stored by no later set. `repair_index` of the
//! library wants the repository for itself; here only index files that name a lost pack are replaced, so that
//! runs beside this one keep what they add.

use std::collections::{HashMap, HashSet};

use csbackup::{Error, StoreTrouble};
use rustic_core::repofile::{IndexFile, IndexId};
use rustic_core::{FileType, Id, OpenStatus, Repository, RusticResult};

use crate::error::{StoreError, cause, of_store};
use crate::opened::Opened;
use crate::sealed::seal;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Healed {
    /// Packs that the store has lost.
    pub(crate) lost: usize,
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
        let mut healed = Healed { lost: lost.len(), still_named: None };
        for (id, index) in indexes {
            let names_lost = index.packs.iter().any(|pack| lost.contains(&*pack.id));
            if !names_lost {
                continue;
            }
            match self.run("mend the index", || self.replace(id, index, &lost)) {
                Err(Error::Store {
                    trouble: StoreTrouble::ReadOnly | StoreTrouble::Refused, reason, ..
                }) => {
                    healed.still_named = Some(reason);
                }
                replaced => replaced?,
            }
        }
        if healed.lost > 0 {
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
