//! The medium: `<root>/<CA>/<set id>.csbackup`, with the manifest and the notes in the clear beside it.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use certadm::Authority;
use csbackup::manifest::FILE_NAME;
use csbackup::{
    Error, Lock, Manifest, Medium, Note, SetId, SetPath, SetWriter, SharedSource, StoreTrouble, StoredSet,
    durable, safe_name,
};

use crate::keys::{Identities, Recipients};
use crate::member::{MemberReader, MemberSource};
use crate::opened::{Archive, Failure, Member};
use crate::shelf::Shelf;
use crate::writer::ArchiveWriter;

pub(crate) const UNPUBLISHED: &str = ".unpublished-";
/// What an archive is named while it is removed; the rest is its set's id.
const FORGOTTEN: &str = ".unpublished-forgotten-";
pub(crate) const ARCHIVE: &str = ".csbackup";
pub(crate) const MANIFEST: &str = ".json";

/// How archives name their place: a journal of a restore has it.
pub const LOCATION: &str = "archive:";

const NOTES: &str = ".notes.jsonl";

/// Bytes of a manifest that are read: far more than a hundred thousand logs need.
const MAX_MANIFEST: u64 = 256 << 20;

/// Sets in encrypted archives below a root, one file each.
///
/// Without identities it writes, lists, and proves what it wrote while it holds the lock; the content
/// of other sets needs an identity that belongs to one of their recipients.
pub struct Archives {
    root: PathBuf,
    recipients: Recipients,
    identities: Arc<Identities>,
    shelf: Arc<Shelf>,
}

impl Archives {
    /// The archives below `root`, which is created with the first set: written for `recipients`, read
    /// with `identities`. Either may be empty.
    pub fn new(root: impl Into<PathBuf>, recipients: Recipients, identities: Identities) -> Self {
        let (identities, shelf) = (Arc::new(identities), Arc::default());
        Self { root: root.into(), recipients, identities, shelf }
    }

    /// The archive of a set.
    pub fn path_of(&self, set: &StoredSet) -> PathBuf {
        self.beside(&set.folder, &set.id, ARCHIVE)
    }

    fn beside(&self, folder: &str, id: &SetId, end: &str) -> PathBuf {
        self.root.join(folder).join(format!("{id}{end}"))
    }

    /// With an archive that is forgotten go its manifest and its notes.
    fn remove_beside(&self, folder: &str, id: &SetId) -> Result<(), Error> {
        [MANIFEST, NOTES].iter().try_for_each(|end| durable::remove_file(&self.beside(folder, id, end)))
    }

    /// The key that opens a set: this run's own, else those that were given.
    fn keys(&self, folder: &str, id: &SetId) -> Option<Keys> {
        if let Some(own) = self.shelf.own(&(folder.to_owned(), id.clone())) {
            return Some(Keys { identities: own, is_own: true });
        }
        let identities = self.identities.clone();
        (!identities.0.is_empty()).then_some(Keys { identities, is_own: false })
    }

    /// The open archive of a set, and the manifest inside when it had to be opened.
    fn opened(&self, folder: &str, id: &SetId) -> Result<(Arc<Archive>, Option<Vec<u8>>), Error> {
        let place = (folder.to_owned(), id.clone());
        if let Some(archive) = self.shelf.opened(&place) {
            return Ok((archive, None));
        }
        let path = self.beside(folder, id, ARCHIVE);
        let no_key = |reason: &str| Error::Store {
            place: path.display().to_string(),
            trouble: StoreTrouble::NoKey,
            reason: reason.to_owned(),
        };
        let keys = self
            .keys(folder, id)
            .ok_or_else(|| no_key("the archive is encrypted and no identity is given"))?;
        let archive = Archive::open(&path, &keys.identities, self.shelf.frames());
        let archive = Arc::new(archive.map_err(|failure| match failure {
            Failure::NoKey if keys.is_own => misread(id, "its header cannot be decrypted"),
            Failure::NoKey => no_key("none of the given identities opens the archive"),
            Failure::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                misread(id, &error.to_string())
            }
            Failure::Io(error) => failed("read", &path)(error),
        })?);
        let inside = manifest_inside(&archive, id, &path)?;
        self.shelf.keep(place, archive.clone());
        Ok((archive, Some(inside)))
    }

    fn member(&self, set: &StoredSet, path: &SetPath) -> Result<(Arc<Archive>, Member), Error> {
        let (archive, _) = self.opened(&set.folder, &set.id)?;
        let missing = || {
            let name = format!("{}/{}", self.path_of(set).display(), path.as_str());
            failed("read", name)(io::ErrorKind::NotFound.into())
        };
        let member = archive.member(path.as_str()).ok_or_else(missing)?;
        Ok((archive, member))
    }

    /// The manifest beside an archive; where it was left behind, the one inside.
    fn read_set(&self, folder: &str, id: SetId) -> Result<StoredSet, Error> {
        let path = self.beside(folder, &id, MANIFEST);
        let unfit = |reason: &str| Error::Manifest { path: path.clone(), reason: reason.to_owned() };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.keys(folder, &id).is_none() {
                    return Err(unfit("is not there; with an identity the one in the archive is read"));
                }
                self.shelf.close(&(folder.to_owned(), id.clone()));
                self.opened(folder, &id)?.1.unwrap_or_default()
            }
            read => read.map_err(failed("read", &path))?,
        };
        if !id.fits(&bytes) {
            return Err(unfit(
                "was changed after the set was published: its hash is not that in the set's name",
            ));
        }
        let manifest = Manifest::decode(&bytes).map_err(|reason| unfit(&reason))?;
        let notes = durable::read_notes(&self.beside(folder, &id, NOTES))?;
        Ok(StoredSet { id, manifest, notes, folder: folder.to_owned() })
    }

    fn ca_sets(&self, folder: &str) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        let names = names(&self.root.join(folder))?;
        let ids = names.iter().filter_map(|name| SetId::parse(name.strip_suffix(ARCHIVE)?));
        Ok(ids.map(|id| self.read_set(folder, id)).collect())
    }
}

/// Identities, and whether this run made them.
struct Keys {
    identities: Arc<Identities>,
    is_own: bool,
}

impl Medium for Archives {
    fn location(&self) -> String {
        format!("{LOCATION}{}", self.root.display())
    }

    fn lock(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        let folder = safe_name(&ca.name);
        let lock = durable::lock(&self.root.join(&folder), ca)?;
        Ok(Box::new(ArchiveLock { _lock: lock, folder, shelf: self.shelf.clone() }))
    }

    fn sweep(&self, ca: &Authority) -> Result<Vec<String>, Error> {
        let ca_folder = safe_name(&ca.name);
        let folder = self.root.join(&ca_folder);
        let names = names(&folder)?;
        let mut told = Vec::new();
        let mut sweep = |name: &str| -> Result<(), Error> {
            durable::remove_file(&folder.join(name))?;
            told.push(format!("removed `{name}`, left behind by a run that was interrupted"));
            Ok(())
        };
        for name in &names {
            if name.starts_with(UNPUBLISHED) && folder.join(name).is_file() {
                if let Some(id) = name.strip_prefix(FORGOTTEN).and_then(SetId::parse) {
                    self.remove_beside(&ca_folder, &id)?;
                }
                sweep(name)?;
            }
            // A manifest gets its name before its archive. Where there are notes, there was an archive, which
            // was moved away by hand: what is known of it is evidence.
            if let Some(id) = name.strip_suffix(MANIFEST).and_then(SetId::parse)
                && ![ARCHIVE, NOTES].iter().any(|end| names.contains(&format!("{id}{end}")))
            {
                sweep(name)?;
            }
        }
        Ok(told)
    }

    fn sets(&self, ca: Option<&Authority>) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        let folders = match ca {
            Some(ca) => vec![safe_name(&ca.name)],
            None => names(&self.root)?.into_iter().filter(|name| self.root.join(name).is_dir()).collect(),
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

    /// With a key at hand the archive itself is opened again, and its manifest compared.
    fn load(&self, set: &StoredSet) -> Result<StoredSet, Error> {
        let path = self.path_of(set);
        if !path.try_exists().map_err(failed("read", &path))? {
            return Err(Error::NoSet { reason: format!("set {} is not there", set.id) });
        }
        self.shelf.close(&(set.folder.clone(), set.id.clone()));
        let inside = match self.keys(&set.folder, &set.id) {
            Some(_) => self.opened(&set.folder, &set.id)?.1,
            None => None,
        };
        let stored = self.read_set(&set.folder, set.id.clone())?;
        if inside.is_some_and(|inside| Manifest::decode(&inside).as_ref() != Ok(&stored.manifest)) {
            let path = self.beside(&set.folder, &set.id, MANIFEST);
            return Err(Error::Manifest { path, reason: "is not the one in the archive".to_owned() });
        }
        Ok(stored)
    }

    fn begin(&self, ca: &Authority) -> Result<Box<dyn SetWriter + '_>, Error> {
        let name = safe_name(&ca.name);
        let folder = self.root.join(&name);
        durable::create_durable(&folder)?;
        Ok(Box::new(ArchiveWriter::begin(name, folder, &self.recipients, self.shelf.clone())?))
    }

    fn open(&self, set: &StoredSet, path: &SetPath) -> Result<Box<dyn Read + Send>, Error> {
        let (archive, member) = self.member(set, path)?;
        Ok(Box::new(MemberReader::new(archive, member)))
    }

    fn source(&self, set: &StoredSet, path: &SetPath) -> Result<SharedSource, Error> {
        let (archive, member) = self.member(set, path)?;
        Ok(Box::new(MemberSource::new(archive, member)))
    }

    fn append(&self, set: &StoredSet, note: Note) -> Result<(), Error> {
        durable::append_note(&self.beside(&set.folder, &set.id, NOTES), &note)
    }

    /// The archive loses its name first: what is left of an interrupted removal is swept.
    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error> {
        for set in sets {
            let folder = self.root.join(&set.folder);
            let aside = folder.join(format!("{FORGOTTEN}{}", set.id));
            self.shelf.close(&(set.folder.clone(), set.id.clone()));
            let path = self.path_of(set);
            fs::rename(&path, &aside).map_err(failed("remove", &path))?;
            durable::sync_directory(&folder)?;
            self.remove_beside(&set.folder, &set.id)?;
            fs::remove_file(&aside).map_err(failed("remove", &aside))?;
        }
        Ok(())
    }
}

/// The lock of a CA. With it go the keys that its run made for itself.
struct ArchiveLock {
    _lock: Box<dyn Lock>,
    folder: String,
    shelf: Arc<Shelf>,
}

impl Lock for ArchiveLock {}

impl Drop for ArchiveLock {
    fn drop(&mut self) {
        self.shelf.give_back(&self.folder);
    }
}

/// The manifest in an archive; it must be the one that the archive's name speaks of.
fn manifest_inside(archive: &Arc<Archive>, id: &SetId, path: &Path) -> Result<Vec<u8>, Error> {
    let unfit = |reason: &str| Error::Manifest { path: path.join(FILE_NAME), reason: reason.to_owned() };
    let member = archive.member(FILE_NAME).ok_or_else(|| unfit("is not in the archive"))?;
    let mut bytes = Vec::new();
    let mut reader = MemberReader::new(archive.clone(), member).take(MAX_MANIFEST);
    reader.read_to_end(&mut bytes).map_err(failed("read", path))?;
    if !id.fits(&bytes) {
        return Err(unfit("is that of another set: the archive was renamed, or put in its place"));
    }
    Ok(bytes)
}

fn misread(id: &SetId, what: &str) -> Error {
    Error::ReadBack { set: id.to_string(), path: format!("{id}{ARCHIVE}"), what: what.to_owned() }
}

/// For `map_err`: what was being done with which file.
pub(crate) fn failed(doing: &'static str, path: impl Into<PathBuf>) -> impl Fn(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { doing, path: path.clone(), source }
}

/// Names in a folder, sorted; none when it is not there.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed("list", folder))?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
