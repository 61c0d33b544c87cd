//! Repairing what can be: the index, and what was left behind. A set is never rewritten.

use std::collections::BTreeMap;
use std::sync::Arc;

use csbackup::manifest::FILE_NAME;
use csbackup::{Error, Manifest, StoreTrouble};
use rustic_core::repofile::SnapshotFile;
use rustic_core::{FileType, RepairIndexOptions};

use super::check::{CheckOptions, CheckReport};
use super::inventory::Inventory;
use super::removal::{orphaned_notes, remove_orphaned_notes};
use crate::Repositories;
use crate::error::StoreError;
use crate::heal::Gone;
use crate::identity;
use crate::init::identify;
use crate::lock::{Claim, RepositoryLock};
use crate::notes::Noted;
use crate::opened::Opened;
use crate::writer::tags;

/// What a repair did (or would do), and what is left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// The steps, for people.
    pub steps: Vec<String>,
    /// The check afterwards; none of a dry run.
    pub after: Option<CheckReport>,
}

impl Repositories {
    /// Repairs the repository of a CA, alone in it: the index is made to agree with the packs, sets whose snapshots are
    /// damaged are found again by their notes, and what belongs to no set is removed. Data that is lost stays
    /// lost: the check afterwards names the sets.
    ///
    /// # Errors
    /// [`csbackup::StoreTrouble::Locked`] while anybody else uses the repository; what the store and the library say.
    pub fn repair(&self, ca_name: &str, dry_run: bool) -> Result<RepairReport, Error> {
        let opened = self.open_ca(ca_name)?;
        let _lock = self.alone(&opened, dry_run, "a repair")?;
        opened.forget_known();
        let inventory = Inventory::of(&opened)?;
        let mut steps = Vec::new();
        let mut step = |count: usize, what: &str| {
            if count > 0 {
                steps.push(format!("{count} {what}"));
            }
            count > 0
        };
        let damaged = step(inventory.damaged_index.len(), "damaged files of the index are removed");
        let unindexed =
            step(inventory.unindexed(), "packs that the index does not know are read and added to it");
        let lost =
            step(inventory.lost().len(), "packs that are missing or not whole are taken out of the index");
        let gone = step(inventory.gone(), "packs that are gone already are taken out of the index");
        let snapshots = opened.snapshots()?;
        let unreadable = opened.unreadable();
        let nameless = !snapshots.iter().any(|snapshot| snapshot.tags.contains(identity::TAG));
        step(usize::from(nameless), "record of whose repository it is is written anew");
        // A note keeps the tree of its set. Where no snapshot is damaged, the set was removed on purpose.
        let rescued = if unreadable.is_empty() || damaged { Vec::new() } else { rescue(&opened, &snapshots) };
        step(rescued.len(), "sets whose snapshots are damaged are found again by their notes");
        let orphaned = if unreadable.is_empty() { orphaned_notes(&snapshots).len() } else { 0 };
        let orphaned = step(orphaned, "notes of sets that are not there are removed");
        // Nothing is read through an index that is to be mended first.
        let bad = if damaged { Gone::default() } else { self.damaged(&opened)? };
        step(bad.blobs.len(), "pieces of misread sets are damaged and taken out of the index");
        step(unreadable.len(), "snapshots that nobody can read any more are removed");
        if dry_run {
            return Ok(RepairReport { steps, after: None });
        }
        if damaged || unindexed || lost || gone {
            mend_index(&opened, &inventory)?;
        }
        if nameless {
            opened.run("write whose repository it is", || {
                identify(opened.handle()?, &opened.identity).map_err(StoreError::boxed)
            })?;
        }
        if !rescued.is_empty() {
            opened.run("name sets again", || opened.handle()?.save_snapshots(rescued))?;
        }
        if orphaned {
            remove_orphaned_notes(&opened)?;
        }
        if let Some(reason) = opened.unlist(&self.damaged(&opened)?)? {
            return Err(StoreError::new(StoreTrouble::ReadOnly, reason).at(&opened.place));
        }
        for snapshot in unreadable {
            opened
                .run("remove a snapshot", || opened.store.remove(FileType::Snapshot, &snapshot.id, false))?;
        }
        opened.forget_known();
        let after = self.checked(&opened, &CheckOptions::default())?;
        Ok(RepairReport { steps, after: Some(after) })
    }

    fn damaged(&self, opened: &Opened) -> Result<Gone, Error> {
        let mut gone = Gone::default();
        for set in self.misread(opened)? {
            gone.blobs.extend(opened.damaged(&self.snapshot_of(opened, &set.id)?)?);
        }
        Ok(gone)
    }

    /// The lock under which sets and packs are removed; none is needed only to look.
    pub(super) fn alone(
        &self,
        opened: &Arc<Opened>,
        dry_run: bool,
        doing: &str,
    ) -> Result<Option<Arc<RepositoryLock>>, Error> {
        if dry_run {
            return Ok(None);
        }
        opened.lock(&Claim::exclusive(doing)).map(Some)
    }
}

/// Snapshots for the sets of which only notes can be read.
fn rescue(opened: &Opened, snapshots: &[SnapshotFile]) -> Vec<SnapshotFile> {
    let orphaned = orphaned_notes(snapshots);
    let mut rescued = BTreeMap::new();
    for note in snapshots.iter().filter(|snapshot| orphaned.contains(&snapshot.id)) {
        let Some(Noted { set: id, .. }) = Noted::of(note) else { continue };
        let Ok(Some(bytes)) = opened.root_file(note, FILE_NAME) else { continue };
        let Ok(manifest) = Manifest::decode(&bytes) else { continue };
        if id.fits(&bytes) && !rescued.contains_key(&id) {
            let mut snapshot = note.clone();
            snapshot.tags = tags(&id, &manifest);
            snapshot.program_version.clone_from(&manifest.tool);
            snapshot.description = String::from_utf8(bytes).ok();
            rescued.insert(id, snapshot);
        }
    }
    rescued.into_values().collect()
}

/// What was in a damaged file of the index is found again in the packs.
fn mend_index(opened: &Opened, inventory: &Inventory) -> Result<(), Error> {
    let mended = opened.run("mend the index", || {
        for id in &inventory.damaged_index {
            opened.store.remove(FileType::Index, id, true)?;
        }
        opened.handle()?.repair_index(&RepairIndexOptions::default(), false)
    });
    opened.changed();
    mended
}
