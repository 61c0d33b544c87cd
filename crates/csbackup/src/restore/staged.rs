//! Files that lie whole beside their places, and the renames that bring them there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::macros::format_description;

use super::{PlanItem, occupied};
use crate::directory::create_durable;
use crate::medium::{Medium, StoredSet};
use crate::transfer::READ_SIZE;
use crate::{Error, Observer};

/// Files that lie whole beside their places. Dropped, it removes what did not get there.
#[derive(Default)]
pub(super) struct Staged {
    /// Staged file and its place.
    files: Vec<(PathBuf, PathBuf)>,
    folders: BTreeSet<PathBuf>,
    /// Folders that were not there before.
    made: BTreeSet<PathBuf>,
}

impl Staged {
    pub(super) fn stage(
        &mut self,
        medium: &dyn Medium,
        set: &StoredSet,
        item: &PlanItem,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let folder = item.target.parent().unwrap_or(Path::new("."));
        self.made.extend(folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned));
        create_durable(folder)?;
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

    pub(super) fn swap(&mut self, aside: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
        let mut moved = Moves::default();
        match self.moves(&mut moved, aside) {
            Ok(()) => Ok(moved.folders.into_iter().collect()),
            Err(error) => Err(moved.take_back(error)),
        }
    }

    fn moves(&self, moved: &mut Moves, aside: &[PathBuf]) -> Result<(), Error> {
        let stamp = format_description!("[year][month][day]T[hour][minute][second]Z");
        let stamp = OffsetDateTime::now_utc().format(stamp).unwrap_or_default();
        for path in aside {
            let parent = path.parent().unwrap_or(Path::new("."));
            let mut folder = parent.join(format!("replaced-by-csbackup-{stamp}"));
            let mut count = 1;
            while occupied(&folder) && !moved.folders.contains(&folder) {
                count += 1;
                folder = parent.join(format!("replaced-by-csbackup-{stamp}-{count}"));
            }
            create_durable(&folder)?;
            moved.folders.insert(folder.clone());
            moved.go(path.clone(), folder.join(path.file_name().unwrap_or_default()))?;
        }
        self.files.iter().try_for_each(|(staged, target)| moved.go(staged.clone(), target.clone()))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _ = fs::remove_dir_all(folder);
        }
        // Deepest first; what holds a restored file stays.
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Renames that can be taken back.
#[derive(Default)]
struct Moves {
    done: Vec<(PathBuf, PathBuf)>,
    /// Folders that old files were moved to.
    folders: BTreeSet<PathBuf>,
}

impl Moves {
    fn go(&mut self, from: PathBuf, to: PathBuf) -> Result<(), Error> {
        if occupied(&to) {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(Error::Io { doing: "put a restored file at", path: to, source });
        }
        fs::rename(&from, &to).map_err(Error::io("move into place", &to))?;
        self.done.push((from, to));
        Ok(())
    }

    /// Takes everything back; what cannot be is named, with where it lies now.
    fn take_back(mut self, error: Error) -> Error {
        let mut stuck = Vec::new();
        for (from, to) in self.done.drain(..).rev() {
            if let Err(cause) = fs::rename(&to, &from) {
                stuck.push(format!("`{}` is now at `{}` ({cause})", from.display(), to.display()));
            }
        }
        // Only those that are empty again.
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
        if stuck.is_empty() {
            return error;
        }
        let reason = format!("{error}, and not everything could be moved back: {}", stuck.join(", "));
        Error::Restore { reason, hint: Some("move these files back by hand before anything else") }
    }
}
