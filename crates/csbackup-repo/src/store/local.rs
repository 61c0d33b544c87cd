//! A folder of this machine, or a share. Lists that fail are errors, and names are durable before an
//! index or a snapshot speaks of them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use csbackup::StoreTrouble;
use rustic_core::{ALL_FILE_TYPES, BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};

use crate::error::StoreError;

/// How the names of files end that are not whole yet.
const TEMPORARY: &str = ".tmp";

/// A file that is not whole and was not written to for so long is left over.
const ABANDONED: Duration = Duration::from_hours(1);

/// One repository in a folder.
#[derive(Debug)]
pub(super) struct LocalStore {
    root: PathBuf,
    /// Folders with names that may not survive a loss of power yet.
    touched: Mutex<BTreeSet<PathBuf>>,
}

impl LocalStore {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, touched: Mutex::default() }
    }

    fn folder(&self, kind: FileType, id: &Id) -> PathBuf {
        let folder = self.root.join(kind.dirname());
        match kind {
            FileType::Config => self.root.clone(),
            FileType::Pack => folder.join(id.to_hex().as_str().get(..2).unwrap_or_default()),
            _ => folder,
        }
    }

    fn path(&self, kind: FileType, id: &Id) -> PathBuf {
        match kind {
            FileType::Config => self.root.join("config"),
            _ => self.folder(kind, id).join(id.to_hex().as_str()),
        }
    }

    /// Writes beside and renames, so that a name always means a whole file.
    fn put(&self, kind: FileType, id: &Id, content: BytesList) -> io::Result<()> {
        let folder = self.folder(kind, id);
        if kind == FileType::Pack {
            self.make_folder(&folder)?;
        }
        let unique = getrandom::u64().map_err(io::Error::other)?;
        let temporary = folder.join(format!("{}-{unique:016x}{TEMPORARY}", id.to_hex().as_str()));
        let written = write_new(&temporary, content).and_then(|file| {
            if kind != FileType::Pack {
                self.settle()?;
            }
            fs::rename(&temporary, self.path(kind, id))?;
            drop(file);
            Ok(())
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        self.touched().insert(folder);
        if kind == FileType::Pack { Ok(()) } else { self.settle() }
    }

    /// Makes the folder of a pack. Not its parents: if they are gone, so is the disk.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => {
                self.touched().extend(folder.parent().map(Path::to_owned));
                made
            }
        }
    }

    fn touched(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all names durable. Packs wait for it until an index or a snapshot is written: one by one they
    /// would cost a synchronisation each. Windows keeps names with the files.
    fn settle(&self) -> io::Result<()> {
        // Held to the end: who finds it empty relies on the names being durable.
        let mut touched = self.touched();
        if !cfg!(windows) {
            for folder in &*touched {
                File::open(folder)?.sync_all()?;
            }
        }
        touched.clear();
        Ok(())
    }

    /// Removes files that a writer left behind when it died; says which.
    pub(super) fn sweep_temporary(&self) -> Result<Vec<String>, StoreError> {
        let mut folders: Vec<_> = ALL_FILE_TYPES.iter().map(|kind| self.root.join(kind.dirname())).collect();
        folders.extend([self.root.clone(), self.root.join("locks")]);
        folders.extend((0..=u8::MAX).map(|byte| self.root.join(format!("data/{byte:02x}"))));
        let mut swept = Vec::new();
        for folder in folders {
            for path in temporaries(&folder).map_err(failed("list", &folder))? {
                // What may not be removed stays; it harms nothing.
                if abandoned(&path) && fs::remove_file(&path).is_ok() {
                    swept.push(path.display().to_string());
                }
            }
        }
        Ok(swept)
    }
}

/// A new file with this content, on the disk. It stays locked while it is open: so a sweep, here or on
/// another machine, can tell that its writer lives.
fn write_new(path: &Path, content: BytesList) -> io::Result<File> {
    let mut file = File::create_new(path)?;
    // A file system without locks has no sweep either.
    let _ = file.try_lock();
    io::copy(&mut content.reader(), &mut file)?;
    file.flush()?;
    file.sync_all()?;
    Ok(file)
}

/// Is nobody writing this file? Not every share knows the locks of other machines, and a file is a moment
/// older than its lock: it must be old, too.
fn abandoned(path: &Path) -> bool {
    let is_old = |file: &File| {
        let changed = file.metadata().and_then(|metadata| metadata.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= ABANDONED))
    };
    File::options().write(true).open(path).is_ok_and(|file| is_old(&file) && file.try_lock().is_ok())
}

fn temporaries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        found.extend(path.to_string_lossy().ends_with(TEMPORARY).then_some(path));
    }
    Ok(found)
}

/// What the system said, as trouble of a store.
fn failed<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    /// `ERROR_BAD_NETPATH`, `ERROR_UNEXP_NET_ERR`, `ERROR_NETNAME_DELETED`, `ERROR_BAD_NET_NAME`.
    const NO_SHARE: [i32; 4] = [53, 59, 64, 67];
    /// `EIO`; `ERROR_CRC`, `ERROR_SECTOR_NOT_FOUND`, `ERROR_IO_DEVICE`.
    const BAD_SECTOR: &[i32] = if cfg!(windows) { &[23, 27, 1117] } else { &[5] };
    move |error| {
        use io::ErrorKind as Kind;
        let mut trouble = StoreError::io(doing, &path.display().to_string(), &error);
        let changes = ["write", "remove", "create"].contains(&doing);
        let no_share = cfg!(windows) && error.raw_os_error().is_some_and(|code| NO_SHARE.contains(&code));
        let bad_sector = error.raw_os_error().is_some_and(|code| BAD_SECTOR.contains(&code));
        trouble.trouble = match error.kind() {
            Kind::PermissionDenied if !changes => StoreTrouble::Refused,
            Kind::NotFound if doing != "write" => StoreTrouble::Damaged,
            Kind::UnexpectedEof => StoreTrouble::Damaged,
            _ if doing == "read" && bad_sector => StoreTrouble::Damaged,
            Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::StaleNetworkFileHandle => StoreTrouble::Unreachable,
            _ if no_share => StoreTrouble::Unreachable,
            _ => trouble.trouble,
        };
        trouble
    }
}

/// Names and sizes in one folder.
fn list(folder: &Path) -> io::Result<Vec<(Id, u32)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Ok(id) = entry.file_name().to_string_lossy().parse() {
            let size = match entry.metadata() {
                // Removed since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?.len(),
            };
            found.push((id, u32::try_from(size).unwrap_or(u32::MAX)));
        }
    }
    Ok(found)
}

/// The subfolders that hold a repository, in order.
pub(super) fn folders(root: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("list", root))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", root))?;
        if entry.path().join("config").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

impl ReadBackend for LocalStore {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let failed = |path: &Path, error| failed("list", path)(error).boxed();
        if kind == FileType::Config {
            let path = self.root.join("config");
            return match path.try_exists().map_err(|error| failed(&path, error))? {
                true => Ok(vec![(Id::default(), 0)]),
                false => Ok(Vec::new()),
            };
        }
        let folder = self.root.join(kind.dirname());
        if kind != FileType::Pack {
            return list(&folder).map_err(|error| failed(&folder, error));
        }
        let mut found = Vec::new();
        for byte in 0..=u8::MAX {
            let folder = folder.join(format!("{byte:02x}"));
            found.extend(list(&folder).map_err(|error| failed(&folder, error))?);
        }
        Ok(found)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let path = self.path(kind, id);
        // A disk is asked twice before its file counts as damaged.
        fs::read(&path)
            .or_else(|_| fs::read(&path))
            .map(Bytes::from)
            .map_err(|error| failed("read", &path)(error).boxed())
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let path = self.path(kind, id);
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset.into()))?;
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            file.read_exact(&mut bytes)?;
            Ok(Bytes::from(bytes))
        };
        read().or_else(|_| read()).map_err(|error| failed("read", &path)(error).boxed())
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.path(kind, id).display().to_string()
    }
}

impl WriteBackend for LocalStore {
    fn create(&self) -> RusticResult<()> {
        for kind in ALL_FILE_TYPES {
            let folder = self.root.join(kind.dirname());
            fs::create_dir_all(&folder).map_err(|error| failed("create", &folder)(error).boxed())?;
        }
        self.touched().extend(self.root.parent().map(Path::to_owned));
        self.touched().insert(self.root.clone());
        Ok(())
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        let written = self.put(kind, id, content);
        written.map_err(|error| failed("write", &self.path(kind, id))(error).boxed())
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        let path = self.path(kind, id);
        fs::remove_file(&path).map_err(|error| failed("remove", &path)(error).boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not every machine that runs tests can mount a full disk.
    #[test]
    fn what_the_system_says_is_told_apart() {
        let of = |doing, kind: io::ErrorKind| failed(doing, Path::new("x"))(kind.into()).trouble;
        assert_eq!(of("write", io::ErrorKind::StorageFull), StoreTrouble::Full);
        assert_eq!(of("write", io::ErrorKind::QuotaExceeded), StoreTrouble::Full);
        assert_eq!(of("write", io::ErrorKind::ReadOnlyFilesystem), StoreTrouble::ReadOnly);
        assert_eq!(of("remove", io::ErrorKind::PermissionDenied), StoreTrouble::ReadOnly);
        assert_eq!(of("read", io::ErrorKind::PermissionDenied), StoreTrouble::Refused);
        assert_eq!(of("read", io::ErrorKind::NotFound), StoreTrouble::Damaged);
        assert_eq!(of("read", io::ErrorKind::UnexpectedEof), StoreTrouble::Damaged);
        assert_eq!(of("list", io::ErrorKind::HostUnreachable), StoreTrouble::Unreachable);
        assert_eq!(of("write", io::ErrorKind::Other), StoreTrouble::Failed);
        let bad = || io::Error::from_raw_os_error(if cfg!(windows) { 23 } else { 5 });
        assert_eq!(failed("read", Path::new("x"))(bad()).trouble, StoreTrouble::Damaged);
        assert_eq!(failed("write", Path::new("x"))(bad()).trouble, StoreTrouble::Failed);
    }
}
