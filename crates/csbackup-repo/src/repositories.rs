//! The medium: repositories of CAs below one location.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use bytesize::ByteSize;
use certadm::Authority;
use csbackup::manifest::FILE_NAME;
use csbackup::{
    Error, Lock, Manifest, Medium, Note, NoteBody, SetId, SetPath, SetWriter, SharedSource, StoreTrouble,
    StoredSet, safe_name,
};
use rustic_core::repofile::{Chunker, SnapshotFile};
use rustic_core::{BackupOptions, ConfigOptions, Credentials, KeyOptions, WriteBackend};

use crate::error::{StoreError, cause};
use crate::gate::Gate;
use crate::identity::{self, Identity};
use crate::keys::Password;
use crate::lock::Claim;
use crate::opened::{Opened, bare, guard};
use crate::reader::{Placed, Streamed};
use crate::store::{self, StoreOptions};
use crate::stream::{Source, entry};
use crate::writer::{self, RepositoryWriter};
use crate::{Location, notes};

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

/// Level of zstd. The library makes a compressor for each chunk: with level 3 the first backup takes 1.2
/// to 1.4 times as long, and 2 % less space (`benches/README.md`).
const COMPRESSION: i32 = 1;

fn init(
    store: &Arc<dyn WriteBackend>,
    password: &Password,
    identity: &Identity,
    database: u64,
) -> Result<(), StoreError> {
    let doing = "make the repository";
    let repo = bare(store).map_err(|error| cause(doing, &error))?;
    if repo.config_id().map_err(|error| cause(doing, &error))?.is_some() {
        return Err(StoreError::new(StoreTrouble::Exists, "there is a repository already"));
    }
    let config = ConfigOptions::default()
        .set_version(2_u32)
        .set_chunker(Chunker::FixedSize)
        .set_chunk_size(ByteSize(identity::chunk_size_for(database)))
        .set_compression(COMPRESSION);
    let credentials = Credentials::password(password.reveal());
    let repo =
        repo.init(&credentials, &KeyOptions::default(), &config).map_err(|error| cause(doing, &error))?;
    let repo = repo.to_indexed_ids().map_err(|error| cause(doing, &error))?;

    let text = identity.readme();
    let gate = Arc::new(Gate::default());
    let (pushed, entries) = entry("README.txt".as_ref(), text.len() as u64, &gate);
    let (send, from) = sync_channel(entries.len());
    for entry in entries {
        let _ = send.send(entry);
    }
    drop(send);
    let (_, finished) = (pushed.write(text.as_bytes()), std::thread::spawn(move || pushed.finish()));
    let mut snapshot = SnapshotFile::default();
    snapshot.label.clone_from(&identity.ca);
    snapshot.tags.add(identity::TAG.to_owned());
    snapshot.description = serde_json::to_string(identity).ok();
    let mut options = BackupOptions::default();
    options.parent_opts.force = true;
    let paths = [PathBuf::from(writer::PATH)];
    let stored = repo.archive(&options, &Source::new(from), snapshot, &paths);
    let _ = finished.join();
    stored.map(drop).map_err(|error| cause(doing, &error))
}

impl Repositories {
    fn set(&self, opened: &Opened, snapshot: &SnapshotFile, id: &SetId) -> Result<StoredSet, Error> {
        let unreadable = |reason: String| Error::Manifest {
            path: PathBuf::from(format!("{}:{id}/{FILE_NAME}", opened.place)),
            reason,
        };
        let key = snapshot.id.to_hex().as_str().to_owned();
        let known = opened.manifests.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let bytes: Arc<[u8]> = match known {
            Some(bytes) => bytes,
            None => {
                let read = opened.root_file(snapshot, FILE_NAME)?;
                let bytes: Arc<[u8]> = read.ok_or_else(|| unreadable("is not there".to_owned()))?.into();
                opened.manifests.lock().unwrap_or_else(PoisonError::into_inner).insert(key, bytes.clone());
                bytes
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
        let mut sets: Vec<_> = snapshots
            .iter()
            .filter_map(|snapshot| Some((snapshot, writer::set_id(snapshot)?)))
            .map(|(snapshot, id)| {
                let mut set = self.set(opened, snapshot, &id)?;
                set.notes = notes::of_set(snapshots.iter(), &id);
                Ok(set)
            })
            .collect();
        sets.sort_by_key(|set| set.as_ref().map_or(0, |set| set.manifest.sequence));
        Ok(sets)
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
        opened.locks.for_reading().map_err(|error| error.at(&opened.place))?;
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

    fn sweep(&self, ca: &Authority) -> Result<Vec<String>, Error> {
        let opened = self.open_ca(&ca.name)?;
        let mut swept = opened.locks.sweep().map_err(|error| error.at(&opened.place))?;
        swept.extend(store::sweep_temporary(&self.location, &opened.folder)?);
        let lost = opened.heal()?;
        let told = format!(
            "the store has lost {lost} packs that the index names: what was in them is stored again, sets that need \
             them are damaged until then; run `csbackup check`"
        );
        swept.extend(Some(told).filter(|_| lost > 0));
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
            sets.extend(self.sets_of(&*self.open_folder(&folder)?)?);
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
        stored.notes = notes::of_set(snapshots.iter(), &set.id);
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

    fn note(&self, set: &StoredSet, body: NoteBody) -> Result<(), Error> {
        let opened = self.open_folder(&set.folder)?;
        let snapshots = opened.snapshots()?;
        let found = snapshots.iter().find(|snapshot| writer::set_id(snapshot).as_ref() == Some(&set.id));
        let of = found.ok_or_else(|| Error::NoSet { reason: format!("set {} is not there", set.id) })?;
        let number = notes::of_set(snapshots.iter(), &set.id).len();
        let noted = notes::Noted { set: set.id.clone(), number, note: Note::now(body) };
        let mut snapshot =
            SnapshotFile { tree: of.tree, hostname: of.hostname.clone(), ..SnapshotFile::default() };
        snapshot.label.clone_from(&of.label);
        snapshot.paths.clone_from(&of.paths);
        snapshot.tags.add(notes::TAG.to_owned());
        snapshot.description = serde_json::to_string(&noted).ok();
        opened.run("write a note", || opened.handle()?.save_snapshots(vec![snapshot]))
    }

    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error> {
        for set in sets {
            let opened = self.open_folder(&set.folder)?;
            let snapshots = opened.snapshots()?;
            let of_set =
                snapshots.iter().filter(|snapshot| writer::set_id(snapshot).as_ref() == Some(&set.id));
            let notes = snapshots
                .iter()
                .filter(|snapshot| notes::Noted::of(snapshot).is_some_and(|noted| noted.set == set.id));
            // The set first: a note without its set is swept.
            let ids: Vec<_> = of_set.chain(notes).map(|snapshot| snapshot.id).collect();
            opened.run("remove the set", || opened.handle()?.delete_snapshots(&ids))?;
        }
        Ok(())
    }
}
