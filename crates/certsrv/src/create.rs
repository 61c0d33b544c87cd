//! Making CA directories.

use std::fs;
use std::path::{Path, PathBuf};

use certadm::Authority;
use serde::Deserialize;

use crate::bookkeeping::{Current, State};
use crate::site::{Site, is_database};
use crate::{Config, Error, disk, names};

/// One point in time that a new CA directory is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSource {
    /// Folder with the database stream (or none), the numbered logs and perhaps `dynamic/`.
    pub folder: PathBuf,
    /// See [`State::checkpoint`].
    pub checkpoint: u32,
    /// See [`State::checkpoint_at_truncation`].
    pub checkpoint_at_truncation: u32,
    /// See [`State::lowest`]. Need not have a file.
    pub lowest: u32,
    /// See [`State::highest`].
    pub highest: u32,
}

/// Writes the directory; `current` comes last, so that half a directory does not open.
pub(crate) fn build(dir: &Path, authority: &Authority, states: &[StateSource]) -> Result<(), Error> {
    let config = Config::new(authority);
    config.check(dir)?;
    let first = states.first().ok_or_else(|| Error::invalid(dir, "a CA directory needs a state"))?;
    fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    if fs::read_dir(dir).map_err(Error::io("list", dir))?.next().is_some() {
        return Err(Error::Occupied { path: dir.to_owned() });
    }
    for (source, number) in states.iter().zip(1..) {
        copy_state(source, &Site::state_folder(dir, number))?;
    }
    let site = Site::new(dir, config);
    let (from, to) = (Site::state_folder(dir, 1), site.log_folder());
    fs::create_dir(&to).map_err(Error::io("create", &to))?;
    for (generation, path) in disk::logs(&from).map_err(Error::io("list", &from))? {
        if let (true, Some(name)) = (generation >= first.lowest, path.file_name()) {
            disk::place(&path, &to.join(name))?;
        }
    }
    disk::sync_folder(&to)?;
    disk::write_toml(&Site::config_file(dir), &site.config)?;
    let current = Current {
        state: 1,
        lowest: first.lowest,
        highest: first.highest,
        stopped_at: None,
        database: None,
        last_full: None,
        last_incremental: None,
        last_copy: None,
    };
    disk::write_toml(&Site::current_file(dir), &current)
}

fn copy_state(source: &StateSource, to: &Path) -> Result<(), Error> {
    if source.lowest == 0 || source.lowest > source.highest {
        let reason = format!("generations {} to {} are no log range", source.lowest, source.highest);
        return Err(Error::invalid(&source.folder, reason));
    }
    fs::create_dir(to).map_err(Error::io("create", to))?;
    let list = |folder: &Path| disk::files(folder).map_err(Error::io("list", folder));
    for (name, from) in list(&source.folder)? {
        let log = names::generation(&name).is_some_and(|generation| generation <= source.highest);
        if log || is_database(&name) {
            fs::copy(&from, to.join(&name)).map_err(Error::io("copy", &from))?;
        }
    }
    let (from, dynamic) = (source.folder.join("dynamic"), to.join("dynamic"));
    fs::create_dir(&dynamic).map_err(Error::io("create", &dynamic))?;
    if from.is_dir() {
        for (name, from) in list(&from)? {
            fs::copy(&from, dynamic.join(&name)).map_err(Error::io("copy", &from))?;
        }
    }
    let state = State {
        checkpoint: source.checkpoint,
        checkpoint_at_truncation: source.checkpoint_at_truncation,
        lowest: source.lowest,
        highest: source.highest,
    };
    disk::write_toml(&to.join("state.toml"), &state)
}

/// What the engine's backup calls reported, as far as it matters here.
#[derive(Deserialize)]
struct Report {
    #[serde(rename = "JetGetLogInfoInstance2")]
    listed: Listed,
    #[serde(rename = "JetGetTruncateLogInfoInstance")]
    truncated: Truncated,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "ulGenLow")]
    low: u32,
    #[serde(rename = "ulGenHigh")]
    high: u32,
}

#[derive(Deserialize)]
struct Truncated {
    logs: Vec<String>,
}

/// The states of an `ese-engine` data set: `hot`, then as many increments as there are.
pub(crate) fn engine_set(set: &Path) -> Result<Vec<StateSource>, Error> {
    let increments = (1..).map(|n: u32| format!("hot-inc{n}")).take_while(|name| set.join(name).is_dir());
    std::iter::once("hot".to_owned()).chain(increments).map(|name| engine_backup(set, &name)).collect()
}

fn engine_backup(set: &Path, name: &str) -> Result<StateSource, Error> {
    let path = set.join(format!("{name}.backup.json"));
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let Report { listed, truncated } = serde_json::from_str(&text).map_err(Error::syntax(&path))?;
    let mut lowest = listed.low;
    let mut checkpoint = None;
    for log in &truncated.logs {
        let Some(generation) = names::generation(log) else {
            return Err(Error::invalid(&path, format!("truncated log {log:?} has no generation")));
        };
        // The engine truncates from the lowest log that exists, which a full backup need not list.
        lowest = lowest.min(generation);
        checkpoint = checkpoint.max(Some(generation.saturating_add(1)));
    }
    let checkpoint_at_truncation = checkpoint.unwrap_or(lowest);
    Ok(StateSource {
        folder: set.join(name),
        checkpoint: listed.low,
        checkpoint_at_truncation,
        lowest,
        highest: listed.high,
    })
}
