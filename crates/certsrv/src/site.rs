//! A CA directory as its connections share it: paths, configuration, bookkeeping on disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use certadm::{Authority, ServerState};
use dtyp::HResult;

use crate::bookkeeping::{Current, State};
use crate::{Config, Error, Service, disk, names, restore};

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) dir: PathBuf,
    pub(crate) authority: Authority,
    pub(crate) config: Config,
}

impl Site {
    pub(crate) fn new(dir: &Path, config: Config) -> Self {
        Self { dir: dir.to_owned(), authority: config.authority(), config }
    }

    pub(crate) fn config_file(dir: &Path) -> PathBuf {
        dir.join("ca.toml")
    }

    pub(crate) fn current_file(dir: &Path) -> PathBuf {
        dir.join("current")
    }

    pub(crate) fn state_folder(dir: &Path, number: u32) -> PathBuf {
        dir.join(format!("state-{number:02}"))
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        self.dir.join("CertLog")
    }

    pub(crate) fn dynamic_folder(&self, state: u32) -> PathBuf {
        Self::state_folder(&self.dir, state).join("dynamic")
    }

    pub(crate) fn state(&self, number: u32) -> Result<State, Error> {
        disk::read_toml(&Self::state_folder(&self.dir, number).join("state.toml"))
    }

    pub(crate) fn current(&self) -> Result<Current, Error> {
        disk::read_toml(&Self::current_file(&self.dir))
    }

    /// Reads `current`, lets `change` work on it and replaces it; other processes wait meanwhile.
    pub(crate) fn change_current<T>(
        &self,
        change: impl FnOnce(&mut Current) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _guard = self.guard()?;
        let before = self.current()?;
        let mut current = before.clone();
        let result = change(&mut current)?;
        if current != before {
            disk::write_toml(&Self::current_file(&self.dir), &current)?;
        }
        Ok(result)
    }

    /// Excludes other writers of `current` and `restore.toml` until the file is dropped.
    pub(crate) fn guard(&self) -> Result<File, Error> {
        let path = self.dir.join("current.lock");
        let file = disk::lock_file(&path).map_err(Error::io("open", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }

    /// Deletes the files of logs that do not exist any more by the bookkeeping.
    pub(crate) fn delete_logs_below(&self, lowest: u32) -> Result<(), Error> {
        let folder = self.log_folder();
        let logs = disk::logs(&folder).map_err(Error::io("list", &folder))?;
        let gone: Vec<&PathBuf> = logs.range(..lowest).map(|(_, path)| path).collect();
        for path in &gone {
            disk::remove(path)?;
        }
        if gone.is_empty() { Ok(()) } else { disk::sync_folder(&folder) }
    }

    /// The database stream that a full backup delivers in a state: its own or the newest earlier one,
    /// with the number of the state it is from.
    pub(crate) fn stream(&self, state: u32) -> Option<(u32, PathBuf)> {
        (1..=state).rev().find_map(|number| {
            let files = disk::files(&Self::state_folder(&self.dir, number)).ok()?;
            let stream = files.into_iter().find(|(name, _)| is_database(name))?;
            Some((number, stream.1))
        })
    }

    pub(crate) fn service(&self) -> ServerState {
        match self.config.service {
            Service::Stopped => ServerState::Stopped,
            _ if self.is_shut_down() || restore::is_pending(&self.dir) => ServerState::Stopped,
            Service::Suspended => ServerState::Suspended,
            Service::Online => ServerState::Online,
        }
    }

    /// Every method of a stopped service fails alike.
    pub(crate) fn require_running(&self) -> Result<(), HResult> {
        match self.service() {
            ServerState::Stopped => Err(HResult::SERVICE_NOT_ACTIVE),
            _ => Ok(()),
        }
    }

    /// The untagged UNC names of the files outside the database.
    pub(crate) fn dynamic_names(&self) -> Result<Vec<String>, Error> {
        let folder = self.dynamic_folder(self.current()?.state);
        let mut files: Vec<String> = match folder.is_dir() {
            true => disk::files(&folder).map_err(Error::io("list", &folder))?.into_keys().collect(),
            false => Vec::new(),
        };
        files.retain(|name| names::is_file_name(name));
        files.extend(self.config.dynamic_extra.iter().cloned());
        files.sort();
        files.dedup();
        let share = names::dynamic_directory(&self.authority);
        Ok(files.iter().map(|file| names::join(&share, file)).collect())
    }
}

pub(crate) fn is_database(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("edb"))
}

/// Number of states: `state-01` and on, without a gap.
pub(crate) fn count_states(dir: &Path) -> u32 {
    let exists =
        |number: &u32| fs::exists(Site::state_folder(dir, *number).join("state.toml")).unwrap_or(false);
    (1..=u32::MAX).take_while(exists).last().unwrap_or(0)
}
