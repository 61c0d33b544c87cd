//! Legal holds.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::medium::StoredSet;
use crate::note::{Note, NoteBody};

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
    /// Each hold counts by itself, whatever is noted after it, until all are lifted: at this place, or by a
    /// later release that came with a copy. One whose end cannot be read does not end.
    pub fn hold(&self, now: OffsetDateTime) -> Option<Hold> {
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let lifts = |release: &Note, hold: &Note| {
            let later = || time(&release.at).zip(time(&hold.at)).is_some_and(|(r, h)| r >= h);
            release.body == NoteBody::Released && (!release.copied || later())
        };
        let holds = self.notes.iter().enumerate().filter_map(|(place, note)| match &note.body {
            NoteBody::Hold { reason, until } => {
                let mut later = self.notes.iter().skip(place);
                (!later.any(|release| lifts(release, note))).then_some((reason, until))
            }
            _ => None,
        });
        let ends = |until: &Option<String>| time(until.as_deref()?);
        let open = holds.filter(|(_, until)| ends(until).is_none_or(|end| now < end));
        let longest = open.max_by_key(|(_, until)| ends(until).map_or((1, None), |end| (0, Some(end))));
        longest.map(|(reason, until)| Hold { reason: reason.clone(), until: until.clone() })
    }
}
