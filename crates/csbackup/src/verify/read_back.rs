//! Was it stored as it was written?

use super::sample::{Wrong, sample};
use super::{compare, scan};
use crate::check::Check;
use crate::manifest::{DatabaseFacts, FileEntry};
use crate::medium::{Medium, StoredSet};
use crate::note::ReadExtent;
use crate::{Error, Observer, SetPath};

/// Reads a set back from the medium and compares it with the manifest.
///
/// The manifest is read first: without it nobody finds the rest again.
pub(crate) fn read_back(
    medium: &dyn Medium,
    set: &StoredSet,
    extent: ReadExtent,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let stored = medium.load(set)?;
    if stored.manifest != set.manifest {
        let (set, path) = (set.id.to_string(), crate::manifest::FILE_NAME.to_owned());
        return Err(Error::ReadBack { set, path, what: "is not the manifest that was written".to_owned() });
    }
    for entry in &stored.manifest.files {
        let path =
            entry.set_path().ok_or_else(|| differs(set, entry, "is no path inside the set".to_owned()))?;
        // Where the CA's own pages are damaged, a bad page is no sign of a bad medium.
        let sampled = entry.database().filter(|_| extent == ReadExtent::Sample && entry.findings.is_empty());
        match sampled {
            Some(facts) => read_sample(medium, set, entry, &path, facts, observer)?,
            None => read_file(medium, set, entry, &path, observer)?,
        }
    }
    Ok(())
}

fn read_file(
    medium: &dyn Medium,
    set: &StoredSet,
    entry: &FileEntry,
    path: &SetPath,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let reader = medium.open(set, path).map_err(|error| missing(set, entry, error))?;
    let mut scanned = scan(reader, Check::None, true, observer)?;
    // What a medium itself knows to be damaged is a misread, not a medium that cannot be read today.
    if let Some(source) = scanned.error.take_if(|error| error.kind() != std::io::ErrorKind::InvalidData) {
        return Err(Error::Io { doing: "read back", path: entry.path.clone().into(), source });
    }
    compare(entry, &scanned).map_or(Ok(()), |finding| Err(differs(set, entry, finding.text)))
}

fn read_sample(
    medium: &dyn Medium,
    set: &StoredSet,
    entry: &FileEntry,
    path: &SetPath,
    facts: &DatabaseFacts,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let source = medium.source(set, path).map_err(|error| missing(set, entry, error))?;
    match sample(&source, entry.size, facts, observer)? {
        Ok(()) => Ok(()),
        Err(Wrong::Content(text)) => Err(differs(set, entry, text)),
        // Why it cannot be read is told by reading it as a stream only.
        Err(Wrong::Source) => read_file(medium, set, entry, path, observer),
    }
}

/// What reading back says of a file of the set.
fn differs(set: &StoredSet, entry: &FileEntry, what: String) -> Error {
    Error::ReadBack { set: set.id.to_string(), path: entry.path.clone(), what }
}

fn missing(set: &StoredSet, entry: &FileEntry, error: Error) -> Error {
    match error {
        Error::Io { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            differs(set, entry, "is not there".to_owned())
        }
        error => error,
    }
}
