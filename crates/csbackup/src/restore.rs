//! Laying a set down: planned first, staged, checked while written, nothing overwritten.

mod staged;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use staged::Staged;

use crate::backup::CONFIG_FOLDER;
use crate::catalogue::{Catalogue, SetState};
use crate::chain::is_numbered;
use crate::directory::sync_directory;
use crate::files::MappedFiles;
use crate::manifest::{Content, FileEntry, SetId};
use crate::medium::{Medium, StoredSet};
use crate::names::Taken;
use crate::{Error, Observer, SetPath, Step, shown_name};

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
    /// What it is.
    pub content: Content,
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
    /// May they be? Otherwise files in [`RestorePlan::aside`] stop the restore.
    pub force: bool,
    /// A set of the chain is known to be damaged.
    pub damaged: bool,
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
/// The chain is not whole or contradicts itself; a place has no local path.
pub fn plan_restore(
    catalogue: &Catalogue,
    set: &StoredSet,
    options: &RestoreOptions,
) -> Result<RestorePlan, Error> {
    let sets: Vec<StoredSet> = catalogue.chain(set)?.into_iter().cloned().collect();
    let mut warnings = Vec::new();
    let mut damaged = false;
    for set in &sets {
        let state = catalogue.state(set);
        damaged |= matches!(state, SetState::Damaged | SetState::Misread);
        if state != SetState::Good {
            warnings.push(format!("set {} is {state}", set.id));
        }
        let gaps = set.manifest.gaps.iter();
        warnings.extend(
            gaps.map(|gap| format!("set {} lacks `{}`: {}", set.id, shown_name(&gap.name), gap.reason)),
        );
    }
    let mut items: Vec<PlanItem> = Vec::new();
    let mut places: HashMap<String, SetPath> = HashMap::new();
    let mut dynamic = Taken::default();
    // A CA whose folders were moved gets everything where they are now.
    let mapped = sets.iter().rev().find(|set| !set.manifest.restore_map.is_empty()).unwrap_or(set);
    for (set, entry) in chosen(&sets)? {
        let Some(path) = entry.set_path() else { continue };
        let target = match &options.target {
            RestoreTarget::Folder(root) if entry.content == Content::Dynamic => {
                let name = format!("DynamicFiles/{}", path.file_name());
                SetPath::parse(&name).map(|name| dynamic.unique(name, &entry.name).below(root))
            }
            target => target_of(entry, mapped, &path, target)?,
        };
        let Some(target) = target else {
            if entry.content == Content::Configuration {
                continue;
            }
            warnings.push(format!("`{path}` has no place on the CA and is left out; `--to DIR` restores it"));
            continue;
        };
        if let Some(other) = places.insert(target.to_string_lossy().to_lowercase(), path.clone()) {
            let reason = format!("`{path}` and `{other}` would both go to `{}`", target.display());
            return Err(Error::Restore { reason, hint: None });
        }
        let (content, size, blake3) = (entry.content, entry.size, entry.blake3.clone());
        items.push(PlanItem { set: set.id.clone(), path, target, content, size, blake3 });
    }
    let aside = in_the_way(&items, checkpoint_folder(&sets, &options.target))?;
    Ok(RestorePlan { sets, items, aside, force: options.force, damaged, warnings })
}

/// The database of the full backup, each log once, of everything else the newest.
fn chosen(sets: &[StoredSet]) -> Result<Vec<(&StoredSet, &FileEntry)>, Error> {
    let mut databases = Vec::new();
    let mut logs: BTreeMap<u32, (&StoredSet, &FileEntry)> = BTreeMap::new();
    // A key or a CRL that only an earlier set has is still the newest there is.
    let mut others: BTreeMap<String, (&StoredSet, &FileEntry)> = BTreeMap::new();
    for set in sets {
        for entry in &set.manifest.files {
            match (entry.content, entry.log()) {
                (Content::Database, _) => databases.push((set, entry)),
                (Content::Log, Some(log)) => {
                    let earlier = logs.insert(log.generation, (set, entry));
                    // A current log that was copied while it filled gives way to the finished one.
                    let differs =
                        |(_, e): &(&StoredSet, &FileEntry)| e.blake3 != entry.blake3 && is_numbered(&e.name);
                    if let Some((other, _)) = earlier.filter(differs) {
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
                // Their stored paths may have marks that differ from set to set.
                (Content::Dynamic, _) => {
                    others.insert(entry.name.to_lowercase(), (set, entry));
                }
                // Among them a log too damaged to tell its generation.
                _ => {
                    others.insert(entry.path.to_lowercase(), (set, entry));
                }
            }
        }
    }
    // Where the chain has a whole copy of such a log, that one serves.
    let whole: HashSet<String> = logs.values().map(|(_, entry)| entry.path.to_lowercase()).collect();
    others.retain(|path, (_, entry)| entry.content != Content::Log || !whole.contains(path));
    Ok(databases.into_iter().chain(logs.into_values()).chain(others.into_values()).collect())
}

/// Where a file goes; `None` where it has no place of its own on a CA.
fn target_of(
    entry: &FileEntry,
    set: &StoredSet,
    path: &SetPath,
    target: &RestoreTarget,
) -> Result<Option<PathBuf>, Error> {
    let name = path.file_name();
    let mapped = match target {
        RestoreTarget::Folder(root) => {
            return Ok(Some(match entry.content {
                Content::Database | Content::Log | Content::Other => root.join("CertLog").join(name),
                Content::Dynamic => root.join("DynamicFiles").join(name),
                Content::Configuration => root.join(CONFIG_FOLDER).join(name),
                Content::RestoreMap | Content::Key => root.join(name),
            }));
        }
        RestoreTarget::Original(mapped) => mapped,
    };
    let place = match entry.content {
        Content::Database => {
            let mapped = place_of(set, "database").filter(|path| same_file(path, &entry.name));
            Some(mapped.unwrap_or(&entry.name).to_owned())
        }
        Content::Dynamic => Some(entry.name.clone()),
        Content::Log | Content::Other => {
            place_of(set, "log-directory").map(|directory| format!(r"{directory}\{name}"))
        }
        Content::Key | Content::RestoreMap | Content::Configuration => return Ok(None),
    };
    let Some(place) = place else {
        let reason = format!("set {} has no restore map, so the place of `{path}` is unknown", set.id);
        return Err(Error::Restore { reason, hint: Some("restore to a folder with `--to DIR`") });
    };
    match mapped.resolve(&place) {
        Ok(path) => Ok(Some(path)),
        Err(_) if cfg!(windows) && on_the_ca(&place, set) => Ok(Some(PathBuf::from(place))),
        Err(error) => Err(Error::Restore {
            reason: format!("no local path for `{}`: {error}", shown_name(&place)),
            hint: Some(
                "give one with `--map '\\\\HOST\\SHARE=PATH'`, or restore to a folder with `--to DIR`",
            ),
        }),
    }
}

fn place_of<'a>(set: &'a StoredSet, kind: &str) -> Option<&'a str> {
    set.manifest.restore_map.iter().find(|entry| entry.kind == kind).map(|entry| entry.path.as_str())
}

/// On Windows a UNC path is a path; only one on the CA's own host, and of plain components, is taken.
fn on_the_ca(place: &str, set: &StoredSet) -> bool {
    let host = |path: &str| path.strip_prefix(r"\\")?.split('\\').next().map(str::to_lowercase);
    let plain =
        place.split('\\').skip(2).all(|part| !matches!(part, "" | "." | "..") && !part.contains(['/', ':']));
    plain && host(place).is_some() && host(place) == place_of(set, "database").and_then(host)
}

/// The checkpoint of the old database must not stay beside the restored one, wherever it lies.
fn checkpoint_folder(sets: &[StoredSet], target: &RestoreTarget) -> Option<PathBuf> {
    let (RestoreTarget::Original(mapped), Some(set)) = (target, sets.last()) else { return None };
    let place = place_of(set, "system-directory")?;
    mapped
        .resolve(place)
        .ok()
        .or_else(|| (cfg!(windows) && on_the_ca(place, set)).then(|| PathBuf::from(place)))
}

fn same_file(a: &str, b: &str) -> bool {
    certadm::base_name(a).eq_ignore_ascii_case(certadm::base_name(b))
}

/// Files at the targets, and every ESE file in the folders that get databases or logs, or that held
/// the checkpoint.
fn in_the_way(items: &[PlanItem], checkpoint: Option<PathBuf>) -> Result<Vec<PathBuf>, Error> {
    let ese = items.iter().filter(|item| matches!(item.content, Content::Database | Content::Log));
    let mut folders: BTreeSet<&Path> = ese.filter_map(|item| item.target.parent()).collect();
    folders.extend(checkpoint.as_deref());
    let targets = items.iter().map(|item| item.target.clone());
    let mut found: BTreeSet<PathBuf> = targets.filter(|path| occupied(path)).collect();
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
/// Files are in the way and may not be moved; a file cannot be read or written, or has not the
/// recorded hash.
pub fn restore(
    medium: &dyn Medium,
    plan: &RestorePlan,
    observer: &dyn Observer,
) -> Result<Vec<PathBuf>, Error> {
    if let (false, Some(first)) = (plan.force, plan.aside.first()) {
        let reason = match plan.aside.len() {
            1 => format!("`{}` is in the way", first.display()),
            count => format!("{count} existing files are in the way, the first is `{}`", first.display()),
        };
        let hint =
            "restore to an empty folder, or use `--force`: existing files are then moved aside, not deleted";
        return Err(Error::Restore { reason, hint: Some(hint) });
    }
    let mut staged = Staged::default();
    for item in &plan.items {
        let Some(set) = plan.sets.iter().find(|set| set.id == item.set) else { continue };
        observer.step(&Step::FileOpened(item.path.to_string(), item.size));
        staged.stage(medium, set, item, observer)?;
        observer.step(&Step::FileStored(item.path.to_string()));
    }
    let aside = staged.swap(&plan.aside)?;
    let targets = plan.items.iter().filter_map(|item| item.target.parent());
    for folder in targets.chain(aside.iter().map(PathBuf::as_path)).collect::<BTreeSet<_>>() {
        sync_directory(folder)?;
    }
    Ok(aside)
}

/// Is there anything, be it a link that leads nowhere?
fn occupied(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
