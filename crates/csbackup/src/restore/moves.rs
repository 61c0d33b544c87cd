//! Renames into place, and back. Each can be done again: what is done already is seen on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::macros::format_description;

use super::journal::{Item, Journal, Record};
use super::plan::{ese_folder, occupied};
use super::stage::is_whole;
use crate::durable::{create_durable, sync_directory};
use crate::{Error, Observer, Step};

/// Fixes where existing files go: those of the plan, and what the service left since in the folders of the
/// database. What was fixed before stays: a run that died may have made the folders.
pub(super) fn fix_aside(record: &mut Record) -> Result<(), Error> {
    let mut paths: BTreeSet<PathBuf> = record.aside.iter().map(|(from, _)| from.clone()).collect();
    for folder in record.ese_folders() {
        for path in ese_folder(&folder)? {
            if !record.force && !paths.contains(&path) {
                let reason = format!("`{}` is in the way", path.display());
                return Err(Error::Restore {
                    reason,
                    hint: Some("it came after the plan was made; try again"),
                });
            }
            paths.insert(path);
        }
    }
    let stamp = format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = OffsetDateTime::now_utc().format(stamp).unwrap_or_default();
    let mut folders: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for (from, to) in record.aside.drain(..) {
        if let (Some(parent), Some(folder)) = (from.parent(), to.parent()) {
            folders.insert(parent.to_owned(), folder.to_owned());
        }
    }
    for path in paths {
        let parent = path.parent().unwrap_or(Path::new("."));
        let new = || {
            let names = (1..).map(|count| match count {
                1 => format!("replaced-by-csbackup-{stamp}"),
                _ => format!("replaced-by-csbackup-{stamp}-{count}"),
            });
            let mut free = names.map(|name| parent.join(name)).filter(|folder| !occupied(folder));
            free.next().unwrap_or_default()
        };
        let folder = folders.entry(parent.to_owned()).or_insert_with(new);
        let to = folder.join(path.file_name().unwrap_or_default());
        record.aside.push((path, to));
    }
    Ok(())
}

/// Moves the existing files aside.
pub(super) fn aside(record: &Record, observer: &dyn Observer) -> Result<(), Error> {
    for folder in record.aside_folders() {
        create_durable(&folder)?;
    }
    // A checkpoint or a log can go with the service that had it.
    let mut there = record.aside.iter().filter(|(from, _)| occupied(from));
    there.try_for_each(|(from, to)| go(from, to, observer))?;
    sync(record.aside.iter().flat_map(|(from, to)| [from.as_path(), to]))
}

/// Moves staged files to their places.
pub(super) fn lay<'a>(
    items: impl Iterator<Item = &'a Item> + Clone,
    observer: &dyn Observer,
) -> Result<(), Error> {
    items.clone().try_for_each(|item| go(&item.staged, &item.target, observer))?;
    sync(items.flat_map(|item| [item.staged.as_path(), &item.target]))
}

/// Has anybody worked with what lies there? Then nothing may be moved.
pub(super) fn check_laid(record: &Record, observer: &dyn Observer) -> Result<(), Error> {
    for item in record.items.iter().filter(|item| !occupied(&item.staged)) {
        if !is_whole(item, &item.target, observer)? {
            let reason = format!(
                "`{}` is not as it was laid down: somebody, the CA perhaps, worked with it since",
                item.target.display()
            );
            let hint = "what lies there is newer than this restore: keep it, or stop the service and move the files of the folder `replaced-by-csbackup-*` back by hand; then remove the folder `.csbackup-restore`";
            return Err(Error::Restore { reason, hint: Some(hint) });
        }
    }
    let ours: BTreeSet<&Path> = record.items.iter().map(|item| item.target.as_path()).collect();
    let mut homes = record.aside.iter().filter(|(from, to)| occupied(to) && !ours.contains(&**from));
    match homes.find(|(from, _)| occupied(from)) {
        Some((from, to)) => {
            let reason = format!("`{}` is new, and `{}` belongs there", from.display(), to.display());
            Err(Error::Restore {
                reason,
                hint: Some("move the new file away if it is of no use, then try again"),
            })
        }
        None => Ok(()),
    }
}

/// Takes every move back, the last one first. What could not be is named, with where it lies now.
pub(super) fn back(journal: &Journal, observer: &dyn Observer) -> Vec<String> {
    let record = &journal.record;
    let mut stuck = Vec::new();
    let mut turn = |from: &Path, to: &Path| {
        if let Err(error) = go(to, from, observer) {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
            stuck.push(format!("`{}` lies at `{}`{cause}", from.display(), to.display()));
        }
    };
    for item in record.items.iter().rev().filter(|item| !occupied(&item.staged) && occupied(&item.target)) {
        // Gone where the restore was done before.
        let _ = item.staged.parent().map(create_durable);
        turn(&item.staged, &item.target);
    }
    for (from, to) in record.aside.iter().rev().filter(|(_, to)| occupied(to)) {
        turn(from, to);
    }
    let paths = record.items.iter().flat_map(|item| [item.staged.as_path(), &item.target]);
    if let Err(error) = sync(paths.chain(record.aside.iter().flat_map(|(from, to)| [from.as_path(), to]))) {
        stuck.push(error.to_string());
    }
    stuck
}

fn go(from: &Path, to: &Path, observer: &dyn Observer) -> Result<(), Error> {
    if occupied(to) {
        let source = IoError::from(ErrorKind::AlreadyExists);
        return Err(Error::Io { doing: "put a restored file at", path: to.to_owned(), source });
    }
    fs::rename(from, to).map_err(Error::io("move into place", to))?;
    observer.step(&Step::Restoring(format!("moved {} to {}", from.display(), to.display())));
    Ok(())
}

/// Makes the names in the folders of these files durable.
fn sync<'a>(files: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
    let folders: BTreeSet<&Path> = files.filter_map(Path::parent).filter(|folder| folder.is_dir()).collect();
    folders.into_iter().try_for_each(sync_directory)
}
