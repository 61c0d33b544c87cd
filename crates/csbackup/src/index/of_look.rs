//! The index of what is looked into.

use std::path::Path;

use ese::PageSource as _;

use ca_database::Cause;

use super::{Index, IndexBuilder};
use crate::source::SharedSource;
use crate::{Error, Look, Observer, Step};

/// The index of a set that is looked into: the one in `cache`, or else a new one.
///
/// `None` where there can be none: the database is of no set, or of a damaged one, of which only the
/// database itself can say what is missing.
///
/// # Errors
/// The index cannot be written, or cancellation. The database is as good without.
pub fn index_of(look: &Look, cache: &Path, observer: &dyn Observer) -> Result<Option<Index>, Error> {
    let Some(key) = &look.key else { return Ok(None) };
    if let Some(index) = Index::open(cache, key) {
        return Ok(Some(index));
    }
    let database = &look.database;
    if !database.database().catalog_errors().is_empty() || !database.missing_tables().is_empty() {
        return Ok(None);
    }
    observer.step(&Step::Indexing);
    let mut builder = IndexBuilder::new(cache, key.clone())?;
    // What changed while it was copied is counted; damage is not for an index.
    macro_rules! add {
        ($rows:expr, $add:ident, $summary:expr) => {
            for row in $rows {
                if observer.cancelled() {
                    return Err(Error::Cancelled);
                }
                match row.map($summary) {
                    Ok(row) if row.error.as_ref().is_none_or(|error| error.cause != Cause::Damage) => {
                        builder.$add(&row)?
                    }
                    Err(lost) if lost.in_motion => builder.lost(),
                    _ => return Ok(None),
                }
            }
        };
    }
    add!(database.certificates(), certificate, |row| row.summary);
    add!(database.requests(), request, |row| row);
    add!(database.crls(), crl, |row| row.summary);
    if hash(look.database.database().source(), observer)? != key.database {
        // Not the database that the set was stored with: its rows are told, and not kept.
        return Ok(None);
    }
    builder.finish()?;
    Ok(Index::open(cache, key))
}

/// BLAKE3 of a whole database.
fn hash(source: &SharedSource, observer: &dyn Observer) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < source.size() {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let length = (source.size() - at).min(buffer.len() as u64);
        let piece = buffer.get_mut(..length as usize).unwrap_or_default();
        if source.read_at(at, piece).is_err() {
            return Ok(String::new());
        }
        hasher.update(piece);
        at += length;
    }
    Ok(hasher.finalize().to_hex().to_string())
}
