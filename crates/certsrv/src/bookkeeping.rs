//! What the CA remembers (`current`) and what each point in time is (`state.toml`).

use serde::{Deserialize, Serialize};

/// A range of log generations, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First generation.
    pub low: u32,
    /// Last generation.
    pub high: u32,
}

/// Last generation that an incremental backup took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) high: u32,
}

/// `current`: the only file that changes as the CA lives, always replaced as a whole.
///
/// The marks mirror `bkinfoFullPrev`, `bkinfoIncPrev` and `bkinfoCopyPrev` of a live database header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Current {
    /// Number of the current state, from 1.
    pub(crate) state: u32,
    /// Lowest generation that exists. INVARIANT: logs below it count as deleted, even if a file is left.
    pub(crate) lowest: u32,
    /// Highest closed generation. INVARIANT: logs above it do not exist yet, even if a file is there.
    pub(crate) highest: u32,
    /// Highest closed generation when the service was last stopped: no checkpoint lies before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped_at: Option<u32>,
    /// File of `CertLog` that a restore was recovered to: backups are made of it, and the states are history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_full: Option<Range>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_incremental: Option<Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_copy: Option<Range>,
}

impl Current {
    /// The generation after the last one that the chain of backups holds, if there is a full one.
    pub(crate) fn next_to_back_up(&self) -> Option<u32> {
        let full = self.last_full?.high;
        Some(self.last_incremental.map_or(full, |mark| mark.high.max(full)).saturating_add(1))
    }
}

/// `state.toml`: one point in the CA's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Generation of the checkpoint when a backup begins.
    pub checkpoint: u32,
    /// Generation of the checkpoint when logs are truncated: those below it can go.
    pub checkpoint_at_truncation: u32,
    /// Lowest generation that exists when life begins here; later states inherit it.
    pub lowest: u32,
    /// Highest closed generation.
    pub highest: u32,
}
