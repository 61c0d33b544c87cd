//! Reading a session: map, databases, logs, dynamic files, into a set that is not yet published.

use std::io::Read;

use certadm::{BackupType, FileKind, FileList, ListedFile, base_name};
use time::OffsetDateTime;

use super::reverted::foreign_backup;
use super::{Base, Run, TOOL};
use crate::chain::{ChainLogs, Misfit};
use crate::check::{Check, Checked, listed_generations, set_findings};
use crate::manifest::{Content, FORMAT, FileEntry, FindingEntry, Gap, Manifest, Source, timestamp};
use crate::medium::{FileSink, SetWriter};
use crate::names::Taken;
use crate::session::Session;
use crate::transfer::{READ_SIZE, pass};
use crate::{Error, SetPath, Step, shown_name};

/// Folder of the databases and logs: the layout of `certutil -backup`.
pub(crate) const DATABASE_FOLDER: &str = "DataBase";
/// Raw restore map, as `certutil` writes it.
pub(crate) const RESTORE_MAP: &str = "certbkxp.dat";
/// Folder of the files outside the database.
pub(crate) const DYNAMIC_FOLDER: &str = "DynamicFiles";
/// Folder of what the CA told of its configuration.
pub(crate) const CONFIG_FOLDER: &str = "Config";

/// A set that lies on the medium whole, without a name.
pub(super) struct Collected<'m> {
    pub(super) writer: Box<dyn SetWriter + 'm>,
    pub(super) manifest: Manifest,
    pub(super) started: OffsetDateTime,
    pub(super) log_directory: Option<String>,
}

pub(super) enum Collect<'m> {
    Whole(Box<Collected<'m>>),
    /// The logs do not continue the base. What was written is gone with the writer.
    Misfit(Misfit),
}

/// Reads everything the session lists.
pub(super) fn collect<'m>(
    run: &Run<'m>,
    session: &mut Session<'_>,
    kind: BackupType,
    base: Option<&Base>,
    reason: String,
) -> Result<Collect<'m>, Error> {
    let started = OffsetDateTime::now_utc();
    let mut collector = Collector {
        run,
        writer: run.medium.begin(&run.ca)?,
        files: Vec::new(),
        taken: Taken::default(),
        databases: Vec::new(),
        logs: Vec::new(),
    };
    let map = session.restore_map()?;
    collector.store(RESTORE_MAP, Content::RestoreMap, DATABASE_FOLDER, map.raw())?;
    run.observer.step(&Step::RestoreMap);
    for file in &run.beside.files {
        collector.store(&file.name, file.content, file.folder, &file.bytes)?;
    }
    if kind == BackupType::Full {
        let listed = session.database_files()?;
        not_empty(&listed, kind, "database")?;
        for file in listed.files() {
            collector.stream(session, file)?;
        }
        run.observer.step(&Step::DatabasesStored);
    }
    let listed = session.log_files()?;
    not_empty(&listed, kind, "log")?;
    run.observer.step(&Step::LogsListed(listed.files().len()));
    if let Some(misfit) = collector.logs(session, &listed, base.map(|base| &base.logs))? {
        return Ok(Collect::Misfit(misfit));
    }
    run.observer.step(&Step::LogsStored);
    let dynamic_list = session.dynamic_files()?;
    let gaps = collector.gaps(&dynamic_list)?;
    run.observer.step(&Step::DynamicStored);

    let findings = collector.set_findings(&listed);
    if let Some(text) = foreign_backup(run, &collector.databases) {
        run.observer.warning(&text);
    }
    let timeline = match base {
        Some(base) => base.timeline.clone(),
        None => timeline_of(&collector.files),
    };
    let manifest = Manifest {
        format: FORMAT,
        tool: TOOL.to_owned(),
        ca: (&run.ca).into(),
        kind: kind.into(),
        source: Source::Session,
        sequence: run.catalogue.next_sequence().max(run.copies.next_sequence()),
        timeline,
        base: base.map(|base| base.last.clone()),
        reason,
        started: timestamp(started),
        finished: timestamp(OffsetDateTime::now_utc()),
        truncation_intended: !run.options.keep_logs,
        restore_map: map.files().iter().map(Into::into).collect(),
        log_list: Some(listed.files().iter().map(|file| file.name.clone()).collect()),
        dynamic_list,
        files: collector.files,
        gaps,
        keys: run.beside.record(),
        log_gap: None,
        findings,
    };
    for finding in &manifest.findings {
        run.observer.finding("", finding);
    }
    run.hoarding.listed_again(&run.catalogue, &manifest, run.observer);
    let log_directory = map.find(FileKind::LogDirectory).map(str::to_owned);
    Ok(Collect::Whole(Box::new(Collected { writer: collector.writer, manifest, started, log_directory })))
}

/// A chain is named after the content of its first set's streams.
pub(crate) fn timeline_of(files: &[FileEntry]) -> String {
    let mut hasher = blake3::Hasher::new();
    // The configuration does not belong to the log stream.
    for file in files.iter().filter(|file| file.content != Content::Configuration) {
        hasher.update(file.blake3.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

fn not_empty(list: &FileList, kind: BackupType, what: &'static str) -> Result<(), Error> {
    if list.files().is_empty() { Err(Error::EmptyList { kind, what }) } else { Ok(()) }
}

struct Collector<'r, 'm> {
    run: &'r Run<'m>,
    writer: Box<dyn SetWriter + 'm>,
    files: Vec<FileEntry>,
    taken: Taken,
    databases: Vec<ese::DatabaseFacts>,
    logs: Vec<ese::NamedLog>,
}

impl Collector<'_, '_> {
    /// Stores a file that is in memory; no folder is the set's own.
    fn store(&mut self, name: &str, content: Content, folder: &str, bytes: &[u8]) -> Result<(), Error> {
        let inside = match folder {
            "" => SetPath::alone(name),
            folder => SetPath::inside(folder, name),
        };
        let path = self.taken.unique(inside, name);
        let mut sink = self.writer.create(&path, Some(bytes.len() as u64))?;
        let stored = sink.write(bytes).and_then(|()| sink.finish());
        stored.map_err(Error::io("store", path.as_str()))?;
        self.files.push(FileEntry {
            name: name.to_owned(),
            content,
            path: path.as_str().to_owned(),
            size: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            ese: None,
            findings: Vec::new(),
        });
        Ok(())
    }

    /// Open, read to the announced size, close: one file of the session.
    fn stream(&mut self, session: &mut Session<'_>, file: &ListedFile) -> Result<(), Error> {
        let observer = self.run.observer;
        let path = self.taken.unique(SetPath::inside(DATABASE_FOLDER, base_name(&file.name)), &file.name);
        let size = session.open(&file.name)?;
        observer.step(&Step::FileOpened(file.name.clone(), size));
        let sink = self.writer.create(&path, Some(size))?;
        let check = Check::for_kind(file.kind, size);
        let read = |buffer: &mut [u8]| session.read(buffer);
        let passed = pass(&file.name, size, read, check, sink, observer)?;
        session.close()?;
        for finding in &passed.checked.findings {
            observer.finding(&file.name, finding);
        }
        let ese = passed.checked.facts();
        let findings = self.remember(&file.name, passed.checked);
        self.files.push(FileEntry {
            name: file.name.clone(),
            content: match file.kind {
                FileKind::Database => Content::Database,
                FileKind::Log => Content::Log,
                _ => Content::Other,
            },
            path: path.as_str().to_owned(),
            size: passed.size,
            blake3: passed.blake3,
            ese,
            findings,
        });
        observer.step(&Step::FileStored(file.name.clone()));
        Ok(())
    }

    fn remember(&mut self, name: &str, checked: Checked) -> Vec<FindingEntry> {
        self.databases.extend(checked.database);
        let name = base_name(name).to_owned();
        self.logs.extend(checked.log.map(|facts| ese::NamedLog { name, facts }));
        checked.findings
    }

    /// All logs, as long as they continue `base`.
    fn logs(
        &mut self,
        session: &mut Session<'_>,
        listed: &FileList,
        base: Option<&ChainLogs>,
    ) -> Result<Option<Misfit>, Error> {
        let logs = || listed.files().iter().filter(|file| file.kind == FileKind::Log);
        let generations = listed_generations(logs().map(|file| file.name.as_str()));
        if let Some(odd) = logs().find(|file| listed_generations([file.name.as_str()]).is_empty()) {
            // Without its generation nobody can say what the log continues.
            let what = "is listed as a log, but its name has no generation".to_owned();
            return Err(Error::Stream { name: odd.name.clone(), what });
        }
        if let (Some(base), Some(first)) = (base, generations.iter().min())
            && let Err(misfit) = base.admits_first(first.0)
        {
            return Ok(Some(misfit));
        }
        if let (Some(base), Some(newest)) = (base, generations.iter().max())
            && let Err(misfit) = base.admits_last(newest.0)
        {
            return Ok(Some(misfit));
        }
        for file in listed.files() {
            self.stream(session, file)?;
            let misfit = base.zip(self.files.last()).and_then(|(base, entry)| {
                // A damaged log proves nothing about the CA's history; it is a finding.
                let log = entry.log().filter(|_| !entry.is_damaged())?;
                base.admits(log, &entry.blake3).err()
            });
            if misfit.is_some() {
                return Ok(misfit);
            }
        }
        // Names are what the server says; the headers decide.
        let first = self.logs.iter().map(|log| log.facts.header.generation.0).min();
        Ok(base.zip(first).and_then(|(base, first)| base.admits_first(first).err()))
    }

    /// Copies the files outside the database. One that cannot be read is a gap with a name, and so is
    /// what the CA and its machine did not give.
    fn gaps(&mut self, names: &[String]) -> Result<Vec<Gap>, Error> {
        let mut gaps = self.run.beside.gaps.clone();
        for name in names {
            if self.run.observer.cancelled() {
                return Err(Error::Cancelled);
            }
            match self.run.files.open(name) {
                Ok(reader) => {
                    let path = self.taken.unique(SetPath::inside(DYNAMIC_FOLDER, base_name(name)), name);
                    match copy(reader, self.writer.create(&path, None)?) {
                        Ok((size, blake3)) => self.files.push(FileEntry {
                            name: name.clone(),
                            content: Content::Dynamic,
                            path: path.as_str().to_owned(),
                            size,
                            blake3,
                            ese: None,
                            findings: Vec::new(),
                        }),
                        Err(Broken::Source(error)) => gaps.push(gap(name, &error)),
                        Err(Broken::Sink(error)) => return Err(Error::io("store", path.as_str())(error)),
                    }
                }
                Err(error) => gaps.push(gap(name, &error)),
            }
        }
        for gap in &gaps {
            self.run.observer.warning(&format!(
                "`{}` is missing from this set: {}",
                shown_name(&gap.name),
                gap.reason
            ));
        }
        Ok(gaps)
    }

    fn set_findings(&self, listed: &FileList) -> Vec<FindingEntry> {
        let names = listed.files().iter().filter(|file| file.kind == FileKind::Log);
        let generations = listed_generations(names.map(|file| file.name.as_str()));
        set_findings(ese::Origin::Streamed, &self.databases, &self.logs, Some(&generations))
    }
}

fn gap(name: &str, error: &std::io::Error) -> Gap {
    Gap { name: name.to_owned(), reason: error.to_string() }
}

/// Which side of a copy broke.
pub(crate) enum Broken {
    Source(std::io::Error),
    Sink(std::io::Error),
}

/// Copies and hashes a file whose size nobody announced.
pub(crate) fn copy(
    mut reader: Box<dyn Read + Send>,
    mut sink: Box<dyn FileSink>,
) -> Result<(u64, String), Broken> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_SIZE];
    let mut size = 0;
    loop {
        let count = reader.read(&mut buffer).map_err(Broken::Source)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            sink.finish().map_err(Broken::Sink)?;
            return Ok((size, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(bytes);
        sink.write(bytes).map_err(Broken::Sink)?;
        size += count as u64;
    }
}
