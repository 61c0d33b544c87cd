//! The first start after a restore: the restored database is recovered and becomes the CA's own.
//!
//! ```text
//! recovered/           in the CA directory, made anew by each start
//!   database.edb       copy of the restored database, its logs replayed
//!   log                the log that the service begins: recovery, attach of the database
//!   ready.toml         both are whole: from here on each start only moves them in
//! ```
//!
//! A start that dies before `ready.toml` has changed nothing else; one that dies behind it is finished by the
//! next.

#[cfg(test)]
pub(crate) mod deaths;
mod replay;
mod scratch;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use ese::{DatabaseHeader, DbState, LogEnd, NextLog, Signature, attach_database};
use serde::{Deserialize, Serialize};

use crate::bookkeeping::Current;
use crate::restore::{self, Job};
use crate::site::Site;
use crate::{Error, disk, live, names};
use replay::Recovered;

/// What lies ready to be moved in.
#[derive(Debug, Serialize, Deserialize)]
struct Ready {
    /// File names in `CertLog`.
    database: String,
    log: String,
    /// Lowest generation there, and that of the log.
    lowest: u32,
    highest: u32,
}

const DATABASE: &str = "database.edb";
const LOG: &str = "log";
const READY: &str = "ready.toml";

fn folder(site: &Site) -> PathBuf {
    site.dir.join("recovered")
}

/// Recovers the restored database, where a restore is registered and complete.
///
/// # Errors
/// [`Error::NotStarted`]: the restore is not complete, or its database cannot be recovered; and the operating
/// system's. Then everything is as it was before.
pub(crate) fn recover(site: &Site) -> Result<(), Error> {
    let _guard = site.guard()?;
    let registered = restore::job(site)?;
    let folder = folder(site);
    let ready = folder.join(READY);
    if !ready.exists() {
        discard(site)?;
        let Some(job) = registered.map_or_else(|| laid(site), |job| Ok(Some(job)))? else { return Ok(()) };
        disk::create_folder(&folder)?;
        if let Err(error) = prepare(site, &job, &folder) {
            let _ = discard(site);
            return Err(error);
        }
    }
    move_in(site, &folder, &disk::read_toml(&ready)?)
}

/// A closed database that was laid down without any log, and is not registered: it is taken as it is, as an
/// engine takes it.
fn laid(site: &Site) -> Result<Option<Job>, Error> {
    let folder = site.log_folder();
    let database = folder.join(names::database(&site.authority));
    let logs = disk::logs(&folder).map_err(Error::io("list", &folder))?;
    if !logs.is_empty() || !database.is_file() {
        return Ok(None);
    }
    let page = live::header_page(&database).map_err(Error::io("read", &database))?;
    let is_closed = DatabaseHeader::parse(&page).is_ok_and(|header| header.state == DbState::CleanShutdown);
    Ok(is_closed.then(|| Job { database, logs: vec![folder], low: 0, high: 0 }))
}

/// Forgets what a start has prepared. The caller has the guard.
pub(crate) fn discard(site: &Site) -> Result<(), Error> {
    let folder = folder(site);
    match folder.exists() {
        true => {
            // First, so that nothing half is taken for ready.
            disk::remove(&folder.join(READY))?;
            disk::remove_folder(&folder)
        }
        false => Ok(()),
    }
}

fn prepare(site: &Site, job: &Job, folder: &Path) -> Result<(), Error> {
    let failed = |reason: String| Error::NotStarted {
        path: site.dir.clone(),
        reason: format!(
            "the replay of generations 0x{:x}-0x{:x} into the restored database failed: {reason}; {}",
            job.low,
            job.high,
            restore::way_back(&site.dir)
        ),
    };
    let name = own_file(site, &job.database).map_err(failed)?;
    let copy = folder.join(DATABASE);
    disk::copy(&job.database, &copy)?;
    let recovered = replay::replay(&copy, job).map_err(|stop| stop.into_error(&failed))?;
    let (log, bytes, highest) =
        first_log(&copy, &name, &recovered).map_err(|stop| stop.into_error(&failed))?;
    disk::write(&folder.join(LOG), &bytes)?;
    disk::sync_folder(folder)?;
    let there = disk::logs(&site.log_folder()).map_err(Error::io("list", &site.log_folder()))?;
    let below = there.keys().next().copied().unwrap_or(highest).min(highest);
    let ready = Ready { database: name, log, lowest: below, highest };
    disk::write_toml(&folder.join(READY), &ready)
}

/// The restored database is a file of the CA's own log folder: its name there.
fn own_file(site: &Site, database: &Path) -> Result<String, String> {
    let name = database.file_name().and_then(|name| name.to_str());
    let parent = database.parent().and_then(|parent| fs::canonicalize(parent).ok());
    match (name, parent, fs::canonicalize(site.log_folder()).ok()) {
        (Some(name), Some(parent), Some(own)) if parent == own => Ok(name.to_owned()),
        _ => {
            let (path, own) = (database.display(), site.log_folder());
            Err(format!("`{path}` is not in the folder of the CA's database, `{}`", own.display()))
        }
    }
}

/// The log that the service begins, by name, with its generation. The header of the database learns that it was
/// attached there.
fn first_log(copy: &Path, name: &str, recovered: &Recovered) -> Result<(String, Vec<u8>, u32), replay::Stop> {
    let now = live::now();
    let mut page = live::header_page(copy).map_err(Error::io("read", copy))?;
    let mut header = DatabaseHeader::parse(&page).map_err(replay::Stop::of("the recovered database"))?;
    let (end, log_name) = match &recovered.last {
        Some(path) => {
            let bytes = fs::read(path).map_err(Error::io("read", path))?;
            let log_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            (LogEnd::read(&bytes).map_err(replay::Stop::of(&log_name))?, log_name)
        }
        // A closed database without its logs begins a stream of its own.
        None => {
            let mut bytes = [0; 28];
            let (random, time) = bytes.split_at_mut(4);
            getrandom::fill(random).map_err(|_| replay::Stop::Reason("no random numbers".to_owned()))?;
            for (to, from) in time.iter_mut().zip(now.as_bytes()) {
                *to = *from;
            }
            let signature = Signature::new(bytes);
            (LogEnd::none(header.page_size, signature), "edb.log".to_owned())
        }
    };
    let of_log = || replay::Stop::of("the log behind the last one");
    let mut bytes = vec![0; end.length()];
    let path = names::local(name);
    let attached = recovered.from.is_some().then_some((&header, path.as_str()));
    let mut log = NextLog::begin(&end, now, attached, &mut bytes).map_err(of_log())?;
    let generation = log.generation();
    if let Some(from) = recovered.from {
        log.recovery(from).map_err(of_log())?;
    }
    header.log_signature = end.signature();
    let attach = log.attach(&header, &path).map_err(of_log())?;
    log.finish();
    attach_database(&mut page, attach, now, end.signature()).map_err(of_log())?;
    live::write_header(copy, &page).map_err(Error::io("write", copy))?;
    Ok((names::log_after(&log_name, generation.0), bytes, generation.0))
}

/// Moves in what lies ready, as far as that was not done already.
fn move_in(site: &Site, folder: &Path, ready: &Ready) -> Result<(), Error> {
    let own = site.log_folder();
    for (from, to) in [(DATABASE, &ready.database), (LOG, &ready.log)] {
        let from = folder.join(from);
        if from.exists() {
            disk::rename(&from, &own.join(to))?;
        }
    }
    disk::sync_folder(&own)?;
    let before = site.current()?;
    let current = Current {
        state: before.state,
        lowest: ready.lowest,
        highest: ready.highest,
        stopped_at: None,
        database: Some(ready.database.clone()),
        last_full: None,
        last_incremental: None,
        last_copy: None,
    };
    disk::write_toml(&Site::current_file(&site.dir), &current)?;
    restore::done(&site.dir)?;
    discard(site)
}
