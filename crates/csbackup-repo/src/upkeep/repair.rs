//! Repairing what can be: the index, and what was left behind. A set is never rewritten.

use std::collections::HashSet;
use std::sync::Arc;

use csbackup::{Error, StoreTrouble};
use rustic_core::{FileType, Id, RepairIndexOptions};

use super::check::{CheckOptions, CheckReport};
use super::inventory::Inventory;
use super::removal::{orphaned_notes, remove_orphaned_notes};
use crate::Repositories;
use crate::error::StoreError;
use crate::lock::{Claim, RepositoryLock};
use crate::opened::Opened;

/// What a repair did (or would do), and what is left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// The steps, for people.
    pub steps: Vec<String>,
    /// The check afterwards; none of a dry run.
    pub after: Option<CheckReport>,
}

impl Repositories {
    /// Repairs the repository of a CA, alone in it: the index is made to agree with the packs, notes without
    /// a set are removed. Data that is lost stays lost: the check afterwards names the sets.
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
        let orphaned = orphaned_notes(&opened.snapshots()?).len();
        let orphaned = step(orphaned, "notes of sets that are not there are removed");
        // Nothing is read through an index that is to be mended first.
        let bad = if damaged { HashSet::new() } else { self.damaged_packs(&opened)? };
        step(bad.len(), "packs with data of misread sets are damaged and taken out of the index");
        let unreadable = opened.unreadable();
        step(unreadable.len(), "snapshots that nobody can read any more are removed");
        if dry_run {
            return Ok(RepairReport { steps, after: None });
        }
        if damaged || unindexed || lost || gone {
            mend_index(&opened, &inventory)?;
        }
        if orphaned {
            remove_orphaned_notes(&opened)?;
        }
        if let Some(reason) = opened.drop_packs(&self.damaged_packs(&opened)?)?.still_named {
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

    fn damaged_packs(&self, opened: &Opened) -> Result<HashSet<Id>, Error> {
        let mut packs = HashSet::new();
        for set in self.misread(opened)? {
            packs.extend(opened.damaged(&self.snapshot_of(opened, &set.id)?)?);
        }
        Ok(packs)
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
