//! Signs in a full backup that the CA went back in time, or that another program backs it up too.

use ca_database::CaDatabase;

use super::Run;
use crate::look_into_set;
use crate::manifest::Kind;
use crate::medium::StoredSet;
use crate::source::SharedSource;

/// What to do about a CA that went back in time.
pub(super) const ADVICE: &str =
    "certificates issued since may be unknown to the CA: compare the sets with `csbackup diff`";

/// Compares the newest request of a full backup with that of the one before. A number is given once, so it
/// falls back only when the database itself does, or when somebody deletes the newest rows.
///
/// `None` where one of them cannot tell.
pub(super) fn lost_requests(run: &Run<'_>, new: &StoredSet) -> Option<String> {
    let is_full = |set: &&StoredSet| set.manifest.kind == Kind::Full && run.catalogue.state(set).is_base();
    let old = run.catalogue.current().find(is_full).filter(|_| new.manifest.kind == Kind::Full)?;
    let database = |set| look_into_set(run.medium, &run.catalogue, set).ok().map(|look| look.database);
    let (old_database, new_database) = (database(old)?, database(new)?);
    let highest =
        |database: &CaDatabase<SharedSource>| database.highest_request().ok().map(|id| id.unwrap_or(0));
    let (before, now) = (highest(&old_database)?, highest(&new_database)?);
    if now >= before || newest_of_all(&new_database)? >= before {
        return None;
    }
    Some(format!(
        "the newest request of the CA is number {now}, {} has number {before}: the CA went back in time (it was reverted or restored), or its newest rows were deleted",
        old.id
    ))
}

/// The newest request by reading all of them: in a copy of a database that changed meanwhile the way to the
/// last page may be missing. `None` when what cannot be read may be the newest.
fn newest_of_all(database: &CaDatabase<SharedSource>) -> Option<i32> {
    database.requests().try_fold(0, |highest, row| match row {
        Ok(row) => Some(highest.max(row.request_id)),
        Err(lost) if lost.table == "Requests" && lost.before.is_none() => None,
        Err(_) => Some(highest),
    })
}

/// The CA's database remembers its last full backup with truncation. One that is younger than ours and in no
/// set was taken by somebody else.
pub(super) fn foreign_backup(run: &Run<'_>, databases: &[ese::DatabaseFacts]) -> Option<String> {
    databases.iter().map(|facts| &facts.header).find_map(|header| {
        let last = header.full_prev;
        let stream = crate::check::hex(header.log_signature.as_bytes());
        let ours = run.catalogue.current().flat_map(|set| &set.manifest.files).filter_map(|file| file.database());
        let marks: Vec<&str> =
            ours.filter(|facts| facts.log_signature == stream).filter_map(|facts| facts.mark.as_deref()).collect();
        let is_ours = marks.contains(&last.mark.to_string().as_str());
        let newest = marks.iter().filter_map(|mark| generation(mark)).max()?;
        (last.is_set() && !is_ours && last.mark.generation.0 >= newest).then(|| {
            format!(
                "another program took a full backup of this CA at {}: what it let the CA delete is in none of our sets; have only one of them truncate",
                last.time
            )
        })
    })
}

/// The log generation of a mark as manifests have it.
fn generation(mark: &str) -> Option<u32> {
    u32::from_str_radix(mark.split(':').next()?, 16).ok()
}
