//! What lies in the folders, and what each file says.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ese::{DbState, FileType, NamedLog, Origin};
use serde::Serialize;

use super::logs::Logs;
use crate::check::{Check, Checked};
use crate::manifest::{Content, FindingEntry, Severity};
use crate::place::FolderFile;
use crate::transfer::READ_SIZE;
use crate::{Error, Folder, Observer, VerifyReport};

/// A database, as far as its header tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExaminedDatabase {
    /// Name of the file.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// State.
    pub state: DatabaseState,
    /// Lowest and highest generation without which it cannot be made consistent.
    pub required: Option<[u32; 2]>,
    /// Highest generation without which transactions are lost; 0 when none.
    pub committed: u32,
    /// Identity of its log stream, for people; empty when unknown.
    pub log_stream: String,
    /// Is something in it damaged, beyond single bits that the engine corrects?
    pub damaged: bool,
}

/// State of a database in an operator's terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "is", content = "why", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DatabaseState {
    /// Shut down cleanly: needs no log.
    Clean,
    /// Its service runs, crashed, or the file was copied meanwhile: it needs its logs.
    NeedsLogs,
    /// A backup copy that no recovery has begun with.
    BackupCopy,
    /// A backup copy whose recovery began and did not end.
    RecoveryInterrupted,
    /// Another state of the engine, in its words.
    Other(String),
    /// No copy of the header can be read: nothing tells what it needs.
    NoHeader,
    /// Another program holds it open and lets nobody read, as a running CA does.
    InUse(String),
    /// It cannot be read.
    Unreadable(String),
}

impl DatabaseState {
    /// Could the file not be looked at?
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::InUse(_) | Self::Unreadable(_))
    }

    fn of(header: &ese::DatabaseHeader) -> Self {
        let restored = header.full_cur.is_set() && !header.full_cur.high.is_none();
        match header.state {
            DbState::CleanShutdown => Self::Clean,
            _ if header.is_backup_copy() => Self::BackupCopy,
            DbState::DirtyShutdown if restored => Self::RecoveryInterrupted,
            DbState::DirtyShutdown => Self::NeedsLogs,
            other => Self::Other(other.to_string()),
        }
    }
}

/// A file beside databases, logs and the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub kind: LeftoverKind,
}

/// What a file beside databases and logs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftoverKind {
    /// The next log, made beforehand: no content.
    PreparedLog,
    /// Space reserved for a full disk: no content.
    ReserveLog,
    /// Tells the engine of lost writes; made again when it is missing.
    FlushMap,
    /// Patch file of an old backup; newer engines leave it empty.
    Patch,
    /// The engine's temporary database; made again at each start.
    TemporaryDatabase,
    /// Where the files of a backup belong (`certbkxp.dat`).
    RestoreMap,
    /// A registry export.
    RegistryExport,
    /// Copies of databases under names that the engine does not open.
    OtherDatabase,
    /// Nothing of the engine's.
    Foreign,
}

/// What a file is to the doctor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Database,
    Log,
    Checkpoint,
    Leftover(LeftoverKind),
}

/// A file of a folder.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) path: PathBuf,
    role: Role,
    size: u64,
    /// Why it could not be read, and whether another program holds it.
    problem: Option<(bool, String)>,
    checked: Checked,
}

impl Found {
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_ref().map(|(_, why)| why.as_str())
    }

    pub(super) fn log(&self) -> Option<&ese::LogFacts> {
        self.checked.log.as_ref()
    }

    pub(super) fn database(&self) -> Option<&ese::DatabaseFacts> {
        self.checked.database.as_ref()
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.checked.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// The files of a database folder and a log folder.
pub(super) struct Survey {
    files: Vec<Found>,
    pub(super) origin: Origin,
    /// Findings of all files together, by the full verification.
    joint: Vec<FindingEntry>,
}

impl Survey {
    pub(super) fn of(folder: &Path, logs: &Path) -> Result<Self, Error> {
        let mut files = list(folder)?;
        let same = fs::canonicalize(folder).ok() == fs::canonicalize(logs).ok();
        if !same {
            files.extend(list(logs)?);
        }
        let named = files.iter().any(|file| file.role == Role::Database && is_database_name(&file.name));
        for file in &mut files {
            if named && file.role == Role::Database && !is_database_name(&file.name) {
                file.role = Role::Leftover(LeftoverKind::OtherDatabase);
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { files, origin: Origin::Raw, joint: Vec::new() })
    }

    /// Is there neither database nor log?
    pub(super) fn is_empty(&self) -> bool {
        !self.files.iter().any(|file| matches!(file.role, Role::Database | Role::Log))
    }

    fn of_role(&self, role: Role) -> impl Iterator<Item = &Found> {
        self.files.iter().filter(move |file| file.role == role)
    }

    pub(super) fn database_files(&self) -> impl Iterator<Item = &Found> {
        self.of_role(Role::Database)
    }

    pub(super) fn log_files(&self) -> impl Iterator<Item = &Found> {
        self.of_role(Role::Log)
    }

    pub(super) fn checkpoints(&self) -> impl Iterator<Item = &Found> {
        self.of_role(Role::Checkpoint)
    }

    pub(super) fn registry_exports(&self) -> impl Iterator<Item = &Path> {
        self.of_role(Role::Leftover(LeftoverKind::RegistryExport)).map(|file| file.path.as_path())
    }

    /// Reads databases and logs through.
    pub(super) fn read(&mut self, observer: &dyn Observer) -> Result<(), Error> {
        self.origin = self.origin();
        for file in &mut self.files {
            let content = match file.role {
                Role::Database => Content::Database,
                Role::Log => Content::Log,
                _ => continue,
            };
            let check = Check::for_content(content, self.origin, file.size);
            match read_through(&file.path, check, observer)? {
                Ok(checked) => file.checked = checked,
                Err(error) => file.problem = Some(problem(&error)),
            }
        }
        Ok(())
    }

    /// The databases that have a header, and the usable logs: what can be verified together.
    pub(super) fn verifiable(&self, folder: &Path, logs: &Logs<'_>) -> Option<Folder> {
        let file = |file: &Found, content| FolderFile {
            name: file.name.clone(),
            path: file.path.clone(),
            content,
            size: file.size,
        };
        let databases = self.database_files().filter(|file| file.database().is_some());
        let mut files: Vec<FolderFile> = databases.map(|found| file(found, Content::Database)).collect();
        if files.is_empty() {
            return None;
        }
        files.extend(logs.usable_files().map(|found| file(found, Content::Log)));
        Some(Folder { path: folder.to_owned(), files, origin: self.origin, single: false })
    }

    /// Takes over what a full verification found; missing logs are told elsewhere.
    pub(super) fn settle(&mut self, report: VerifyReport) {
        for verified in report.files {
            let own = self.files.iter_mut().find(|file| file.name == verified.name);
            if let Some(file) = own {
                file.checked.findings = verified.findings;
            }
        }
        self.joint = report.findings.into_iter().filter(|finding| finding.code != "log-missing").collect();
    }

    /// As `place.rs` judges a folder.
    fn origin(&self) -> Origin {
        let mut databases = self.database_files().peekable();
        let is_stream = match databases.peek() {
            Some(_) => databases.any(|file| header(&file.path).is_some_and(|h| h.is_backup_copy())),
            None => self.log_files().all(|file| crate::chain::is_numbered(&file.name)),
        };
        if is_stream { Origin::Streamed } else { Origin::Raw }
    }

    pub(super) fn database_facts(&self) -> Vec<ese::DatabaseFacts> {
        self.database_files().filter_map(|file| file.checked.database.clone()).collect()
    }

    pub(super) fn databases(&self) -> Vec<ExaminedDatabase> {
        let examined = self.database_files().map(|file| {
            let header = file.checked.database.as_ref().map(|facts| facts.header);
            let required = header.and_then(|header| header.requires_logs());
            let state = match (&file.problem, &header) {
                (Some((true, why)), _) => DatabaseState::InUse(why.clone()),
                (Some((false, why)), _) => DatabaseState::Unreadable(why.clone()),
                (None, Some(header)) => DatabaseState::of(header),
                (None, None) => DatabaseState::NoHeader,
            };
            ExaminedDatabase {
                name: file.name.clone(),
                path: file.path.clone(),
                size: file.size,
                required: required.map(|(low, high)| [low.0, high.0]),
                committed: header.filter(|_| required.is_some()).map_or(0, |header| header.committed.0),
                log_stream: header.map_or(String::new(), |header| header.log_signature.to_string()),
                damaged: state == DatabaseState::NoHeader || file.is_damaged(),
                state,
            }
        });
        examined.collect()
    }

    pub(super) fn leftovers(&self) -> Vec<Leftover> {
        let leftover = |file: &Found| match file.role {
            Role::Leftover(kind) => Some(Leftover { path: file.path.clone(), kind }),
            _ => None,
        };
        self.files.iter().filter_map(leftover).collect()
    }

    /// Findings of the files, then of all together.
    pub(super) fn findings(&self, logs: &Logs<'_>) -> Vec<(String, FindingEntry)> {
        let own = |file: &Found| {
            let findings = file.checked.findings.iter();
            findings.map(|finding| (file.name.clone(), finding.clone())).collect::<Vec<_>>()
        };
        let mut findings: Vec<_> = self.files.iter().flat_map(own).collect();
        let mut joint = logs.joint_findings(self);
        joint.extend(self.joint.iter().cloned());
        let mut told = Vec::new();
        for finding in joint {
            if !told.contains(&finding) {
                findings.push((String::new(), finding.clone()));
                told.push(finding);
            }
        }
        findings
    }

    /// Every log that says what it is.
    pub(super) fn named_logs(&self) -> Vec<NamedLog> {
        let named = |file: &Found| {
            let facts = file.checked.log.clone()?;
            Some(NamedLog { name: file.name.clone(), facts })
        };
        self.log_files().filter_map(named).collect()
    }
}

/// Is there a database or a log in the folder itself?
pub(super) fn has_ese_files(folder: &Path) -> bool {
    let files = list(folder).unwrap_or_default();
    files.iter().any(|file| matches!(file.role, Role::Database | Role::Log))
}

fn list(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let path = entry.path();
        if path.is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = fs::metadata(&path).ok();
        let size = metadata.as_ref().map_or(0, |metadata| metadata.len());
        // Opening a pipe or a device may wait for ever.
        let is_special = metadata.is_some_and(|metadata| !metadata.is_file());
        let role = if is_special { Role::Leftover(LeftoverKind::Foreign) } else { role(&name, &path) };
        files.push(Found { name, path, role, size, problem: None, checked: Checked::default() });
    }
    Ok(files)
}

fn role(name: &str, path: &Path) -> Role {
    let lower = name.to_lowercase();
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    let leftover = match extension {
        "chk" | "jcp" => return Role::Checkpoint,
        "jrs" => LeftoverKind::ReserveLog,
        "log" if matches!(stem, "res1" | "res2") => LeftoverKind::ReserveLog,
        "log" | "jtx" if stem.len() == 6 && stem.ends_with("tmp") => LeftoverKind::PreparedLog,
        "jfm" => LeftoverKind::FlushMap,
        "pat" => LeftoverKind::Patch,
        "edb" if stem == "tmp" => LeftoverKind::TemporaryDatabase,
        "dat" if stem == "certbkxp" => LeftoverKind::RestoreMap,
        "reg" => LeftoverKind::RegistryExport,
        _ => {
            let kind = head(path).map_or(FileType::Unknown, |head| ese::sniff(&head));
            return match kind {
                FileType::Database => Role::Database,
                FileType::Log => Role::Log,
                FileType::Checkpoint => Role::Checkpoint,
                FileType::FlushMap => Role::Leftover(LeftoverKind::FlushMap),
                // What is damaged or cannot be read is judged by its name.
                _ if is_database_name(name) => Role::Database,
                _ if ese::log_generation_of_name(name).is_some() => Role::Log,
                _ => Role::Leftover(LeftoverKind::Foreign),
            };
        }
    };
    Role::Leftover(leftover)
}

fn is_database_name(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or(String::new(), |(_, extension)| extension.to_lowercase());
    matches!(extension.as_str(), "edb" | "mdb" | "dit")
}

/// Enough for both header copies of the largest pages.
pub(super) fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(2 * 32768).read_to_end(&mut head)?;
    Ok(head)
}

fn header(path: &Path) -> Option<ese::DatabaseHeader> {
    let head = head(path).ok()?;
    let copies = [0, 2048, 4096, 8192, 16384, 32768];
    copies.iter().find_map(|at| ese::DatabaseHeader::parse(head.get(*at..)?).ok())
}

/// Feeds a file to its check; the inner error is the file's.
fn read_through(
    path: &Path,
    mut check: Check,
    observer: &dyn Observer,
) -> Result<io::Result<Checked>, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error)),
    };
    let mut buffer = vec![0; READ_SIZE];
    loop {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let count = match file.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(error)),
        };
        match buffer.get(..count) {
            Some([]) | None => return Ok(Ok(check.finish())),
            Some(bytes) => check.push(bytes),
        }
        observer.bytes(count as u64);
    }
}

/// Does another program hold the file, and what does the system say?
fn problem(error: &io::Error) -> (bool, String) {
    // ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION; other systems lock nobody out.
    let held = cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33));
    (held, error.to_string())
}
