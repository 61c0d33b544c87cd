//! Where each file of a set goes.

use std::path::PathBuf;

use super::{CaPlaces, Part, RestoreTarget};
use crate::backup::CONFIG_FOLDER;
use crate::manifest::{Content, FileEntry};
use crate::medium::StoredSet;
use crate::{Error, MappedFiles, SetPath, shown_name};

/// Folder of the files of `CertEnroll` in a set.
const ENROLL: &str = "Config/CertEnroll/";
/// The policy file in a set.
const POLICY: &str = "Config/CAPolicy.inf";

/// Which part a file belongs to.
pub(super) fn part_of(content: Content, path: &SetPath) -> Part {
    match content {
        Content::Database | Content::Log | Content::Other | Content::RestoreMap => Part::Database,
        Content::Dynamic => Part::Crl,
        Content::Key => Part::Key,
        Content::Configuration if path.as_str().starts_with(ENROLL) => Part::Enroll,
        Content::Configuration if path.as_str() == POLICY => Part::Policy,
        Content::Configuration => Part::Registry,
    }
}

/// Where a file goes; `None` where it has no place of its own on a CA.
pub(super) fn target_of(
    entry: &FileEntry,
    set: &StoredSet,
    path: &SetPath,
    target: &RestoreTarget,
) -> Result<Option<PathBuf>, Error> {
    let name = path.file_name();
    let (mapped, ca) = match target {
        RestoreTarget::Folder(root) => {
            return Ok(Some(match entry.content {
                Content::Database | Content::Log | Content::Other => root.join("CertLog").join(name),
                Content::Dynamic => root.join("DynamicFiles").join(name),
                Content::Configuration if path.as_str().starts_with(ENROLL) => path.below(root),
                Content::Configuration => root.join(CONFIG_FOLDER).join(name),
                Content::RestoreMap | Content::Key => root.join(name),
            }));
        }
        RestoreTarget::Original(mapped) => (mapped, None),
        RestoreTarget::Ca(places) => (&places.files, Some(places)),
    };
    let place = match entry.content {
        Content::Database => match ca.and_then(|ca| ca.database.as_ref()) {
            Some(folder) => return Ok(Some(folder.join(name))),
            None => Some(database_place(set, entry)),
        },
        Content::Dynamic => Some(entry.name.clone()),
        Content::Log | Content::Other => match ca.and_then(|ca| ca.logs.as_ref()) {
            Some(folder) => return Ok(Some(folder.join(name))),
            None => place_of(set, LOGS).map(|directory| format!(r"{directory}\{name}")),
        },
        Content::Configuration => return Ok(ca.and_then(|ca| config_target(ca, path))),
        Content::Key | Content::RestoreMap => return Ok(None),
    };
    let Some(place) = place else {
        let reason = format!("set {} has no restore map, so the place of `{path}` is unknown", set.id);
        return Err(Error::Restore { reason, hint: Some("restore to a folder with `--to DIR`") });
    };
    resolve(mapped, &place, set).map(Some)
}

fn config_target(ca: &CaPlaces, path: &SetPath) -> Option<PathBuf> {
    match part_of(Content::Configuration, path) {
        Part::Enroll => ca.enroll.as_ref().map(|folder| folder.join(path.file_name())),
        Part::Policy => ca.policy.clone(),
        _ => None,
    }
}

pub(super) const DATABASE: &str = "database";
pub(super) const LOGS: &str = "log-directory";
pub(super) const SYSTEM: &str = "system-directory";

/// The UNC path of a database on the CA.
pub(super) fn database_place(set: &StoredSet, entry: &FileEntry) -> String {
    let mapped = place_of(set, DATABASE).filter(|path| same_file(path, &entry.name));
    mapped.unwrap_or(&entry.name).to_owned()
}

pub(super) fn place_of<'a>(set: &'a StoredSet, kind: &str) -> Option<&'a str> {
    set.manifest.restore_map.iter().find(|entry| entry.kind == kind).map(|entry| entry.path.as_str())
}

fn resolve(mapped: &MappedFiles, place: &str, set: &StoredSet) -> Result<PathBuf, Error> {
    match mapped.resolve(place) {
        Ok(path) => Ok(path),
        Err(_) if cfg!(windows) && on_the_ca(place, set) => Ok(PathBuf::from(place)),
        Err(error) => Err(Error::Restore {
            reason: format!("no local path for `{}`: {error}", shown_name(place)),
            hint: Some(
                "give one with `--map '\\\\HOST\\SHARE=PATH'`, or restore to a folder with `--to DIR`",
            ),
        }),
    }
}

/// On Windows a UNC path is a path; only one on the CA's own host, and of plain components, is taken. A file
/// outside the database must be one that the CA published: a set could name any.
fn on_the_ca(place: &str, set: &StoredSet) -> bool {
    let published = place.split('\\').any(|part| part.eq_ignore_ascii_case("CertEnroll"));
    let mut folders = [LOGS, SYSTEM].into_iter().filter_map(|kind| place_of(set, kind));
    let extension = place.rsplit('.').next().unwrap_or_default().to_lowercase();
    let of_engine = folders.any(|known| place.eq_ignore_ascii_case(known))
        || matches!(extension.as_str(), "edb" | "log" | "jtx" | "pat");
    if !published && !of_engine {
        return false;
    }
    let host = |path: &str| path.strip_prefix(r"\\")?.split('\\').next().map(str::to_lowercase);
    let plain =
        place.split('\\').skip(2).all(|part| !matches!(part, "" | "." | "..") && !part.contains(['/', ':']));
    plain && host(place).is_some() && host(place) == place_of(set, DATABASE).and_then(host)
}

/// The checkpoint of the old database must not stay beside the restored one, wherever it lies.
pub(super) fn checkpoint_folder(sets: &[StoredSet], target: &RestoreTarget) -> Option<PathBuf> {
    folder_of(sets, target, SYSTEM, |places| places.system.as_ref())
}

/// Nor must its logs, where none are laid down with it.
pub(super) fn log_folder(sets: &[StoredSet], target: &RestoreTarget) -> Option<PathBuf> {
    folder_of(sets, target, LOGS, |places| places.logs.as_ref())
}

fn folder_of(
    sets: &[StoredSet],
    target: &RestoreTarget,
    kind: &str,
    known: impl Fn(&CaPlaces) -> Option<&PathBuf>,
) -> Option<PathBuf> {
    let mapped = match target {
        RestoreTarget::Folder(_) => return None,
        RestoreTarget::Original(mapped) => mapped,
        RestoreTarget::Ca(places) => match known(places) {
            Some(folder) => return Some(folder.clone()),
            None => &places.files,
        },
    };
    let set = sets.last()?;
    resolve(mapped, place_of(set, kind)?, set).ok()
}

fn same_file(a: &str, b: &str) -> bool {
    certadm::base_name(a).eq_ignore_ascii_case(certadm::base_name(b))
}
