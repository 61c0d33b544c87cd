//! Writing a set: one snapshot, published when every file is proven to be in it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use csbackup::manifest::{FILE_NAME, Kind};
use csbackup::{Error, FileSink, Manifest, SetId, SetPath, SetWriter, StoreTrouble, StoredSet};
use rustic_core::repofile::SnapshotFile;
use rustic_core::{BackupOptions, StringList};

use crate::error::{StoreError, cause};
use crate::gate::{Gate, Gated};
use crate::lock::RepositoryLock;
use crate::opened::{Opened, guard};
use crate::stream::{Entry, Pushed, Source, entry};

/// Tag of every set.
pub(crate) const TAG: &str = "adcs";

/// Path of the snapshots, for restic's grouping.
pub(crate) const PATH: &str = "/csbackup";

/// The folder whose files go straight in. Those of the others are few and small: they are held in
/// memory until the end, because the library wants the files of a folder together.
const STREAMED: &str = "DataBase/";

type Held = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A set that is being written.
pub(crate) struct RepositoryWriter {
    opened: Arc<Opened>,
    gate: Arc<Gate>,
    entries: Option<SyncSender<Entry>>,
    archive: Option<JoinHandle<Result<SnapshotFile, StoreError>>>,
    held: Held,
    lock: Arc<RepositoryLock>,
}

impl RepositoryWriter {
    pub(crate) fn begin(opened: Arc<Opened>) -> Result<Self, Error> {
        let lock = opened.locks.held_or_taken("a program that writes");
        let lock = lock.map_err(|error| error.at(&opened.place))?;
        let gate = Arc::new(Gate::default());
        let gated = Gated::behind(&gate, &lock, &opened.store);
        let repo = opened.run("read the index", || opened.handle_on(&gated)?.to_indexed_ids())?;
        let (entries, from) = sync_channel(2);
        let archive = thread::spawn(move || {
            let mut options = BackupOptions::default();
            // A file of the same size and time would not be read at all (storage.md section 4, trap 2).
            options.parent_opts.force = true;
            options.no_scan = true;
            let source = Source::new(from);
            let paths = [PathBuf::from(PATH)];
            guard(|| {
                let stored = repo.archive(&options, &source, SnapshotFile::default(), &paths);
                stored.map_err(|error| cause("store the set", &error))
            })
        });
        let (entries, archive) = (Some(entries), Some(archive));
        Ok(Self { opened, gate, entries, archive, held: Held::default(), lock })
    }

    /// Names the next file to the library.
    fn push(&self, path: &Path, size: u64) -> Result<Pushed, StoreError> {
        let (pushed, [file, filler]) = entry(path, size, &self.gate);
        let entries = self.entries.as_ref();
        let sent = entries.and_then(|entries| {
            entries.send(file).ok()?;
            entries.send(filler).ok()
        });
        sent.map(|()| pushed).ok_or_else(|| given_up(&self.gate))
    }

    /// Puts a file that is in memory into the snapshot.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let pushed = self.push(Path::new(path), bytes.len() as u64)?;
        for piece in bytes.chunks(1 << 20) {
            pushed.write(piece).ok_or_else(|| given_up(&self.gate))?;
        }
        pushed.finish().ok_or_else(|| given_up(&self.gate))?;
        self.gate.given(bytes.len() as u64);
        Ok(())
    }

    /// Ends the listing and waits for the library; then the gate speaks.
    fn complete(&mut self, manifest: &[u8]) -> Result<SnapshotFile, StoreError> {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        let (streamed, others): (Vec<_>, Vec<_>) =
            held.iter().partition(|(path, _)| path.starts_with(STREAMED));
        for (path, bytes) in streamed.into_iter().chain(others) {
            self.put(path, bytes)?;
        }
        self.put(FILE_NAME, manifest)?;
        self.entries = None;
        let failed = || Err(StoreError::new(StoreTrouble::Failed, "the repository library gave up"));
        let stored =
            self.archive.take().map_or_else(failed, |thread| thread.join().unwrap_or_else(|_| failed()));
        // What the store said is nearer to the cause than what the library made of it.
        let snapshot = stored.map_err(|error| self.gate.failure().unwrap_or(error))?;
        let counted = snapshot.summary.as_ref();
        let counted = counted.map_or((0, 0), |s| (s.total_files_processed, s.total_bytes_processed));
        self.gate.verdict(counted)?;
        Ok(snapshot)
    }
}

fn given_up(gate: &Gate) -> StoreError {
    let unknown = || StoreError::new(StoreTrouble::Failed, "the repository library does not take the file");
    gate.failure().unwrap_or_else(unknown)
}

impl SetWriter for RepositoryWriter {
    fn create(&mut self, path: &SetPath, size: Option<u64>) -> Result<Box<dyn FileSink>, Error> {
        let gate = self.gate.clone();
        match size.filter(|_| path.as_str().starts_with(STREAMED)) {
            Some(size) => {
                let pushed = self.push(Path::new(path.as_str()), size);
                let pushed = pushed.map_err(|error| error.at(&self.opened.place))?;
                Ok(Box::new(StreamSink { pushed, gate, written: 0 }))
            }
            None => {
                let (path, held) = (path.as_str().to_owned(), self.held.clone());
                Ok(Box::new(HeldSink { path, held, bytes: Vec::new() }))
            }
        }
    }

    fn publish(
        mut self: Box<Self>,
        id: &SetId,
        manifest: &Manifest,
        bytes: &[u8],
    ) -> Result<StoredSet, Error> {
        let opened = self.opened.clone();
        let mut snapshot = self.complete(bytes).map_err(|error| error.at(&opened.place))?;
        // Without the lock somebody may have pruned what was stored.
        self.lock.held().map_err(|error| error.at(&opened.place))?;
        snapshot.hostname.clone_from(&manifest.ca.host);
        snapshot.label.clone_from(&manifest.ca.name);
        snapshot.program_version.clone_from(&manifest.tool);
        snapshot.tags = tags(id, manifest);
        // Here too: sets are listed without their packs, and a set whose packs are lost is known for what it was.
        snapshot.description = String::from_utf8(bytes.to_vec()).ok();
        opened.run("publish the set", || opened.handle()?.save_snapshots(vec![snapshot]))?;
        opened.changed();
        Ok(StoredSet {
            id: id.clone(),
            manifest: manifest.clone(),
            notes: Vec::new(),
            folder: opened.folder.clone(),
        })
    }
}

impl Drop for RepositoryWriter {
    fn drop(&mut self) {
        self.gate.close();
        self.entries = None;
        if let Some(archive) = self.archive.take() {
            // What it stored is referenced by nothing and goes with the next pruning.
            let _ = archive.join();
            self.opened.changed();
        }
    }
}

/// The tags of a set.
pub(crate) fn tags(id: &SetId, manifest: &Manifest) -> StringList {
    let kind = match manifest.kind {
        Kind::Full => "full",
        Kind::Incremental => "incr",
    };
    let mut tags = vec![TAG.to_owned(), kind.to_owned(), format!("set:{id}")];
    tags.push(format!("timeline:{}", manifest.timeline));
    tags.extend(manifest.base.as_ref().map(|base| format!("base:{base}")));
    let mut list = StringList::default();
    tags.into_iter().for_each(|tag| list.add(tag));
    list
}

/// The set whose snapshot this is.
pub(crate) fn set_id(snapshot: &SnapshotFile) -> Option<SetId> {
    if !snapshot.tags.contains(TAG) {
        return None;
    }
    snapshot.tags.iter().find_map(|tag| SetId::parse(tag.strip_prefix("set:")?))
}

/// A file on its way into the repository.
struct StreamSink {
    pushed: Pushed,
    gate: Arc<Gate>,
    written: u64,
}

impl FileSink for StreamSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pushed.write(bytes).ok_or_else(|| given_up(&self.gate).into_io())?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { pushed, gate, written } = *self;
        pushed.finish().ok_or_else(|| given_up(&gate).into_io())?;
        gate.given(written);
        Ok(())
    }
}

/// A file that waits in memory for its folder's turn.
struct HeldSink {
    path: String,
    held: Held,
    bytes: Vec<u8>,
}

impl FileSink for HeldSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { path, held, bytes } = *self;
        held.lock().unwrap_or_else(PoisonError::into_inner).insert(path, bytes);
        Ok(())
    }
}
