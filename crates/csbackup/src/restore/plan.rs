//! The plan: which file of which set goes where, what is in the way, what the CA is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use certadm::Registration;

use super::places::{
    DATABASE, LOGS, SYSTEM, checkpoint_folder, database_place, log_folder, part_of, place_of, target_of,
};
use super::{CaPlaces, Part, PlanItem, RestoreOptions, RestorePlan, RestoreTarget};
use crate::catalogue::{Catalogue, SetState};
use crate::chain::is_numbered;
use crate::manifest::{Content, FileEntry, SetId};
use crate::medium::StoredSet;
use crate::names::Taken;
use crate::{Error, SetPath, shown_name};

/// Plans a restore of a set with all it depends on. Changes nothing.
///
/// # Errors
/// The chain is not whole or contradicts itself; a place has no local path; a set that is to be registered
/// has no log.
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
    // A CA whose folders were moved gets everything where they are now.
    let mapped = sets.iter().rev().find(|set| !set.manifest.restore_map.is_empty()).unwrap_or(set);
    let items = items(&sets, mapped, options, &mut warnings)?;
    let checkpoint = checkpoint_folder(&sets, &options.target).filter(|_| has_database(&items));
    let old_logs =
        log_folder(&sets, &options.target).filter(|_| options.recovered.is_some() && has_database(&items));
    let registrations = match &options.target {
        RestoreTarget::Ca(places) if has_database(&items) && options.recovered.is_none() => {
            registrations(&sets, mapped, places, &items)?
        }
        _ => Vec::new(),
    };
    let journal = match &options.target {
        RestoreTarget::Folder(root) => root.clone(),
        RestoreTarget::Ca(places) => places.journal.clone(),
        RestoreTarget::Original(_) => {
            let ese = items.iter().find(|item| matches!(item.content, Content::Database | Content::Log));
            let folder = ese.or(items.first()).and_then(|item| item.target.parent());
            folder.unwrap_or(Path::new(".")).to_owned()
        }
    };
    let targets = items.iter().map(|item| item.target.clone());
    let mut aside: BTreeSet<PathBuf> = targets.filter(|path| occupied(path)).collect();
    let ese = items.iter().filter(|item| matches!(item.content, Content::Database | Content::Log));
    let folders: BTreeSet<&Path> = ese
        .filter_map(|item| item.target.parent())
        .chain(checkpoint.as_deref())
        .chain(old_logs.as_deref())
        .collect();
    for folder in folders {
        aside.extend(ese_folder(folder)?);
    }
    Ok(RestorePlan {
        sets,
        aside: aside.into_iter().collect(),
        force: options.force,
        damaged,
        warnings,
        registrations,
        registry: Vec::new(),
        journal,
        recovered: options.recovered.filter(|_| has_database(&items)),
        stops_service: matches!(options.target, RestoreTarget::Ca(_))
            && options.recovered.is_some()
            && has_database(&items),
        items,
        checkpoint,
    })
}

fn has_database(items: &[PlanItem]) -> bool {
    items.iter().any(|item| matches!(item.content, Content::Database | Content::Log))
}

fn items(
    sets: &[StoredSet],
    mapped: &StoredSet,
    options: &RestoreOptions,
    warnings: &mut Vec<String>,
) -> Result<Vec<PlanItem>, Error> {
    let mut items: Vec<PlanItem> = Vec::new();
    let mut places: HashMap<String, SetPath> = HashMap::new();
    let mut dynamic = Taken::default();
    for (set, entry) in chosen(sets)? {
        let Some(path) = entry.set_path() else { continue };
        let part = part_of(entry.content, &path);
        if !(options.only.is_empty() || options.only.contains(&part)) {
            continue;
        }
        // A recovered database needs nothing else, and the restore map would have logs replayed into it.
        if options.recovered.is_some() && part == Part::Database && entry.content != Content::Database {
            continue;
        }
        let target = match &options.target {
            RestoreTarget::Folder(root) if entry.content == Content::Dynamic => {
                let name = format!("DynamicFiles/{}", path.file_name());
                SetPath::parse(&name).map(|name| dynamic.unique(name, &entry.name).below(root))
            }
            target => target_of(entry, mapped, &path, target)?,
        };
        let Some(target) = target else {
            // Of these the CA has its own, or they are imported.
            let imported = matches!(options.target, RestoreTarget::Ca(_));
            if entry.content != Content::Configuration && !imported {
                let text = format!("`{path}` has no place on the CA and is left out; `--to DIR` restores it");
                warnings.push(text);
            }
            continue;
        };
        let place = target.to_string_lossy().to_lowercase();
        // The CA publishes its CRLs there: what it listed itself serves.
        if part == Part::Enroll && places.contains_key(&place) {
            continue;
        }
        if let Some(other) = places.insert(place, path.clone()) {
            let reason = format!("`{path}` and `{other}` would both go to `{}`", target.display());
            return Err(Error::Restore { reason, hint: None });
        }
        let (content, size, blake3) = (entry.content, entry.size, entry.blake3.clone());
        items.push(PlanItem { set: set.id.clone(), path, target, content, size, blake3 });
    }
    Ok(items)
}

/// The database of the full backup, each log once, of everything else the newest.
///
/// # Errors
/// The sets are not one chain.
pub(crate) fn chosen<'a>(
    sets: impl IntoIterator<Item = &'a StoredSet>,
) -> Result<Vec<(&'a StoredSet, &'a FileEntry)>, Error> {
    let mut databases = Vec::new();
    let mut logs: BTreeMap<u32, (&StoredSet, &FileEntry)> = BTreeMap::new();
    // A key or a CRL that only an earlier set has is still the newest there is.
    let mut others: BTreeMap<String, (&StoredSet, &FileEntry)> = BTreeMap::new();
    for set in sets {
        for entry in &set.manifest.files {
            match (entry.content, entry.log()) {
                (Content::Database, _) => databases.push((set, entry)),
                (Content::Log, Some(log)) => {
                    let (other, earlier) = *logs.entry(log.generation).or_insert((set, entry));
                    if earlier.blake3 == entry.blake3 {
                        // With the set that came first: its registration names it.
                        continue;
                    }
                    // A current log that was copied while it filled gives way to the finished one.
                    if is_numbered(&earlier.name) {
                        let reason = format!(
                            "generation 0x{:x} differs between set {} and set {}: they are not one chain",
                            log.generation, other.id, set.id
                        );
                        let hint = Some("restore a set of one timeline only");
                        return Err(Error::Restore { reason, hint });
                    }
                    logs.insert(log.generation, (set, entry));
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
    // Files that the CA lists come before those of its configuration.
    let (configuration, others): (Vec<_>, Vec<_>) =
        others.into_values().partition(|(_, entry)| entry.content == Content::Configuration);
    Ok(databases.into_iter().chain(logs.into_values()).chain(others).chain(configuration).collect())
}

/// One registration for each set that has logs: the range that lies there once the set's files do.
fn registrations(
    sets: &[StoredSet],
    mapped: &StoredSet,
    places: &CaPlaces,
    items: &[PlanItem],
) -> Result<Vec<(SetId, Registration)>, Error> {
    let text = |folder: &Option<PathBuf>, kind: &str| match folder {
        Some(folder) => Some(folder.display().to_string()),
        None => place_of(mapped, kind).map(str::to_owned),
    };
    let logs = text(&places.logs, LOGS);
    let mut registrations = Vec::new();
    let mut lying: HashSet<&str> = HashSet::new();
    for set in sets {
        lying.extend(items.iter().filter(|item| item.set == set.id).map(|item| item.blake3.as_str()));
        let there = set.manifest.logs().into_iter().filter(|(entry, _)| lying.contains(&*entry.blake3));
        let generations: Vec<u32> = there.map(|(_, log)| log.generation).collect();
        let database = set.manifest.files.iter().find(|entry| entry.content == Content::Database);
        let (Some(low), Some(high)) = (generations.first(), generations.last()) else {
            if database.is_none() {
                continue;
            }
            let reason = format!("set {} has no log: the CA could not recover its database", set.id);
            return Err(Error::Restore { reason, hint: Some("lay it down with `--to DIR`") });
        };
        let database = database.map(|entry| {
            let old = place_of(set, DATABASE).map_or_else(|| database_place(set, entry), str::to_owned);
            let name = certadm::base_name(&old).to_owned();
            let new = match &places.database {
                Some(folder) => folder.join(name).display().to_string(),
                None => database_place(mapped, entry),
            };
            (old, new)
        });
        let registration = Registration {
            database,
            checkpoint_directory: text(&places.system, SYSTEM),
            log_directory: logs.clone(),
            backup_log_directory: logs.clone(),
            low: *low,
            high: *high,
        };
        registrations.push((set.id.clone(), registration));
    }
    Ok(registrations)
}

/// Every ESE file of a folder.
pub(super) fn ese_folder(folder: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(Error::io("list", folder)(error)),
    };
    let mut found = BTreeSet::new();
    for entry in entries {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        if matches!(extension.as_str(), "edb" | "log" | "jtx" | "chk" | "jcp" | "jfm" | "jrs" | "pat") {
            found.insert(path);
        }
    }
    Ok(found)
}

/// Is there anything, be it a link that leads nowhere?
pub(super) fn occupied(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
