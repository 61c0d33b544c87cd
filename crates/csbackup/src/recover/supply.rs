//! What a recovery works with: a database, and the logs that go on from it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use ese::{LogHeader, LogTime, Origin};
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::Until;
use super::history::Held;
use crate::chain::is_numbered;
use crate::manifest::{Content, FileEntry, timestamp};
use crate::medium::{Medium, StoredSet};
use crate::place::{Folder, FolderFile};
use crate::{Catalogue, Error, SetPath};

/// A database, and the logs that go on from it.
pub(crate) struct Supply<'a> {
    /// Of what, for people.
    pub(crate) place: String,
    pub(super) database: Part<'a>,
    /// By their generations.
    pub(super) logs: BTreeMap<u32, Log<'a>>,
    /// Between these the last log was closed, where that is known: begin and end of the newest session.
    session: Option<[OffsetDateTime; 2]>,
    /// How files without a hash are judged.
    pub(super) origin: Origin,
}

/// A file of a set or of a folder.
pub(super) struct Part<'a> {
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
    /// What the manifest says; of a file in a folder nothing is known.
    pub(super) blake3: Option<&'a str>,
    from: From<'a>,
}

enum From<'a> {
    Set { medium: &'a dyn Medium, set: &'a StoredSet, path: SetPath },
    File(PathBuf),
}

pub(super) struct Log<'a> {
    pub(super) part: Part<'a>,
    /// When it was begun, and when the one before it was; unset where the header cannot be read.
    pub(super) created: LogTime,
    pub(super) previous: LogTime,
    numbered: bool,
}

impl Part<'_> {
    pub(super) fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        match &self.from {
            From::Set { medium, set, path } => medium.open(set, path),
            From::File(path) => Ok(Box::new(File::open(path).map_err(Error::io("read", path))?)),
        }
    }

    /// The set it is in.
    pub(super) fn set(&self) -> Option<&StoredSet> {
        match &self.from {
            From::Set { set, .. } => Some(set),
            From::File(_) => None,
        }
    }
}

impl<'a> Supply<'a> {
    /// The database and the logs of a set and of the sets it continues.
    pub(crate) fn of_set(
        medium: &'a dyn Medium,
        catalogue: &'a Catalogue,
        set: &'a StoredSet,
    ) -> Result<Self, Error> {
        Self::of_sets(medium, &catalogue.chain(set)?, set)
    }

    /// The database of the first of the sets, and the logs of all.
    pub(crate) fn of_sets(
        medium: &'a dyn Medium,
        sets: &[&'a StoredSet],
        named: &StoredSet,
    ) -> Result<Self, Error> {
        let needs_base =
            || Error::NoSet { reason: format!("set {} needs a base that is not here", named.id) };
        let full = *sets.first().ok_or_else(needs_base)?;
        let of_set = |set: &'a StoredSet| {
            set.manifest.logs().into_iter().map(move |(file, facts)| Held { set, file, facts })
        };
        let logs = sets.iter().copied().flat_map(of_set);
        Self::of_logs(medium, named.id.to_string(), full, logs, sets.last().copied())
    }

    /// The database of a full backup, and logs. The last of them was closed by `last`, where that is known.
    pub(super) fn of_logs(
        medium: &'a dyn Medium,
        place: String,
        full: &'a StoredSet,
        logs: impl Iterator<Item = Held<'a>>,
        last: Option<&StoredSet>,
    ) -> Result<Self, Error> {
        let part = |set: &'a StoredSet, entry: &'a FileEntry| {
            let path = entry.set_path()?;
            let (name, blake3) = (entry.name.clone(), Some(entry.blake3.as_str()));
            Some(Part { name, size: entry.size, blake3, from: From::Set { medium, set, path } })
        };
        let database = full.manifest.files.iter().find(|file| file.content == Content::Database);
        let lacking = || Error::NoSet { reason: format!("set {place} has no database") };
        let database = database.and_then(|entry| part(full, entry)).ok_or_else(lacking)?;
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let session = last.filter(|set| set.manifest.log_list.is_some());
        let session =
            session.and_then(|set| Some([time(&set.manifest.started)?, time(&set.manifest.finished)?]));
        let mut own = Self { place, database, logs: BTreeMap::new(), session, origin: Origin::Streamed };
        for Held { set, file, facts } in logs {
            let Some(part) = part(set, file) else { continue };
            let numbered = is_numbered(&file.name);
            let (created, previous) = (log_time(&facts.created), log_time(&facts.previous_created));
            own.add(facts.generation, Log { part, created, previous, numbered });
        }
        Ok(own)
    }

    /// The database of a folder (a `certutil` backup, a CA's own, any other), and the logs there or in another.
    pub(crate) fn of_folder(folder: &Folder, logs: Option<&Folder>) -> Result<Self, Error> {
        let part = |file: &FolderFile| {
            let from = From::File(file.path.clone());
            Part { name: file.name.clone(), size: file.size, blake3: None, from }
        };
        let place = folder.path.display().to_string();
        let mut files = folder.files.iter().filter(|file| file.content == Content::Database);
        let none = || Error::NoSet { reason: format!("`{place}` holds no database, only logs") };
        let database = part(files.next().ok_or_else(none)?);
        let (place, origin) = (place.clone(), folder.origin);
        let mut own = Self { place, database, logs: BTreeMap::new(), session: None, origin };
        let logs = logs.unwrap_or(folder);
        for file in logs.files.iter().filter(|file| file.content == Content::Log) {
            let mut head = Vec::new();
            file.open()?.take(HEAD).read_to_end(&mut head).map_err(Error::io("read", &file.path))?;
            let named = ese::log_generation_of_name(&file.name).and_then(|name| name.generation);
            let header = LogHeader::parse(&head).ok();
            let Some(generation) = header.as_ref().map(|header| header.generation).or(named) else {
                continue;
            };
            let (created, previous) =
                header.map(|header| (header.created, header.previous_created)).unwrap_or_default();
            own.add(generation.0, Log { part: part(file), created, previous, numbered: named.is_some() });
        }
        Ok(own)
    }

    /// A current log that was copied while it filled gives way to the finished one; where there are two
    /// others, the first is that of the older set, which is the one that a restore lays down.
    fn add(&mut self, generation: u32, log: Log<'a>) {
        match self.logs.entry(generation) {
            Entry::Vacant(entry) => _ = entry.insert(log),
            Entry::Occupied(mut entry) if !entry.get().numbered && log.numbered => _ = entry.insert(log),
            Entry::Occupied(_) => {}
        }
    }

    /// The last generation that belongs to a point in time.
    ///
    /// Records have no times: a log belongs to it when the next one was begun at that time or before. So
    /// nothing newer comes in, and of what is older at most what one log holds stays out.
    pub(crate) fn last(&self, until: Until) -> Result<u32, Error> {
        let highest = self.logs.keys().next_back().copied().unwrap_or(0);
        let out = |what: String| Error::NoSet { reason: what };
        match until {
            Until::End => Ok(highest),
            Until::Generation(wanted) if wanted > highest => Err(out(format!(
                "generation 0x{wanted:x} is not here: the logs of {} end with 0x{highest:x}",
                self.place
            ))),
            Until::Generation(wanted) if !self.logs.contains_key(&wanted) => {
                Err(out(format!("log 0x{wanted:x} of {} is missing, others behind it are there", self.place)))
            }
            Until::Generation(wanted) => Ok(wanted),
            Until::Time(time) => {
                let is_in = |generation: u32| match self.begun(generation.saturating_add(1)) {
                    Some(next) => moment(next).is_some_and(|next| next <= time),
                    None => self.session.is_some_and(|[_, end]| end <= time),
                };
                let last = self.logs.keys().rev().copied().find(|&generation| is_in(generation));
                last.ok_or_else(|| out(format!("no log of {} was closed by that time", self.place)))
            }
        }
    }

    /// Is the last log known to reach to a point in time?
    ///
    /// # Errors
    /// Nobody knows when it was closed, and the time is behind its begin.
    pub(crate) fn covers(&self, until: Until) -> Result<(), Error> {
        let (Until::Time(time), Some(highest)) = (until, self.logs.keys().next_back()) else { return Ok(()) };
        let Some(begun) = self.begun(*highest) else { return Ok(()) };
        if moment(begun).is_none_or(|begun| time <= begun) {
            return Ok(());
        }
        let reason = format!(
            "the logs of {} end with 0x{highest:x}, begun {begun}: how far behind that they reach is not known, `end` is \
             all of them",
            self.place
        );
        Err(Error::NoSet { reason })
    }

    /// The time before which nothing is missing once a log is replayed to its end.
    pub(super) fn complete_to(&self, generation: u32) -> Option<String> {
        let next = self.begun(generation.saturating_add(1)).map(|next| next.to_string());
        let is_last = self.logs.keys().next_back() == Some(&generation);
        let session = || self.session.filter(|_| is_last).map(|[begin, _]| timestamp(begin));
        next.or_else(session)
    }

    /// When a log was begun, by itself or by the one behind it.
    pub(super) fn begun(&self, generation: u32) -> Option<LogTime> {
        let own = self.logs.get(&generation).map(|log| log.created);
        let next = || self.logs.get(&generation.checked_add(1)?).map(|log| log.previous);
        own.filter(LogTime::is_set).or_else(next).filter(LogTime::is_set)
    }
}

/// Bytes that hold the header of a log, whatever its sector.
const HEAD: u64 = 4096;

pub(super) fn log_time(hex: &str) -> LogTime {
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = hex.as_bytes().as_chunks::<2>().0.iter().map(byte).collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).map(LogTime::new).unwrap_or_default()
}

/// A time of the engine; that of an old one, which is local to its machine, is taken as UTC.
pub(super) fn moment(time: LogTime) -> Option<OffsetDateTime> {
    let [second, minute, hour, day, month, year, low, high] = *time.as_bytes();
    let milliseconds = u16::from(low >> 1) | (u16::from(high >> 1 & 7) << 7);
    let date = Date::from_calendar_date(1900 + i32::from(year), Month::try_from(month).ok()?, day).ok()?;
    Some(
        PrimitiveDateTime::new(date, Time::from_hms_milli(hour, minute, second, milliseconds).ok()?)
            .assume_utc(),
    )
}
