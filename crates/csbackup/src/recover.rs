//! A database brought to where its logs end, on a scratch copy: what the CA does after a restore, done here.
//!
//! Sets are read and never written. Each file is compared with its hash on the way, as in a restore.

mod history;
mod scratch;
mod supply;
mod trouble;

use std::io::Read;

use ese::{Replay, ReplayError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::check::Check;
use crate::manifest::{Content, FindingEntry, SetId, Severity};
use crate::transfer::READ_SIZE;
use crate::{Error, Observer, Step};

pub(crate) use history::History;
pub use scratch::Scratch;
use scratch::Trouble;
pub(crate) use supply::Supply;
use supply::{Log, Part};

/// Where a recovery ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Until {
    /// With the last log.
    #[default]
    End,
    /// With the log of this generation.
    Generation(u32),
    /// With the last log that was closed at this time or before.
    Time(OffsetDateTime),
}

/// What a recovery came to.
pub(crate) struct Recovery {
    /// The database, closed and sound by itself; `None`: nothing could be made of it.
    pub(crate) database: Option<Scratch>,
    pub(crate) recovered: Recovered,
    pub(crate) findings: Vec<FindingEntry>,
    /// A set of which a file is not what was written.
    pub(crate) misread: Option<SetId>,
}

/// How far a recovery came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recovered {
    /// The database had been shut down cleanly: there was nothing to replay.
    pub was_closed: bool,
    /// The last log that was replayed to its end.
    pub generation: Option<u32>,
    /// The last log record that was replayed: generation, sector, offset.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<String>,
    /// All that happened before this time is in the database.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub complete_to: Option<String>,
    /// Logs that were replayed.
    pub logs: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Log records that were read.
    pub records: u64,
    /// Changes that were done again.
    pub redone: u64,
    /// Changes of transactions that were open at the end, and were rolled back.
    pub undone: u64,
    /// Transactions that were open at the end.
    pub open_transactions: u64,
    /// What is behind the end and was to be replayed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lost: Option<Lost>,
}

/// What a recovery lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// First and last generation that was to be replayed, and was not, or not to its end.
    pub generations: [u32; 2],
    /// When the first of them was begun: what happened since may be lost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<String>,
}

/// Recovers a database into `scratch`, an empty file.
///
/// # Errors
/// The system's; a point in time that the logs do not reach; cancellation. What is wrong with database or
/// logs is a finding.
pub(crate) fn recover(
    supply: &Supply<'_>,
    until: Until,
    scratch: Scratch,
    observer: &dyn Observer,
) -> Result<Recovery, Error> {
    let trouble = scratch.trouble();
    let mut run =
        Run { supply, observer, recovered: Recovered::default(), findings: Vec::new(), misread: None };
    let database = run.database(until, scratch, &trouble)?;
    let Run { recovered, findings, misread, .. } = run;
    Ok(Recovery { database, recovered, findings, misread })
}

/// A recovery under way.
struct Run<'a> {
    supply: &'a Supply<'a>,
    observer: &'a dyn Observer,
    recovered: Recovered,
    findings: Vec<FindingEntry>,
    misread: Option<SetId>,
}

impl Run<'_> {
    fn database(
        &mut self,
        until: Until,
        mut scratch: Scratch,
        trouble: &Trouble,
    ) -> Result<Option<Scratch>, Error> {
        // What cannot be reached is said before anything is copied.
        let last = self.supply.last(until)?;
        if !self.read(&self.supply.database, &mut |bytes| scratch.append(bytes))? {
            return Ok(None);
        }
        let mut replay = match Replay::open(scratch, CACHE) {
            Ok(replay) => replay,
            Err(error) => return self.failed(error, trouble),
        };
        let Some((low, needed)) = replay.required_logs().map(|(low, needed)| (low.0, needed.0)) else {
            if until != Until::End {
                let reason = format!(
                    "the database of {} was shut down cleanly: it is of that moment only, `end`",
                    self.supply.place
                );
                return Err(Error::NoSet { reason });
            }
            self.recovered.was_closed = true;
            return Ok(Some(replay.finish().map_err(|error| closed(&error, trouble))?.0));
        };
        if last < needed && until != Until::End {
            let since = self.supply.begun(needed).map(|begun| format!(", begun {begun}")).unwrap_or_default();
            let reason = format!(
                "the database of {} is consistent only behind log 0x{needed:x}{since}: name a later time or \
                 generation, or an older set",
                self.supply.place
            );
            return Err(Error::NoSet { reason });
        }
        // Where none is there, the replay says so.
        let wanted: Vec<_> = self.supply.logs.range(low..=last.max(low)).collect();
        let mut stopped = None;
        for (generation, log) in wanted {
            if let Err(stop) = self.log(&mut replay, log, trouble)? {
                stopped = Some((*generation, stop));
                break;
            }
        }
        if let Some((generation, stop)) = &stopped {
            self.lost(stop.as_ref(), *generation, last);
            let found = stop.as_ref().map(trouble::finding);
            self.findings.extend(found);
        }
        match replay.finish() {
            Ok((database, report)) => {
                let own = &mut self.recovered;
                own.generation = report.reached.map(|generation| generation.0);
                own.position = Some(report.position.to_string());
                let whole = own.generation.filter(|&whole| whole == report.position.generation.0);
                let begun = || report.log_time.is_set().then(|| report.log_time.to_string());
                own.complete_to = whole.and_then(|whole| self.supply.complete_to(whole)).or_else(begun);
                own.records = report.counts.records;
                own.redone = report.counts.redone;
                own.undone = report.undone;
                own.open_transactions = report.open_sessions as u64;
                Ok(Some(database))
            }
            // Said already.
            Err(error) if stopped.as_ref().is_some_and(|(_, stop)| stop.as_ref() == Some(&error)) => Ok(None),
            Err(error) => self.failed(error, trouble),
        }
    }

    /// Replays a log. The inner error is why it is the end; `None` where that was told.
    fn log(
        &mut self,
        replay: &mut Replay<Scratch>,
        log: &Log<'_>,
        trouble: &Trouble,
    ) -> Result<Result<(), Option<ReplayError>>, Error> {
        let size = usize::try_from(log.part.size.min(LARGEST_LOG)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(size);
        let mut is_too_large = false;
        let whole = self.read(&log.part, &mut |part| {
            is_too_large |= bytes.len().saturating_add(part.len()) as u64 > LARGEST_LOG;
            if !is_too_large {
                bytes.extend_from_slice(part);
            }
            Ok(())
        })?;
        if is_too_large {
            let text = format!("`{}` is larger than any log", crate::shown_name(&log.part.name));
            self.findings.push(error("replay-log-damaged", text));
        }
        if is_too_large || !whole {
            return Ok(Err(None));
        }
        let checked = log.part.blake3.is_none().then(|| {
            let mut check = Check::for_content(Content::Log, self.supply.origin, log.part.size);
            check.push(&bytes);
            check.finish().findings
        });
        match replay.push_log(bytes) {
            Ok(()) => {
                // A flipped bit is turned back, and is a defect all the same.
                let damage = checked.into_iter().flatten().filter(|found| found.severity > Severity::Info);
                let name = crate::shown_name(&log.part.name);
                self.findings.extend(
                    damage.map(|found| FindingEntry { text: format!("`{name}`: {}", found.text), ..found }),
                );
                self.recovered.logs += 1;
                self.recovered.log_bytes += log.part.size;
                Ok(Ok(()))
            }
            Err(ReplayError::Store(error)) => Err(trouble.error(error)),
            Err(error) => Ok(Err(Some(error))),
        }
    }

    /// Reads a file and compares it with its hash; `false`: it is not what was written, which is told.
    fn read(
        &mut self,
        part: &Part<'_>,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        self.observer.step(&Step::FileOpened(part.name.clone(), part.size));
        let read = self.stream(part, each);
        self.observer.step(&Step::FileStored(part.name.clone()));
        let (code, text) = match read {
            Ok(hash) if part.blake3.is_none_or(|expected| hash == expected) => return Ok(true),
            Ok(hash) => ("file-hash", format!("has the BLAKE3 {hash}, and not that of its manifest")),
            Err(error) if error.is_damage() => ("file-damaged", crate::verify::causes(&error)),
            Err(error) if is_missing(&error) => ("file-missing", "is not there".to_owned()),
            Err(error) => return Err(error),
        };
        let name = crate::shown_name(certadm::base_name(&part.name));
        let of = part.set().map(|set| format!(" of {}", set.id)).unwrap_or_default();
        self.misread = part.set().map(|set| set.id.clone());
        self.findings.push(error(code, format!("`{name}`{of}: {text}")));
        Ok(false)
    }

    fn stream(
        &self,
        part: &Part<'_>,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<String, Error> {
        let mut reader = part.open()?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; READ_SIZE];
        loop {
            if self.observer.cancelled() {
                return Err(Error::Cancelled);
            }
            let count = reader.read(&mut buffer).map_err(Error::io("read", &part.name))?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(hasher.finalize().to_hex().to_string());
            }
            hasher.update(bytes);
            each(bytes)?;
            self.observer.bytes(count as u64);
        }
    }

    /// What is behind the end: from the log that stopped it to the last that was wanted.
    fn lost(&mut self, stop: Option<&ReplayError>, generation: u32, last: u32) {
        let first = match stop {
            Some(ReplayError::Missing { first, .. }) => first.0,
            _ => generation,
        };
        let since = self.supply.begun(first).map(|begun| begun.to_string());
        self.recovered.lost = Some(Lost { generations: [first, last.max(first)], since });
    }

    fn failed(&mut self, error: ReplayError, trouble: &Trouble) -> Result<Option<Scratch>, Error> {
        if let ReplayError::Store(error) = error {
            return Err(trouble.error(error));
        }
        self.findings.push(trouble::finding(&error));
        Ok(None)
    }
}

/// Closing what is closed only fails with the system.
fn closed(error: &ReplayError, trouble: &Trouble) -> Error {
    match error {
        ReplayError::Store(error) => trouble.error(error.clone()),
        error => Error::NoSet { reason: error.to_string() },
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

fn error(code: &str, text: String) -> FindingEntry {
    let severity = Severity::Error;
    FindingEntry { severity, code: code.to_owned(), text, affected: None, jet: None, hint: None }
}

/// Pages that are held in memory, in bytes.
const CACHE: usize = 64 << 20;

/// Logs of a CA have 1 MiB; the engine allows them 2 GiB, and nobody makes them like that.
const LARGEST_LOG: u64 = 256 << 20;
