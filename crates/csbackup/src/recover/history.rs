//! The logs of one log stream, gathered from the sets of a catalogue: what lies between two backups.
//!
//! Logs are taken from good sets only, and only where they are of the same history as those of the set that
//! was named: a CA that was reverted writes the same generations twice, with other content.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::supply::{Stored, log_time, moment};
use super::{Supply, Until};
use crate::chain::is_numbered;
use crate::manifest::{FileEntry, LogFacts, timestamp};
use crate::medium::{Medium, StoredSet};
use crate::{Catalogue, Error};

/// The logs around a set, and the databases that they go on from.
pub(crate) struct History<'a> {
    named: &'a StoredSet,
    logs: BTreeMap<u32, Held<'a>>,
    /// Generations that surely are of the history of the named set; the others are behind gaps.
    joined: BTreeSet<u32>,
    bases: Vec<Base<'a>>,
    forks: Vec<Fork<'a>>,
}

/// A log in a set.
#[derive(Clone, Copy)]
struct Held<'a> {
    set: &'a StoredSet,
    file: &'a FileEntry,
    facts: &'a LogFacts,
}

/// A full backup.
struct Base<'a> {
    set: &'a StoredSet,
    /// Replay begins with this generation.
    low: u32,
    /// Behind this one the database is consistent.
    needed: u32,
}

/// Two histories, and the first generation that is not the same in both.
struct Fork<'a> {
    generation: u32,
    sets: [&'a StoredSet; 2],
}

/// A point that can be looked at, and how.
pub(crate) struct Way<'a> {
    /// The full backup to begin with.
    pub(crate) base: &'a StoredSet,
    /// The last log to replay.
    pub(crate) last: u32,
    low: u32,
}

impl<'a> History<'a> {
    /// The history of a set.
    ///
    /// # Errors
    /// The set has no log.
    pub(crate) fn of(catalogue: &'a Catalogue, named: &'a StoredSet) -> Result<Self, Error> {
        let chain = catalogue.chain(named).unwrap_or_else(|_| vec![named]);
        let stream = chain.iter().rev().find_map(|set| Some(&set.manifest.logs().first()?.1.signature));
        let no_log = || Error::NoSet { reason: format!("set {} has no log that could be read", named.id) };
        let stream = stream.ok_or_else(no_log)?;
        let mut own = Self {
            named,
            logs: BTreeMap::new(),
            joined: BTreeSet::new(),
            bases: Vec::new(),
            forks: Vec::new(),
        };
        chain.iter().for_each(|set| own.insert(held(set, stream), u32::MAX));
        let is_own = |set: &StoredSet| chain.iter().any(|own| own.id == set.id);
        let good = catalogue
            .sets()
            .iter()
            .filter(|set| set.folder == named.folder && !is_own(set) && catalogue.state(set).is_base());
        let usable = |held: &Held<'_>| is_numbered(&held.file.name) && !held.file.is_damaged();
        let others = good.clone().map(|set| held(set, stream).into_iter().filter(usable).collect());
        own.gather(others.collect());
        for set in chain.iter().copied().chain(good) {
            let fits = |held: &Held<'a>| own.has(held);
            own.bases.extend(base(set, stream).filter(|base| {
                let logs = held(set, stream);
                logs.iter().filter(|log| (base.low..=base.needed).contains(&log.facts.generation)).all(fits)
            }));
        }
        own.bases.sort_by_key(|base| base.needed);
        Ok(own)
    }

    /// Takes in what joins the logs of the named set, from one set to the next, and then what lies behind gaps.
    fn gather(&mut self, mut rest: Vec<Vec<Held<'a>>>) {
        rest.retain(|logs| !logs.is_empty());
        rest.sort_by_key(|logs| logs.first().map(|log| log.facts.generation));
        let mut is_joined = true;
        loop {
            let mut before = usize::MAX;
            while rest.len() < before {
                before = rest.len();
                // Downwards in one pass, upwards in the next.
                rest.reverse();
                rest.retain(|logs| !self.join(logs));
            }
            if is_joined {
                self.joined = self.logs.keys().copied().collect();
                is_joined = false;
            }
            let newest = (0..rest.len())
                .max_by_key(|&at| rest.get(at).and_then(|logs| Some(logs.last()?.facts.generation)));
            match newest {
                Some(newest) => self.insert(rest.remove(newest), u32::MAX),
                None => break,
            }
        }
    }

    /// Takes in the logs of a set as far as they are of this history; `false`: they do not touch it.
    fn join(&mut self, logs: &[Held<'a>]) -> bool {
        let (mut touches, mut agreed, mut fork) = (false, None, None);
        for log in logs {
            let (generation, facts) = (log.facts.generation, log.facts);
            if let Some(own) = self.logs.get(&generation) {
                let same = own.file.blake3 == log.file.blake3 || !own.is_whole();
                if !same || own.facts.created != facts.created {
                    fork = Some(Fork { generation, sets: [own.set, log.set] });
                    break;
                }
                touches = true;
                agreed = Some(generation);
                continue;
            }
            let before = generation.checked_sub(1).and_then(|before| self.logs.get(&before));
            let behind = generation.checked_add(1).and_then(|behind| self.logs.get(&behind));
            touches |= before.is_some() || behind.is_some();
            if let Some(own) = before.filter(|own| own.facts.created != facts.previous_created) {
                // It follows another one.
                fork = Some(Fork { generation: own.facts.generation, sets: [own.set, log.set] });
                break;
            }
            if let Some(own) = behind.filter(|own| own.facts.previous_created != facts.created) {
                fork = Some(Fork { generation, sets: [own.set, log.set] });
                break;
            }
        }
        let Some(fork) = fork else {
            if touches {
                self.insert(logs.to_vec(), u32::MAX);
            }
            return touches;
        };
        // Behind the last equal log nobody knows where the two parted.
        if let Some(agreed) = agreed {
            self.insert(logs.to_vec(), agreed);
        }
        // Of two that are both behind a gap neither is the one.
        if !self.joined.is_empty() && !self.joined.contains(&fork.generation) {
            let (joined, from) = (&self.joined, fork.generation);
            self.logs.retain(|generation, _| *generation < from || joined.contains(generation));
        }
        self.forks.push(fork);
        true
    }

    fn insert(&mut self, logs: Vec<Held<'a>>, highest: u32) {
        for log in logs.into_iter().filter(|log| log.facts.generation <= highest) {
            let known = self.logs.entry(log.facts.generation).or_insert(log);
            if !known.is_whole() && log.is_whole() {
                *known = log;
            }
        }
    }

    fn has(&self, log: &Held<'_>) -> bool {
        let own = self.logs.get(&log.facts.generation);
        own.is_some_and(|own| own.file.blake3 == log.file.blake3)
    }

    /// How a point in time is reached.
    ///
    /// # Errors
    /// It lies before the first database, behind the last log, or in a gap.
    pub(crate) fn way(&self, until: Until) -> Result<Way<'a>, Error> {
        let (last, point) = match until {
            Until::Generation(generation) => (Some(generation), format!("the end of log 0x{generation:x}")),
            Until::Time(time) => (self.last_at(time), timestamp(time)),
            Until::End => (self.logs.keys().next_back().copied(), "the end".to_owned()),
        };
        let reaches = |base: &&Base<'a>, last: u32| base.needed <= last && self.is_whole(base.low, last);
        let found =
            last.and_then(|last| Some((self.bases.iter().rev().find(|base| reaches(base, last))?, last)));
        if let Some((base, last)) = found {
            return Ok(Way { base: base.set, last, low: base.low });
        }
        Err(Error::NoSet {
            reason: format!(
                "the database as of {point} cannot be had: {}{}",
                self.ranges(),
                self.forked(last)
            ),
        })
    }

    /// What a way replays.
    pub(crate) fn supply(&self, medium: &'a dyn Medium, way: &Way<'a>) -> Result<Supply<'a>, Error> {
        // The log behind the last says when that was closed.
        let logs = self.logs.range(way.low..=way.last.saturating_add(1));
        let logs =
            logs.map(|(generation, held)| Stored { set: held.set, file: held.file, generation: *generation });
        Supply::of_base(medium, self.named.id.to_string(), way.base, logs.collect(), self.closed_by(way.last))
    }

    /// The last log that was closed at a time; `None` where it is not known what was there then.
    fn last_at(&self, time: OffsetDateTime) -> Option<u32> {
        let last =
            self.logs.keys().rev().copied().find(|&log| self.closed(log).is_some_and(|at| at <= time))?;
        let goes_on = self.logs.contains_key(&last.checked_add(1)?);
        (goes_on || self.closed(last) == Some(time)).then_some(last)
    }

    /// When a log was closed: the next one was begun then; the last one was closed by its backup.
    fn closed(&self, generation: u32) -> Option<OffsetDateTime> {
        if let Some(next) = self.logs.get(&generation.checked_add(1)?) {
            return moment(log_time(&next.facts.created));
        }
        OffsetDateTime::parse(&self.closed_by(generation)?.manifest.finished, &Rfc3339).ok()
    }

    /// The set whose session closed the last log of all.
    fn closed_by(&self, generation: u32) -> Option<&'a StoredSet> {
        let last =
            self.logs.get(&generation).filter(|_| !self.logs.contains_key(&generation.saturating_add(1)))?;
        let manifest = &last.set.manifest;
        let is_last = manifest.generations().is_some_and(|(_, last)| last == generation);
        (manifest.log_list.is_some() && is_last).then_some(last.set)
    }

    fn is_whole(&self, low: u32, last: u32) -> bool {
        let wanted = usize::try_from(last.saturating_sub(low)).unwrap_or(usize::MAX).saturating_add(1);
        low <= last && self.logs.range(low..=last).count() == wanted
    }

    /// What can be looked at, in words.
    fn ranges(&self) -> String {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for base in self.bases.iter().filter(|base| self.is_whole(base.low, base.needed)) {
            let behind = self.logs.range(base.needed..).zip(base.needed..);
            let end =
                behind.take_while(|((log, _), expected)| *log == expected).map(|((log, _), _)| *log).last();
            let end = end.unwrap_or(base.needed);
            match ranges.last_mut() {
                Some((_, last)) if base.needed <= last.saturating_add(1) => *last = end.max(*last),
                _ => ranges.push((base.needed, end)),
            }
        }
        let time = |log| self.closed(log).map_or_else(|| "?".to_owned(), timestamp);
        let told: Vec<String> = ranges
            .iter()
            .map(|(low, high)| {
                format!(
                    "from the end of log 0x{low:x} ({}) to that of 0x{high:x} ({})",
                    time(*low),
                    time(*high)
                )
            })
            .collect();
        if told.is_empty() {
            return "no set here has a database with all the logs that it needs".to_owned();
        }
        format!("the sets reach {}", told.join(", and "))
    }

    /// Which histories there are, where that may be why.
    fn forked(&self, last: Option<u32>) -> String {
        let concerns = |fork: &&Fork<'_>| last.is_none_or(|last| fork.generation <= last.saturating_add(1));
        let Some(Fork { generation, sets: [a, b] }) = self.forks.iter().find(concerns) else {
            return String::new();
        };
        format!(
            "; log 0x{generation:x} is not the same in {} and {}: the CA was reverted or restored between them, name a \
             set of the history that you mean",
            a.id, b.id
        )
    }
}

impl Held<'_> {
    /// The current log was copied while it filled.
    fn is_whole(&self) -> bool {
        is_numbered(&self.file.name)
    }
}

/// The logs of a set that are of a stream, by generation.
fn held<'a>(set: &'a StoredSet, stream: &str) -> Vec<Held<'a>> {
    let of_stream = set.manifest.logs().into_iter().filter(|(_, facts)| facts.signature == stream);
    of_stream.map(|(file, facts)| Held { set, file, facts }).collect()
}

/// The database of a set, where logs go on from it.
fn base<'a>(set: &'a StoredSet, stream: &str) -> Option<Base<'a>> {
    let mut databases = set.manifest.files.iter().filter_map(|file| file.database());
    let facts = databases.find(|facts| facts.log_signature == stream)?;
    let both = [facts.required, facts.backup].into_iter().flatten();
    let (low, needed) = (both.clone().map(|[low, _]| low).min()?, both.map(|[_, high]| high).max()?);
    Some(Base { set, low, needed })
}
