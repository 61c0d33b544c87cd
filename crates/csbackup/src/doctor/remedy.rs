//! What to do next, in order. Nothing that changes a file comes before a copy of it.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    BestSet, CheckpointState, DatabaseState, Examination, ExaminedLog, LogState, MissingLogs, Supply,
};
use crate::Catalogue;
use crate::manifest::Severity;

/// Codes of what dry redo finds (`ese::RedoDefect`): database and logs do not belong together, or writes
/// were lost.
const REDO: [&str; 11] = [
    "lost-write",
    "page-older-than-log",
    "page-newer-than-log",
    "page-beyond-logs",
    "redo-log-stream",
    "redo-other-database",
    "redo-log-missing",
    "redo-log-order",
    "log-records",
    "log-record-unfinished",
    "log-macro-open",
];

/// One step of the way out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing is wrong: back it up.
    BackUp,
    /// Another program holds the files: back the CA up while it runs, or stop it and look again.
    InUse {
        /// What it holds.
        files: Vec<PathBuf>,
    },
    /// Copy the folders to another disk before anything is changed, with the service stopped.
    CopyFirst {
        /// The folders.
        folders: Vec<PathBuf>,
    },
    /// Go on with a restore of csbackup's that was interrupted, or take it back.
    FinishRestore {
        /// The folder that holds its journal.
        folder: PathBuf,
        /// How far it came.
        phase: String,
        /// Can it go on, or only back?
        resumable: bool,
    },
    /// A restore is registered that does not fit what lies here: take the registration back.
    TakeBackRegistration {
        /// Who says that it is registered.
        source: String,
    },
    /// Copy logs from sets into the log folder.
    FetchLogs {
        /// Generation, where it lies, and the name to give it.
        logs: Vec<(u32, Supply, String)>,
        /// The log folder.
        folder: PathBuf,
    },
    /// Move files out of the log folder, into the copy: they must not be replayed.
    MoveAside {
        /// The files.
        files: Vec<PathBuf>,
        /// Why, in words.
        why: String,
    },
    /// Give logs the names of their generations.
    Rename {
        /// Name now and name to be.
        names: Vec<(String, String)>,
    },
    /// Search for logs that no set has: other backups, other disks, file-level copies of the folder.
    Search {
        /// First and last generation.
        generations: Vec<[u32; 2]>,
        /// Were sets looked at?
        looked: bool,
    },
    /// Give directories with sets: which one has what is missing is not known.
    NameSets,
    /// Several instances of the engine share the folder: give each a folder of its own, in the copy.
    Separate {
        /// Names of the files of each.
        instances: Vec<Vec<String>>,
    },
    /// Examine the folder again: all must be there now.
    LookAgain,
    /// Start the service: it recovers by itself, by replaying these generations.
    StartService {
        /// First and last generation, where any is replayed.
        replays: Option<[u32; 2]>,
    },
    /// Have the copy recovered: register the restore, which a bare copy of files does not do.
    Register {
        /// The folder with the copy and its logs.
        folder: PathBuf,
        /// First and last generation that are replayed then.
        replays: Option<[u32; 2]>,
    },
    /// Replay the logs on a copy, without the CA: what is here is good enough for that.
    Recover {
        /// The folder of the database.
        folder: PathBuf,
        /// Where its logs are, when it is another folder.
        logs: Option<PathBuf>,
        /// The last generation that can be replayed.
        reaches: u32,
        /// The last generation that is known of: what is between the two is lost.
        last: u32,
    },
    /// Restore a set.
    Restore(BestSet),
    /// No set can be restored from what was named: search for backups.
    FindBackup {
        /// Were sets looked at?
        looked: bool,
    },
    /// Find out why pages or logs are damaged: disk, memory, controller.
    CheckHardware,
}

/// What follows from an examination.
pub(super) fn of(examination: &Examination, sets: Option<&Catalogue>) -> Vec<Remedy> {
    let held = examination.databases.iter().filter(|database| is_held(&database.state));
    let held: Vec<PathBuf> = held.map(|database| database.path.clone()).collect();
    if !held.is_empty() {
        return vec![Remedy::InUse { files: held }];
    }
    let mut remedies = Vec::new();
    if let Some((folder, status)) = examination.journal.as_ref().filter(|(_, status)| status.phase != "done")
    {
        remedies.push(Remedy::FinishRestore {
            folder: folder.clone(),
            phase: status.phase.clone(),
            resumable: status.resumable,
        });
        // Until then what lies here is half of one thing and half of another.
        remedies.push(Remedy::LookAgain);
    } else if !examination.instances.is_empty() {
        remedies.push(Remedy::Separate { instances: examination.instances.clone() });
    } else if examination.databases.iter().any(|database| database.damaged) || contradicted(examination) {
        remedies.push(Remedy::CheckHardware);
        restore(examination, sets, &mut remedies);
    } else {
        if examination.logs.iter().any(is_damaged) {
            remedies.push(Remedy::CheckHardware);
        }
        repair(examination, sets, &mut remedies);
    }
    // It changes nothing, and tells what there is to win.
    let first = remedies.iter().take_while(|remedy| **remedy == Remedy::CheckHardware).count();
    remedies.splice(first..first, recover(examination));
    if remedies.iter().any(changes) {
        remedies.insert(0, Remedy::CopyFirst { folders: folders(examination) });
    }
    remedies
}

fn is_held(state: &DatabaseState) -> bool {
    matches!(state, DatabaseState::InUse(_))
}

fn is_damaged(log: &ExaminedLog) -> bool {
    log.state == LogState::Damaged
}

/// Do the logs say that the database is not what it should be?
fn contradicted(examination: &Examination) -> bool {
    let mut findings = examination.findings.iter().map(|(_, finding)| finding);
    findings.any(|finding| finding.severity == Severity::Error && REDO.contains(&finding.code.as_str()))
}

/// The logs that the database needs are here and good: it can be recovered elsewhere, whatever else is wrong.
fn recover(examination: &Examination) -> Option<Remedy> {
    let damaged = examination.databases.iter().any(|database| database.damaged);
    // In the middle of a restore it is half of one thing and half of another.
    let is_open = examination.journal.as_ref().is_some_and(|(_, status)| status.phase != "done");
    if damaged || is_open || contradicted(examination) || !examination.instances.is_empty() {
        return None;
    }
    let [low, high] = examination.databases.iter().find_map(|database| database.required)?;
    let good = |wanted: u32| {
        let mut logs = examination.logs.iter();
        logs.any(|log| log.state == LogState::Good && log.generation == Some(wanted))
    };
    let reaches = (low..=u32::MAX).take_while(|&generation| good(generation)).last()?;
    let last = examination.logs.iter().filter_map(|log| log.generation).max()?;
    let logs = Some(&examination.log_folder).filter(|logs| **logs != examination.folder);
    (reaches >= high).then(|| Remedy::Recover {
        folder: examination.folder.clone(),
        logs: logs.cloned(),
        reaches,
        last: last.max(reaches),
    })
}

/// Does the step change something in the folders, or is something damaged, which may get worse?
fn changes(remedy: &Remedy) -> bool {
    !matches!(
        remedy,
        Remedy::BackUp
            | Remedy::InUse { .. }
            | Remedy::NameSets
            | Remedy::Search { .. }
            | Remedy::LookAgain
            | Remedy::Recover { .. }
    )
}

fn folders(examination: &Examination) -> Vec<PathBuf> {
    let mut folders = vec![examination.folder.clone(), examination.log_folder.clone()];
    folders.dedup();
    folders
}

/// The database is sound: make its logs complete.
fn repair(examination: &Examination, sets: Option<&Catalogue>, remedies: &mut Vec<Remedy>) {
    if examination.databases.is_empty() && !examination.embedded {
        return restore(examination, sets, remedies);
    }
    // What is only misnamed is here.
    let misnamed = |missing: &&MissingLogs| {
        missing.here.as_ref().is_none_or(|log| !matches!(log.state, LogState::Misnamed(_)))
    };
    let missing: Vec<&MissingLogs> = examination.missing.iter().filter(misnamed).collect();
    let lost: Vec<&&MissingLogs> = missing.iter().filter(|missing| missing.supply.is_none()).collect();
    if !lost.is_empty() {
        if sets.is_none() {
            remedies.push(Remedy::NameSets);
        }
        let generations = lost.iter().map(|missing| [missing.first, missing.last]).collect();
        remedies.push(Remedy::Search { generations, looked: sets.is_some() });
        // A damaged one stops the engine even where only the last transactions are in it.
        let stops =
            |missing: &&&MissingLogs| missing.is_required() || missing.here.as_ref().is_some_and(is_damaged);
        if lost.iter().any(stops) {
            if sets.is_some() {
                restore(examination, sets, remedies);
            }
            return;
        }
    }
    if !is_passed_over(examination) {
        return restore(examination, sets, remedies);
    }
    aside(examination, &missing, remedies);
    let renames = examination.logs.iter().filter_map(|log| match &log.state {
        LogState::Misnamed(name) => Some((log.name.clone(), name.clone())),
        _ => None,
    });
    let names: Vec<_> = renames.collect();
    if !names.is_empty() {
        remedies.push(Remedy::Rename { names });
    }
    fetch(examination, &missing, remedies);
    if !remedies.is_empty() {
        remedies.push(Remedy::LookAgain);
    }
    start(examination, remedies);
}

fn is_clean(examination: &Examination) -> bool {
    let databases = &examination.databases;
    !databases.is_empty() && databases.iter().all(|database| database.state == DatabaseState::Clean)
}

/// Can the databases do without all damaged logs, but for those that are missed and can be had?
fn is_passed_over(examination: &Examination) -> bool {
    let low = examination.databases.iter().filter_map(|database| Some(database.required?[0])).min();
    let below = |log: &ExaminedLog| log.generation.zip(low).is_some_and(|(own, low)| own < low);
    let missed = |log| examination.missing.iter().any(|missing| missing.here.as_ref() == Some(log));
    let mut damaged = examination.logs.iter().filter(|log| is_damaged(log));
    is_clean(examination) || damaged.all(|log| below(log) || missed(log))
}

/// Files that a recovery would stumble over.
fn aside(examination: &Examination, missing: &[&MissingLogs], remedies: &mut Vec<Remedy>) {
    let paths = |logs: &mut dyn Iterator<Item = &ExaminedLog>| logs.map(|log| log.path.clone()).collect();
    if is_clean(examination) && examination.logs.iter().any(is_damaged) {
        let mut files: Vec<PathBuf> = paths(&mut examination.logs.iter());
        files.extend(examination.checkpoint_file.clone());
        let why = "the engine stops at a damaged log, and the database needs none".to_owned();
        remedies.push(Remedy::MoveAside { files, why });
        return;
    }
    let replaced = |log: &ExaminedLog| {
        let mut supplied = missing.iter().filter(|missing| missing.supply.is_some());
        supplied.any(|missing| missing.here.as_ref() == Some(log))
    };
    let foreign = |log: &ExaminedLog| matches!(log.state, LogState::OtherStream(_));
    let bad = examination.logs.iter().filter(|log| foreign(log) || is_damaged(log) || replaced(log));
    let files: Vec<PathBuf> = paths(&mut bad.filter(|log| !examination.cut_off.contains(&log.path)));
    if !files.is_empty() {
        let why = "damaged, or of another log stream".to_owned();
        remedies.push(Remedy::MoveAside { files, why });
    }
    if !examination.cut_off.is_empty() {
        let why = "recovery would begin with them and stop at the gap above them; nothing needs them";
        remedies.push(Remedy::MoveAside { files: examination.cut_off.clone(), why: why.to_owned() });
    }
    let why = match &examination.checkpoint {
        CheckpointState::Fits { .. } if !examination.cut_off.is_empty() => {
            "the checkpoint lies below the gap"
        }
        CheckpointState::OtherStream { .. } => "the checkpoint is of another log stream",
        CheckpointState::Ahead { .. } => {
            "the checkpoint is ahead of the database: recovery would leave changes out"
        }
        CheckpointState::BeforeLogs { .. } => "the checkpoint names a log that is not here any more",
        CheckpointState::BesideCopy => "the checkpoint is not that of the backup copy",
        _ => return,
    };
    let files = vec![examination.checkpoint_file.clone().unwrap_or_default()];
    remedies.push(Remedy::MoveAside { files, why: why.to_owned() });
}

fn fetch(examination: &Examination, missing: &[&MissingLogs], remedies: &mut Vec<Remedy>) {
    let sample = examination.logs.first().map_or("edb.log", |log| log.name.as_str());
    let logs = missing.iter().filter_map(|missing| {
        let name = super::logs::log_name(sample, missing.first);
        Some((missing.first, missing.supply.clone()?, name))
    });
    let logs: Vec<_> = logs.collect();
    if !logs.is_empty() {
        remedies.push(Remedy::FetchLogs { logs, folder: examination.log_folder.clone() });
    }
}

/// Nothing is in the way any more.
fn start(examination: &Examination, remedies: &mut Vec<Remedy>) {
    let copy = examination.databases.iter().find(|database| database.state == DatabaseState::BackupCopy);
    let open = examination.pending.iter().find(|pending| pending.is_open());
    let registered = examination.pending.iter().find(|pending| !pending.is_open());
    let last = examination.logs.iter().filter(|log| log.state == LogState::Good).filter_map(|l| l.generation);
    let last = last.max();
    let replays = |low: Option<u32>| low.zip(last).map(|(low, last)| [low, last.max(low)]);
    if let Some(pending) = open {
        remedies.push(Remedy::TakeBackRegistration { source: pending.source.clone() });
    } else if let Some(pending) = registered {
        remedies.push(match copy {
            Some(_) => Remedy::StartService { replays: replays(pending.low) },
            None => Remedy::TakeBackRegistration { source: pending.source.clone() },
        });
    } else if let Some(database) = copy {
        let low = database.required.map(|[low, _]| low);
        remedies.push(Remedy::Register { folder: examination.folder.clone(), replays: replays(low) });
    } else if let Some(database) = examination.databases.iter().find(|database| database.required.is_some()) {
        let low = database.required.map(|[low, _]| low);
        remedies.push(Remedy::StartService { replays: replays(low) });
        remedies.push(Remedy::BackUp);
    } else if remedies.is_empty() {
        remedies.push(Remedy::BackUp);
    } else {
        remedies.push(Remedy::StartService { replays: None });
        remedies.push(Remedy::BackUp);
    }
}

fn restore(examination: &Examination, sets: Option<&Catalogue>, remedies: &mut Vec<Remedy>) {
    remedies.push(match &examination.best {
        Some(best) => Remedy::Restore(best.clone()),
        None => Remedy::FindBackup { looked: sets.is_some() },
    });
}
