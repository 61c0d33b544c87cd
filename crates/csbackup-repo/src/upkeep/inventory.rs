//! Which packs there are, by the index and by the store.

use std::collections::{BTreeMap, BTreeSet};

use csbackup::Error;
use rustic_core::repofile::{IndexFile, IndexId};
use rustic_core::{FileType, Id};

use crate::opened::Opened;

/// Packs by the index and by the store.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// Sizes in bytes.
    pub(super) stored: BTreeMap<Id, u32>,
    indexed: BTreeMap<Id, u32>,
    /// In the index, but only until they are deleted.
    marked: BTreeMap<Id, u32>,
    /// Index files that are there and cannot be understood.
    pub(super) damaged_index: Vec<Id>,
}

impl Inventory {
    pub(super) fn of(opened: &Opened) -> Result<Self, Error> {
        opened.run("compare the index with what is stored", || {
            let repo = opened.handle()?;
            let mut inventory = Self::default();
            for (id, _) in opened.store.list_with_size(FileType::Index)? {
                // A store that does not answer is an error; a file that comes and cannot be read is damage.
                opened.store.read_full(FileType::Index, &id)?;
                let Ok(index) = repo.get_file::<IndexFile>(&IndexId::from(id)) else {
                    inventory.damaged_index.push(id);
                    continue;
                };
                inventory.indexed.extend(index.packs.iter().map(|pack| (*pack.id, pack.pack_size())));
                inventory
                    .marked
                    .extend(index.packs_to_delete.iter().map(|pack| (*pack.id, pack.pack_size())));
            }
            inventory.marked.retain(|id, _| !inventory.indexed.contains_key(id));
            inventory.stored = opened.store.list_with_size(FileType::Pack)?.into_iter().collect();
            Ok(inventory)
        })
    }

    /// Packs that the index needs and the store has not, or not whole.
    pub(super) fn lost(&self) -> BTreeSet<Id> {
        let lost = |(id, size): &(&Id, &u32)| self.stored.get(*id) != Some(*size);
        self.indexed.iter().filter(lost).map(|(id, _)| *id).collect()
    }

    /// Packs that only the store knows.
    pub(super) fn unindexed(&self) -> usize {
        let known = |id: &Id| self.indexed.contains_key(id) || self.marked.contains_key(id);
        self.stored.keys().filter(|id| !known(id)).count()
    }

    /// Packs that were to be deleted and are gone already.
    pub(super) fn gone(&self) -> usize {
        self.marked.keys().filter(|id| !self.stored.contains_key(*id)).count()
    }

    /// Stored bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.stored.values().map(|size| u64::from(*size)).sum()
    }
}
