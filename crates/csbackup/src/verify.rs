//! Verification of what is stored: hashes against the manifest, pages and logs against the format.

mod chain;
mod full;
mod nameless;
mod read_back;
mod sample;

use std::io::Read;
use std::sync::Arc;

use ese::{NamedLog, Origin, PageSource as _};

use crate::chain::is_numbered;
use crate::check::{Check, Checked, listed_generations, set_findings};
use crate::manifest::{Content, EseFacts, FileEntry, FindingEntry, Manifest, SetId, Severity};
use crate::medium::{Medium, StoredSet};
use crate::place::Folder;
use crate::source::{FileSource, SharedSource};
use crate::transfer::READ_SIZE;
use crate::{Catalogue, Error, Observer, Scratch, StoreTrouble};
use chain::joint;
use full::{Belonging, FullCheck};
pub(crate) use nameless::against_manifest;
pub(crate) use read_back::read_back;

pub use full::{LogProof, Proof, VerifyLevel};

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VerifyReport {
    /// One entry per file.
    pub files: Vec<VerifiedFile>,
    /// Findings of the set as a whole.
    pub findings: Vec<FindingEntry>,
    /// Bytes that were read.
    pub bytes: u64,
    /// What the full verification of each database looked at.
    pub proofs: Vec<Proof>,
    /// A set that this one continues and that was found not to be what was written. That is no damage of
    /// this one: its findings have the codes `base-…`.
    pub misread_base: Option<SetId>,
}

/// What was found in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedFile {
    /// Name of the file.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// What the format says.
    pub ese: Option<EseFacts>,
    /// Findings.
    pub findings: Vec<FindingEntry>,
}

impl VerifyReport {
    /// All findings, with the name of their file (empty for the set's own).
    pub fn all_findings(&self) -> impl Iterator<Item = (&str, &FindingEntry)> {
        let of_files =
            self.files.iter().flat_map(|f| f.findings.iter().map(|finding| (f.name.as_str(), finding)));
        of_files.chain(self.findings.iter().map(|finding| ("", finding)))
    }

    /// The worst severity.
    pub fn worst(&self) -> Option<Severity> {
        self.all_findings().map(|(_, finding)| finding.severity).max()
    }
}

/// Verifies a published set: every byte, and how the set joins its base.
///
/// Of an increment, [`VerifyLevel::Full`] proves that its logs continue the database of its chain.
///
/// # Errors
/// Only when the medium cannot be asked, or on cancellation; what is wrong with the set is a finding.
pub fn verify_set(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    level: VerifyLevel,
    observer: &dyn Observer,
) -> Result<VerifyReport, Error> {
    let mut verification = Verification::new(level, observer);
    let imported = set.manifest.source == crate::manifest::Source::Import;
    let origin = origin_of(&set.manifest);
    for entry in &set.manifest.files {
        let mut findings = Vec::new();
        let path = entry.set_path();
        let opened = path.as_ref().map(|path| medium.open(set, path));
        let checked = match opened {
            Some(Ok(reader)) => {
                let check = Check::for_content(entry.content, origin, entry.size);
                let scanned = scan(reader, check, true, observer)?;
                verification.report.bytes += scanned.size;
                findings.extend(compare(entry, &scanned));
                scanned.checked
            }
            // Nothing is known of a set that nobody here can decrypt.
            Some(Err(error @ Error::Store { trouble: StoreTrouble::NoKey, .. })) => return Err(error),
            Some(Err(error)) => {
                let code = match &error {
                    Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                        "file-missing"
                    }
                    error => unread(error.is_damage()),
                };
                findings.push(finding(code, format!("cannot be opened: {}", causes(&error))));
                Checked::default()
            }
            None => {
                findings.push(finding("file-missing", "its path does not lie inside the set".to_owned()));
                Checked::default()
            }
        };
        let source = || path.as_ref().and_then(|path| medium.source(set, path).ok());
        verification.add(&entry.name, entry.size, findings, checked, source);
    }
    let listed =
        set.manifest.log_list.as_ref().map(|names| listed_generations(names.iter().map(String::as_str)));
    let mut of_set = joint(catalogue, set);
    if !(imported && verification.ese_files.is_empty()) {
        of_set.splice(0..0, verification.ese_files.set_findings(origin, listed.as_deref()));
    }
    verification.tell_set(of_set);
    if level > VerifyLevel::Stream
        && let Err(error) = verification.add_chain(medium, catalogue, set)
        && !verification.report.findings.iter().any(|finding| finding.code == "base-missing")
    {
        let text = format!("whether the logs continue their base cannot be told: {}", causes(&error));
        verification.tell_set(vec![finding("base-unread", text)]);
    }
    verification.finish()
}

/// Verifies a folder with a database and its logs, or a single `.edb`: what such a place cannot tell
/// is not claimed. Where a manifest lies in it, its files are compared with that.
///
/// # Errors
/// The folder cannot be read, or cancellation.
pub fn verify_folder(
    folder: &Folder,
    level: VerifyLevel,
    observer: &dyn Observer,
) -> Result<VerifyReport, Error> {
    let mut verification = Verification::new(level, observer);
    for file in &folder.files {
        let reader = file.open()?;
        let check = Check::for_content(file.content, folder.origin, file.size);
        let scanned = match check {
            Check::None => continue,
            check => scan(reader, check, false, observer)?,
        };
        verification.report.bytes += scanned.size;
        let findings =
            scanned.error.map(|error| finding("file-unreadable", error.to_string())).into_iter().collect();
        let source = || Some(Box::new(FileSource::open(&file.path).ok()?) as SharedSource);
        verification.add(&file.name, file.size, findings, scanned.checked, source);
    }
    // A single file says nothing about what lies beside it.
    if !folder.single {
        let of_set = verification.ese_files.set_findings(folder.origin, None);
        verification.tell_set(of_set);
        verification.tell_set(against_manifest(folder, observer)?);
    }
    verification.finish()
}

/// Verifies a database that was recovered, entry by entry: closed, and without logs. Its rows are the drill's
/// affair.
///
/// # Errors
/// As [`verify_set`].
pub(crate) fn verify_recovered(
    name: &str,
    database: &Arc<Scratch>,
    observer: &dyn Observer,
) -> Result<VerifyReport, Error> {
    let mut verification = Verification::new(VerifyLevel::Deep, observer);
    verification.rows = false;
    let size = database.size();
    let scanned =
        scan(database.reader(), Check::for_content(Content::Database, Origin::Raw, size), false, observer)?;
    verification.report.bytes += scanned.size;
    let findings =
        scanned.error.map(|error| finding("file-unreadable", error.to_string())).into_iter().collect();
    verification.add(name, size, findings, scanned.checked, || Some(Box::new(Arc::clone(database))));
    verification.finish()
}

/// The full verification of a set that was just stored and read back. The streaming part was done
/// while it came in.
///
/// # Errors
/// As [`verify_set`].
pub(crate) fn verify_stored(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    level: VerifyLevel,
    observer: &dyn Observer,
) -> Result<VerifyReport, Error> {
    let mut verification = Verification::new(level, observer);
    verification.add_stored(medium, set, true)?;
    verification.add_chain(medium, catalogue, set)?;
    verification.finish()
}

/// A verification under way.
struct Verification<'a> {
    report: VerifyReport,
    ese_files: EseFiles,
    databases: Vec<OpenDatabase>,
    logs: Vec<(ese::Generation, SharedSource)>,
    /// What an increment continues.
    chain: Vec<(&'a dyn Medium, &'a StoredSet)>,
    level: VerifyLevel,
    rows: bool,
    observer: &'a dyn Observer,
}

/// A database whose trees are yet to be checked.
struct OpenDatabase {
    /// Its number among the files of the report; of an increment's base, none.
    file: Option<usize>,
    name: String,
    source: SharedSource,
    header: Option<ese::DatabaseHeader>,
    unsettled: Vec<ese::Finding>,
}

impl<'a> Verification<'a> {
    fn new(level: VerifyLevel, observer: &'a dyn Observer) -> Self {
        let (databases, logs, chain) = (Vec::new(), Vec::new(), Vec::new());
        let (report, ese_files) = (VerifyReport::default(), EseFiles::default());
        Self { report, ese_files, databases, logs, chain, level, rows: true, observer }
    }

    /// Takes a file in. What the trees of a database may settle is told when they are checked.
    fn add(
        &mut self,
        name: &str,
        size: u64,
        mut findings: Vec<FindingEntry>,
        checked: Checked,
        source: impl FnOnce() -> Option<SharedSource>,
    ) {
        let is_full = self.level > VerifyLevel::Stream && checked.is_ese();
        let source = if is_full { source() } else { None };
        if is_full && source.is_none() && findings.is_empty() {
            findings.push(finding(
                "file-unreadable",
                "cannot be opened again for the full verification".to_owned(),
            ));
        }
        match source {
            Some(source) if checked.is_database() => self.databases.push(OpenDatabase {
                file: Some(self.report.files.len()),
                name: name.to_owned(),
                source,
                header: checked.database.as_ref().map(|facts| facts.header),
                unsettled: checked.unsettled.clone(),
            }),
            Some(source) => {
                let generation = checked.log.as_ref().map(|log| log.header.generation);
                self.logs.extend(generation.map(|generation| (generation, source)));
                findings.extend(checked.findings.iter().cloned());
            }
            None => findings.extend(checked.findings.iter().cloned()),
        }
        for finding in &findings {
            self.observer.finding(name, finding);
        }
        let ese = checked.facts();
        self.ese_files.add(name, checked);
        self.report.files.push(VerifiedFile { name: name.to_owned(), size, ese, findings });
    }

    /// The databases and logs of a set by its manifest; trees are only checked of the set in question.
    fn add_stored(&mut self, medium: &dyn Medium, set: &StoredSet, is_own: bool) -> Result<(), Error> {
        for entry in &set.manifest.files {
            let is_database = entry.content == Content::Database;
            let Some(path) = entry.set_path().filter(|_| is_database || entry.log().is_some()) else {
                continue;
            };
            let source = medium.source(set, &path)?;
            if let Some(log) = entry.log() {
                self.logs.push((ese::Generation(log.generation), source));
                continue;
            }
            let header = ese::Database::open(&source).ok().and_then(|database| database.header().copied());
            let file = is_own.then(|| {
                let (name, ese, findings) = (entry.name.clone(), entry.ese.clone(), Vec::new());
                self.report.files.push(VerifiedFile { name, size: entry.size, ese, findings });
                self.report.files.len() - 1
            });
            let (name, unsettled) = (entry.name.clone(), Vec::new());
            self.databases.push(OpenDatabase { file, name, source, header, unsettled });
        }
        Ok(())
    }

    fn tell_set(&mut self, findings: Vec<FindingEntry>) {
        for finding in &findings {
            self.observer.finding("", finding);
        }
        self.report.findings.extend(findings);
    }

    fn finish(mut self) -> Result<VerifyReport, Error> {
        let mut logs = std::mem::take(&mut self.logs);
        logs.sort_by_key(|(generation, _)| *generation);
        logs.dedup_by_key(|(generation, _)| *generation);
        let shared = self.databases.len() > 1;
        let logs_of = |header: Option<&ese::DatabaseHeader>| -> Vec<&SharedSource> {
            let stream = header.map(|header| header.log_signature);
            // Two instances may share a folder; the logs of one say nothing of the other.
            let own = |source: &&SharedSource| {
                let header = ese::LogReader::open(*source).map(|log| log.header().signature).ok();
                !shared || header.is_none() || header == stream
            };
            logs.iter().map(|(_, source)| source).filter(own).collect()
        };
        let is_bad = |belonging: &Belonging| belonging.findings.iter().any(|f| f.severity == Severity::Error);
        let logs_complete =
            !self.report.all_findings().any(|(_, finding)| finding.severity == Severity::Error);
        for database in std::mem::take(&mut self.databases) {
            let check = FullCheck {
                file: &database.name,
                database: &database.source,
                header: database.header.as_ref(),
                logs: &logs_of(database.header.as_ref()),
                logs_complete,
                level: self.level,
                rows: self.rows,
                observer: self.observer,
            };
            let mut belonging = check.belonging()?;
            let proof = match database.file {
                None => {
                    if database.header.is_none() || is_bad(&belonging) {
                        self.blame(&mut belonging)?;
                    }
                    check.proof(&belonging)
                }
                Some(file) => {
                    let (findings, proof) = check.structure(&belonging, database.unsettled)?;
                    for finding in &findings {
                        self.observer.finding(&database.name, finding);
                    }
                    if let Some(file) = self.report.files.get_mut(file) {
                        file.findings.extend(findings);
                    }
                    proof
                }
            };
            self.report.proofs.push(proof);
            self.tell_set(belonging.findings);
        }
        Ok(self.report)
    }
}

/// As the import judged it (`place.rs`).
fn origin_of(manifest: &Manifest) -> Origin {
    let mut databases = manifest.files.iter().filter(|file| file.content == Content::Database).peekable();
    let stream = if databases.peek().is_some() {
        databases.filter_map(FileEntry::database).any(|facts| facts.backup.is_some())
    } else {
        manifest.files.iter().filter(|file| file.content == Content::Log).all(|file| is_numbered(&file.name))
    };
    if stream { Origin::Streamed } else { Origin::Raw }
}

/// The verifier's values of all files, for the checks across files.
#[derive(Default)]
struct EseFiles {
    databases: Vec<ese::DatabaseFacts>,
    logs: Vec<NamedLog>,
}

impl EseFiles {
    fn add(&mut self, name: &str, checked: Checked) {
        self.databases.extend(checked.database);
        let name = certadm::base_name(name).to_owned();
        self.logs.extend(checked.log.map(|facts| NamedLog { name, facts }));
    }

    fn is_empty(&self) -> bool {
        self.databases.is_empty() && self.logs.is_empty()
    }

    fn set_findings(&self, origin: Origin, listed: Option<&[ese::Generation]>) -> Vec<FindingEntry> {
        set_findings(origin, &self.databases, &self.logs, listed)
    }
}

pub(crate) struct Scanned {
    pub(crate) size: u64,
    pub(crate) blake3: Option<String>,
    pub(crate) checked: Checked,
    /// Reading stopped here.
    error: Option<std::io::Error>,
}

/// Reads a stored file once: checks it, and hashes it when there is something to compare with.
pub(crate) fn scan(
    mut reader: Box<dyn Read + Send>,
    mut check: Check,
    hash: bool,
    observer: &dyn Observer,
) -> Result<Scanned, Error> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_SIZE];
    let mut size = 0;
    let mut error = None;
    loop {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let count = match reader.read(&mut buffer) {
            Ok(count) => count,
            Err(e) => {
                error =
                    Some(std::io::Error::new(e.kind(), format!("cannot be read behind byte {size}: {e}")));
                break;
            }
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        check.push(bytes);
        if hash {
            hasher.update(bytes);
        }
        size += count as u64;
        observer.bytes(count as u64);
    }
    let blake3 = hash.then(|| hasher.finalize().to_hex().to_string());
    Ok(Scanned { size, blake3, checked: check.finish(), error })
}

fn compare(entry: &FileEntry, scanned: &Scanned) -> Option<FindingEntry> {
    if let Some(error) = &scanned.error {
        let is_damage = error.kind() == std::io::ErrorKind::InvalidData;
        return Some(finding(unread(is_damage), error.to_string()));
    }
    if scanned.size != entry.size {
        let text = format!("has {} bytes, the manifest says {}", scanned.size, entry.size);
        return Some(finding("file-size", text));
    }
    let found = scanned.blake3.as_deref().unwrap_or_default();
    (found != entry.blake3)
        .then(|| finding("file-hash", format!("has the BLAKE3 {found}, the manifest says {}", entry.blake3)))
}

/// What is wrong with a stored file that cannot be read: its medium knows it to be damaged, or it is out of
/// reach today.
fn unread(is_damage: bool) -> &'static str {
    if is_damage { "file-damaged" } else { "file-unreadable" }
}

fn finding(code: &str, text: String) -> FindingEntry {
    FindingEntry {
        severity: Severity::Error,
        code: code.to_owned(),
        text,
        affected: None,
        jet: None,
        hint: None,
    }
}

pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
