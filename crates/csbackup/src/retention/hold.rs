//! Legal holds.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::medium::StoredSet;
use crate::note::NoteBody;

/// A hold that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub reason: String,
    /// When it ends, RFC 3339; `None`: it stays until it is lifted.
    pub until: Option<String>,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.until {
            Some(until) => write!(f, "on hold until {until}: {}", self.reason),
            None => write!(f, "on hold: {}", self.reason),
        }
    }
}

impl StoredSet {
    /// The hold that keeps this set at a time; of several the one that lasts longest.
    ///
    /// Each hold counts by itself, whatever is noted after it, until all are lifted. One whose end cannot be
    /// read does not end.
    pub fn hold(&self, now: OffsetDateTime) -> Option<Hold> {
        let notes = self.notes.iter().rev().map(|note| &note.body);
        let in_force = notes.take_while(|body| !matches!(body, NoteBody::Released));
        let holds = in_force.filter_map(|body| match body {
            NoteBody::Hold { reason, until } => Some((reason, until)),
            _ => None,
        });
        let ends = |until: &Option<String>| OffsetDateTime::parse(until.as_deref()?, &Rfc3339).ok();
        let open = holds.filter(|(_, until)| ends(until).is_none_or(|end| now < end));
        let longest = open.max_by_key(|(_, until)| ends(until).map_or((1, None), |end| (0, Some(end))));
        longest.map(|(reason, until)| Hold { reason: reason.clone(), until: until.clone() })
    }
}
