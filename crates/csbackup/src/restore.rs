//! Laying a set down: planned first, staged, checked while written, nothing overwritten.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::macros::format_description;

use crate::catalogue::{Catalogue, SetState};
use crate::directory::sync_directory;
use crate::files::MappedFiles;
use crate::manifest::{Content, FileEntry, SetId};
use crate::medium::{Medium, StoredSet};
use crate::transfer::READ_SIZE;
use crate::{Error, Observer, SetPath, Step};

/// Where a restore goes.
#[derive(Debug, Clone)]
pub enum RestoreTarget {
    /// A folder: `CertLog/`, `DynamicFiles/` and the restore map below it.
    Folder(PathBuf),
    /// The paths of the restore map, as far as they are mapped to local ones (on Windows UNC paths
    /// need no mapping).
    Original(MappedFiles),
}

/// How to restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// Where to.
    pub target: RestoreTarget,
    /// Move existing files aside.
    pub force: bool,
}

/// One file to lay down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanItem {
    /// The set that has it.
    pub set: SetId,
    /// Its path there.
    pub path: SetPath,
    /// Where it goes.
    pub target: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// BLAKE3 it must have.
    pub blake3: String,
}

/// What a restore will do.
#[derive(Debug, Clone)]
pub struct RestorePlan {
    /// The sets it needs: full backup first.
    pub sets: Vec<StoredSet>,
    /// Files to lay down.
    pub items: Vec<PlanItem>,
    /// Existing files that will be moved aside: those in the way, and every database, log and
    /// checkpoint in the target folders, because the CA would replay newer logs into the old state.
    pub aside: Vec<PathBuf>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl RestorePlan {
    /// Bytes to write.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }
}

/// Plans a restore of a set with all it depends on. Changes nothing.
///
/// # Errors
/// The chain is not whole or contradicts itself; a place has no local path; without `force`, files
/// are in the way.
pub fn plan_restore(
    catalogue: &Catalogue,
    set: &StoredSet,
    options: &RestoreOptions,
) -> Result<RestorePlan, Error> {
    let sets: Vec<StoredSet> = catalogue.chain(set)?.into_iter().cloned().collect();
    let mut warnings = Vec::new();
    for set in &sets {
        let state = catalogue.state(set);
        if state != SetState::Good {
            warnings.push(format!("set {} is {state}", set.id));
        }
        warnings.extend(
            set.manifest
                .gaps
                .iter()
                .map(|gap| format!("set {} lacks `{}`: {}", set.id, gap.name.escape_debug(), gap.reason)),
        );
    }
    let mut items: Vec<PlanItem> = Vec::new();
    for (set, entry) in chosen(&sets)? {
        let Some(path) = entry.set_path() else { continue };
        let target = target_of(entry, set, &path, &options.target)?;
        let taken =
            |item: &&PlanItem| item.target.to_string_lossy().eq_ignore_ascii_case(&target.to_string_lossy());
        if let Some(other) = items.iter().find(taken) {
            let reason = format!("`{path}` and `{}` would both go to `{}`", other.path, target.display());
            return Err(Error::Restore { reason, hint: None });
        }
        let (size, blake3) = (entry.size, entry.blake3.clone());
        items.push(PlanItem { set: set.id.clone(), path, target, size, blake3 });
    }
    let aside = in_the_way(&items, &sets)?;
    if let (false, Some(first)) = (options.force, aside.first()) {
        return Err(Error::Restore {
            reason: format!(
                "{} existing files are in the way, the first is `{}`",
                aside.len(),
                first.display()
            ),
            hint: Some(
                "restore to an empty folder, or use `--force`: existing files are then moved aside, not deleted",
            ),
        });
    }
    Ok(RestorePlan { sets, items, aside, warnings })
}

/// The database of the full backup, each log once, everything else from the last set.
fn chosen(sets: &[StoredSet]) -> Result<Vec<(&StoredSet, &FileEntry)>, Error> {
    let mut databases = Vec::new();
    let mut logs: BTreeMap<u32, (&StoredSet, &FileEntry)> = BTreeMap::new();
    let mut others = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        let last = index + 1 == sets.len();
        for entry in &set.manifest.files {
            match (entry.content, entry.log()) {
                (Content::Database, _) => databases.push((set, entry)),
                (Content::Log, Some(log)) => {
                    let earlier = logs.insert(log.generation, (set, entry));
                    if let Some((other, _)) = earlier.filter(|(_, e)| e.blake3 != entry.blake3) {
                        let reason = format!(
                            "generation 0x{:x} differs between set {} and set {}: they are not one chain",
                            log.generation, other.id, set.id
                        );
                        return Err(Error::Restore {
                            reason,
                            hint: Some("restore a set of one timeline only"),
                        });
                    }
                }
                // A log too damaged to tell its generation still belongs to the set.
                (Content::Log, None) => others.push((set, entry)),
                _ if last => others.push((set, entry)),
                _ => {}
            }
        }
    }
    Ok(databases.into_iter().chain(logs.into_values()).chain(others).collect())
}

fn target_of(
    entry: &FileEntry,
    set: &StoredSet,
    path: &SetPath,
    target: &RestoreTarget,
) -> Result<PathBuf, Error> {
    let name = path.file_name();
    let mapped = match target {
        RestoreTarget::Folder(root) => {
            return Ok(match entry.content {
                Content::Database | Content::Log | Content::Other => root.join("CertLog").join(name),
                Content::Dynamic => root.join("DynamicFiles").join(name),
                Content::RestoreMap | Content::Key => root.join(name),
            });
        }
        RestoreTarget::Original(mapped) => mapped,
    };
    let place = |kind: &str| set.manifest.restore_map.iter().find(|e| e.kind == kind).map(|e| e.path.clone());
    let place = match entry.content {
        Content::Database => {
            place("database").filter(|path| same_file(path, &entry.name)).or_else(|| Some(entry.name.clone()))
        }
        Content::Dynamic => Some(entry.name.clone()),
        _ => place("log-directory").map(|directory| format!(r"{directory}\{name}")),
    };
    let Some(place) = place else {
        let reason = format!("set {} has no restore map, so the place of `{path}` is unknown", set.id);
        return Err(Error::Restore { reason, hint: Some("restore to a folder with `--to DIR`") });
    };
    match mapped.resolve(&place) {
        Ok(path) => Ok(path),
        Err(_) if cfg!(windows) && place.starts_with(r"\\") && !place.contains("..") => {
            Ok(PathBuf::from(place))
        }
        Err(error) => Err(Error::Restore {
            reason: format!("no local path for `{}`: {error}", place.escape_debug()),
            hint: Some(
                "give one with `--map '\\\\HOST\\SHARE=PATH'`, or restore to a folder with `--to DIR`",
            ),
        }),
    }
}

fn same_file(a: &str, b: &str) -> bool {
    certadm::base_name(a).eq_ignore_ascii_case(certadm::base_name(b))
}

/// Files at the targets, and every ESE file in the folders that get databases or logs.
fn in_the_way(items: &[PlanItem], sets: &[StoredSet]) -> Result<Vec<PathBuf>, Error> {
    let ese_target = |item: &&PlanItem| {
        let set = sets.iter().find(|set| set.id == item.set);
        let entry = set.and_then(|set| set.manifest.files.iter().find(|f| f.path == item.path.as_str()));
        entry.is_some_and(|entry| matches!(entry.content, Content::Database | Content::Log))
    };
    let folders: BTreeSet<&Path> =
        items.iter().filter(ese_target).filter_map(|item| item.target.parent()).collect();
    let mut found: BTreeSet<PathBuf> =
        items.iter().map(|item| item.target.clone()).filter(|path| path.exists()).collect();
    for folder in folders {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("list", folder)(error)),
        };
        for entry in entries {
            let path = entry.map_err(Error::io("list", folder))?.path();
            let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
            if matches!(extension.as_str(), "edb" | "log" | "jtx" | "chk" | "jcp" | "jfm" | "jrs" | "pat") {
                found.insert(path);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Carries a plan out: writes everything beside its place, checks it, then moves old files aside and
/// new ones in. On an error before the last step nothing has changed; in the last step what was
/// moved is moved back.
///
/// Returns the folders that old files were moved to.
///
/// # Errors
/// A file cannot be read or written, or has not the recorded hash.
pub fn restore(
    medium: &dyn Medium,
    plan: &RestorePlan,
    observer: &dyn Observer,
) -> Result<Vec<PathBuf>, Error> {
    let mut staged = Staged::default();
    for item in &plan.items {
        let Some(set) = plan.sets.iter().find(|set| set.id == item.set) else { continue };
        observer.step(&Step::FileOpened(item.path.to_string(), item.size));
        staged.stage(medium, set, item, observer)?;
        observer.step(&Step::FileStored(item.path.to_string()));
    }
    let aside = staged.swap(&plan.aside)?;
    for folder in plan.items.iter().filter_map(|item| item.target.parent()).collect::<BTreeSet<_>>() {
        sync_directory(folder)?;
    }
    Ok(aside)
}

/// Files that lie whole beside their places. Dropped, it removes what did not get there.
#[derive(Default)]
struct Staged {
    /// Staged file and its place.
    files: Vec<(PathBuf, PathBuf)>,
    folders: BTreeSet<PathBuf>,
}

impl Staged {
    fn stage(
        &mut self,
        medium: &dyn Medium,
        set: &StoredSet,
        item: &PlanItem,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let folder = item.target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let staging = folder.join(format!(".csbackup-restore-{}", item.set));
        if self.folders.insert(staging.clone()) && staging.exists() {
            fs::remove_dir_all(&staging).map_err(Error::io("remove the leftover", &staging))?;
        }
        fs::create_dir_all(&staging).map_err(Error::io("create", &staging))?;
        let path = staging.join(self.files.len().to_string());
        let mut file = File::create_new(&path).map_err(Error::io("create", &path))?;
        self.files.push((path.clone(), item.target.clone()));

        let mut reader = medium.open(set, &item.path)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; READ_SIZE];
        loop {
            if observer.cancelled() {
                return Err(Error::Cancelled);
            }
            let count = reader.read(&mut buffer).map_err(Error::io("read", item.path.as_str()))?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            file.write_all(bytes).map_err(Error::io("write", &path))?;
            observer.bytes(count as u64);
        }
        file.sync_all().map_err(Error::io("write", &path))?;
        let found = hasher.finalize().to_hex();
        if found.as_str() != item.blake3 {
            return Err(Error::ReadBack {
                set: item.set.to_string(),
                path: item.path.to_string(),
                what: format!("has the BLAKE3 {found}, the manifest says {}", item.blake3),
            });
        }
        Ok(())
    }

    fn swap(&mut self, aside: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
        let stamp = format_description!("[year][month][day]T[hour][minute][second]Z");
        let stamp = OffsetDateTime::now_utc().format(stamp).unwrap_or_default();
        let mut moved = Moves::default();
        let mut folders = BTreeSet::new();
        for path in aside {
            let folder =
                path.parent().unwrap_or(Path::new(".")).join(format!("replaced-by-csbackup-{stamp}"));
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
            moved.go(path.clone(), folder.join(path.file_name().unwrap_or_default()))?;
            folders.insert(folder);
        }
        for (staged, target) in &self.files {
            moved.go(staged.clone(), target.clone())?;
        }
        moved.done.clear();
        Ok(folders.into_iter().collect())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Renames that are taken back unless all of them worked.
#[derive(Default)]
struct Moves {
    done: Vec<(PathBuf, PathBuf)>,
}

impl Moves {
    fn go(&mut self, from: PathBuf, to: PathBuf) -> Result<(), Error> {
        if to.exists() {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(Error::Io { doing: "put a restored file at", path: to, source });
        }
        fs::rename(&from, &to).map_err(Error::io("move into place", &to))?;
        self.done.push((from, to));
        Ok(())
    }
}

impl Drop for Moves {
    fn drop(&mut self) {
        for (from, to) in self.done.drain(..).rev() {
            let _ = fs::rename(to, from);
        }
    }
}
