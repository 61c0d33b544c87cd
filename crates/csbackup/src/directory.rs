//! The directory medium: `<root>/<CA>/<set id>/`, notes beside the set.
//!
//! A set is written to a folder `.unpublished-*`, synced file by file and folder by folder, and gets
//! its name by one rename. What has no such name is a leftover and never listed. `DataBase/` in a
//! set is the layout of `certutil -backup`.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use certadm::Authority;

use crate::durable::{create_durable, sync_directory};
use crate::manifest::{self, Manifest, SetId};
use crate::medium::{FileSink, Lock, Medium, SetWriter, Stamp, StoredSet};
use crate::note::Note;
use crate::source::{FileSource, SharedSource};
use crate::{Error, SetPath, durable, safe_name};

const UNPUBLISHED: &str = ".unpublished-";
/// What a set is named while it is removed; the rest is its id.
const FORGOTTEN: &str = ".unpublished-forgotten-";
const NOTES: &str = "notes.jsonl";

/// Sets in folders below a root.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
    /// Of a far place: makes the folder of a CA.
    make: Option<fn(&Path) -> io::Result<()>>,
}

impl Directory {
    /// The medium below `root`; created with the first set.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), make: None }
    }

    /// The medium below `root` as a far place; `make` makes the folder of a CA with the permissions it needs.
    ///
    /// `root` must be there, or the folder that it is to be made in, with something in it: where a disk is not
    /// mounted, there is an empty folder, and copies in that would be on the disk they shall survive.
    pub fn far(root: impl Into<PathBuf>, make: fn(&Path) -> io::Result<()>) -> Self {
        Self { root: root.into(), make: Some(make) }
    }

    /// The folder of a set.
    pub fn path_of(&self, set: &StoredSet) -> PathBuf {
        self.root.join(&set.folder).join(set.id.as_str())
    }

    fn ca_folder(&self, ca: &Authority) -> PathBuf {
        self.root.join(safe_name(&ca.name))
    }

    fn notes_path(&self, set: &StoredSet) -> PathBuf {
        self.root.join(&set.folder).join(format!("{}.{NOTES}", set.id))
    }

    fn read_set(&self, folder: &str, id: SetId) -> Result<StoredSet, Error> {
        let path = self.root.join(folder).join(id.as_str()).join(manifest::FILE_NAME);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        if !id.fits(&bytes) {
            let reason =
                "was changed after the set was published: its hash is not that in the set's name".to_owned();
            return Err(Error::Manifest { path, reason });
        }
        let manifest = Manifest::decode(&bytes).map_err(|reason| Error::Manifest { path, reason })?;
        let mut set = StoredSet { id, manifest, notes: Vec::new(), folder: folder.to_owned() };
        set.notes = durable::read_notes(&self.notes_path(&set))?;
        Ok(set)
    }

    fn ca_sets(&self, folder: &str) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        let mut ids: Vec<SetId> =
            subfolders(&self.root.join(folder))?.iter().filter_map(|name| SetId::parse(name)).collect();
        ids.sort();
        Ok(ids.into_iter().map(|id| self.read_set(folder, id)).collect())
    }
}

impl Medium for Directory {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn lock(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        if let Some(make) = self.make {
            may_be_made(&self.root)
                .and_then(|()| make(&self.ca_folder(ca)))
                .map_err(Error::io("use the far place", &self.root))?;
        }
        durable::lock(&self.ca_folder(ca), ca)
    }

    fn sweep(&self, ca: &Authority) -> Result<Vec<String>, Error> {
        let folder = self.ca_folder(ca);
        let mut told = Vec::new();
        for name in subfolders(&folder)?.into_iter().filter(|name| name.starts_with(UNPUBLISHED)) {
            // Notes go with a set that is forgotten, and only then: those of one that was moved away by hand
            // are evidence.
            if let Some(id) = name.strip_prefix(FORGOTTEN).and_then(SetId::parse) {
                durable::remove_file(&folder.join(format!("{id}.{NOTES}")))?;
            }
            let path = folder.join(&name);
            fs::remove_dir_all(&path).map_err(Error::io("remove the leftover", path))?;
            told.push(format!("removed `{name}`, left behind by a run that was interrupted"));
        }
        Ok(told)
    }

    fn sets(&self, ca: Option<&Authority>) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        let folders = match ca {
            Some(ca) => vec![safe_name(&ca.name)],
            None => subfolders(&self.root)?,
        };
        let mut sets = Vec::new();
        for folder in folders {
            sets.extend(self.ca_sets(&folder)?);
        }
        sets.sort_by_key(|set| {
            set.as_ref().map_or((String::new(), 0), |s| (s.folder.clone(), s.manifest.sequence))
        });
        Ok(sets)
    }

    fn load(&self, set: &StoredSet) -> Result<StoredSet, Error> {
        self.read_set(&set.folder, set.id.clone())
    }

    fn begin(&self, ca: &Authority) -> Result<Box<dyn SetWriter + '_>, Error> {
        let folder = self.ca_folder(ca);
        create_durable(&folder)?;
        let staging = folder.join(format!("{UNPUBLISHED}{}", std::process::id()));
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(Error::io("remove the leftover", &staging))?;
        }
        fs::create_dir(&staging).map_err(Error::io("create", &staging))?;
        Ok(Box::new(DirectoryWriter { name: safe_name(&ca.name), folder, staging, published: false }))
    }

    fn open(&self, set: &StoredSet, path: &SetPath) -> Result<Box<dyn Read + Send>, Error> {
        let path = path.below(&self.path_of(set));
        Ok(Box::new(File::open(&path).map_err(Error::io("read", path))?))
    }

    fn source(&self, set: &StoredSet, path: &SetPath) -> Result<SharedSource, Error> {
        Ok(Box::new(FileSource::open(&path.below(&self.path_of(set)))?))
    }

    /// What is published never changes, but somebody's hand may spoil it: the manifests are looked at, too.
    fn stamp(&self, ca: &Authority) -> Result<Option<Stamp>, Error> {
        let folder = self.ca_folder(ca);
        let mut entries = Vec::new();
        for id in subfolders(&folder)?.iter().filter_map(|name| SetId::parse(name)) {
            let manifest = folder.join(id.as_str()).join(manifest::FILE_NAME);
            for path in [manifest, folder.join(format!("{id}.{NOTES}"))] {
                entries.push(format!("{} {}", path.display(), size_and_time(&path)?));
            }
        }
        Ok(Some(Stamp::of(entries)))
    }

    fn append(&self, set: &StoredSet, note: Note) -> Result<(), Error> {
        durable::append_note(&self.notes_path(set), &note)
    }

    /// A set loses its name first: what is left of an interrupted removal is swept like any leftover.
    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error> {
        for set in sets {
            let path = self.path_of(set);
            let folder = self.root.join(&set.folder);
            let aside = folder.join(format!("{FORGOTTEN}{}", set.id));
            fs::rename(&path, &aside).map_err(Error::io("remove", &path))?;
            sync_directory(&folder)?;
            durable::remove_file(&self.notes_path(set))?;
            fs::remove_dir_all(&aside).map_err(Error::io("remove", &aside))?;
        }
        Ok(())
    }
}

struct DirectoryWriter {
    name: String,
    folder: PathBuf,
    staging: PathBuf,
    published: bool,
}

impl SetWriter for DirectoryWriter {
    fn create(&mut self, path: &SetPath, _size: Option<u64>) -> Result<Box<dyn FileSink>, Error> {
        let path = path.below(&self.staging);
        let parent = path.parent().unwrap_or(&self.staging);
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let file = File::options().write(true).create_new(true).open(&path);
        let file = file.map_err(Error::io("create", &path))?;
        Ok(Box::new(DirectorySink { file, path, unflushed: 0, flusher: None, whole: false }))
    }

    fn publish(
        mut self: Box<Self>,
        id: &SetId,
        manifest: &Manifest,
        bytes: &[u8],
    ) -> Result<StoredSet, Error> {
        let path = self.staging.join(manifest::FILE_NAME);
        let mut file = File::create_new(&path).map_err(Error::io("create", &path))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", &path))?;
        for name in subfolders(&self.staging)? {
            sync_directory(&self.staging.join(name))?;
        }
        sync_directory(&self.staging)?;
        let target = self.folder.join(id.as_str());
        if target.exists() {
            let source = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(Error::io("publish the set as", target)(source));
        }
        fs::rename(&self.staging, &target).map_err(Error::io("publish the set as", &target))?;
        self.published = true;
        sync_directory(&self.folder)?;
        if let Some(root) = self.folder.parent() {
            sync_directory(root)?;
        }
        Ok(StoredSet {
            id: id.clone(),
            manifest: manifest.clone(),
            notes: Vec::new(),
            folder: self.name.clone(),
        })
    }
}

impl Drop for DirectoryWriter {
    fn drop(&mut self) {
        if !self.published {
            // If this fails the next run's sweep removes it.
            let _ = fs::remove_dir_all(&self.staging);
        }
    }
}

/// Bytes after which writing back begins in the background, so that little is left for the end.
const FLUSH_EVERY: usize = 32 << 20;

struct DirectorySink {
    file: File,
    path: PathBuf,
    unflushed: usize,
    flusher: Option<Flusher>,
    whole: bool,
}

/// A thread that syncs a file again and again while it is being written.
struct Flusher {
    wake: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flusher {
    fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (wake, woken) = sync_channel::<()>(1);
        let thread =
            thread::Builder::new().spawn(move || woken.iter().try_for_each(|()| file.sync_data()))?;
        Ok(Self { wake, thread })
    }

    fn stop(self) -> io::Result<()> {
        drop(self.wake);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the flushing thread failed")))
    }
}

impl FileSink for DirectorySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unflushed += bytes.len();
        if self.unflushed >= FLUSH_EVERY {
            self.unflushed = 0;
            let flusher = match self.flusher.take() {
                Some(flusher) => flusher,
                None => Flusher::start(&self.file)?,
            };
            // Busy with the last piece: the next one will do. Gone: its error comes with `stop`.
            let _ = flusher.wake.try_send(());
            self.flusher = Some(flusher);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        // A write error is reported once per handle: the flusher's must not get lost.
        self.flusher.take().map_or(Ok(()), Flusher::stop)?;
        self.file.sync_all()?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for DirectorySink {
    fn drop(&mut self) {
        if !self.whole {
            // Half a file must not be published with the rest.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Is there a place where this folder is, or may be made?
fn may_be_made(root: &Path) -> io::Result<()> {
    let above = root.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let has_something = || fs::read_dir(above).is_ok_and(|mut entries| entries.next().is_some());
    if root.try_exists()? || has_something() {
        return Ok(());
    }
    let text = "it is not there, and nothing is where it would be made: is its disk mounted? if so, make the folder by hand";
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

/// Size and time of the last change of a file, or that it is not there.
fn size_and_time(path: &Path) -> Result<String, Error> {
    match fs::metadata(path) {
        Ok(file) => Ok(format!("{} {:?}", file.len(), file.modified().ok())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok("-".to_owned()),
        Err(error) => Err(Error::io("list", path)(error)),
    }
}

fn subfolders(path: &Path) -> Result<Vec<String>, Error> {
    entries(path, fs::FileType::is_dir)
}

fn entries(path: &Path, wanted: impl Fn(&fs::FileType) -> bool) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", path)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", path))?;
        if wanted(&entry.file_type().map_err(Error::io("list", entry.path()))?) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
