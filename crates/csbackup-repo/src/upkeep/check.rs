//! Checking a repository: the library's check, and what only we know of sets.

mod data;
mod sets;

use csbackup::manifest::Severity;
use csbackup::{Error, FindingEntry, SetId, StoreTrouble};

use super::inventory::Inventory;
use super::removal::orphaned_notes;
use crate::Repositories;
use crate::lock::Claim;
use crate::opened::Opened;
use crate::writer::set_id;

pub use data::ReadData;

/// What is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CheckOptions {
    /// How much of the stored data is read and compared with its hashes.
    pub read_data: ReadData,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Defects; `Severity::Error` is damage.
    pub findings: Vec<FindingEntry>,
    /// Sets of which data is lost for good.
    pub lost: Vec<Lost>,
    /// Sets that were checked.
    pub sets: usize,
    /// Packs in the store.
    pub packs: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

/// A set of which data is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The set.
    pub set: SetId,
    /// What is lost, for people.
    pub what: String,
}

impl CheckReport {
    /// The worst that was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    fn add(&mut self, severity: Severity, code: &str, text: String, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        let code = code.to_owned();
        self.findings.push(FindingEntry { severity, code, text, affected: None, jet: None, hint });
    }
}

const REPAIR: &str = "`csbackup repair` reads the index anew from the packs";
const LOST: &str = "take a full backup; `csbackup verify` tells of each set what is left of it, `csbackup repair` mends the index";

impl Repositories {
    /// Checks the repository of a CA; changes nothing.
    ///
    /// # Errors
    /// The repository cannot be opened, somebody uses it alone, or the store does not answer. Damage is a finding.
    pub fn check(&self, ca_name: &str, options: &CheckOptions) -> Result<CheckReport, Error> {
        let opened = self.open_ca(ca_name)?;
        // What somebody prunes beneath a check is no damage. A store that takes no lock is checked without.
        let _lock = match opened.lock(&Claim::shared("a check")) {
            Err(error @ Error::Store { trouble: StoreTrouble::Locked, .. }) => return Err(error),
            lock => lock.ok(),
        };
        opened.forget_known();
        self.checked(&opened, options)
    }

    /// As [`Repositories::check`], with what was noted of sets before.
    pub(super) fn checked(&self, opened: &Opened, options: &CheckOptions) -> Result<CheckReport, Error> {
        let mut report = check(opened, options)?;
        for set in self.misread(opened)? {
            if !report.lost.iter().any(|lost| lost.set == set.id) {
                let text = format!("set {} was read back with other bytes than were written", set.id);
                report.add(Severity::Error, "set-misread", text, LOST);
            }
        }
        report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Ok(report)
    }
}

fn check(opened: &Opened, options: &CheckOptions) -> Result<CheckReport, Error> {
    let inventory = Inventory::of(opened)?;
    let mut report =
        CheckReport { packs: inventory.stored.len(), bytes: inventory.bytes(), ..CheckReport::default() };
    packs(&inventory, &mut report);
    if !inventory.damaged_index.is_empty() {
        let text = format!("{} files of the index are damaged", inventory.damaged_index.len());
        report.add(Severity::Error, "index-damaged", text, REPAIR);
        return Ok(report);
    }
    let damaged = data::read(opened, options.read_data, &inventory, &mut report)?;
    let snapshots = opened.snapshots()?;
    for snapshot in opened.unreadable() {
        let text = format!("snapshot {} cannot be read: {}", snapshot.id.to_hex().as_str(), snapshot.reason);
        let hint = "it was a set, or what was noted of one; `csbackup repair` finds the set again if a note of it is left, and removes it";
        report.add(Severity::Error, "snapshot-unreadable", text, hint);
    }
    let orphaned = orphaned_notes(&snapshots).len();
    if orphaned > 0 {
        let text = format!("{orphaned} notes belong to sets that are not there");
        report.add(Severity::Info, "notes-orphaned", text, "`csbackup repair` removes them");
    }
    let suspects = sets::Suspects { lost: inventory.lost(), damaged, unindexed: inventory.unindexed() > 0 };
    let ids: Vec<SetId> = snapshots.iter().filter_map(set_id).collect();
    for snapshot in &snapshots {
        if let Some(id) = set_id(snapshot) {
            report.sets += 1;
            sets::check(opened, snapshot, &id, &ids, &suspects, &mut report)?;
        }
    }
    Ok(report)
}

/// Do index and store name the same packs?
fn packs(inventory: &Inventory, report: &mut CheckReport) {
    let lost = inventory.lost();
    if let Some(first) = lost.first() {
        let text = format!(
            "{} packs are missing or not whole, the first is {}",
            lost.len(),
            first.to_hex().as_str()
        );
        report.add(Severity::Error, "packs-missing", text, LOST);
    }
    if inventory.unindexed() > 0 {
        let text = format!(
            "{} packs are in no index: left by a run that was interrupted, or the index has lost them",
            inventory.unindexed()
        );
        let hint =
            "if a set lacks data, `csbackup repair` looks for it in them; else `csbackup prune` removes them";
        report.add(Severity::Info, "packs-unindexed", text, hint);
    }
    if inventory.gone() > 0 {
        let text = format!("{} packs that were to be deleted are gone already", inventory.gone());
        report.add(Severity::Info, "packs-gone", text, REPAIR);
    }
}
