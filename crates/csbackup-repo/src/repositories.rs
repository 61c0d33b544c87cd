//! The medium: repositories of CAs below one location.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use certadm::Authority;
use csbackup::manifest::FILE_NAME;
use csbackup::{
    Error, Lock, Manifest, Medium, Note, NoteBody, ReadBack, ReadExtent, SetId, SetPath, SetWriter,
    SharedSource, Stamp, StoreTrouble, StoredSet, safe_name,
};
use rustic_core::FileType;
use rustic_core::repofile::SnapshotFile;

use crate::error::{StoreError, cause};
use crate::heal::Gone;
use crate::identity::{self, Identity};
use crate::init::init;
use crate::keys::Password;
use crate::lock::Claim;
use crate::opened::{Opened, guard};
use crate::reader::{Placed, Streamed};
use crate::store::{self, StoreOptions};
use crate::writer::{self, RepositoryWriter};
use crate::{Location, notes, upkeep};

/// Sets in repositories: one of each CA, below one location, with one password.
pub struct Repositories {
    location: Location,
    options: StoreOptions,
    password: Password,
    only: Option<String>,
    opened: Mutex<BTreeMap<String, Arc<Opened>>>,
}

impl Repositories {
    /// The repositories below `location`; each is opened when it is needed.
    pub fn new(location: Location, options: StoreOptions, password: Password) -> Self {
        Self { location, options, password, only: None, opened: Mutex::default() }
    }

    /// Of all CAs only this one.
    #[must_use]
    pub fn only(mut self, ca_name: &str) -> Self {
        self.only = Some(ca_name.to_owned());
        self
    }

    /// Makes the repository of a CA, with chunks for a database of about `database` bytes.
    ///
    /// # Errors
    /// [`StoreTrouble::Exists`], and what the store says.
    pub fn init(&self, ca_name: &str, database: u64) -> Result<(), Error> {
        let folder = safe_name(ca_name);
        let place = self.place(&folder);
        let store = store::open(&self.location, &folder, &self.options)?;
        let identity = Identity { format: identity::FORMAT, ca: ca_name.to_owned() };
        guard(|| init(&store, &self.password, &identity, database)).map_err(|error| error.at(&place))
    }

    /// The CAs whose repositories are here.
    ///
    /// # Errors
    /// The store's, and those of opening.
    pub fn ca_names(&self) -> Result<Vec<String>, Error> {
        if let Some(name) = &self.only {
            return Ok(vec![name.clone()]);
        }
        let folders = store::folders(&self.location, &self.options)?;
        folders.iter().map(|folder| Ok(self.open_folder(folder)?.identity.ca.clone())).collect()
    }

    /// For people.
    fn place(&self, folder: &str) -> String {
        format!("{}/{folder}", self.location)
    }

    /// The repository in this folder; it must be that of the CA it is named after.
    pub(crate) fn open_folder(&self, folder: &str) -> Result<Arc<Opened>, Error> {
        let mut slot = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = slot.get(folder) {
            return Ok(opened.clone());
        }
        let place = self.place(folder);
        let store = store::open(&self.location, folder, &self.options)?;
        let locks = store::locks(&self.location, folder, &self.options)?;
        let opened = Opened::open(folder, &place, store, locks, &self.password)?;
        let theirs = &opened.identity.ca;
        if safe_name(theirs) != folder {
            let reason = format!("it is the repository of another CA, `{theirs}`");
            return Err(StoreError::new(StoreTrouble::OtherCa, reason).at(&place));
        }
        let opened = Arc::new(opened);
        slot.insert(folder.to_owned(), opened.clone());
        Ok(opened)
    }

    pub(crate) fn open_ca(&self, ca_name: &str) -> Result<Arc<Opened>, Error> {
        let opened = self.open_folder(&safe_name(ca_name))?;
        if opened.identity.ca != ca_name {
            let reason = format!("it is the repository of another CA, `{}`", opened.identity.ca);
            return Err(StoreError::new(StoreTrouble::OtherCa, reason).at(&opened.place));
        }
        Ok(opened)
    }
}

/// Of a misread set of which all data can be read, and is not what was written: nothing can be healed.
const LOOKED_AT: &str = "read again: its data is stored as it is";

impl Repositories {
    /// A set as its snapshot tells it; if somebody's tool dropped that, as the manifest among its files does.
    fn set(&self, opened: &Opened, snapshot: &SnapshotFile, id: &SetId) -> Result<StoredSet, Error> {
        let unreadable = |reason: String| Error::Manifest {
            path: PathBuf::from(format!("{}:{id}/{FILE_NAME}", opened.place)),
            reason,
        };
        let told = snapshot.description.as_ref().filter(|text| id.fits(text.as_bytes()));
        let bytes = match told {
            Some(text) => text.as_bytes().to_vec(),
            None => {
                let read = opened.root_file(snapshot, FILE_NAME)?;
                read.ok_or_else(|| unreadable("is not there".to_owned()))?
            }
        };
        if !id.fits(&bytes) {
            return Err(unreadable("its hash is not that in the set's name".to_owned()));
        }
        let manifest = Manifest::decode(&bytes).map_err(unreadable)?;
        Ok(StoredSet { id: id.clone(), manifest, notes: Vec::new(), folder: opened.folder.clone() })
    }

    fn sets_of(&self, opened: &Opened) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        let snapshots = opened.snapshots()?;
        let mut notes = notes::by_set(&snapshots);
        let mut sets: Vec<_> = snapshots
            .iter()
            .filter_map(|snapshot| Some((snapshot, writer::set_id(snapshot)?)))
            .map(|(snapshot, id)| {
                let mut set = self.set(opened, snapshot, &id)?;
                set.notes = notes.remove(&id).into_iter().flatten().map(|noted| noted.note).collect();
                Ok(set)
            })
            .collect();
        sets.extend(opened.unreadable().into_iter().map(|snapshot| {
            let path = format!("{}:snapshots/{}", opened.place, snapshot.id.to_hex().as_str());
            let reason = format!("{}; `csbackup repair` sees to it", snapshot.reason);
            Err(Error::Manifest { path: PathBuf::from(path), reason })
        }));
        sets.sort_by_key(|set| set.as_ref().map_or(0, |set| set.manifest.sequence));
        Ok(sets)
    }

    /// Notes the sets that need what is gone as not what was written: nothing continues them.
    fn doubt(&self, opened: &Opened, gone: &Gone) -> Result<Vec<String>, Error> {
        let mut told = Vec::new();
        for set in self.sets_of(opened)?.into_iter().flatten() {
            if set.read_back() == Some(ReadBack::Bad)
                || !opened.lacks_data(&self.snapshot_of(opened, &set.id)?, gone)?
            {
                continue;
            }
            let detail = Some("the store has lost data of it".to_owned());
            self.note(&set, NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail })?;
            told.push(format!(
                "{} needs what was lost; a later backup may bring it back: `csbackup verify` tells",
                set.id
            ));
        }
        Ok(told)
    }

    /// What is stored no more as it was is not taken for stored: first the sets that need it are doubted, then the
    /// index forgets it. A run that dies in between leaves the rest to the next one.
    fn heal(&self, opened: &Opened, told: &mut Vec<String>) -> Result<(), Error> {
        let mut gone = Gone { packs: opened.lost()?, blobs: HashSet::new() };
        if !gone.is_empty() {
            told.push(format!("the store has lost {} packs that the index names", gone.packs.len()));
        }
        match self.suspect(opened)? {
            None => {}
            Some(set) => match opened.damaged(&self.snapshot_of(opened, &set.id)?) {
                // What is stored now is read back whatever comes of this.
                Err(error) => {
                    told.push(format!("what is damaged of {} could not be seen to: {error}", set.id))
                }
                Ok(damaged) if damaged.is_empty() => self.prove_again(&set, told)?,
                Ok(damaged) => {
                    told.push(format!("{} pieces of {} are damaged", damaged.len(), set.id));
                    gone.blobs = damaged;
                }
            },
        }
        if gone.is_empty() {
            return Ok(());
        }
        told.extend(self.doubt(opened, &gone)?);
        if let Some(reason) = opened.unlist(&gone)? {
            told.push(format!(
                "no set can be stored whole until `csbackup repair` takes that out of the index, \
                 with credentials that may remove: {reason}"
            ));
        }
        Ok(())
    }

    /// The sets of which it was noted that they are not what was written.
    pub(crate) fn misread(&self, opened: &Opened) -> Result<Vec<StoredSet>, Error> {
        let sets = self.sets_of(opened)?.into_iter().flatten();
        Ok(sets.filter(|set| set.read_back() == Some(ReadBack::Bad)).collect())
    }

    /// What is damaged in the newest misread set would be taken for stored by the next backup. One that lacks what
    /// the index could tell was looked at before.
    fn suspect(&self, opened: &Opened) -> Result<Option<StoredSet>, Error> {
        let Some(set) = self.misread(opened)?.pop() else { return Ok(None) };
        let looked_at = set.notes.iter().rev().find_map(|note| match &note.body {
            NoteBody::ReadBack { detail, .. } => Some(detail.as_deref() == Some(LOOKED_AT)),
            _ => None,
        });
        if looked_at == Some(true) {
            return Ok(None);
        }
        let snapshot = self.snapshot_of(opened, &set.id)?;
        // A tree that is damaged tells nothing of its files, and is looked at.
        let lacks = opened.files(&snapshot).is_ok() && opened.lacks_data(&snapshot, &Gone::default())?;
        Ok((!lacks).then_some(set))
    }

    /// All data of a misread set can be read: is it that of its manifest? A later backup may have stored what it
    /// lacked.
    fn prove_again(&self, set: &StoredSet, told: &mut Vec<String>) -> Result<(), Error> {
        let mut good = true;
        for file in &set.manifest.files {
            let Some(path) = file.set_path() else { continue };
            let mut hash = blake3::Hasher::new();
            let read =
                self.open(set, &path).is_ok_and(|mut content| io::copy(&mut content, &mut hash).is_ok());
            if !read {
                return Ok(());
            }
            good &= hash.finalize().to_hex().as_str() == file.blake3;
        }
        let detail = (!good).then(|| LOOKED_AT.to_owned());
        self.note(set, NoteBody::ReadBack { good, extent: ReadExtent::Full, detail })?;
        if good {
            told.push(format!("{} is whole again: later backups have stored what it lacked", set.id));
        }
        Ok(())
    }

    /// The snapshot of a set; asked of the store only when it is not known yet, for it never changes.
    pub(crate) fn snapshot_of(&self, opened: &Opened, id: &SetId) -> Result<SnapshotFile, Error> {
        if let Some(known) = opened.known(id) {
            return Ok(known);
        }
        opened.snapshots()?;
        opened.known(id).ok_or_else(|| Error::NoSet { reason: format!("set {id} is not there") })
    }

    fn node_of(
        &self,
        set: &StoredSet,
        path: &SetPath,
    ) -> Result<(Arc<Opened>, rustic_core::repofile::Node), Error> {
        let opened = self.open_folder(&set.folder)?;
        opened.locks.for_reading();
        let snapshot = self.snapshot_of(&opened, &set.id)?;
        let files = opened.files(&snapshot)?;
        let node = files.get(path.as_str()).cloned().ok_or_else(|| Error::Io {
            doing: "read",
            path: PathBuf::from(format!("{}:{}/{}", opened.place, set.id, path.as_str())),
            source: io::ErrorKind::NotFound.into(),
        })?;
        Ok((opened, node))
    }
}

impl Medium for Repositories {
    fn location(&self) -> String {
        format!("repo:{}", self.location)
    }

    fn lock(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        Ok(Box::new(self.open_ca(&ca.name)?.lock(&Claim::run(ca))?))
    }

    fn lock_alone(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        let doing = format!("a removal of sets of `{ca}`");
        Ok(Box::new(self.open_ca(&ca.name)?.lock(&Claim::exclusive(doing))?))
    }

    fn sweep(&self, ca: &Authority) -> Result<Vec<String>, Error> {
        let opened = self.open_ca(&ca.name)?;
        let mut swept = opened.locks.sweep().map_err(|error| error.at(&opened.place))?;
        swept.extend(store::sweep_temporary(&self.location, &opened.folder)?);
        self.heal(&opened, &mut swept)?;
        Ok(swept)
    }

    fn sets(&self, ca: Option<&Authority>) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        if let Some(ca) = ca {
            return self.sets_of(&*self.open_ca(&ca.name)?);
        }
        if let Some(name) = &self.only {
            return self.sets_of(&*self.open_ca(name)?);
        }
        let mut sets = Vec::new();
        for folder in store::folders(&self.location, &self.options)? {
            // One that cannot be opened hides no other.
            let read = self.open_folder(&folder).and_then(|opened| self.sets_of(&opened));
            sets.extend(read.unwrap_or_else(|error| vec![Err(error)]));
        }
        Ok(sets)
    }

    fn load(&self, set: &StoredSet) -> Result<StoredSet, Error> {
        let opened = self.open_folder(&set.folder)?;
        // Not from memory: what the store has.
        opened.forget_known();
        let snapshots = opened.snapshots()?;
        let snapshot = self.snapshot_of(&opened, &set.id)?;
        let mut stored = self.set(&opened, &snapshot, &set.id)?;
        let noted = notes::by_set(&snapshots).remove(&set.id);
        stored.notes = noted.into_iter().flatten().map(|noted| noted.note).collect();
        Ok(stored)
    }

    fn begin(&self, ca: &Authority) -> Result<Box<dyn SetWriter + '_>, Error> {
        Ok(Box::new(RepositoryWriter::begin(self.open_ca(&ca.name)?)?))
    }

    fn open(&self, set: &StoredSet, path: &SetPath) -> Result<Box<dyn Read + Send>, Error> {
        let (opened, node) = self.node_of(set, path)?;
        Ok(Box::new(Streamed::new(opened.indexed()?, node)))
    }

    fn source(&self, set: &StoredSet, path: &SetPath) -> Result<SharedSource, Error> {
        let (opened, node) = self.node_of(set, path)?;
        let placed = Placed::new(opened.indexed()?, &node).map_err(|error| error.at(&opened.place))?;
        Ok(Box::new(placed))
    }

    /// Sets and notes are snapshots, whose names are hashes: to list them takes no key.
    fn stamp(&self, ca: &Authority) -> Result<Option<Stamp>, Error> {
        let folder = safe_name(&ca.name);
        let store = store::open(&self.location, &folder, &self.options)?;
        let listed = guard(|| {
            let listed = store.list_with_size(FileType::Snapshot);
            listed.map_err(|error| cause("list the snapshots", &error))
        });
        let listed = listed.map_err(|error| error.at(&self.place(&folder)))?;
        // Every repository has one that tells whose it is: opening says what is wrong here.
        let entries = listed.iter().map(|(id, size)| format!("{} {size}", id.to_hex().as_str()));
        Ok((!listed.is_empty()).then(|| Stamp::of(entries)))
    }

    fn append(&self, set: &StoredSet, note: Note) -> Result<(), Error> {
        let opened = self.open_folder(&set.folder)?;
        let snapshots = opened.snapshots()?;
        let found = snapshots.iter().find(|snapshot| writer::set_id(snapshot).as_ref() == Some(&set.id));
        let of = found.ok_or_else(|| Error::NoSet { reason: format!("set {} is not there", set.id) })?;
        let earlier = notes::by_set(&snapshots).remove(&set.id).unwrap_or_default();
        let number = earlier.last().map_or(0, |noted| noted.number + 1);
        let noted = notes::Noted { set: set.id.clone(), number, note };
        let mut snapshot =
            SnapshotFile { tree: of.tree, hostname: of.hostname.clone(), ..SnapshotFile::default() };
        snapshot.label.clone_from(&of.label);
        snapshot.paths.clone_from(&of.paths);
        snapshot.tags.add(notes::TAG.to_owned());
        snapshot.description = serde_json::to_string(&noted).ok();
        let written = snapshot.description.clone();
        opened.run("write a note", || opened.handle()?.save_snapshots(vec![snapshot]))?;
        // What the CA forgets depends on it.
        if opened.snapshots()?.iter().any(|snapshot| snapshot.description == written) {
            return Ok(());
        }
        Err(StoreError::new(StoreTrouble::Failed, "the store has lost a note it had taken").at(&opened.place))
    }

    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error> {
        for sets in sets.chunk_by(|a, b| a.folder == b.folder) {
            let Some(folder) = sets.first().map(|set| &set.folder) else { continue };
            let opened = self.open_folder(folder)?;
            upkeep::remove(&opened, &sets.iter().map(|set| &set.id).collect::<Vec<_>>())?;
            opened.forget_known();
        }
        Ok(())
    }
}
