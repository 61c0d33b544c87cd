//! What is learnt of a set later: each note is a snapshot of its own with the set's tree.
//!
//! A restic repository has no other place that every store keeps. The tree is the set's, so that
//! whichever snapshot somebody restores with restic, it is a set.

use std::collections::BTreeMap;

use csbackup::{Note, SetId};
use rustic_core::repofile::SnapshotFile;
use serde::{Deserialize, Serialize};

/// Tag of a note: followed by the set's id.
pub(crate) const TAG: &str = "csbackup-note";

/// The description of a note's snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Noted {
    /// The set.
    pub(crate) set: SetId,
    /// One more than the highest of the notes that were known before: the order, whatever the clocks say.
    pub(crate) number: usize,
    /// What was learnt.
    pub(crate) note: Note,
}

impl Noted {
    pub(crate) fn of(snapshot: &SnapshotFile) -> Option<Self> {
        if !snapshot.tags.contains(TAG) {
            return None;
        }
        serde_json::from_str(snapshot.description.as_deref()?).ok()
    }
}

/// The notes of all sets, each set's in their order.
pub(crate) fn by_set(snapshots: &[SnapshotFile]) -> BTreeMap<SetId, Vec<Noted>> {
    let mut noted: Vec<_> =
        snapshots.iter().filter_map(|snapshot| Some((Noted::of(snapshot)?, &snapshot.time))).collect();
    noted.sort_by(|(a, at), (b, bt)| a.number.cmp(&b.number).then(at.cmp(bt)));
    let mut notes = BTreeMap::<_, Vec<_>>::new();
    for (noted, _) in noted {
        notes.entry(noted.set.clone()).or_default().push(noted);
    }
    notes
}
