//! Healing: what a store has lost or damaged no longer counts as stored.
//!
//! A chunk that the index names and the store has not, or not as it was, would be stored by no later set.
//! `repair_index` of the library wants the repository for itself; here only the index files that name such a chunk
//! are replaced, so that runs beside this one keep what they add.

use std::collections::{HashMap, HashSet};

use csbackup::{Error, StoreTrouble};
use rustic_core::repofile::{BlobType, IndexFile, IndexId, IndexPack, SnapshotFile};
use rustic_core::{DataId, FileType, Id, OpenStatus, Repository, RusticResult, WriteBackend};

use crate::error::{StoreError, cause, of_store};
use crate::opened::{Indexed, Opened};
use crate::sealed::seal;

/// What the index names and must not.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// Packs that the store has not, or not whole.
    pub(crate) packs: HashSet<Id>,
    /// Chunks and trees that cannot be read, each with its pack. What else lies in such a pack is kept: nothing but
    /// it may have the logs of an old set.
    pub(crate) blobs: HashSet<(Id, Id)>,
}

impl Gone {
    pub(crate) fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.blobs.is_empty()
    }

    /// Is it this that the index means?
    pub(crate) fn has(&self, pack: &Id, blob: &Id) -> bool {
        self.packs.contains(pack) || self.blobs.contains(&(*pack, *blob))
    }

    fn concerns(&self, pack: &IndexPack) -> bool {
        pack.blobs.iter().any(|blob| self.has(&pack.id, &blob.id))
    }

    /// What is left of a pack.
    fn rest_of(&self, pack: &IndexPack) -> Option<IndexPack> {
        // It follows from the chunks that are listed, unless it is written down.
        let size = if self.concerns(pack) { Some(pack.pack_size()) } else { pack.size };
        let mut rest = IndexPack { size, ..pack.clone() };
        rest.blobs.retain(|blob| !self.has(&pack.id, &blob.id));
        (!rest.blobs.is_empty()).then_some(rest)
    }
}

impl Opened {
    /// The packs that the index names and the store has not, or not whole.
    ///
    /// The index is read before the packs are listed: a run beside this one writes them in the other order.
    /// No list alone is believed.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn lost(&self) -> Result<HashSet<Id>, Error> {
        self.run("compare the index with what is stored", || {
            lost(&self.indexes(&self.handle()?)?, &*self.store)
        })
    }

    /// Reads all data of a snapshot; gives what of it is damaged, with its packs.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn damaged(&self, snapshot: &SnapshotFile) -> Result<HashSet<(Id, Id)>, Error> {
        let repo = self.indexed()?;
        self.run("read what is stored", || damaged(&repo, snapshot))
    }

    /// Takes what is gone out of the index. Tells why, if the store does not let go of files that name it.
    ///
    /// # Errors
    /// The store's, but for a refusal to remove.
    pub(crate) fn unlist(&self, gone: &Gone) -> Result<Option<String>, Error> {
        if gone.is_empty() {
            return Ok(None);
        }
        let indexes = self.run("read the index", || self.indexes(&self.handle()?))?;
        let mut refused = None;
        for (id, index) in &indexes {
            if !packs(index).any(|pack| gone.concerns(pack)) {
                continue;
            }
            let others = indexes.iter().filter(|(other, _)| other != id).map(|(_, index)| index).collect();
            match self.run("mend the index", || self.replace(id, index, gone, others)) {
                Err(Error::Store {
                    trouble: StoreTrouble::ReadOnly | StoreTrouble::Refused, reason, ..
                }) => {
                    refused = Some(reason);
                }
                replaced => replaced?,
            }
        }
        self.changed();
        Ok(refused)
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

    /// Writes an index file anew without what is gone, unless another file does already, then removes it.
    fn replace(&self, id: &Id, index: &IndexFile, gone: &Gone, others: Vec<&IndexFile>) -> RusticResult<()> {
        let rest = |packs: &[IndexPack]| packs.iter().filter_map(|pack| gone.rest_of(pack)).collect();
        let rest = IndexFile {
            supersedes: None,
            packs: rest(&index.packs),
            packs_to_delete: rest(&index.packs_to_delete),
        };
        let failed = |reason: String| StoreError::new(StoreTrouble::Failed, reason).boxed();
        let text = |index: &IndexFile| serde_json::to_vec(index).map_err(|error| failed(error.to_string()));
        let new = text(&rest)?;
        let written = |other: &IndexFile| text(other).is_ok_and(|other| other == new);
        if packs(&rest).next().is_some() && !others.into_iter().any(written) {
            let packed = zstd::bulk::compress(&new, 3).map_err(|error| failed(error.to_string()))?;
            let (name, content) =
                seal(&self.master, &[&[2], &*packed].concat()).map_err(|error| failed(error.to_owned()))?;
            self.store.write_bytes(FileType::Index, &name.parse()?, false, content.into())?;
        }
        match self.store.remove(FileType::Index, id, false) {
            // Another run was faster.
            Err(error) if of_store(&error).is_some_and(|error| error.trouble == StoreTrouble::Damaged) => {
                Ok(())
            }
            removed => removed,
        }
    }
}

fn packs(index: &IndexFile) -> impl Iterator<Item = &IndexPack> {
    index.packs.iter().chain(&index.packs_to_delete)
}

fn lost(indexes: &[(Id, IndexFile)], store: &dyn WriteBackend) -> RusticResult<HashSet<Id>> {
    let packs = indexes.iter().flat_map(|(_, index)| &index.packs);
    let named: HashMap<Id, u32> = packs.map(|pack| (*pack.id, pack.pack_size())).collect();
    let stored: HashMap<Id, u32> = store.list_with_size(FileType::Pack)?.into_iter().collect();
    let mut lost = HashSet::new();
    for (id, size) in named.into_iter().filter(|(id, size)| stored.get(id) != Some(size)) {
        match store.read_partial(FileType::Pack, &id, false, size.saturating_sub(1), 1) {
            Ok(_) => {}
            Err(error) if cause("read", &error).trouble == StoreTrouble::Damaged => _ = lost.insert(id),
            Err(error) => return Err(error),
        }
    }
    Ok(lost)
}

/// Trees and chunks of a snapshot that cannot be read, with their packs. What the index does not know is not looked
/// for.
fn damaged(repo: &Indexed, snapshot: &SnapshotFile) -> RusticResult<HashSet<(Id, Id)>> {
    let mut damaged = HashSet::new();
    let mut note = |pack: Id, blob: Id, read: RusticResult<()>| match read {
        Err(error) if cause("read", &error).trouble != StoreTrouble::Damaged => Err(error),
        read => {
            damaged.extend(read.err().map(|_| (pack, blob)));
            Ok(())
        }
    };
    let (mut trees, mut chunks) = (vec![snapshot.tree], HashSet::new());
    while let Some(id) = trees.pop() {
        let Ok(entry) = repo.get_index_entry(&id) else { continue };
        let read = repo.get_tree(&id).map(|tree| {
            trees.extend(tree.nodes.iter().filter_map(|node| node.subtree));
            chunks.extend(tree.nodes.into_iter().flat_map(|node| node.content).flatten());
        });
        note(*entry.pack, *id, read)?;
    }
    // In the order in which they lie: then a store far away is asked for many at once.
    let place = |chunk: DataId| {
        let entry = repo.get_index_entry(&chunk).ok()?;
        Some((*entry.pack, entry.location.offset, chunk))
    };
    let mut places: Vec<_> = chunks.into_iter().filter_map(place).collect();
    places.sort_unstable();
    for (pack, _, chunk) in places {
        note(pack, *chunk, repo.get_blob_cached(&chunk.into(), BlobType::Data).map(drop))?;
    }
    Ok(damaged)
}
