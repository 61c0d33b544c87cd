//! Removing sets and notes.

use csbackup::{Error, SetId};
use rustic_core::repofile::{SnapshotFile, SnapshotId};

use crate::notes::Noted;
use crate::opened::Opened;
use crate::writer::set_id;

/// Removes sets in this order, each before its notes: a note without its set is swept, a set without its notes
/// would be taken for one that nobody has read back.
///
/// The library removes what it is given at once in any order, so it is given one thing at a time.
pub(crate) fn remove(opened: &Opened, sets: &[&SetId]) -> Result<(), Error> {
    let snapshots = opened.snapshots()?;
    for id in sets {
        let of_set = snapshots.iter().filter(|snapshot| set_id(snapshot).as_ref() == Some(*id));
        delete(opened, &of_set.map(|snapshot| snapshot.id).collect::<Vec<_>>())?;
        let notes = snapshots.iter().filter(|snapshot| note_of(snapshot).as_ref() == Some(*id));
        delete(opened, &notes.map(|snapshot| snapshot.id).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Notes whose set is not there.
pub(crate) fn orphaned_notes(snapshots: &[SnapshotFile]) -> Vec<SnapshotId> {
    let sets: Vec<SetId> = snapshots.iter().filter_map(set_id).collect();
    let orphaned = |snapshot: &&SnapshotFile| note_of(snapshot).is_some_and(|id| !sets.contains(&id));
    snapshots.iter().filter(orphaned).map(|snapshot| snapshot.id).collect()
}

/// Removes them, and says how many there were.
pub(crate) fn remove_orphaned_notes(opened: &Opened) -> Result<usize, Error> {
    let orphaned = orphaned_notes(&opened.snapshots()?);
    delete(opened, &orphaned)?;
    Ok(orphaned.len())
}

fn note_of(snapshot: &SnapshotFile) -> Option<SetId> {
    Noted::of(snapshot).map(|noted| noted.set)
}

fn delete(opened: &Opened, ids: &[SnapshotId]) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    opened.run("remove from the repository", || opened.handle()?.delete_snapshots(ids))
}
