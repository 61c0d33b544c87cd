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
use crate::chain::is_numbered;
use crate::check::{hex, listed_generations};
use crate::manifest::{Content, FileEntry, FindingEntry, Severity, timestamp};
use crate::medium::{Medium, StoredSet};
use crate::place::{Folder, FolderFile};
use crate::restore::chosen;
use crate::{Catalogue, Error, SetPath};

/// A database, and the logs that go on from it.
pub(crate) struct Supply<'a> {
    /// Of what, for people.
    pub(crate) place: String,
    pub(super) database: Part<'a>,
    /// By their generations.
    pub(super) logs: BTreeMap<u32, Log<'a>>,
    /// What else a restore lays down.
    pub(super) others: Vec<Part<'a>>,
    /// The last generation that the CA listed.
    pub(super) listed: Option<u32>,
    /// Between these the last log was closed, where that is known: begin and end of the newest session.
    session: Option<[OffsetDateTime; 2]>,
    /// What is wrong with it before anything is replayed.
    pub(super) findings: Vec<FindingEntry>,
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
    /// How it is judged where it has no hash.
    pub(super) origin: Origin,
    fit: Fit,
}

/// Which of two files of one generation is the log: the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Known by its name only.
    Unread,
    /// Of another log stream than the database.
    Foreign,
    /// Named as another generation.
    Misnamed,
    /// A current log, copied while it filled.
    Current,
    Numbered,
}

/// A log in a set.
pub(super) struct Stored<'a> {
    pub(super) set: &'a StoredSet,
    pub(super) file: &'a FileEntry,
    pub(super) generation: u32,
}

impl<'a> Part<'a> {
    fn of_set(medium: &'a dyn Medium, set: &'a StoredSet, entry: &'a FileEntry) -> Option<Self> {
        let path = entry.set_path()?;
        let (name, blake3) = (entry.name.clone(), Some(entry.blake3.as_str()));
        Some(Self { name, size: entry.size, blake3, from: From::Set { medium, set, path } })
    }

    fn of_file(file: &FolderFile) -> Self {
        Self { name: file.name.clone(), size: file.size, blake3: None, from: From::File(file.path.clone()) }
    }

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

    /// Is the place there, that a missing file is missing? A share that went away has no files either.
    pub(super) fn is_reachable(&self) -> bool {
        match &self.from {
            From::Set { medium, set, .. } => medium.load(set).is_ok(),
            From::File(path) => path.parent().is_some_and(std::path::Path::is_dir),
        }
    }

    /// Its path in the set; of a file its name.
    pub(super) fn path(&self) -> &str {
        match &self.from {
            From::Set { path, .. } => path.as_str(),
            From::File(_) => &self.name,
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

    /// What a restore of a chain would lay down.
    ///
    /// # Errors
    /// They are no chain; there is no database, or more than one.
    pub(crate) fn of_sets(
        medium: &'a dyn Medium,
        sets: &[&'a StoredSet],
        named: &StoredSet,
    ) -> Result<Self, Error> {
        let place = named.id.to_string();
        let chosen = chosen(sets.iter().copied())?;
        let of = |content| chosen.iter().copied().filter(move |(_, entry)| entry.content == content);
        let mut logs: Vec<Stored<'a>> = Vec::new();
        let mut current = Vec::new();
        for (set, file) in of(Content::Log) {
            match generation(file) {
                Some(generation) => logs.push(Stored { set, file, generation }),
                None => current.push((set, file)),
            }
        }
        // Where its header cannot be read, it is known only that it was the last one.
        let highest = logs.iter().map(|log| log.generation).max().unwrap_or(0);
        logs.extend(
            current.into_iter().zip(highest.saturating_add(1)..).map(|((set, file), generation)| Stored {
                set,
                file,
                generation,
            }),
        );
        let stream = logs.iter().rev().find_map(|log| Some(log.file.log()?.signature.as_str()));
        let databases = of(Content::Database).filter_map(|(set, entry)| {
            let stream = entry.database().map(|facts| facts.log_signature.clone());
            Some((Part::of_set(medium, set, entry)?, stream))
        });
        let (database, _) = database(&place, databases.collect(), stream)?;
        let last = sets.last().copied();
        let mut own = Self::of_logs(medium, place, database, logs, last);
        let is_other = |entry: &FileEntry| !matches!(entry.content, Content::Database | Content::Log);
        let others = chosen.iter().filter(|(_, entry)| is_other(entry));
        own.others = others.filter_map(|(set, entry)| Part::of_set(medium, set, entry)).collect();
        let listed = last.and_then(|set| set.manifest.log_list.as_deref());
        let listed = listed.map(|names| listed_generations(names.iter().map(String::as_str)));
        own.listed = listed.and_then(|listed| listed.iter().map(|generation| generation.0).max());
        Ok(own)
    }

    /// The database of a full backup, and logs of these or other sets.
    pub(super) fn of_base(
        medium: &'a dyn Medium,
        place: String,
        full: &'a StoredSet,
        logs: Vec<Stored<'a>>,
        last: Option<&StoredSet>,
    ) -> Result<Self, Error> {
        let stream = logs.first().and_then(|log| Some(log.file.log()?.signature.as_str()));
        let databases = full.manifest.files.iter().filter(|file| file.content == Content::Database);
        let databases = databases.filter_map(|entry| {
            let stream = entry.database().map(|facts| facts.log_signature.clone());
            Some((Part::of_set(medium, full, entry)?, stream))
        });
        let (database, _) = database(&place, databases.collect(), stream)?;
        Ok(Self::of_logs(medium, place, database, logs, last))
    }

    /// A database, and logs. The last of them was closed by `last`, where that is known.
    fn of_logs(
        medium: &'a dyn Medium,
        place: String,
        database: Part<'a>,
        logs: Vec<Stored<'a>>,
        last: Option<&StoredSet>,
    ) -> Self {
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let session = last.filter(|set| set.manifest.log_list.is_some());
        let session =
            session.and_then(|set| Some([time(&set.manifest.started)?, time(&set.manifest.finished)?]));
        let mut own = Self::new(place, database);
        own.session = session;
        for Stored { set, file, generation } in logs {
            let Some(part) = Part::of_set(medium, set, file) else { continue };
            let (created, previous, fit) = match file.log() {
                Some(facts) => {
                    let fit = if is_numbered(&file.name) { Fit::Numbered } else { Fit::Current };
                    (log_time(&facts.created), log_time(&facts.previous_created), fit)
                }
                None => (LogTime::default(), LogTime::default(), Fit::Unread),
            };
            own.add(generation, Log { part, created, previous, origin: Origin::Streamed, fit });
        }
        own
    }

    fn new(place: String, database: Part<'a>) -> Self {
        Self {
            place,
            database,
            logs: BTreeMap::new(),
            others: Vec::new(),
            listed: None,
            session: None,
            findings: Vec::new(),
        }
    }

    /// The database of a folder (a `certutil` backup, a CA's own, any other), and the logs there or in another.
    pub(crate) fn of_folder(folder: &Folder, logs: Option<&Folder>) -> Result<Self, Error> {
        let place = folder.path.display().to_string();
        let mut found = Vec::new();
        for file in logs.unwrap_or(folder).files.iter().filter(|file| file.content == Content::Log) {
            let mut head = Vec::new();
            file.open()?.take(HEAD).read_to_end(&mut head).map_err(Error::io("read", &file.path))?;
            found.push((file, LogHeader::parse(&head).ok(), ese::log_generation_of_name(&file.name)));
        }
        // Of logs of several streams nobody can tell which ones are meant.
        let mut streams: Vec<String> = found
            .iter()
            .filter_map(|(_, header, _)| Some(hex(header.as_ref()?.signature.as_bytes())))
            .collect();
        streams.sort_unstable();
        streams.dedup();
        let stream = streams.pop().filter(|_| streams.is_empty());
        let mut databases = Vec::new();
        for file in folder.files.iter().filter(|file| file.content == Content::Database) {
            let stream = file.header()?.map(|header| hex(header.log_signature.as_bytes()));
            databases.push((Part::of_file(file), stream));
        }
        let (part, own_stream) = database(&place, databases, stream.as_deref())?;
        let mut own = Self::new(place, part);
        let highest = found.iter().filter_map(|(_, header, _)| Some(header.as_ref()?.generation.0)).max();
        for (file, header, name) in found {
            let named = name.and_then(|name| name.generation);
            let (generation, fit) = match (&header, named) {
                (None, Some(named)) => (named.0, Fit::Unread),
                // Where its header cannot be read, it is known only that it is the last one.
                (None, None) => (highest.unwrap_or(0).saturating_add(1), Fit::Unread),
                (Some(header), named) => {
                    let is_own =
                        own_stream.as_ref().is_none_or(|own| *own == hex(header.signature.as_bytes()));
                    let fit = match named {
                        _ if !is_own => Fit::Foreign,
                        Some(named) if named != header.generation => Fit::Misnamed,
                        Some(_) => Fit::Numbered,
                        None => Fit::Current,
                    };
                    (header.generation.0, fit)
                }
            };
            if let (Fit::Misnamed, Some(named)) = (fit, named) {
                own.findings.push(misnamed(&file.name, named.0, generation));
            }
            let (created, previous) =
                header.map(|header| (header.created, header.previous_created)).unwrap_or_default();
            let origin = if fit == Fit::Current { Origin::Raw } else { logs.unwrap_or(folder).origin };
            if let Some(other) =
                own.add(generation, Log { part: Part::of_file(file), created, previous, origin, fit })
            {
                let name = crate::shown_name(&other.part.name);
                let text = format!("`{name}` is log 0x{generation:x} once more, and is left alone");
                own.findings.push(told("log-duplicate", text));
            }
        }
        own.drop_foreign();
        Ok(own)
    }

    /// Logs of another stream behind the last own one are no logs of this database. One among its own stands in
    /// the place of one that is missing, which the replay tells.
    fn drop_foreign(&mut self) {
        let is_foreign = |log: &Log<'_>| log.fit == Fit::Foreign;
        while let Some(last) = self.logs.last_entry().filter(|last| is_foreign(last.get())) {
            let generation = *last.key();
            let name = crate::shown_name(&last.remove().part.name);
            let text = format!("`{name}` is log 0x{generation:x} of another log stream than the database");
            self.findings.push(told("log-foreign", text));
        }
    }

    /// The last log that surely is one of the database.
    pub(super) fn last_of_its_own(&self) -> Option<u32> {
        let own = |(_, log): &(&u32, &Log<'_>)| log.fit >= Fit::Current;
        self.logs.iter().rev().find(own).map(|(generation, _)| *generation)
    }

    /// Of two logs of one generation the one that does not serve.
    fn add(&mut self, generation: u32, log: Log<'a>) -> Option<Log<'a>> {
        match self.logs.entry(generation) {
            Entry::Vacant(entry) => {
                entry.insert(log);
                None
            }
            Entry::Occupied(mut entry) if entry.get().fit < log.fit => Some(entry.insert(log)),
            Entry::Occupied(_) => Some(log),
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
                let is_in = |generation: u32| match self.closed(generation) {
                    Some(closed) => moment(closed).is_some_and(|closed| closed <= time),
                    None if self.logs.keys().next_back() != Some(&generation) => false,
                    None => self.session.is_some_and(|[_, end]| end <= time),
                };
                let last = self.logs.keys().rev().copied().find(|&generation| is_in(generation));
                let is_local = self.logs.values().any(|log| log.created.is_set() && !log.created.is_utc());
                last.filter(|_| !is_local).ok_or_else(|| {
                    out(if is_local {
                        format!("the logs of {} have times of an unknown zone: name a generation", self.place)
                    } else {
                        format!("no log of {} was closed by that time", self.place)
                    })
                })
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
        let next = self.closed(generation).map(|closed| closed.to_string());
        let is_last = self.logs.keys().next_back() == Some(&generation);
        let session = || self.session.filter(|_| is_last).map(|[begin, _]| timestamp(begin));
        next.or_else(session)
    }

    /// When a log was closed: the one that continues it was begun then.
    fn closed(&self, generation: u32) -> Option<LogTime> {
        let own = self.logs.get(&generation)?.created;
        let next = self.logs.get(&generation.checked_add(1)?)?;
        let continues = next.created.is_set() && (!own.is_set() || next.previous == own);
        continues.then_some(next.created)
    }

    /// When a log was begun, by itself or by the one behind it.
    pub(super) fn begun(&self, generation: u32) -> Option<LogTime> {
        let own = self.logs.get(&generation).map(|log| log.created);
        let next = || self.logs.get(&generation.checked_add(1)?).map(|log| log.previous);
        own.filter(LogTime::is_set).or_else(next).filter(LogTime::is_set)
    }
}

/// A database, and its log stream where its header can be read.
type Candidate<'a> = (Part<'a>, Option<String>);

/// The database of a CA among those of a place. An engine has a temporary one of its own.
fn database<'a>(
    place: &str,
    mut databases: Vec<Candidate<'a>>,
    stream: Option<&str>,
) -> Result<Candidate<'a>, Error> {
    let mut narrow = |fits: &dyn Fn(&Candidate<'_>) -> bool| {
        if databases.len() > 1 && databases.iter().any(fits) {
            databases.retain(fits);
        }
    };
    narrow(&|(part, _)| !certadm::base_name(&part.name).eq_ignore_ascii_case("tmp.edb"));
    narrow(&|(_, own)| own.is_some() && (stream.is_none() || own.as_deref() == stream));
    let names: Vec<String> =
        databases.iter().map(|(part, _)| crate::shown_name(&part.name).to_string()).collect();
    let reason = match databases.pop() {
        Some(database) if databases.is_empty() => return Ok(database),
        Some(_) => format!(
            "`{place}` holds more than one database ({}): put that of the CA into a folder of its own, with its logs",
            names.join(", ")
        ),
        None => format!("`{place}` holds no database, only logs"),
    };
    Err(Error::NoSet { reason })
}

/// The generation of a log by its header, or else by its name.
fn generation(file: &FileEntry) -> Option<u32> {
    let named = || ese::log_generation_of_name(certadm::base_name(&file.name))?.generation;
    file.log().map(|facts| facts.generation).or_else(|| named().map(|named| named.0))
}

/// Something about a folder that should be seen to.
fn told(code: &str, text: String) -> FindingEntry {
    FindingEntry {
        severity: Severity::Warning,
        code: code.to_owned(),
        text,
        affected: None,
        jet: None,
        hint: None,
    }
}

fn misnamed(name: &str, named: u32, generation: u32) -> FindingEntry {
    FindingEntry {
        severity: Severity::Error,
        code: "log-name".to_owned(),
        text: format!("`{}` is named as log 0x{named:x} and holds 0x{generation:x}", crate::shown_name(name)),
        affected: None,
        jet: Some(-513),
        hint: Some("the CA goes by names: give the files their own again".to_owned()),
    }
}

/// Bytes that hold the header of a log, whatever its sector.
const HEAD: u64 = 4096;

pub(super) fn log_time(hex: &str) -> LogTime {
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = hex.as_bytes().as_chunks::<2>().0.iter().map(byte).collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).map(LogTime::new).unwrap_or_default()
}

/// A time of the engine; `None` where it is unset, or local to the machine of an old one.
pub(super) fn moment(time: LogTime) -> Option<OffsetDateTime> {
    if !time.is_utc() {
        return None;
    }
    let [second, minute, hour, day, month, year, low, high] = *time.as_bytes();
    let milliseconds = u16::from(low >> 1) | (u16::from(high >> 1 & 7) << 7);
    let date = Date::from_calendar_date(1900 + i32::from(year), Month::try_from(month).ok()?, day).ok()?;
    Some(
        PrimitiveDateTime::new(date, Time::from_hms_milli(hour, minute, second, milliseconds).ok()?)
            .assume_utc(),
    )
}
