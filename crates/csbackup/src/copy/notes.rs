//! What is known of a set goes with it.

use crate::Error;
use crate::medium::{Medium, ReadBack, StoredSet};
use crate::note::NoteBody;

/// Appends to `copy`, in `to`, the notes of `set` that it does not have. How a set was read back on one
/// medium says nothing of another.
///
/// # Errors
/// The medium's.
pub(crate) fn carry_notes(set: &StoredSet, to: &dyn Medium, copy: &StoredSet) -> Result<(), Error> {
    // The same can be noted more than once: a hold, its end, a hold.
    let mut there: Vec<&NoteBody> = copy.notes.iter().map(|note| &note.body).collect();
    for note in &set.notes {
        let of_medium = match note.body {
            NoteBody::ReadBack { .. } | NoteBody::Unknown => true,
            // What was found wrong may be the medium's doing.
            NoteBody::Verified { .. } => set.read_back() == Some(ReadBack::Bad),
            _ => false,
        };
        if of_medium {
            continue;
        }
        match there.iter().position(|body| **body == note.body) {
            Some(position) => {
                there.swap_remove(position);
            }
            None => to.note(copy, note.body.clone())?,
        }
    }
    Ok(())
}
