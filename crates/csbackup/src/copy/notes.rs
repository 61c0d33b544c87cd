//! What is known of a set goes with it.

use crate::Error;
use crate::medium::{Medium, ReadBack, StoredSet};
use crate::note::{Note, NoteBody};

/// Appends to `copy`, in `to`, the notes of `set` that it does not have, as they are. How a set was read back
/// on one medium says nothing of another.
///
/// # Errors
/// The medium's.
pub(crate) fn carry_notes(set: &StoredSet, to: &dyn Medium, copy: &StoredSet) -> Result<(), Error> {
    let carried = |note: &Note| Note { copied: true, ..note.clone() };
    // The same can be noted more than once: a hold, its end, a hold.
    let mut there: Vec<Note> = copy.notes.iter().map(carried).collect();
    for note in &set.notes {
        let of_medium = match note.body {
            NoteBody::ReadBack { .. } | NoteBody::Copied { .. } | NoteBody::Unknown => true,
            // What was found wrong may be the medium's doing.
            NoteBody::Verified { .. } => set.read_back() == Some(ReadBack::Bad),
            _ => false,
        };
        if of_medium {
            continue;
        }
        let note = carried(note);
        match there.iter().position(|known| *known == note) {
            Some(position) => {
                there.swap_remove(position);
            }
            None => to.append(copy, note)?,
        }
    }
    Ok(())
}
