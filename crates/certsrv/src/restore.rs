//! `restore.toml`: the recovery instructions that the next start of the service would follow.

use std::path::Path;

use certadm::Registration;
use dtyp::HResult;
use serde::{Deserialize, Serialize};

use crate::site::Site;
use crate::{Error, disk};

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

/// True while a registration is not confirmed as good: the service does not start then. Instructions
/// that cannot be read are not good.
pub(crate) fn is_pending(dir: &Path) -> bool {
    read(dir).map_or(true, |restore| restore.registrations.iter().any(|entry| entry.outcome != Some(0)))
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
        // Whoever registers again after a failure makes good for it.
        restore.registrations.retain(|entry| entry.outcome == Some(0));
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

pub(crate) fn complete(site: &Site, outcome: HResult) -> Result<(), HResult> {
    change(site, |restore| {
        let pending = restore.registrations.iter_mut().find(|entry| entry.outcome.is_none());
        pending.ok_or(HResult::UNEXPECTED)?.outcome = Some(outcome.0);
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
    disk::write_toml(&site.dir.join(FILE), &restore).map_err(|_| HResult::DISK_IO)
}

fn read(dir: &Path) -> Result<Restore, Error> {
    let path = dir.join(FILE);
    match path.exists() {
        true => disk::read_toml(&path),
        false => Ok(Restore::default()),
    }
}

const FILE: &str = "restore.toml";
