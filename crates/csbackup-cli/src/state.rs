//! What is remembered between runs. Nothing depends on it: without it something is done once more.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::exit::{Exit, Stopped};
use crate::{env, windows};

/// The folder, and what it says.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    pub(crate) known: Known,
    /// Held until the end of the run.
    _lock: File,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// By the names of the CAs.
    #[serde(default)]
    pub(crate) cas: BTreeMap<String, KnownCa>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KnownCa {
    /// When its repository was pruned, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pruned: Option<i64>,
}

impl State {
    /// Opens the folder for a run of its own.
    ///
    /// # Errors
    /// Another run has it; the system's.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let folder = folder()?;
        windows::private_folder(&folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let path = folder.join("run.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.with_context(|| format!("cannot open `{}`", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = format!(
                    "another `csbackup run` or `watch` is under way (`{}` is locked)",
                    path.display()
                );
                return Err(Stopped(Exit::Locked, text).into());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
            }
        }
        Ok(Self { known: Known::in_folder(&folder), folder, _lock: lock })
    }

    /// Writes what is known now.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let path = self.folder.join(FILE);
        let write = || -> anyhow::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&serde_json::to_vec_pretty(&self.known)?)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))
    }

    pub(crate) fn ca(&mut self, name: &str) -> &mut KnownCa {
        self.known.cas.entry(name.to_lowercase()).or_default()
    }
}

impl Known {
    /// Without a run of its own.
    pub(crate) fn read() -> anyhow::Result<Self> {
        folder().map(|folder| Self::in_folder(&folder))
    }

    /// One that is torn or missing is begun anew.
    fn in_folder(folder: &Path) -> Self {
        let known = fs::read(folder.join(FILE)).ok();
        known.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(crate) fn of(&self, name: &str) -> KnownCa {
        self.cas.get(&name.to_lowercase()).cloned().unwrap_or_default()
    }
}

impl KnownCa {
    /// Was its repository pruned so lately?
    pub(crate) fn was_pruned_within(&self, age: std::time::Duration, now: OffsetDateTime) -> bool {
        let pruned = self.pruned.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        // A time that is yet to come is no time.
        pruned.is_some_and(|at| at <= now && now - at < age)
    }
}

const FILE: &str = "state.json";

fn folder() -> anyhow::Result<PathBuf> {
    for variable in [env::STATE_DIR, "STATE_DIRECTORY"] {
        if let Some(folder) = env::value(variable)? {
            return Ok(PathBuf::from(folder));
        }
    }
    let base = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let found = if cfg!(windows) {
        base("ProgramData").map(|data| data.join("csbackup").join("state"))
    } else {
        let own = base("XDG_STATE_HOME").or_else(|| Some(base("HOME")?.join(".local/state")));
        own.map(|own| own.join("csbackup"))
    };
    found.with_context(|| format!("where to remember what was done is not known: set {}", env::STATE_DIR))
}
