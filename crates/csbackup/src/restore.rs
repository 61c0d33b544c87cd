//! Laying a set down, and registering it with the CA: planned first, staged, checked, journaled, and
//! nothing overwritten.
//!
//! A restore is either done or not. Everything is written beside its place and checked before anything
//! changes, a CA's service included: its outage is renames and registration. From the first byte on a
//! journal (`.csbackup-restore/journal.json` in [`RestorePlan::journal`]) tells how far it came, so that
//! [`resume`] can go on and [`undo`] can go back after a run that died.

mod execute;
mod journal;
mod moves;
mod places;
mod plan;
mod recover;
mod registry;
mod service;
mod session;
mod stage;
mod status;
mod undo;

use std::path::PathBuf;

use certadm::{CaHost, CertServer, ConfigEntry, Registration};
use serde::Serialize;

pub use execute::{restore, restore_ca, resume};
pub(crate) use plan::chosen;
pub use plan::plan_restore;
pub use registry::{RegistryChange, captured_file, captured_registry, registry_changes};
pub use status::{RestoreStatus, restore_status};
pub use undo::undo;

use crate::manifest::{Content, SetId};
use crate::medium::StoredSet;
use crate::{MappedFiles, SetPath, Until};

/// Where a restore goes.
#[derive(Debug, Clone)]
pub enum RestoreTarget {
    /// A folder: `CertLog/`, `DynamicFiles/`, `Config/` and the restore map below it.
    Folder(PathBuf),
    /// The paths of the restore map, as far as they are mapped to local ones (on Windows UNC paths
    /// need no mapping).
    Original(MappedFiles),
    /// A CA on this machine, registered with it.
    Ca(CaPlaces),
}

/// Where a CA on this machine has its files.
#[derive(Debug, Clone, Default)]
pub struct CaPlaces {
    /// Folder of the database; `None`: as in the restore map, resolved by `files`.
    pub database: Option<PathBuf>,
    /// Folder of the logs; `None` as above.
    pub logs: Option<PathBuf>,
    /// Folder of the checkpoint; `None` as above.
    pub system: Option<PathBuf>,
    /// Local places of what the set names by UNC path.
    pub files: MappedFiles,
    /// Folder of published certificates and CRLs.
    pub enroll: Option<PathBuf>,
    /// Where `CAPolicy.inf` belongs.
    pub policy: Option<PathBuf>,
    /// Folder that gets the journal: best that of the logs.
    pub journal: PathBuf,
}

/// What can be restored by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The database with its logs and the restore map.
    Database,
    /// Files outside the database: CRLs.
    Crl,
    /// The folder `CertEnroll`.
    Enroll,
    /// `CAPolicy.inf`.
    Policy,
    /// The registry values (and what else the CA told of itself, where a folder is restored to).
    Registry,
    /// The keys, PKCS #12.
    Key,
}

/// How to restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// Where to.
    pub target: RestoreTarget,
    /// Move existing files aside.
    pub force: bool,
    /// Only these parts; empty: all.
    pub only: Vec<Part>,
    /// Lay the database down as it is once the logs are replayed, to this point: closed, so that no log goes
    /// with it and nothing is registered. `None`: as it was streamed, with its logs.
    pub recovered: Option<Until>,
}

/// One file to lay down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanItem {
    /// The set that has it.
    pub set: SetId,
    /// Its path there.
    pub path: SetPath,
    /// Where it goes.
    pub target: PathBuf,
    /// What it is.
    pub content: Content,
    /// Size in bytes.
    pub size: u64,
    /// BLAKE3 it must have; of a database that is recovered first, that of the stream.
    pub blake3: String,
}

/// What a restore will do.
#[derive(Debug, Clone)]
pub struct RestorePlan {
    /// The sets it needs: full backup first.
    pub sets: Vec<StoredSet>,
    /// Files to lay down.
    pub items: Vec<PlanItem>,
    /// Existing files that will be moved aside: those in the way, and every database, log and
    /// checkpoint in the target folders, because the CA would replay newer logs into the old state.
    pub aside: Vec<PathBuf>,
    /// May they be? Otherwise files in [`RestorePlan::aside`] stop the restore.
    pub force: bool,
    /// A set of the chain is known to be damaged.
    pub damaged: bool,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// What the CA is told, in order: one registration for each set that has logs. Empty where nothing is
    /// registered.
    pub registrations: Vec<(SetId, Registration)>,
    /// Registry values to import after the service was stopped; the caller's choice, see
    /// [`registry_changes`].
    pub registry: Vec<ConfigEntry>,
    /// Folder that gets the journal.
    pub journal: PathBuf,
    /// The database is recovered first, to this point.
    pub recovered: Option<Until>,
    /// A recovered database goes to a CA: its service must not run then.
    stops_service: bool,
    /// Folder that had the checkpoint.
    checkpoint: Option<PathBuf>,
}

impl RestorePlan {
    /// Bytes to write.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }
}

/// The CA that a restore is registered with.
pub struct CaSide<'a> {
    /// The road to it, on its own machine.
    pub server: &'a mut dyn CertServer,
    /// Its machine; without it the service is shut down over the road, and not started again.
    pub host: Option<&'a mut dyn CaHost>,
}

/// What a restore came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Folders that old files were moved to.
    pub aside: Vec<PathBuf>,
    /// What became of the certificate service; `None` where no CA was asked.
    pub service: Option<ServiceEnd>,
    /// Where the journal stays, so that `undo` still works; `None` where there is nothing to go back to,
    /// or no way.
    pub journal: Option<PathBuf>,
}

/// How the certificate service is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "kebab-case")]
pub enum ServiceEnd {
    /// Started again: it replays the logs, where there are any.
    Started,
    /// It did not run before and was not started.
    LeftStopped,
    /// Nothing about it was changed.
    Untouched,
    /// It was to be started and was not: why.
    NotStarted(String),
}
