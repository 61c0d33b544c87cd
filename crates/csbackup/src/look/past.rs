//! Looks at a database as it was at a point in time: a full backup with its logs replayed on a scratch file.

use std::path::Path;
use std::sync::Arc;

use super::{Look, look_into_folder};
use crate::manifest::{Content, FindingEntry, SetId, Severity};
use crate::medium::{Medium, StoredSet};
use crate::place::Folder;
use crate::recover::{History, Recovery, Scratch, Supply, Until, recover};
use crate::{Catalogue, Error, Observer};

/// A database as it was at a point in time.
pub struct Past {
    /// The database; `None` where none could be made, which the findings explain. It has no index: that of
    /// its set has other rows.
    pub look: Option<Look>,
    /// What is wrong with database and logs. Where [`crate::Recovered::lost`] says so, the rows are older than
    /// those that were asked for.
    pub findings: Vec<FindingEntry>,
}

impl Past {
    /// The worst of the findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Looks at the database of a set's CA as it was at a point in time.
///
/// [`Until::End`] is where the logs of the set and of those that it continues end. Any other point may lie
/// anywhere between the backups of its log stream: the newest full backup that is consistent by then is taken,
/// and the logs of all good sets that are of the same history. `scratch` is a folder with room for the database;
/// the file there has no name.
///
/// # Errors
/// A point that no set reaches, or that only another history has; a place that cannot be read or written;
/// cancellation.
pub fn look_at(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    until: Until,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<Past, Error> {
    if until == Until::End {
        let base = catalogue.chain(set)?.first().filter(|base| base.id != set.id).map(|base| &base.id);
        return look(&Supply::of_set(medium, catalogue, set)?, base, until, scratch, observer);
    }
    let history = History::of(catalogue, set)?;
    let way = history.way(until)?;
    let base = (way.base.id != set.id).then_some(&way.base.id);
    let supply = history.supply(medium, &way)?;
    look(&supply, base, Until::Generation(way.last), scratch, observer)
}

/// Looks at the database of a folder, or at a single database, as it was at a point in time.
///
/// # Errors
/// As [`look_at`]; the logs that the database needs are not there.
pub fn look_at_folder(
    path: &Path,
    until: Until,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<Past, Error> {
    let plain = look_into_folder(path)?;
    let place = &plain.state.place;
    let Some([low, high]) = plain.state.not_replayed else {
        if until == Until::End {
            return Ok(Past { look: Some(plain), findings: Vec::new() });
        }
        let reason =
            format!("the database of `{place}` was shut down cleanly: it is of that moment only, `end`");
        return Err(Error::NoSet { reason });
    };
    let folder = Folder::open(path)?;
    if !folder.files.iter().any(|file| file.content == Content::Log) {
        let reason = format!(
            "the database of `{place}` needs the logs from 0x{low:x} on, at least to 0x{high:x}, and no log is there"
        );
        return Err(Error::NoSet { reason });
    }
    let supply = Supply::of_folder(&folder, None)?;
    supply.covers(until)?;
    look(&supply, None, until, scratch, observer)
}

fn look(
    supply: &Supply<'_>,
    base: Option<&SetId>,
    until: Until,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<Past, Error> {
    let recovery = recover(supply, until, Scratch::nameless(scratch)?, observer)?;
    let Recovery { database, recovered, findings, .. } = recovery;
    let look = database.map(|database| crate::drill::look(&supply.place, Arc::new(database), &recovered));
    let mut look = look.transpose()?;
    if let Some(look) = &mut look {
        look.state.base = base.cloned();
    }
    Ok(Past { look, findings })
}
