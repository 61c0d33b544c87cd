//! What the parts of a medium share: archives that are open, their frames, and the keys of this run.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use csbackup::SetId;

use crate::keys::Identities;
use crate::opened::Archive;

/// Archives that stay open. Those still in use live on without their place here.
const OPEN: usize = 8;

/// Frames in memory: 32 MiB.
const FRAMES: usize = 128;

/// Folder of a CA, and a set in it.
pub(crate) type Place = (String, SetId);

/// Shared by a medium, its writers and its locks.
#[derive(Default)]
pub(crate) struct Shelf {
    own: Mutex<HashMap<Place, Arc<Identities>>>,
    opened: Mutex<VecDeque<(Place, Arc<Archive>)>>,
    frames: Arc<Frames>,
}

impl Shelf {
    /// Remembers the key that this run added for itself, until the run's lock is released.
    pub(crate) fn lend(&self, place: Place, own: Identities) {
        guard(&self.own).insert(place, Arc::new(own));
    }

    /// The key of this run's own to a set.
    pub(crate) fn own(&self, place: &Place) -> Option<Arc<Identities>> {
        guard(&self.own).get(place).cloned()
    }

    /// Forgets the keys to the sets of a CA and what was read with them. Keys are wiped when dropped.
    pub(crate) fn give_back(&self, folder: &str) {
        guard(&self.own).retain(|place, _| place.0 != folder);
        guard(&self.opened).retain(|(place, _)| place.0 != folder);
        guard(&self.frames.recent).clear();
    }

    pub(crate) fn opened(&self, place: &Place) -> Option<Arc<Archive>> {
        guard(&self.opened).iter().find(|(known, _)| known == place).map(|(_, archive)| archive.clone())
    }

    pub(crate) fn keep(&self, place: Place, archive: Arc<Archive>) {
        let mut opened = guard(&self.opened);
        opened.push_back((place, archive));
        if opened.len() > OPEN {
            opened.pop_front();
        }
    }

    /// The next opening reads the medium again.
    pub(crate) fn close(&self, place: &Place) {
        guard(&self.opened).retain(|(known, _)| known != place);
    }

    pub(crate) fn frames(&self) -> Arc<Frames> {
        self.frames.clone()
    }
}

/// The frames that were read last, of all archives.
#[derive(Default)]
pub(crate) struct Frames {
    recent: Mutex<VecDeque<(Key, Arc<[u8]>)>>,
}

/// An opening of an archive, and a frame of it.
type Key = (u64, usize);

impl Frames {
    pub(crate) fn get(&self, key: Key) -> Option<Arc<[u8]>> {
        let mut recent = guard(&self.recent);
        let position = recent.iter().position(|(known, _)| *known == key)?;
        let found = recent.remove(position)?;
        let frame = found.1.clone();
        recent.push_back(found);
        Some(frame)
    }

    pub(crate) fn keep(&self, key: Key, frame: Arc<[u8]>) {
        let mut recent = guard(&self.recent);
        recent.push_back((key, frame));
        if recent.len() > FRAMES {
            recent.pop_front();
        }
    }
}

pub(crate) fn guard<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
