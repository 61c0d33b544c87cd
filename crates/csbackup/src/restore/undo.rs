//! Going back to what was there before.

use std::path::Path;

use certadm::ServerState;

use super::execute::need_ca;
use super::journal::{Journal, Phase};
use super::{CaSide, Restored, ServiceEnd, moves, registry, service, session};
use crate::{Error, Observer};

/// Takes back the restore whose journal lies in `folder`: one that was interrupted, or one that is done and
/// whose files nobody has worked with. Old files go back, the registration is completed with a failure, the
/// service is started where it ran. `None`: there is no journal.
///
/// Folders that were made for the restore go; registry values that were not there before, and keys that were
/// imported, stay.
///
/// # Errors
/// The CA is needed and not given, or runs with the restored database; restored files were changed since;
/// something cannot be moved back. The journal stays, and the next [`undo`] goes on.
pub fn undo(
    folder: &Path,
    mut ca: Option<&mut CaSide<'_>>,
    observer: &dyn Observer,
) -> Result<Option<Restored>, Error> {
    let Some(mut journal) = Journal::open(folder)? else { return Ok(None) };
    need_ca(&journal, ca.as_deref())?;
    let untouched = matches!(journal.record.phase, Phase::Staging | Phase::Ready);
    if !untouched && journal.record.phase != Phase::Undone {
        if let (Some(ca), Phase::Laid | Phase::Ended | Phase::Done) = (&mut ca, journal.record.phase) {
            unused(&journal, ca)?;
        }
        moves::check_laid(&journal.record, observer)?;
        journal.enter(Phase::Undoing, observer)?;
        if let Some(ca) = &mut ca {
            registry::put_back(&journal, ca, observer)?;
        }
        match &mut ca {
            Some(ca) if journal.record.registering => session::take_back(&mut journal, ca, observer)?,
            _ => {
                let stuck = moves::back(&journal, observer);
                if !stuck.is_empty() {
                    let reason = format!("not everything could be moved back: {}", stuck.join(", "));
                    let hint = Some("make room there, then `csbackup restore --undo` again");
                    return Err(Error::Restore { reason, hint });
                }
            }
        }
        journal.enter(Phase::Undone, observer)?;
    }
    let service = match ca {
        Some(_) if !journal.record.stops_service() => Some(ServiceEnd::Untouched),
        // It is stopped only after that.
        Some(_) if untouched && !journal.record.service_ran => Some(ServiceEnd::Untouched),
        Some(ca) => Some(service::start(&journal, ca, observer)),
        None => None,
    };
    journal.discard(observer)?;
    Ok(Some(Restored { aside: Vec::new(), service, journal: None }))
}

/// A CA that runs has replayed the logs and goes on from there.
fn unused(journal: &Journal, ca: &mut CaSide<'_>) -> Result<(), Error> {
    if !journal.record.stops_service() || service::state(ca)? == ServerState::Stopped {
        return Ok(());
    }
    let reason =
        "the certificate service runs with the restored database: going back would lose what it did since";
    let hint = "the old files are still in the folder `replaced-by-csbackup-*`";
    Err(Error::Restore { reason: reason.to_owned(), hint: Some(hint) })
}
