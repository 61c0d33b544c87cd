//! The replay of the registered logs, and of those behind them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ese::{DatabaseHeader, DbState, Generation, LogHeader, LogTime, Replay, log_generation_of_name};

use super::scratch::Scratch;
use crate::restore::Job;
use crate::{Error, disk, live};

/// Bytes of pages that are kept in memory.
const MEMORY: usize = 64 << 20;

/// What a database was recovered with.
pub(super) struct Recovered {
    /// The last log of the stream; none for a closed database that came without logs.
    pub(super) last: Option<PathBuf>,
    /// The generation that the replay began with; none where nothing was replayed.
    pub(super) from: Option<Generation>,
}

/// Why a database cannot be recovered.
pub(super) enum Stop {
    /// The files of the restore do not allow it: one clause.
    Reason(String),
    /// The operating system does not.
    Error(Error),
}

impl Stop {
    /// What is wrong with `what`.
    pub(super) fn of<E: fmt::Display>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Reason(format!("{what}: {error}"))
    }

    pub(super) fn into_error(self, failed: &impl Fn(String) -> Error) -> Error {
        match self {
            Self::Reason(reason) => failed(reason),
            Self::Error(error) => error,
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Replays logs into the copy of the restored database.
///
/// All registered generations have to be there and whole; those that follow them in a folder are replayed too,
/// as by the engine. A closed database that has seen them all stays as it is.
pub(super) fn replay(copy: &Path, job: &Job) -> Result<Recovered, Stop> {
    let page = live::header_page(copy).map_err(Error::io("read", copy))?;
    let header = DatabaseHeader::parse(&page).map_err(Stop::of("the header of the database"))?;
    let is_closed = header.state == DbState::CleanShutdown;
    let consistent = header.consistent.generation.0;
    let mut logs = find(job)?;
    if is_closed && consistent >= job.high && !logs.contains_key(&consistent.saturating_add(1)) {
        let last = logs.remove(&consistent);
        return match (last, logs.keys().next()) {
            (None, Some(other)) => Err(Stop::Reason(format!(
                "the database was closed in log generation 0x{consistent:x}, which is missing, and 0x{other:x} is there"
            ))),
            (last, _) => Ok(Recovered { last, from: None }),
        };
    }
    let low = if is_closed { consistent.max(job.low) } else { job.low };
    let store = Scratch::open(copy).map_err(Error::io("open", copy))?;
    let mut replay = Replay::open(store, MEMORY).map_err(Stop::of("the restored database"))?;
    let (mut last, mut begun): (_, Option<LogTime>) = (None, None);
    for generation in low..=u32::MAX {
        let Some(path) = logs.get(&generation) else {
            if generation <= job.high {
                let reason =
                    format!("log generation 0x{generation:x} is missing, 0x{:x} is the last", job.high);
                return Err(Stop::Reason(reason));
            }
            break;
        };
        let bytes = fs::read(path).map_err(Error::io("read", path))?;
        let what = format!("log generation 0x{generation:x}");
        let log = LogHeader::parse(&bytes).map_err(Stop::of(&what))?;
        if log.generation.0 != generation {
            return Err(Stop::Reason(format!("{what}: its header says 0x{:x}", log.generation.0)));
        }
        if begun.is_some_and(|begun| begun != log.previous_created) {
            let reason =
                format!("{what} does not continue the one before it: it is of another life of the CA");
            return Err(Stop::Reason(reason));
        }
        replay.push_log(bytes).map_err(Stop::of(&what))?;
        (last, begun) = (Some(path.clone()), Some(log.created));
    }
    let (store, _) = replay.finish().map_err(Stop::of("the end of the replay"))?;
    store.close().map_err(Error::io("sync", copy))?;
    Ok(Recovered { last, from: Some(Generation(low)) })
}

/// The logs by generation, the current one (`edb.log`) by its header; the first folder that has one counts.
fn find(job: &Job) -> Result<BTreeMap<u32, PathBuf>, Error> {
    let mut found = BTreeMap::new();
    for folder in job.logs.iter().filter(|folder| folder.is_dir()) {
        for (name, path) in disk::files(folder).map_err(Error::io("list", folder))? {
            let Some(name) = log_generation_of_name(&name) else { continue };
            let generation = match name.generation {
                Some(generation) => generation.0,
                None => match current(&path).map_err(Error::io("read", &path))? {
                    Some(generation) => generation,
                    None => continue,
                },
            };
            found.entry(generation).or_insert(path);
        }
    }
    Ok(found)
}

/// The generation of a current log; `None` for a file that is none.
fn current(path: &Path) -> io::Result<Option<u32>> {
    let mut header = Vec::with_capacity(LogHeader::LENGTH);
    let length = u64::try_from(LogHeader::LENGTH).unwrap_or(u64::MAX);
    File::open(path)?.take(length).read_to_end(&mut header)?;
    Ok(LogHeader::parse(&header).ok().map(|header| header.generation.0))
}
