//! Does the checkpoint fit what lies there?

use std::collections::BTreeSet;
use std::path::PathBuf;

use ese::{Checkpoint, CheckpointFit};
use serde::Serialize;

use super::logs::{LogState, Logs};
use super::survey::{DatabaseState, Survey, head};

/// What the checkpoint is worth. None of it is damage of data: without a checkpoint recovery begins with the
/// lowest log and takes longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckpointState {
    /// There is none; no streamed backup has one.
    Missing,
    /// It fits.
    Fits {
        /// Where recovery begins (generation, sector and byte).
        position: String,
        /// Its generation.
        generation: u32,
    },
    /// Neither of its two copies can be used.
    Unusable {
        /// Why.
        reason: String,
    },
    /// It is of another log stream than the database.
    OtherStream {
        /// Its log stream.
        stream: String,
    },
    /// It is above the first generation that a database needs: recovery would leave changes out.
    Ahead {
        /// Its generation.
        generation: u32,
        /// The first generation that is needed.
        needed: u32,
    },
    /// It names a generation below all that are here, and recovery would begin there.
    BeforeLogs {
        /// Its generation.
        generation: u32,
    },
    /// It lies beside a backup copy, which must be recovered without it.
    BesideCopy,
}

impl CheckpointState {
    /// Must it be out of the way before a recovery?
    pub fn is_dangerous(&self) -> bool {
        matches!(self, Self::OtherStream { .. } | Self::Ahead { .. } | Self::BesideCopy)
    }

    /// Does recovery work as it is?
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Missing | Self::Fits { .. })
    }
}

pub(super) fn judge(survey: &Survey, logs: &Logs<'_>) -> CheckpointState {
    let Some(file) = survey.checkpoints().next() else { return CheckpointState::Missing };
    let parsed = head(&file.path).map_err(|error| error.to_string());
    let checkpoint = match parsed.and_then(|head| Checkpoint::parse(&head).map_err(|e| e.to_string())) {
        Ok(checkpoint) => checkpoint,
        Err(reason) => return CheckpointState::Unusable { reason },
    };
    let generation = checkpoint.position.generation.0;
    let headers = || survey.database_files().filter_map(|file| Some(file.database()?.header));
    if headers().any(|header| header.is_backup_copy()) {
        return CheckpointState::BesideCopy;
    }
    for header in headers() {
        match checkpoint.fit(&header) {
            CheckpointFit::Fits => {}
            CheckpointFit::Ahead { needed } => {
                return CheckpointState::Ahead { generation, needed: needed.0 };
            }
            _ => return CheckpointState::OtherStream { stream: checkpoint.log_signature.to_string() },
        }
    }
    let dirty = headers().any(|header| header.requires_logs().is_some());
    if dirty && logs.lowest().is_some_and(|lowest| generation < lowest) {
        return CheckpointState::BeforeLogs { generation };
    }
    CheckpointState::Fits { position: checkpoint.position.to_string(), generation }
}

/// The logs that recovery would begin with and not come past: those below the last gap under what the
/// databases need. It begins where a fitting checkpoint says, otherwise with the lowest log.
pub(super) fn cut_off(state: &CheckpointState, survey: &Survey, logs: &Logs<'_>) -> Vec<PathBuf> {
    let databases = survey.databases().into_iter().filter(|one| one.state == DatabaseState::NeedsLogs);
    let Some(mut low) = databases.filter_map(|database| Some(database.required?[0])).min() else {
        return Vec::new();
    };
    let logs = logs.examined();
    // Under its right name such a log may close the gap.
    if logs.iter().any(|log| matches!(log.state, LogState::Misnamed(_))) {
        return Vec::new();
    }
    let good = logs.iter().filter(|log| log.state == LogState::Good);
    let good: BTreeSet<u32> = good.filter_map(|log| log.generation).collect();
    while let Some(below) = low.checked_sub(1).filter(|below| good.contains(below)) {
        low = below;
    }
    if matches!(state, CheckpointState::Fits { generation, .. } if *generation >= low) {
        return Vec::new();
    }
    // Those of another stream have to go anyway.
    let own = logs.into_iter().filter(|log| !matches!(log.state, LogState::OtherStream(_)));
    own.filter(|log| log.generation.is_some_and(|generation| generation < low)).map(|log| log.path).collect()
}
