//! The snapshots of a repository, each read once.
//!
//! The library passes over a snapshot it cannot read, whatever the reason. To us a store that does not answer is
//! an error, and one damaged file does not hide the others.

use std::collections::BTreeMap;
use std::thread;

use csbackup::{SetId, StoreTrouble};
use rustic_core::repofile::{SnapshotFile, SnapshotId};
use rustic_core::{FileType, Id, OpenStatus, Repository, WriteBackend};

use crate::error::{StoreError, cause, of_store};
use crate::writer::set_id;

/// What was read of the snapshots.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    read: BTreeMap<Id, SnapshotFile>,
    /// Those that were there at the last refresh and could not be understood.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A snapshot that is there and cannot be understood: a set, a note, or the identity.
#[derive(Debug, Clone)]
pub(crate) struct Unreadable {
    pub(crate) id: Id,
    /// One clause.
    pub(crate) reason: String,
}

impl Snapshots {
    /// Lists the snapshots, and reads those that are new.
    pub(crate) fn refresh(
        &mut self,
        repo: &Repository<OpenStatus>,
        store: &dyn WriteBackend,
    ) -> Result<(), StoreError> {
        let list = || store.list(FileType::Snapshot).map_err(|error| cause("list the snapshots", &error));
        let listed = list()?;
        self.read.retain(|id, _| listed.contains(id));
        let new: Vec<Id> = listed.into_iter().filter(|id| !self.read.contains_key(id)).collect();
        self.unreadable.clear();
        for (id, read) in read_all(repo, &new)? {
            match read {
                Ok(snapshot) => _ = self.read.insert(id, snapshot),
                Err(reason) => self.unreadable.push(Unreadable { id, reason }),
            }
        }
        if !self.unreadable.is_empty() {
            // Perhaps one was removed since.
            let listed = list()?;
            self.unreadable.retain(|unreadable| listed.contains(&unreadable.id));
        }
        Ok(())
    }

    /// All, oldest first.
    pub(crate) fn all(&self) -> Vec<SnapshotFile> {
        let mut all: Vec<_> = self.read.values().cloned().collect();
        all.sort_by(|a, b| a.time.cmp(&b.time));
        all
    }

    /// The snapshot of a set.
    pub(crate) fn find(&self, id: &SetId) -> Option<SnapshotFile> {
        self.read.values().find(|snapshot| set_id(snapshot).as_ref() == Some(id)).cloned()
    }

    /// What was looked for may be in a file that cannot be read.
    pub(crate) fn or_unreadable(&self, error: StoreError) -> StoreError {
        match self.unreadable.first() {
            Some(Unreadable { id, reason }) if error.trouble == StoreTrouble::OtherCa => StoreError::new(
                StoreTrouble::Damaged,
                format!(
                    "whose repository it is cannot be read (snapshot `{}`: {reason})",
                    id.to_hex().as_str()
                ),
            ),
            _ => error,
        }
    }
}

type Read = (Id, Result<SnapshotFile, String>);

/// Reads snapshots, some at a time: each is a small file, and a store far away takes its time for each.
fn read_all(repo: &Repository<OpenStatus>, ids: &[Id]) -> Result<Vec<Read>, StoreError> {
    let share = ids.len().div_ceil(READERS).max(1);
    let read_some = |ids: &[Id]| ids.iter().map(|id| Ok((*id, read(repo, id)?))).collect();
    thread::scope(|scope| {
        let readers: Vec<_> = ids.chunks(share).map(|ids| scope.spawn(move || read_some(ids))).collect();
        let mut all = Vec::new();
        for reader in readers {
            let failed =
                |_| StoreError::new(StoreTrouble::Failed, "the repository library failed at a snapshot");
            let some: Result<Vec<Read>, StoreError> = reader.join().map_err(failed)?;
            all.extend(some?);
        }
        Ok(all)
    })
}

fn read(repo: &Repository<OpenStatus>, id: &Id) -> Result<Result<SnapshotFile, String>, StoreError> {
    match repo.get_file::<SnapshotFile>(&SnapshotId::from(*id)) {
        Ok(snapshot) => Ok(Ok(SnapshotFile { id: SnapshotId::from(*id), ..snapshot })),
        Err(error) => match of_store(&error) {
            Some(error) if error.trouble != StoreTrouble::Damaged => Err(error),
            _ => Ok(Err(cause("read a snapshot", &error).reason)),
        },
    }
}

const READERS: usize = 8;
