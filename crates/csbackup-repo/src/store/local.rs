//! A folder of this machine. Lists that fail are errors, and names are durable before a snapshot is.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use csbackup::Error;
use rustic_core::{
    ALL_FILE_TYPES, BytesList, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};

use crate::error::StoreError;

#[derive(Debug)]
pub(crate) struct LocalStore {
    root: PathBuf,
    temporary: AtomicU64,
}

impl LocalStore {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, temporary: AtomicU64::new(0) }
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
}

fn failed<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Box<RusticError> + 'a {
    move |error| StoreError::io(doing, &path.display().to_string(), &error).boxed()
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
            let size = entry.metadata()?.len();
            found.push((id, u32::try_from(size).unwrap_or(u32::MAX)));
        }
    }
    Ok(found)
}

impl ReadBackend for LocalStore {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if kind == FileType::Config {
            let path = self.root.join("config");
            return match path.try_exists().map_err(failed("look for", &path))? {
                true => Ok(vec![(Id::default(), 0)]),
                false => Ok(Vec::new()),
            };
        }
        let folder = self.root.join(kind.dirname());
        if kind != FileType::Pack {
            return list(&folder).map_err(failed("list", &folder));
        }
        let mut found = Vec::new();
        for byte in 0..=u8::MAX {
            let folder = folder.join(format!("{byte:02x}"));
            found.extend(list(&folder).map_err(failed("list", &folder))?);
        }
        Ok(found)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let path = self.path(kind, id);
        fs::read(&path).map(Bytes::from).map_err(failed("read", &path))
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
        read().map_err(failed("read", &path))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.path(kind, id).display().to_string()
    }
}

impl WriteBackend for LocalStore {
    fn create(&self) -> RusticResult<()> {
        for kind in ALL_FILE_TYPES {
            let folder = self.root.join(kind.dirname());
            fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        }
        Ok(())
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        let path = self.path(kind, id);
        let folder = self.folder(kind, id);
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!("{}-{}-{number}.tmp", id.to_hex().as_str(), std::process::id()));
        let write = || {
            fs::create_dir_all(&folder)?;
            let mut file = File::create_new(&temporary)?;
            io::copy(&mut content.clone().reader(), &mut file)?;
            file.flush()?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            sync(&folder)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&temporary);
            failed("write", &path)(error)
        })
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        let path = self.path(kind, id);
        fs::remove_file(&path).map_err(failed("remove", &path))
    }
}

/// Makes names in a folder durable. Windows keeps them with the files.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

/// The subfolders that hold a repository.
pub(crate) fn folders(root: &Path) -> Result<Vec<String>, Error> {
    let failed = |error: &io::Error| StoreError::io("list", &root.display().to_string(), error).at("");
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failed(&error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(&error))?;
        if entry.path().join("config").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
