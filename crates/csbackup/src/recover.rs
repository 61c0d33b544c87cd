//! A database brought to where its logs end, on a scratch copy: what the CA does after a restore, done here.
//!
//! Sets are read and never written. Each file is compared with its hash on the way, as in a restore.

mod history;
mod reading;
mod scratch;
mod supply;
mod trouble;

use std::collections::BTreeSet;
use std::mem::discriminant;

use ese::{Replay, ReplayError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::check::Check;
use crate::manifest::{Content, FindingEntry, SetId, Severity};
use crate::{Error, Observer};

pub(crate) use history::History;
use reading::{Reading, error};
pub(crate) use scratch::Kept;
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
    /// Sets of which a file is not what was written.
    pub(crate) misread: Vec<SetId>,
    /// A file was out of reach: nothing is known of the sets.
    pub(crate) unread: bool,
    /// The set that stopped the replay, where all its files are what was written.
    pub(crate) culprit: Option<SetId>,
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
    let mut run = Run::new(supply, observer);
    let database = run.database(until, scratch)?;
    Ok(run.into_recovery(database))
}

/// Reads all that a restore would lay down: what a recovery reads, and the rest, with what `look` wants of it.
pub(crate) fn recover_all(
    supply: &Supply<'_>,
    until: Until,
    scratch: Scratch,
    look: &mut dyn FnMut(&str, Vec<u8>),
    observer: &dyn Observer,
) -> Result<Recovery, Error> {
    let mut run = Run::new(supply, observer);
    let database = run.database(until, scratch)?;
    run.rest(look)?;
    Ok(run.into_recovery(database))
}

/// A recovery under way.
struct Run<'a> {
    supply: &'a Supply<'a>,
    reading: Reading<'a>,
    recovered: Recovered,
    /// Generations whose logs were read.
    read: BTreeSet<u32>,
    culprit: Option<SetId>,
}

impl<'a> Run<'a> {
    fn new(supply: &'a Supply<'a>, observer: &'a dyn Observer) -> Self {
        let mut reading = Reading::new(observer);
        reading.findings.extend(supply.findings.iter().cloned());
        Self { supply, reading, recovered: Recovered::default(), read: BTreeSet::new(), culprit: None }
    }

    fn into_recovery(self, database: Option<Scratch>) -> Recovery {
        let Self { reading: Reading { findings, misread, unread, .. }, recovered, culprit, .. } = self;
        let culprit = culprit.filter(|_| misread.is_empty() && !unread);
        Recovery { database, recovered, findings, misread, unread, culprit }
    }

    fn database(&mut self, until: Until, mut scratch: Scratch) -> Result<Option<Scratch>, Error> {
        let trouble = &scratch.trouble();
        // What cannot be reached is said before anything is copied.
        let last = self.supply.last(until)?;
        if !self.reading.read(&self.supply.database, &mut |bytes| scratch.append(bytes))? {
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
            self.reading.findings.extend(self.not_replayed(&replay));
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
        let wanted_last = wanted.last().map(|(generation, _)| **generation);
        let mut stopped = None;
        for (generation, log) in wanted {
            if let Err(stop) = self.log(&mut replay, *generation, log, trouble)? {
                stopped = Some((*generation, stop));
                break;
            }
        }
        let listed = self.supply.listed.filter(|listed| until == Until::End && last < *listed);
        if let Some((generation, stop)) = &stopped {
            self.lost(stop.as_ref(), *generation, last.max(listed.unwrap_or(0)));
            if let Some(stop) = stop {
                self.reading.findings.push(trouble::finding(stop));
                self.blame(stop, *generation);
            }
        } else if let Some(listed) = listed {
            let first = last.saturating_add(1);
            self.lost(None, first, listed);
            let text = format!(
                "logs 0x{first:x} to 0x{listed:x}, which the CA listed, are not in {}",
                self.supply.place
            );
            self.reading.findings.push(error("log-missing", text));
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
            Err(error) => {
                if let (ReplayError::NotConsistent { .. }, None, Until::End) = (&error, &stopped, until) {
                    let first = wanted_last.map_or(low, |last| last.saturating_add(1));
                    self.lost(None, first, needed.max(listed.unwrap_or(0)));
                }
                match &stopped {
                    // Said already.
                    Some((_, None)) if matches!(error, ReplayError::NotConsistent { .. }) => Ok(None),
                    Some((_, Some(stop))) if discriminant(stop) == discriminant(&error) => Ok(None),
                    _ => self.failed(error, trouble),
                }
            }
        }
    }

    /// Replays a log. The inner error is why it is the end; `None` where that was told.
    fn log(
        &mut self,
        replay: &mut Replay<Scratch>,
        generation: u32,
        log: &Log<'_>,
        trouble: &Trouble,
    ) -> Result<Result<(), Option<ReplayError>>, Error> {
        self.read.insert(generation);
        let size = usize::try_from(log.part.size.min(LARGEST_LOG)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(size);
        let mut is_too_large = false;
        let whole = self.reading.read(&log.part, &mut |part| {
            is_too_large |= bytes.len().saturating_add(part.len()) as u64 > LARGEST_LOG;
            if !is_too_large {
                bytes.extend_from_slice(part);
            }
            Ok(())
        })?;
        if is_too_large {
            let text = format!("`{}` is larger than any log", crate::shown_name(&log.part.name));
            self.reading.findings.push(error("replay-log-damaged", text));
        }
        if is_too_large || !whole {
            return Ok(Err(None));
        }
        let checked = log.part.blake3.is_none().then(|| {
            let mut check = Check::for_content(Content::Log, log.origin, log.part.size);
            check.push(&bytes);
            check.finish().findings
        });
        match replay.push_log(bytes) {
            Ok(()) => {
                // A flipped bit is turned back, and is a defect all the same.
                let damage = checked.into_iter().flatten().filter(|found| found.severity > Severity::Info);
                let name = crate::shown_name(&log.part.name);
                self.reading.findings.extend(
                    damage.map(|found| FindingEntry { text: format!("`{name}`: {}", found.text), ..found }),
                );
                self.recovered.logs += 1;
                self.recovered.log_bytes += log.part.size;
                Ok(Ok(()))
            }
            Err(ReplayError::Store(error)) => Err(trouble.error(error)),
            // By its name it is known all the same.
            Err(ReplayError::Log { generation: None, error }) => {
                Ok(Err(Some(ReplayError::Log { generation: Some(ese::Generation(generation)), error })))
            }
            Err(error) => Ok(Err(Some(error))),
        }
    }

    /// Reads what a restore lays down beside the database and the logs that were replayed.
    fn rest(&mut self, look: &mut dyn FnMut(&str, Vec<u8>)) -> Result<(), Error> {
        let logs = self.supply.logs.iter().filter(|(generation, _)| !self.read.contains(generation));
        let logs = logs.map(|(_, log)| (&log.part, Some(log.origin)));
        for (part, origin) in logs.chain(self.supply.others.iter().map(|part| (part, None))) {
            let mut check = origin
                .filter(|_| part.blake3.is_none())
                .map(|origin| Check::for_content(Content::Log, origin, part.size));
            let is_wanted = part.path().to_lowercase().ends_with(".crl") && part.size <= LARGEST_CRL;
            let mut bytes = Vec::new();
            let whole = self.reading.read(part, &mut |part| {
                if is_wanted {
                    bytes.extend_from_slice(part);
                }
                if let Some(check) = &mut check {
                    check.push(part);
                }
                Ok(())
            })?;
            // The database does not need it.
            let damage = check.into_iter().flat_map(|check| check.finish().findings);
            let damage = damage.filter(|found| found.severity > Severity::Info);
            let name = crate::shown_name(&part.name);
            self.reading.findings.extend(damage.map(|found| FindingEntry {
                severity: Severity::Warning,
                text: format!("`{name}`, which the database does not need: {}", found.text),
                ..found
            }));
            if whole && is_wanted {
                look(part.path(), bytes);
            }
        }
        Ok(())
    }

    /// Logs behind the moment at which a database was closed: nobody asked for them to be replayed.
    fn not_replayed(&self, replay: &Replay<Scratch>) -> Option<FindingEntry> {
        let (closed, last) = (replay.closed_in()?.0, self.supply.last_of_its_own()?);
        let text = format!(
            "the database was closed in log 0x{closed:x}, and the logs go on to 0x{last:x}: what happened since is not in \
             it"
        );
        let hint =
            "a database and logs of one moment belong together: use a copy of both, or a set".to_owned();
        let found = error("logs-go-on", text);
        (closed < last).then_some(FindingEntry { severity: Severity::Warning, hint: Some(hint), ..found })
    }

    /// Whose fault it is that the replay stopped: pages that do not fit are those of the database.
    fn blame(&mut self, stop: &ReplayError, generation: u32) {
        let part = match stop {
            // Without its record a page is one of the rollback, at the end of the last log.
            ReplayError::Page { record: Some(_), .. } => Some(&self.supply.database),
            ReplayError::Log { generation: own, .. } => {
                let own = own.map_or(generation, |own| own.0);
                self.supply.logs.get(&own).map(|log| &log.part)
            }
            ReplayError::LogStream { .. }
            | ReplayError::OtherHistory { .. }
            | ReplayError::Missing { .. }
            | ReplayError::Unordered(_) => self.supply.logs.get(&generation).map(|log| &log.part),
            _ => None,
        };
        self.culprit = part.and_then(Part::set).map(|set| set.id.clone());
    }

    /// What is behind the end: from the log that stopped it to the last that was wanted.
    fn lost(&mut self, stop: Option<&ReplayError>, generation: u32, last: u32) {
        let first = match stop {
            Some(
                ReplayError::Missing { first: own, .. } | ReplayError::Log { generation: Some(own), .. },
            ) => own.0,
            _ => generation,
        };
        // A log of another history has times of its own.
        let is_other = matches!(stop, Some(ReplayError::OtherHistory { .. } | ReplayError::LogStream { .. }));
        let begun = if is_other { first.saturating_sub(1) } else { first };
        let since = self.supply.begun(begun).map(|begun| begun.to_string());
        self.recovered.lost = Some(Lost { generations: [first, last.max(first)], since });
    }

    fn failed(&mut self, error: ReplayError, trouble: &Trouble) -> Result<Option<Scratch>, Error> {
        if let ReplayError::Store(error) = error {
            return Err(trouble.error(error));
        }
        self.reading.findings.push(trouble::finding(&error));
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

/// Pages that are held in memory, in bytes.
const CACHE: usize = 64 << 20;

/// Logs of a CA have 1 MiB; the engine allows them 2 GiB, and nobody makes them like that.
const LARGEST_LOG: u64 = 256 << 20;

/// Bytes of a CRL file that is looked into; one with a million entries has 40 MB.
const LARGEST_CRL: u64 = 128 << 20;
