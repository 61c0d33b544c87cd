//! Where sets are kept.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::Arc;

use certadm::Authority;
use serde::{Deserialize, Serialize};

use crate::manifest::{Manifest, SetId};
use crate::note::{DrillOutcome, DrillRecord, Note, NoteBody, ReadExtent};
use crate::source::SharedSource;
use crate::{Error, SetPath};

/// Keeps sets. A published set never changes; notes are appended beside it.
pub trait Medium {
    /// The place, for people.
    fn location(&self) -> String;

    /// Takes the lock of one CA; it is released on drop and with the process.
    ///
    /// # Errors
    /// [`Error::Locked`] names the holder.
    fn lock(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error>;

    /// As [`Medium::lock`], for removing sets: where several runs may go on beside each other, none does now.
    ///
    /// # Errors
    /// Those of [`Medium::lock`].
    fn lock_alone(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        self.lock(ca)
    }

    /// Removes what runs that died left unpublished, and says what in sentences. Only under the lock.
    ///
    /// # Errors
    /// The medium's.
    fn sweep(&self, ca: &Authority) -> Result<Vec<String>, Error>;

    /// All published sets, of one CA or of all. What cannot be read is an `Err` of its own.
    ///
    /// # Errors
    /// The medium cannot be listed at all.
    fn sets(&self, ca: Option<&Authority>) -> Result<Vec<Result<StoredSet, Error>>, Error>;

    /// Reads one set again, from the medium.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    fn load(&self, set: &StoredSet) -> Result<StoredSet, Error> {
        let mut sets = self.sets(Some(&set.manifest.ca.authority()))?.into_iter();
        let missing = || Error::NoSet { reason: format!("set {} is not there", set.id) };
        sets.find_map(|other| other.ok().filter(|other| other.id == set.id)).ok_or_else(missing)
    }

    /// Begins a set. Dropped without [`SetWriter::publish`] it leaves nothing that counts.
    ///
    /// # Errors
    /// The medium's.
    fn begin(&self, ca: &Authority) -> Result<Box<dyn SetWriter + '_>, Error>;

    /// Opens a file of a published set.
    ///
    /// # Errors
    /// The medium's.
    fn open(&self, set: &StoredSet, path: &SetPath) -> Result<Box<dyn Read + Send>, Error>;

    /// A file of a published set that can be read at any place.
    ///
    /// # Errors
    /// The medium's.
    fn source(&self, set: &StoredSet, path: &SetPath) -> Result<SharedSource, Error>;

    /// What the sets and notes of a CA can be recognised by, without reading them: where it is the same as
    /// before, so are they. `None` where that cannot be had cheaply.
    ///
    /// # Errors
    /// The medium cannot be listed.
    fn stamp(&self, _ca: &Authority) -> Result<Option<Stamp>, Error> {
        Ok(None)
    }

    /// Appends a note as it is; durable when it returns.
    ///
    /// # Errors
    /// The medium's.
    fn append(&self, set: &StoredSet, note: Note) -> Result<(), Error>;

    /// Appends a note that is made now.
    ///
    /// # Errors
    /// The medium's.
    fn note(&self, set: &StoredSet, body: NoteBody) -> Result<(), Error> {
        self.append(set, Note::now(body))
    }

    /// Removes sets with their notes, in this order: all of it, or the first ones. Their space comes
    /// back at once, or with the medium's next pruning.
    ///
    /// What may be removed is not judged here.
    ///
    /// # Errors
    /// The medium's.
    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error>;
}

/// A hash of the names (and where they can change, sizes and times) of all sets and notes of a CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(String);

impl Stamp {
    /// Of these entries, in any order.
    pub fn of(entries: impl IntoIterator<Item = String>) -> Self {
        let mut entries: Vec<String> = entries.into_iter().collect();
        entries.sort_unstable();
        let mut hash = blake3::Hasher::new();
        for entry in &entries {
            hash.update(&(entry.len() as u64).to_le_bytes()).update(entry.as_bytes());
        }
        Self(hash.finalize().to_hex().to_string())
    }
}

/// The lock of a CA, held until it is dropped.
pub trait Lock {}

impl<T: Lock> Lock for Arc<T> {}

/// A published set.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSet {
    /// Identity.
    pub id: SetId,
    /// What was stored.
    pub manifest: Manifest,
    /// What was learnt since.
    pub notes: Vec<Note>,
    /// Folder of the CA on the medium.
    pub folder: String,
}

impl StoredSet {
    /// Was everything read back with the recorded hashes, and did nothing worse come later?
    /// `None`: nobody has read back the whole of it yet.
    pub fn proven(&self) -> Option<bool> {
        match self.read_back()? {
            ReadBack::Whole => Some(true),
            ReadBack::Bad => Some(false),
            ReadBack::Sampled => None,
        }
    }

    /// What its readings amount to. A sample takes nothing back that a reading of the whole found.
    pub fn read_back(&self) -> Option<ReadBack> {
        self.notes.iter().fold(None, |known, note| match note.body {
            NoteBody::ReadBack { good: false, .. } => Some(ReadBack::Bad),
            NoteBody::ReadBack { good: true, extent: ReadExtent::Full, .. } => Some(ReadBack::Whole),
            NoteBody::ReadBack { good: true, .. } => known.or(Some(ReadBack::Sampled)),
            _ => known,
        })
    }

    /// The last drill, and when it was.
    pub fn drilled(&self) -> Option<(&str, &DrillRecord)> {
        self.notes.iter().rev().find_map(|note| match &note.body {
            NoteBody::Drilled(drill) if drill.of.is_none() => Some((note.at.as_str(), drill)),
            _ => None,
        })
    }

    /// The drills that failed and did not pass since: `None` of the set itself, else of one that continues it.
    pub(crate) fn failed_drills(&self) -> HashSet<Option<&SetId>> {
        let mut failed = HashSet::new();
        for note in &self.notes {
            let NoteBody::Drilled(drill) = &note.body else { continue };
            match drill.outcome {
                DrillOutcome::Failed => _ = failed.insert(drill.of.as_ref()),
                DrillOutcome::Passed => _ = failed.remove(&drill.of.as_ref()),
                // One that could not do all of it takes nothing back.
                DrillOutcome::Incomplete => {}
            }
        }
        failed
    }

    /// Was it left behind when the sets were copied to this place, and did not come there since?
    pub(crate) fn is_owed_to(&self, place: &str) -> bool {
        self.notes.iter().fold(false, |owed, note| match &note.body {
            NoteBody::Copied { place: other, good, .. } if other == place => !good,
            _ => owed,
        })
    }
}

/// What is known of a set's bytes on its medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// All of them are those that were written.
    Whole,
    /// Those of a sample are.
    Sampled,
    /// Some are not.
    Bad,
}

/// A set that is being written.
pub trait SetWriter {
    /// Begins a file of `size` bytes; one whose size nobody announced is held in memory where the
    /// medium has to know it beforehand. One file is open at a time.
    ///
    /// A sink that is dropped unfinished leaves its file out of the set.
    ///
    /// # Errors
    /// The medium's.
    fn create(&mut self, path: &SetPath, size: Option<u64>) -> Result<Box<dyn FileSink>, Error>;

    /// Gives the set its name, all or nothing; durable when it returns.
    ///
    /// # Errors
    /// The medium's. Then nothing is published.
    fn publish(self: Box<Self>, id: &SetId, manifest: &Manifest, bytes: &[u8]) -> Result<StoredSet, Error>;
}

/// A file that is being written.
pub trait FileSink: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// The system's.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Completes the file; durable when it returns.
    ///
    /// # Errors
    /// The system's.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
