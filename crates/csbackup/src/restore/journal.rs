//! The journal of a restore: written and synced before each step that it tells of.
//!
//! Whether a single file was moved is not in it, but on the disk: the name beside the place and the name
//! aside are the journal's own, so that one rename is seen by where the file lies. Left behind by a run that
//! died before the journal was there, the folder is empty but for its lock.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use certadm::Registration;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{RestorePlan, moves};
use crate::durable::{self, create_durable, sync_directory};
use crate::manifest::{Ca, Content, SetId, timestamp};
use crate::{Error, Observer, Step, Until};

/// The folder of the journal, and of the files that wait beside their places.
pub(super) const FOLDER: &str = ".csbackup-restore";
const FILE: &str = "journal.json";
const LOCK: &str = "lock";
const FORMAT: u32 = 1;

/// How far a restore came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// Files are being written beside their places; nothing has changed.
    Staging,
    /// All lie there, checked; the service may have been asked to stop.
    Ready,
    /// Registration, and files on their way in.
    Applying,
    /// All files lie in their places, every registration is complete.
    Laid,
    /// The restore session was ended; the service may have been asked to start.
    Ended,
    /// Done, and not used yet by the CA as far as we know.
    Done,
    /// Files on their way back.
    Undoing,
    /// All are back; leftovers are being removed.
    Undone,
}

impl Phase {
    pub(super) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    tool: String,
    pub(super) ca: Ca,
    pub(super) sets: Vec<SetId>,
    /// Where the sets are, for people.
    pub(super) medium: String,
    pub(super) started: String,
    pub(super) phase: Phase,
    /// The service ran before: it is started again.
    pub(super) service_ran: bool,
    /// The CA may hold a registration of ours.
    pub(super) registering: bool,
    /// How many registrations are complete.
    pub(super) completed: usize,
    pub(super) registrations: Vec<RegistrationEntry>,
    /// There are registry values to import.
    pub(super) registry: bool,
    /// The database is recovered first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) recovered: Option<RecoverTo>,
    /// The service is not to run while files are laid down, registered or not.
    #[serde(default)]
    stops_service: bool,
    pub(super) force: bool,
    pub(super) checkpoint: Option<PathBuf>,
    pub(super) items: Vec<Item>,
    /// Existing files and where they go; fixed before the first one is moved.
    pub(super) aside: Vec<(PathBuf, PathBuf)>,
    /// Folders that were not there before.
    pub(super) made: BTreeSet<PathBuf>,
}

/// The point that a database is recovered to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct RecoverTo {
    /// `None`: with all logs.
    pub(super) generation: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RegistrationEntry {
    pub(super) set: SetId,
    database: Option<(String, String)>,
    checkpoint_directory: Option<String>,
    log_directory: Option<String>,
    backup_log_directory: Option<String>,
    low: u32,
    high: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) set: SetId,
    pub(super) path: String,
    pub(super) content: Content,
    pub(super) size: u64,
    pub(super) blake3: String,
    /// Beside its place.
    pub(super) staged: PathBuf,
    pub(super) target: PathBuf,
}

impl Item {
    /// Is it laid down under a registration?
    pub(super) fn is_database(&self) -> bool {
        matches!(self.content, Content::Database | Content::Log | Content::Other)
    }
}

impl RegistrationEntry {
    pub(super) fn seam(&self) -> Registration {
        Registration {
            database: self.database.clone(),
            checkpoint_directory: self.checkpoint_directory.clone(),
            log_directory: self.log_directory.clone(),
            backup_log_directory: self.backup_log_directory.clone(),
            low: self.low,
            high: self.high,
        }
    }
}

impl Record {
    fn new(plan: &RestorePlan, medium: &str) -> Result<Self, Error> {
        let mut items = Vec::new();
        for (number, item) in plan.items.iter().enumerate() {
            let target = absolute(&item.target)?;
            let folder = target.parent().unwrap_or(Path::new(".")).join(FOLDER);
            items.push(Item {
                set: item.set.clone(),
                path: item.path.to_string(),
                content: item.content,
                size: item.size,
                blake3: item.blake3.clone(),
                staged: folder.join(format!("staged-{number}")),
                target,
            });
        }
        let root = absolute(&plan.journal)?;
        let folders = items.iter().filter_map(|item| item.target.parent()).chain([root.as_path()]);
        let is_new = |folder: &&Path| folder.try_exists().is_ok_and(|there| !there);
        let made = folders.flat_map(Path::ancestors).filter(is_new).map(Path::to_owned);
        let registrations = plan.registrations.iter().map(|(set, registration)| RegistrationEntry {
            set: set.clone(),
            database: registration.database.clone(),
            checkpoint_directory: registration.checkpoint_directory.clone(),
            log_directory: registration.log_directory.clone(),
            backup_log_directory: registration.backup_log_directory.clone(),
            low: registration.low,
            high: registration.high,
        });
        let no_set = || Error::NoSet { reason: "the plan names no set".to_owned() };
        Ok(Self {
            format: FORMAT,
            tool: crate::backup::TOOL.to_owned(),
            ca: plan.sets.last().ok_or_else(no_set)?.manifest.ca.clone(),
            sets: plan.sets.iter().map(|set| set.id.clone()).collect(),
            medium: medium.to_owned(),
            started: timestamp(OffsetDateTime::now_utc()),
            phase: Phase::Staging,
            service_ran: false,
            registering: false,
            completed: 0,
            registrations: registrations.collect(),
            registry: !plan.registry.is_empty(),
            recovered: plan.recovered.map(|until| RecoverTo {
                generation: match until {
                    Until::Generation(generation) => Some(generation),
                    _ => None,
                },
            }),
            stops_service: plan.stops_service,
            force: plan.force,
            checkpoint: plan.checkpoint.as_deref().map(absolute).transpose()?,
            made: made.collect(),
            items,
            aside: plan
                .aside
                .iter()
                .map(|path| Ok((absolute(path)?, PathBuf::new())))
                .collect::<Result<_, Error>>()?,
        })
    }

    /// Folders in which files wait beside their places.
    pub(super) fn staging(&self) -> BTreeSet<&Path> {
        self.items.iter().filter_map(|item| item.staged.parent()).collect()
    }

    /// Folders that get databases or logs, or that held the checkpoint.
    pub(super) fn ese_folders(&self) -> BTreeSet<PathBuf> {
        let ese = self.items.iter().filter(|item| matches!(item.content, Content::Database | Content::Log));
        ese.filter_map(|item| item.target.parent())
            .chain(self.checkpoint.as_deref())
            .map(Path::to_owned)
            .collect()
    }

    /// Folders that old files go to.
    pub(super) fn aside_folders(&self) -> BTreeSet<PathBuf> {
        self.aside.iter().filter_map(|(_, to)| to.parent()).map(Path::to_owned).collect()
    }

    pub(super) fn needs_ca(&self) -> bool {
        self.stops_service() || self.registry
    }

    /// Is the CA's service stopped for it? Of old journals only the registrations tell.
    pub(super) fn stops_service(&self) -> bool {
        self.stops_service || !self.registrations.is_empty()
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::io("find", path))
}

/// An open journal, held against other runs until it is dropped.
pub(super) struct Journal {
    /// The folder that holds it.
    pub(super) root: PathBuf,
    pub(super) record: Record,
    lock: Option<File>,
}

impl Journal {
    /// Begins the journal of a new restore.
    pub(super) fn begin(plan: &RestorePlan, medium: &str, observer: &dyn Observer) -> Result<Self, Error> {
        let root = absolute(&plan.journal)?;
        let record = Record::new(plan, medium)?;
        let others = record.staging().into_iter().map(|folder| folder.parent().unwrap_or(folder));
        for folder in others.chain([root.as_path()]) {
            let Some(other) = read(folder)? else { continue };
            if other.phase != Phase::Done {
                return Err(is_open(folder, &other));
            }
            if other.stops_service() && moves::check_laid(&other, observer).is_ok() {
                return Err(Error::Restore {
                    reason: format!("the CA has not used the restore to `{}` yet", folder.display()),
                    hint: Some("start its service, or take the restore back with `csbackup restore --undo`"),
                });
            }
        }
        create_durable(&root.join(FOLDER))?;
        let lock = Some(take_lock(&root)?);
        let mut journal = Self { root, record, lock };
        // What an earlier restore imported is none of this one's business.
        for name in [super::registry::IMPORT, super::registry::BEFORE, super::registry::SAVED] {
            durable::remove_file(&journal.file(name))?;
        }
        super::registry::keep(&journal, &plan.registry)?;
        journal.save(observer)?;
        Ok(journal)
    }

    /// The journal in a folder, if there is one.
    pub(super) fn open(root: &Path) -> Result<Option<Self>, Error> {
        let root = absolute(root)?;
        if !root.join(FOLDER).is_dir() {
            return Ok(None);
        }
        let lock = Some(take_lock(&root)?);
        match read(&root)? {
            Some(record) => Ok(Some(Self { root, record, lock })),
            None => {
                remove_folder(&root, lock);
                Ok(None)
            }
        }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join(FOLDER).join(name)
    }

    pub(super) fn save(&mut self, observer: &dyn Observer) -> Result<(), Error> {
        let path = self.file(FILE);
        let bytes = serde_json::to_vec_pretty(&self.record).map_err(|error| Error::Restore {
            reason: format!("the journal of the restore cannot be written: {error}"),
            hint: Some("paths must be plain Unicode"),
        })?;
        replace(&path, &bytes)?;
        let Record { phase, completed, .. } = &self.record;
        observer.step(&Step::Restoring(format!("journal: {}, {completed} registered", phase.name())));
        Ok(())
    }

    pub(super) fn enter(&mut self, phase: Phase, observer: &dyn Observer) -> Result<(), Error> {
        self.record.phase = phase;
        self.save(observer)
    }

    /// Removes the staging folders and what is left in them.
    pub(super) fn sweep(&self, observer: &dyn Observer) {
        for item in &self.record.items {
            if fs::remove_file(&item.staged).is_ok() {
                observer.step(&Step::Restoring(format!("removed {}", item.staged.display())));
            }
        }
        for folder in self.record.staging() {
            // The journal's own is not empty.
            let _ = fs::remove_dir(folder);
        }
    }

    /// Removes the journal.
    pub(super) fn close(self, observer: &dyn Observer) -> Result<(), Error> {
        self.sweep(observer);
        let path = self.file(FILE);
        fs::remove_file(&path).map_err(Error::io("remove", path))?;
        remove_folder(&self.root, self.lock);
        Ok(())
    }

    /// Removes the journal and every folder that was made for the restore and is empty.
    pub(super) fn discard(self, observer: &dyn Observer) -> Result<(), Error> {
        let Record { made, .. } = self.record.clone();
        for folder in self.record.aside_folders() {
            let _ = fs::remove_dir(folder);
        }
        self.close(observer)?;
        // Deepest first; what holds a file stays.
        for folder in made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}

/// Replaces a file; after a crash it is the old one or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temp = path.with_added_extension("tmp");
    let mut file = File::create(&temp).map_err(Error::io("create", &temp))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", &temp))?;
    drop(file);
    fs::rename(&temp, path).map_err(Error::io("replace", path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn take_lock(root: &Path) -> Result<File, Error> {
    let path = root.join(FOLDER).join(LOCK);
    let options = File::options().create(true).truncate(false).write(true).open(&path);
    let file = options.map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Restore {
            reason: format!("another run restores to `{}` right now", root.display()),
            hint: Some("wait for it; the lock goes away with its process"),
        }),
        Err(fs::TryLockError::Error(source)) => Err(Error::io("lock", path)(source)),
    }
}

/// The folder of the journal once it holds none.
fn remove_folder(root: &Path, lock: Option<File>) {
    let folder = root.join(FOLDER);
    drop(lock);
    let leftovers =
        [LOCK, "journal.json.tmp", super::registry::BEFORE, super::registry::IMPORT, super::registry::SAVED];
    for name in leftovers {
        let _ = fs::remove_file(folder.join(name));
    }
    let _ = fs::remove_dir(&folder);
    let _ = sync_directory(root);
}

pub(super) fn read(root: &Path) -> Result<Option<Record>, Error> {
    let path = root.join(FOLDER).join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let broken = |error: &dyn std::fmt::Display| Error::Restore {
        reason: format!("the journal `{}` cannot be read: {error}", path.display()),
        hint: Some("use the version of csbackup that wrote it; without it, move files back by hand"),
    };
    let version: Version = serde_json::from_slice(&bytes).map_err(|error| broken(&error))?;
    if version.format > FORMAT {
        return Err(broken(&format_args!("it has format {}, this version knows {FORMAT}", version.format)));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| broken(&error))
}

fn is_open(root: &Path, record: &Record) -> Error {
    Error::Restore {
        reason: format!(
            "a restore of {} to `{}`, begun {}, was not finished ({})",
            record.sets.last().map_or("a set", SetId::as_str),
            root.display(),
            record.started,
            record.phase.name()
        ),
        hint: Some(
            "`csbackup restore --resume` goes on, `csbackup restore --undo` goes back, each with the same place (`--to DIR`, `--ca-dir DIR`, `--local`); `--to` also takes the folder that was named",
        ),
    }
}
