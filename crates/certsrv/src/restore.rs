//! `restore.toml`: the recovery instructions that the next start of the service would follow.

use std::path::{Path, PathBuf};

use certadm::{ConfigEntry, ConfigValue, Registration};
use dtyp::HResult;
use serde::{Deserialize, Serialize};

use crate::site::Site;
use crate::{Error, disk, names, recover};

/// All registrations of one restore, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Restore {
    /// The restore session was ended; the next registration begins a new list.
    ended: bool,
    #[serde(default, rename = "registration")]
    registrations: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Old and new path.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_log_directory: Option<String>,
    low: u32,
    high: u32,
    /// What `register_complete` was told; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<u32>,
}

/// A restore that is complete: what the next start of the service has to recover.
pub(crate) struct Job {
    /// The restored database.
    pub(crate) database: PathBuf,
    /// Where its logs may be.
    pub(crate) logs: Vec<PathBuf>,
    /// First and last generation that were registered.
    pub(crate) low: u32,
    pub(crate) high: u32,
}

/// What keeps the service from running, as one clause: `None` where no restore is registered.
/// Instructions that cannot be read keep it down too.
pub(crate) fn obstacle(dir: &Path) -> Option<String> {
    let restore = match read(dir) {
        Ok(restore) => restore,
        Err(error) => return Some(format!("its recovery instructions cannot be read: {error}")),
    };
    let (low, high) = restore.range()?;
    Some(restore.unfinished(dir).unwrap_or_else(|| {
        format!(
            "a restored database waits for the replay of its logs, generations 0x{low:x}-0x{high:x}: the start of \
             the service does it (`csbackup serve {0}`); {1}",
            dir.display(),
            way_back(dir)
        )
    }))
}

/// What to do where a restored database cannot be used.
pub(crate) fn way_back(dir: &Path) -> String {
    format!("`csbackup restore --undo --ca-dir {}` brings back what was there before", dir.display())
}

/// The restore that the next start of the service has to recover; `None` where none is registered.
pub(crate) fn job(site: &Site) -> Result<Option<Job>, Error> {
    let dir = &site.dir;
    let not_started = |reason| Error::NotStarted { path: dir.clone(), reason };
    let restore = match read(dir) {
        Ok(restore) => restore,
        Err(error) => return Err(not_started(format!("its recovery instructions cannot be read: {error}"))),
    };
    let Some((low, high)) = restore.range() else { return Ok(None) };
    if let Some(reason) = restore.unfinished(dir) {
        return Err(not_started(reason));
    }
    let mut databases = restore.registrations.iter().filter_map(|entry| entry.database.as_ref());
    let (Some((_, database)), None) = (databases.next(), databases.next()) else {
        let reason =
            "the replay of one database is possible, and the restore registered another number of them";
        return Err(not_started(format!("{reason}; {}", way_back(dir))));
    };
    let database = local(site, database);
    let mut logs = Vec::new();
    for entry in &restore.registrations {
        for folder in [&entry.backup_log_directory, &entry.log_directory].into_iter().flatten() {
            logs.push(local(site, folder));
        }
    }
    logs.push(site.log_folder());
    logs.dedup();
    Ok(Some(Job { database, logs, low, high }))
}

/// A path of the instructions on this machine: the CA's own log directory is a folder of the CA directory.
fn local(site: &Site, path: &str) -> PathBuf {
    let directory = names::log_directory(&site.authority);
    match path.split_at_checked(directory.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(&directory) => {
            site.log_folder().join(rest.trim_start_matches('\\'))
        }
        _ => PathBuf::from(path),
    }
}

/// The database is recovered: the instructions are carried out. The caller has the guard.
pub(crate) fn done(dir: &Path) -> Result<(), Error> {
    disk::remove(&dir.join(FILE))?;
    disk::sync_folder(dir)
}

impl Restore {
    fn range(&self) -> Option<(u32, u32)> {
        let low = self.registrations.iter().map(|entry| entry.low).min()?;
        let high = self.registrations.iter().map(|entry| entry.high).max()?;
        Some((low, high))
    }

    /// What is missing before the service may start.
    fn unfinished(&self, dir: &Path) -> Option<String> {
        let (low, high) = self.range()?;
        let is_complete = self.registrations.iter().all(|entry| entry.outcome == Some(0));
        (!is_complete).then(|| {
            format!(
                "a restore of generations 0x{low:x}-0x{high:x} is registered and not complete; `csbackup restore \
                 --resume --ca-dir {0}` finishes it, `csbackup restore --undo --ca-dir {0}` takes it back",
                dir.display()
            )
        })
    }
}

/// Is a restore registered, or may one be?
pub(crate) fn is_pending(dir: &Path) -> bool {
    read(dir).map_or(true, |restore| !restore.registrations.is_empty())
}

/// The instructions as the values that a CA on Windows keeps in its registry (names of `certsrv.h`), one
/// key for each registration.
pub(crate) fn entries(dir: &Path) -> Result<Vec<ConfigEntry>, Error> {
    let mut entries = Vec::new();
    for (number, registration) in (1_u32..).zip(read(dir)?.registrations) {
        let node = format!(r"RestoreInProgress\{number}");
        let mut add = |name: &str, value: Option<ConfigValue>| {
            let entry = |value| ConfigEntry { node: node.clone(), name: name.to_owned(), value };
            entries.extend(value.map(entry));
        };
        let text = |text: Option<String>| text.map(ConfigValue::Text);
        add("LowLogNumber", Some(ConfigValue::Dword(registration.low)));
        add("HighLogNumber", Some(ConfigValue::Dword(registration.high)));
        add("CheckPointFile", text(registration.checkpoint_directory));
        add("LogPath", text(registration.log_directory));
        add("BackupLogDirectory", text(registration.backup_log_directory));
        add("RestoreMap", registration.database.map(|(old, new)| ConfigValue::List(vec![old, new])));
        add("RestoreStatus", registration.outcome.map(ConfigValue::Dword));
    }
    Ok(entries)
}

pub(crate) fn register(site: &Site, registration: &Registration) -> Result<(), HResult> {
    if registration.low == 0 || registration.low > registration.high {
        return Err(HResult::INVALID_ARG);
    }
    change(site, |restore| {
        if restore.registrations.iter().any(|entry| entry.outcome.is_none()) {
            return Err(HResult::RESTORE_MAP_EXISTS);
        }
        if restore.ended {
            *restore = Restore::default();
        }
        if registration.database.is_none() && restore.registrations.is_empty() {
            return Err(HResult::NO_FULL_RESTORE);
        }
        restore.registrations.push(Entry {
            database: registration.database.clone(),
            checkpoint_directory: registration.checkpoint_directory.clone(),
            log_directory: registration.log_directory.clone(),
            backup_log_directory: registration.backup_log_directory.clone(),
            low: registration.low,
            high: registration.high,
            outcome: None,
        });
        Ok(())
    })
}

/// A failure takes back everything that was registered: the service starts again with what lies there.
pub(crate) fn complete(site: &Site, outcome: HResult) -> Result<(), HResult> {
    change(site, |restore| {
        let pending = restore.registrations.iter_mut().find(|entry| entry.outcome.is_none());
        pending.ok_or(HResult::UNEXPECTED)?.outcome = Some(outcome.0);
        if !outcome.is_success() {
            restore.registrations.clear();
        }
        Ok(())
    })
}

pub(crate) fn end(site: &Site) -> Result<(), HResult> {
    change(site, |restore| {
        // A registration left open stays one: the next session may still complete it.
        restore.ended = restore.registrations.iter().all(|entry| entry.outcome.is_some());
        Ok(())
    })
}

fn change(site: &Site, change: impl FnOnce(&mut Restore) -> Result<(), HResult>) -> Result<(), HResult> {
    let _guard = site.guard().map_err(|_| HResult::DISK_IO)?;
    let mut restore = read(&site.dir).map_err(|_| HResult::DISK_IO)?;
    change(&mut restore)?;
    // What a start has prepared is not of this restore any more.
    recover::discard(site).map_err(|_| HResult::DISK_IO)?;
    let file = site.dir.join(FILE);
    let written = match restore.registrations.is_empty() {
        true => disk::remove(&file).and_then(|()| disk::sync_folder(&site.dir)),
        false => disk::write_toml(&file, &restore),
    };
    written.map_err(|_| HResult::DISK_IO)
}

fn read(dir: &Path) -> Result<Restore, Error> {
    let path = dir.join(FILE);
    match path.exists() {
        true => disk::read_toml(&path),
        false => Ok(Restore::default()),
    }
}

const FILE: &str = "restore.toml";
