//! Files: durable replacement, listings, locks.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, names};

/// Where a test lets the process die: every change of the disk begins with it.
#[cfg(not(test))]
fn may_die() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use crate::recover::deaths::may_die;

/// Reads a TOML file. An error says the line and what is wrong, but not what stands there: the line may
/// be that of a secret.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| Error::Syntax {
        path: path.to_owned(),
        cause: match error.span().and_then(|span| text.get(..span.start)) {
            Some(before) => format!("line {}: {}", before.split('\n').count(), error.message()).into(),
            None => error.message().into(),
        },
    })
}

/// Replaces a TOML file; after a crash either the old or the new content is there, whole.
pub(crate) fn write_toml<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    replace(path, value, File::options().write(true).create(true).truncate(true))
}

/// As [`write_toml`], for a file that only its owner may read.
pub(crate) fn write_private_toml<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    // What is left of an interrupted attempt keeps its permissions; a new file has these.
    remove(&path.with_added_extension("tmp"))?;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    replace(path, value, &options)
}

fn replace<T: Serialize>(path: &Path, value: &T, options: &OpenOptions) -> Result<(), Error> {
    let text = toml::to_string_pretty(value).map_err(Error::syntax(path))?;
    let temp = path.with_added_extension("tmp");
    may_die().map_err(Error::io("create", &temp))?;
    let mut file = options.open(&temp).map_err(Error::io("create", &temp))?;
    file.write_all(text.as_bytes()).map_err(Error::io("write", &temp))?;
    file.sync_all().map_err(Error::io("sync", &temp))?;
    drop(file);
    may_die().map_err(Error::io("replace", path))?;
    fs::rename(&temp, path).map_err(Error::io("replace", path))?;
    match path.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

/// May others than the owner read or write a file? Only known on Unix.
pub(crate) fn is_shared(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Makes renames and deletions in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Windows cannot open a folder as a file; there the journal of NTFS orders renames.
    if cfg!(unix) {
        File::open(folder).and_then(|file| file.sync_all()).map_err(Error::io("sync", folder))?;
    }
    Ok(())
}

/// The numbered logs of a folder by generation. Other files, and folders named like logs, do not count.
pub(crate) fn logs(folder: &Path) -> io::Result<BTreeMap<u32, PathBuf>> {
    let mut logs = BTreeMap::new();
    for (name, path) in files(folder)? {
        if let Some(generation) = names::generation(&name) {
            logs.entry(generation).or_insert(path);
        }
    }
    Ok(logs)
}

/// The plain files of a folder whose names are Unicode, by name.
pub(crate) fn files(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let (true, Ok(name)) = (entry.file_type()?.is_file(), entry.file_name().into_string()) {
            files.insert(name, entry.path());
        }
    }
    Ok(files)
}

/// Puts `from` at `to`, replacing what is there, without copying the bytes where links are possible.
pub(crate) fn place(from: &Path, to: &Path) -> Result<(), Error> {
    let temp = to.with_added_extension("tmp");
    remove(&temp)?;
    if fs::hard_link(from, &temp).is_err() {
        fs::copy(from, &temp).map_err(Error::io("copy", from))?;
    }
    fs::rename(&temp, to).map_err(Error::io("replace", to))?;
    // Renaming a link onto another link of the same file leaves both.
    remove(&temp)
}

/// Removes a file; one that is gone already is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match may_die().and_then(|()| fs::remove_file(path)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(cause)),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; one that is gone already is no error.
pub(crate) fn remove_folder(path: &Path) -> Result<(), Error> {
    match may_die().and_then(|()| fs::remove_dir_all(path)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(cause)),
        _ => Ok(()),
    }
}

/// Makes an empty folder.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    may_die().and_then(|()| fs::create_dir(path)).map_err(Error::io("create", path))
}

/// Moves a file, in place of the one that is there.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    may_die().and_then(|()| fs::rename(from, to)).map_err(Error::io("replace", to))
}

/// Copies a file.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    may_die().and_then(|()| fs::copy(from, to)).map(drop).map_err(Error::io("copy", from))
}

/// Writes a new file, durably.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    may_die().map_err(Error::io("create", path))?;
    let mut file = File::create(path).map_err(Error::io("create", path))?;
    may_die().and_then(|()| file.write_all(bytes)).map_err(Error::io("write", path))?;
    file.sync_all().map_err(Error::io("sync", path))
}

/// Opens the file that a lock is taken on; locks end with their owner, so the file may stay.
pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    // Windows locks only what is open for reading or writing; appending alone is neither.
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}
