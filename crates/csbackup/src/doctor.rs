//! A CA's folder, live or broken: its state, what it needs, what to do next.
//!
//! Only reads. What is found is a value; nothing here prints or decides for the operator.

mod checkpoint;
mod instances;
mod logs;
mod pending;
mod remedy;
mod supply;
mod survey;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::manifest::{FindingEntry, Severity};
use crate::{Catalogue, Error, Observer, RestoreStatus, VerifyLevel};

pub use checkpoint::CheckpointState;
pub use logs::{ExaminedLog, LogState, MissingLogs};
pub use pending::PendingRestore;
pub use remedy::Remedy;
pub use supply::{BestSet, Supply};
pub use survey::{DatabaseState, ExaminedDatabase, Leftover, LeftoverKind};

/// What to examine, and what to compare it with.
#[derive(Clone, Copy)]
pub struct ExamineOptions<'a> {
    /// The folder that was named: that of the database, one that a set was restored to, a folder written by
    /// `certutil -backup`, or the directory of an embedded CA.
    pub folder: &'a Path,
    /// Folder of the logs, where it is another one.
    pub logs: Option<&'a Path>,
    /// Sets that may have what is missing.
    pub sets: Option<&'a Catalogue>,
}

/// What is the matter with a folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examination {
    /// Folder of the databases.
    pub folder: PathBuf,
    /// Folder of the logs.
    pub log_folder: PathBuf,
    /// Is it an embedded CA's? It keeps its database elsewhere while none is restored.
    pub embedded: bool,
    /// The databases.
    pub databases: Vec<ExaminedDatabase>,
    /// The logs, by generation.
    pub logs: Vec<ExaminedLog>,
    /// Does the checkpoint fit?
    pub checkpoint: CheckpointState,
    /// Where it lies.
    pub checkpoint_file: Option<PathBuf>,
    /// Generations that are needed and not here in a usable state, by generation.
    pub missing: Vec<MissingLogs>,
    /// Logs below a gap that no database needs, though recovery would begin with them and end at the gap.
    pub cut_off: Vec<PathBuf>,
    /// Names of the files of each instance of the engine; empty unless several share the folder.
    pub instances: Vec<Vec<String>>,
    /// Restores that a CA is to finish by replaying logs.
    pub pending: Vec<PendingRestore>,
    /// The journal of a restore, and the folder that it lies in.
    pub journal: Option<(PathBuf, RestoreStatus)>,
    /// What lies there beside databases, logs and checkpoint.
    pub leftovers: Vec<Leftover>,
    /// Findings with the name of their file; an empty name is the folder as a whole. Missing logs and what
    /// cannot be read are told above.
    pub findings: Vec<(String, FindingEntry)>,
    /// The set to restore, if it comes to that; `None` without sets, and where none fits.
    pub best: Option<BestSet>,
    /// What to do next, in order.
    pub remedies: Vec<Remedy>,
}

/// What an examination comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing is wrong.
    Fine,
    /// Something is missing, not finished, or could not be read.
    Incomplete,
    /// Something is damaged.
    Damaged,
}

impl Examination {
    /// The worst of what was found.
    pub fn verdict(&self) -> Verdict {
        let damaged = self.findings.iter().any(|(_, finding)| finding.severity == Severity::Error);
        let unfinished = self.journal.as_ref().is_some_and(|(_, status)| status.phase != "done");
        let no_database = self.databases.is_empty() && !self.embedded;
        let unread = self.databases.iter().any(|database| database.state.is_unread())
            || self.logs.iter().any(|log| matches!(log.state, LogState::Unreadable(_)));
        let stops = !self.cut_off.is_empty() || !self.instances.is_empty();
        let waits =
            stops || self.checkpoint.is_dangerous() || self.pending.iter().any(PendingRestore::is_open);
        if damaged {
            Verdict::Damaged
        } else if !self.missing.is_empty() || unfinished || no_database || unread || waits {
            Verdict::Incomplete
        } else {
            Verdict::Fine
        }
    }
}

/// Looks at a folder and says what is the matter with it.
///
/// # Errors
/// A folder cannot be listed, or holds neither database nor log; cancellation. What cannot be read in it is
/// part of the result.
pub fn examine(options: &ExamineOptions<'_>, observer: &dyn Observer) -> Result<Examination, Error> {
    let (folder, log_folder) = places(options);
    let mut survey = survey::Survey::of(&folder, &log_folder)?;
    if survey.is_empty() {
        return Err(Error::NothingHere { path: options.folder.to_owned() });
    }
    survey.read(observer)?;
    let instances = instances::of(&survey);
    if instances.is_empty() {
        prove(&mut survey, &folder, observer)?;
    }
    let journal = journal(options.folder, &folder, &log_folder)?;
    let logs = logs::Logs::judge(&survey);
    let checkpoint = checkpoint::judge(&survey, &logs);
    let supplier = supply::Supplier::new(options.sets, &logs);
    let mut missing = logs.missing(&survey, &supplier);
    let mut findings = survey.findings(&logs);
    if !instances.is_empty() {
        // The files of one instance say nothing of another's.
        missing.clear();
        findings.retain(|(file, _)| !file.is_empty());
    }
    let embedded = is_embedded(options.folder);
    let mut pending = if embedded { pending::of_embedded(options.folder) } else { Vec::new() };
    pending.extend(survey.registry_exports().flat_map(pending::of_export));
    let mut examination = Examination {
        best: supplier.best(&survey, &logs),
        embedded,
        logs: logs.examined(),
        databases: survey.databases(),
        leftovers: survey.leftovers(),
        findings,
        cut_off: checkpoint::cut_off(&checkpoint, &survey, &logs),
        checkpoint_file: survey.checkpoints().next().map(|file| file.path.clone()),
        remedies: Vec::new(),
        folder,
        log_folder,
        checkpoint,
        missing,
        instances,
        pending,
        journal,
    };
    examination.remedies = remedy::of(&examination, options.sets);
    Ok(examination)
}

/// Checks the trees, and the logs against the pages: whether a bad page matters, and whether all belong
/// together. Not where logs are missing: what they would change cannot be told from damage then.
fn prove(survey: &mut survey::Survey, folder: &Path, observer: &dyn Observer) -> Result<(), Error> {
    let logs = logs::Logs::judge(survey);
    if !logs.missing(survey, &supply::Supplier::new(None, &logs)).is_empty() {
        return Ok(());
    }
    let Some(verifiable) = survey.verifiable(folder, &logs) else { return Ok(()) };
    match crate::verify_folder(&verifiable, VerifyLevel::Full, &Silent(observer)) {
        Ok(report) => survey.settle(report),
        Err(Error::Cancelled) => return Err(Error::Cancelled),
        // A file went away meanwhile: what was read before stands.
        Err(_) => {}
    }
    Ok(())
}

/// Findings are told once, at the end.
struct Silent<'a>(&'a dyn Observer);

impl Observer for Silent<'_> {
    fn bytes(&self, count: u64) {
        self.0.bytes(count);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// Where databases and logs lie: in the folder itself, or in the one below it that restores and `certutil`
/// make.
fn places(options: &ExamineOptions<'_>) -> (PathBuf, PathBuf) {
    let below = ["CertLog", "DataBase", "Database"].map(|name| options.folder.join(name));
    let has_files = survey::has_ese_files(options.folder);
    let below = below.into_iter().find(|folder| !has_files && folder.is_dir());
    let folder = below.unwrap_or_else(|| options.folder.to_owned());
    let logs = options.logs.map_or_else(|| folder.clone(), Path::to_owned);
    (folder, logs)
}

/// Is it the directory of an embedded CA?
fn is_embedded(folder: &Path) -> bool {
    folder.join("ca.toml").is_file() && folder.join("CertLog").is_dir()
}

/// The journal of a restore lies with the logs, or where the restore went to.
fn journal(named: &Path, folder: &Path, logs: &Path) -> Result<Option<(PathBuf, RestoreStatus)>, Error> {
    for place in [logs, folder, named] {
        if let Some(status) = crate::restore_status(place)? {
            return Ok(Some((place.to_owned(), status)));
        }
    }
    Ok(None)
}
