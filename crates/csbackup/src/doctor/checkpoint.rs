//! Does the checkpoint fit what lies there?

use ese::{Checkpoint, CheckpointFit};
use serde::Serialize;

use super::logs::Logs;
use super::survey::{Survey, head};

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
    CheckpointState::Fits { position: checkpoint.position.to_string() }
}
