//! Verification of what is stored: hashes against the manifest, pages and logs against the format.

use std::io::Read;

use ese::{NamedLog, Origin};

use crate::chain::{ChainLogs, is_numbered};
use crate::check::{Check, Checked, listed_generations, set_findings};
use crate::manifest::{Content, EseFacts, FileEntry, FindingEntry, Kind, Manifest, Severity};
use crate::medium::{Medium, StoredSet};
use crate::place::Folder;
use crate::transfer::READ_SIZE;
use crate::{Catalogue, Error, Observer, SetState};

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VerifyReport {
    /// One entry per file.
    pub files: Vec<VerifiedFile>,
    /// Findings of the set as a whole.
    pub findings: Vec<FindingEntry>,
    /// Bytes that were read.
    pub bytes: u64,
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
/// # Errors
/// Only when the medium cannot be asked, or on cancellation; what is wrong with the set is a finding.
pub fn verify_set(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    observer: &dyn Observer,
) -> Result<VerifyReport, Error> {
    let mut report = VerifyReport::default();
    let mut ese_files = EseFiles::default();
    let imported = set.manifest.source == crate::manifest::Source::Import;
    let origin = origin_of(&set.manifest);
    for entry in &set.manifest.files {
        let mut findings = Vec::new();
        let opened = entry.set_path().map(|path| medium.open(set, &path));
        let checked = match opened {
            Some(Ok(reader)) => {
                let check = Check::for_content(entry.content, origin, entry.size);
                let scanned = scan(reader, check, true, observer)?;
                report.bytes += scanned.size;
                findings.extend(compare(entry, &scanned));
                scanned.checked
            }
            Some(Err(error)) => {
                let lost = matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
                let code = if lost { "file-missing" } else { "file-unreadable" };
                findings.push(finding(code, format!("cannot be opened: {}", causes(&error))));
                Checked::default()
            }
            None => {
                findings.push(finding("file-missing", "its path does not lie inside the set".to_owned()));
                Checked::default()
            }
        };
        findings.extend(checked.findings.iter().cloned());
        for finding in &findings {
            observer.finding(&entry.name, finding);
        }
        let ese = checked.facts();
        ese_files.add(&entry.name, checked);
        report.files.push(VerifiedFile { name: entry.name.clone(), size: entry.size, ese, findings });
    }
    let listed =
        set.manifest.log_list.as_ref().map(|names| listed_generations(names.iter().map(String::as_str)));
    if !(imported && ese_files.is_empty()) {
        report.findings = ese_files.set_findings(origin, listed.as_deref());
    }
    report.findings.extend(joint(catalogue, set));
    for finding in &report.findings {
        observer.finding("", finding);
    }
    Ok(report)
}

/// Verifies a folder with a database and its logs, or a single `.edb`: what such a place cannot tell
/// is not claimed.
///
/// # Errors
/// The folder cannot be read, or cancellation.
pub fn verify_folder(folder: &Folder, observer: &dyn Observer) -> Result<VerifyReport, Error> {
    let mut report = VerifyReport::default();
    let mut ese_files = EseFiles::default();
    for file in &folder.files {
        let reader = file.open()?;
        let check = Check::for_content(file.content, folder.origin, file.size);
        let scanned = match check {
            Check::None => continue,
            check => scan(reader, check, false, observer)?,
        };
        report.bytes += scanned.size;
        let mut findings = scanned.checked.findings.clone();
        findings.extend(scanned.error.map(|error| finding("file-unreadable", error)));
        for finding in &findings {
            observer.finding(&file.name, finding);
        }
        let ese = scanned.checked.facts();
        ese_files.add(&file.name, scanned.checked);
        report.files.push(VerifiedFile { name: file.name.clone(), size: file.size, ese, findings });
    }
    // A single file says nothing about what lies beside it.
    if !folder.single {
        report.findings = ese_files.set_findings(folder.origin, None);
    }
    for finding in &report.findings {
        observer.finding("", finding);
    }
    Ok(report)
}

/// Reads every file of a set back from the medium and compares it with the manifest.
///
/// The manifest is read first: without it nobody finds the rest again.
pub(crate) fn read_back(medium: &dyn Medium, set: &StoredSet, observer: &dyn Observer) -> Result<(), Error> {
    let stored = medium.load(set)?;
    if stored.manifest != set.manifest {
        let (set, path) = (set.id.to_string(), crate::manifest::FILE_NAME.to_owned());
        return Err(Error::ReadBack { set, path, what: "is not the manifest that was written".to_owned() });
    }
    for entry in &stored.manifest.files {
        let unsafe_path = || Error::ReadBack {
            set: set.id.to_string(),
            path: entry.path.clone(),
            what: "is no path inside the set".to_owned(),
        };
        let path = entry.set_path().ok_or_else(unsafe_path)?;
        let reader = medium.open(set, &path).map_err(|error| match error {
            Error::Io { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Error::ReadBack {
                    set: set.id.to_string(),
                    path: entry.path.clone(),
                    what: "is not there".to_owned(),
                }
            }
            error => error,
        })?;
        let scanned = scan(reader, Check::None, true, observer)?;
        if let Some(error) = scanned.error {
            let source = std::io::Error::other(error);
            return Err(Error::Io { doing: "read back", path: entry.path.clone().into(), source });
        }
        if let Some(finding) = compare(entry, &scanned) {
            return Err(Error::ReadBack {
                set: set.id.to_string(),
                path: entry.path.clone(),
                what: finding.text,
            });
        }
    }
    Ok(())
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

/// How an increment joins what it continues.
fn joint(catalogue: &Catalogue, set: &StoredSet) -> Vec<FindingEntry> {
    if set.manifest.kind != Kind::Incremental || set.manifest.base.is_none() {
        return Vec::new();
    }
    let chain = match catalogue.chain(set) {
        Ok(chain) => chain,
        Err(error) => return vec![finding("base-missing", error.to_string())],
    };
    let earlier: Vec<&StoredSet> = chain.into_iter().filter(|other| other.id != set.id).collect();
    let bad = earlier.iter().filter(|other| catalogue.state(other) != SetState::Good).map(|other| {
        finding("base-not-good", format!("the set needs {}, which is {}", other.id, catalogue.state(other)))
    });
    let mut findings: Vec<FindingEntry> = bad.collect();
    let before = ChainLogs::of(earlier);
    let logs = set.manifest.logs();
    let first = logs.first().map(|(_, log)| before.admits_first(log.generation));
    let misfits = first.into_iter().chain(logs.iter().map(|(file, log)| before.admits(log, &file.blake3)));
    let broken = misfits.filter_map(Result::err);
    findings.extend(
        broken.map(|misfit| finding("chain-broken", format!("the set does not continue its base: {misfit}"))),
    );
    findings
}

pub(crate) struct Scanned {
    pub(crate) size: u64,
    pub(crate) blake3: Option<String>,
    pub(crate) checked: Checked,
    /// Reading stopped here.
    error: Option<String>,
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
                error = Some(format!("cannot be read behind byte {size}: {e}"));
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
        return Some(finding("file-unreadable", error.clone()));
    }
    if scanned.size != entry.size {
        let text = format!("has {} bytes, the manifest says {}", scanned.size, entry.size);
        return Some(finding("file-size", text));
    }
    let found = scanned.blake3.as_deref().unwrap_or_default();
    (found != entry.blake3)
        .then(|| finding("file-hash", format!("has the BLAKE3 {found}, the manifest says {}", entry.blake3)))
}

fn finding(code: &str, text: String) -> FindingEntry {
    FindingEntry { severity: Severity::Error, code: code.to_owned(), text, jet: None, hint: None }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
