//! Opens the database of a set or a folder to look inside.

mod past;

use std::fmt;
use std::path::Path;

use ca_database::{CaDatabase, OpenError};
use serde::Serialize;

use crate::index::IndexKey;
use crate::manifest::{Content, SetId};
use crate::medium::{Medium, StoredSet};
use crate::place::{Folder, FolderFile};
use crate::source::{FileSource, SharedSource};
use crate::{Catalogue, Error, Recovered};

pub use past::{Past, look_at, look_at_folder};

/// A database of a CA to look into.
pub struct Look {
    /// Its tables.
    pub database: CaDatabase<SharedSource>,
    /// What it is of.
    pub state: LookState,
    /// What its index is kept under, when it is the database of a set.
    pub key: Option<IndexKey>,
}

/// Where a database is from, and which changes it does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookState {
    /// Id of the set, or the path.
    pub place: String,
    /// The full backup whose database this is, or was recovered from, when it is not that of the set itself.
    pub base: Option<SetId>,
    /// Shut down cleanly: nothing is missing, and all pages are of one moment.
    pub consistent: bool,
    /// When the backup began, for a streamed copy.
    pub streamed: Option<String>,
    /// First and last generation of the logs whose changes are not in the database.
    pub not_replayed: Option<[u32; 2]>,
    /// How far the logs were replayed, where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Recovered>,
}

impl fmt::Display for LookState {
    /// What must be known before the rows are believed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(recovered) = &self.recovered {
            let from = self.base.as_ref().map(|base| format!(" from the database of {base}"));
            let position = recovered.position.as_deref().unwrap_or("no log record");
            let end = recovered.complete_to.as_ref().map(|time| format!(", complete to {time}"));
            write!(f, "as recovered{} to {position}{}", from.unwrap_or_default(), end.unwrap_or_default())?;
            let lost = recovered.lost.as_ref().map(|lost| lost.generations);
            return lost.map_or(Ok(()), |[low, high]| {
                write!(f, "; changes in logs 0x{low:x}-0x{high:x} ARE MISSING: they could not be replayed")
            });
        }
        if let Some(base) = &self.base {
            write!(f, "{} has only logs, this is the database of {base}; ", self.place)?;
        }
        match &self.streamed {
            _ if self.consistent => f.write_str("as shut down cleanly")?,
            Some(time) => write!(f, "as streamed at {time}")?,
            None => f.write_str("as a running CA left it")?,
        }
        match self.not_replayed {
            Some([low, high]) if low == high => write!(f, "; changes in log 0x{low:x} are not replayed"),
            Some([low, high]) => write!(f, "; changes in logs 0x{low:x}-0x{high:x} are not replayed"),
            None => Ok(()),
        }
    }
}

impl LookState {
    /// Is there anything to say beside the rows?
    pub fn is_notable(&self) -> bool {
        !self.consistent || self.base.is_some() || self.recovered.is_some()
    }

    fn of(
        place: &str,
        base: Option<&SetId>,
        database: &CaDatabase<SharedSource>,
        last_log: Option<u32>,
    ) -> Self {
        let header = database.database().header();
        let required = header.and_then(|header| header.requires_logs());
        let not_replayed = required.map(|(low, high)| {
            let committed = header.map_or(0, |header| header.committed.0);
            [low.0, high.0.max(committed).max(last_log.unwrap_or(0))]
        });
        let backup = header.filter(|header| header.is_backup_copy()).map(|header| header.full_cur);
        Self {
            place: place.to_owned(),
            base: base.cloned(),
            consistent: !database.database().is_dirty(),
            streamed: backup.filter(|backup| backup.is_set()).map(|backup| backup.time.to_string()),
            not_replayed,
            recovered: None,
        }
    }
}

/// Opens the database of a stored set; of an increment, that of the full backup it builds on.
///
/// # Errors
/// The set has no database of a CA, its base is not here, or it cannot be read.
pub fn look_into_set(medium: &dyn Medium, catalogue: &Catalogue, set: &StoredSet) -> Result<Look, Error> {
    let chain = catalogue.chain(set)?;
    let full = *chain.first().unwrap_or(&set);
    let last_log = chain.iter().filter_map(|set| set.manifest.generations()).map(|(_, high)| high).max();
    let mut failure = None;
    for file in full.manifest.files.iter().filter(|file| file.content == Content::Database) {
        let Some(path) = file.set_path() else { continue };
        match CaDatabase::open(medium.source(full, &path)?) {
            Ok(database) => {
                let base = (full.id != set.id).then_some(&full.id);
                let state = LookState::of(set.id.as_str(), base, &database, last_log);
                return Ok(Look { database, state, key: IndexKey::of(full) });
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failed(set.id.as_str(), failure))
}

/// Opens the database of a folder (a `certutil` backup, a CA's own, any other) or a single database file.
///
/// # Errors
/// There is no database of a CA, or it cannot be read.
pub fn look_into_folder(path: &Path) -> Result<Look, Error> {
    let folder = Folder::open(path)?;
    let place = path.display().to_string();
    let files = |content| folder.files.iter().filter(move |file: &&FolderFile| file.content == content);
    let generation = |file: &FolderFile| ese::log_generation_of_name(&file.name)?.generation;
    let last_log = files(Content::Log).filter_map(generation).map(|generation| generation.0).max();
    let mut failure = None;
    for file in files(Content::Database) {
        let source: SharedSource = Box::new(FileSource::open(&file.path)?);
        match CaDatabase::open(source) {
            Ok(database) => {
                let state = LookState::of(&place, None, &database, last_log);
                return Ok(Look { database, state, key: None });
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failed(&place, failure))
}

fn failed(place: &str, failure: Option<OpenError>) -> Error {
    match failure {
        Some(source) => Error::Database { place: place.to_owned(), source },
        None => Error::NoSet { reason: format!("`{place}` holds no database, only logs") },
    }
}
