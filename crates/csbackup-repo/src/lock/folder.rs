//! Lock files in a folder of this machine.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::LockFiles;
use crate::error::StoreError;

/// The folder `locks` of a repository.
pub(crate) struct LockFolder(PathBuf);

impl LockFolder {
    /// That of the repository in this folder.
    pub(crate) fn of(repository: &Path) -> Self {
        Self(repository.join("locks"))
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        move |error| StoreError::io(doing, &self.0.display().to_string(), &error)
    }
}

/// `None`, if it is not there.
fn present<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

impl LockFiles for LockFolder {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        let list = || {
            let Some(entries) = present(fs::read_dir(&self.0))? else { return Ok(Vec::new()) };
            let names: io::Result<Vec<String>> =
                entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect();
            Ok(names?.into_iter().filter(|name| is_lock(name)).collect())
        };
        list().map_err(self.failed("list the locks in"))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        present(fs::read(self.0.join(name))).map_err(self.failed("read a lock in"))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let temporary = self.0.join(format!("{name}.tmp"));
        let write = || {
            fs::create_dir_all(&self.0)?;
            let mut file = File::create_new(&temporary)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, self.0.join(name))
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&temporary);
            self.failed("write a lock in")(error)
        })
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        present(fs::remove_file(self.0.join(name))).map(drop).map_err(self.failed("remove a lock from"))
    }
}

/// Not one that is being written.
fn is_lock(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
