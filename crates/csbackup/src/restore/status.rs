//! What the journal of a restore tells an operator.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::journal::{Phase, read};
use crate::Error;
use crate::manifest::{Ca, SetId};

/// What the journal of a folder says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreStatus {
    /// The CA of the sets.
    pub ca: Ca,
    /// The sets, full backup first.
    pub sets: Vec<SetId>,
    /// Where they are.
    pub medium: String,
    /// When it began, UTC, RFC 3339.
    pub started: String,
    /// `staging`, `ready`, `applying`, `laid`, `ended`, `done`, `undoing` or `undone`.
    pub phase: String,
    /// May `--resume` go on?
    pub resumable: bool,
    /// May `--undo` go back, as far as the journal tells?
    pub undoable: bool,
    /// The service ran before.
    pub service_ran: bool,
    /// Sets whose registration is complete, of how many.
    pub registered: [usize; 2],
    /// Folders with the old files.
    pub aside: Vec<PathBuf>,
}

/// What the journal in a folder says; `None` where there is none.
///
/// # Errors
/// It cannot be read.
pub fn restore_status(folder: &Path) -> Result<Option<RestoreStatus>, Error> {
    Ok(read(folder)?.map(|record| RestoreStatus {
        resumable: !matches!(record.phase, Phase::Done | Phase::Undoing | Phase::Undone),
        undoable: true,
        phase: record.phase.name(),
        aside: record.aside_folders().into_iter().filter(|folder| folder.is_dir()).collect(),
        registered: [record.completed, record.registrations.len()],
        service_ran: record.service_ran,
        ca: record.ca,
        sets: record.sets,
        medium: record.medium,
        started: record.started,
    }))
}
