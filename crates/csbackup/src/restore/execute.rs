//! Carrying a plan out, and going on with one that was interrupted.

use std::path::{Path, PathBuf};

use certadm::ServerState;

use super::journal::{Journal, Phase};
use super::{CaSide, RestorePlan, Restored, ServiceEnd, moves, recover, registry, service, session, stage};
use crate::catalogue::Catalogue;
use crate::medium::Medium;
use crate::{Error, Observer, Until};

/// Carries a plan out: writes everything beside its place, checks it, then moves old files aside and
/// new ones in. On an error everything is as it was before; a run that died is ended by [`resume`] or
/// [`super::undo`].
///
/// Returns the folders that old files were moved to.
///
/// # Errors
/// Files are in the way and may not be moved; a file cannot be read or written, or has not the
/// recorded hash; a restore to the same place was not finished.
pub fn restore(
    medium: &dyn Medium,
    plan: &RestorePlan,
    observer: &dyn Observer,
) -> Result<Vec<PathBuf>, Error> {
    run(medium, plan, None, observer).map(|restored| restored.aside)
}

/// As [`restore`], into the places of a CA and registered with it ("Restoring Certificate Services from a
/// Backup", win32, `SecCrypto`): the service is stopped once everything is staged and checked; RestorePrepare;
/// for each set, in order, Register, its files, RegisterComplete; files outside the database; RestoreEnd;
/// start of the service where it ran before.
///
/// An error before the last step is completed with, so that the CA is not left locked; files go back, and the
/// service is started again.
///
/// # Errors
/// As [`restore`], and those of the CA and its machine; [`Error::Restoring`] says what state things are in.
pub fn restore_ca(
    medium: &dyn Medium,
    plan: &RestorePlan,
    ca: &mut CaSide<'_>,
    observer: &dyn Observer,
) -> Result<Restored, Error> {
    run(medium, plan, Some(ca), observer)
}

fn run(
    medium: &dyn Medium,
    plan: &RestorePlan,
    mut ca: Option<&mut CaSide<'_>>,
    observer: &dyn Observer,
) -> Result<Restored, Error> {
    if let (false, Some(first)) = (plan.force, plan.aside.first()) {
        let reason = match plan.aside.len() {
            1 => format!("`{}` is in the way", first.display()),
            count => format!("{count} existing files are in the way, the first is `{}`", first.display()),
        };
        let hint =
            "restore to an empty folder, or use `--force`: existing files are then moved aside, not deleted";
        return Err(Error::Restore { reason, hint: Some(hint) });
    }
    if let Some(ca) = &mut ca {
        service::state(ca)?;
    }
    let mut plan = plan.clone();
    if let Some(Until::Time(_)) = plan.recovered {
        plan.recovered = Some(Until::Generation(recover::generation(&plan, medium)?));
    }
    let mut journal = Journal::begin(&plan, &medium.location(), observer)?;
    let staged = stage::stage(&mut journal, medium, &plan.sets, observer)
        .and_then(|()| journal.enter(Phase::Ready, observer));
    match staged {
        Ok(()) => go_on(journal, ca, observer),
        Err(error) => Err(failed(journal, ca, error, observer)),
    }
}

/// Goes on with the restore whose journal lies in `folder`, to its end. `None`: there is none that was
/// interrupted.
///
/// Where files were on their way, they first go back, with the registration: so no set's files lie there
/// before its registration, wherever the run died.
///
/// # Errors
/// As [`restore_ca`]; the restore is being undone; the CA is needed and not given; somebody worked with the
/// restored files. Where only a part was staged, `medium` must have the sets.
pub fn resume(
    folder: &Path,
    medium: Option<&dyn Medium>,
    mut ca: Option<&mut CaSide<'_>>,
    observer: &dyn Observer,
) -> Result<Option<Restored>, Error> {
    let Some(mut journal) = Journal::open(folder)? else { return Ok(None) };
    need_ca(&journal, ca.as_deref())?;
    match journal.record.phase {
        Phase::Done => return Ok(None),
        Phase::Undoing | Phase::Undone => {
            let reason = format!("the restore in `{}` is being undone", journal.root.display());
            return Err(Error::Restore { reason, hint: Some("`csbackup restore --undo` ends that") });
        }
        Phase::Staging => {
            let missing = || Error::Restore {
                reason: "the restore died before its files were staged, and the sets are not at hand"
                    .to_owned(),
                hint: Some("nothing was changed: `csbackup restore --undo`, then restore again"),
            };
            let medium = medium.ok_or_else(missing)?;
            let catalogue = Catalogue::load(medium, None)?;
            stage::stage(&mut journal, medium, catalogue.sets(), observer)?;
            journal.enter(Phase::Ready, observer)?;
        }
        Phase::Ready => {}
        Phase::Applying => {
            moves::check_laid(&journal.record, observer)?;
            match (&mut ca, journal.record.registering) {
                (Some(ca), true) => session::take_back(&mut journal, ca, observer)?,
                _ => {
                    let stuck = moves::back(&journal, observer);
                    if !stuck.is_empty() {
                        return Err(Error::Restore { reason: stuck.join(", "), hint: None });
                    }
                }
            }
        }
        Phase::Laid => {
            // A CA that was started in between has taken the registrations and needs no End.
            if let (Some(ca), true) = (&mut ca, journal.record.registering)
                && service::state(ca)? == ServerState::Stopped
            {
                session::end(ca, observer)?;
            }
            journal.enter(Phase::Ended, observer)?;
            return conclude(journal, ca, observer).map(Some);
        }
        Phase::Ended => return conclude(journal, ca, observer).map(Some),
    }
    go_on(journal, ca, observer).map(Some)
}

pub(super) fn need_ca(journal: &Journal, ca: Option<&CaSide<'_>>) -> Result<(), Error> {
    if !journal.record.needs_ca() || ca.is_some() {
        return Ok(());
    }
    let reason = format!("the restore in `{}` is registered with the CA", journal.root.display());
    Err(Error::Restore { reason, hint: Some("name the CA with `--local` or `--ca-dir DIR`") })
}

/// From staged files to the end.
fn go_on(
    mut journal: Journal,
    mut ca: Option<&mut CaSide<'_>>,
    observer: &dyn Observer,
) -> Result<Restored, Error> {
    match apply(&mut journal, &mut ca, observer) {
        Ok(()) => conclude(journal, ca, observer),
        Err(error) => Err(failed(journal, ca, error, observer)),
    }
}

fn apply(
    journal: &mut Journal,
    ca: &mut Option<&mut CaSide<'_>>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    need_ca(journal, ca.as_deref())?;
    let registered = !journal.record.registrations.is_empty();
    if let (Some(ca), true) = (ca.as_deref_mut(), journal.record.stops_service()) {
        service::stop(journal, ca, observer)?;
    }
    moves::fix_aside(&mut journal.record)?;
    journal.enter(Phase::Applying, observer)?;
    if let Some(ca) = ca {
        registry::import(journal, ca, observer)?;
        if registered {
            return session::lay(journal, ca, observer);
        }
    }
    moves::aside(&journal.record, observer)?;
    moves::lay(journal.record.items.iter(), observer)?;
    journal.enter(Phase::Ended, observer)
}

/// The service, and what becomes of the journal.
fn conclude(
    mut journal: Journal,
    ca: Option<&mut CaSide<'_>>,
    observer: &dyn Observer,
) -> Result<Restored, Error> {
    let record = &journal.record;
    let service = match ca {
        Some(ca) if record.stops_service() => Some(service::start(&journal, ca, observer)),
        Some(_) => Some(ServiceEnd::Untouched),
        None => None,
    };
    let used = service == Some(ServiceEnd::Started);
    let empty = record.aside.is_empty() && !record.needs_ca();
    let mut aside: Vec<PathBuf> = record.aside_folders().into_iter().collect();
    aside.retain(|folder| folder.is_dir());
    let kept = (!used && !empty).then(|| journal.root.clone());
    if kept.is_some() {
        journal.enter(Phase::Done, observer)?;
        journal.sweep(observer);
    } else {
        journal.close(observer)?;
    }
    Ok(Restored { aside, service, journal: kept })
}

/// After an error: everything back, as far as it can be, and the error with what state things are in.
fn failed(
    mut journal: Journal,
    mut ca: Option<&mut CaSide<'_>>,
    error: Error,
    observer: &dyn Observer,
) -> Error {
    if journal.record.phase == Phase::Ended {
        // Only the journal could not be written: everything lies in its place.
        let state = "everything lies in its place, but the journal could not be written; `csbackup restore --resume` closes it";
        return Error::Restoring { state: state.to_owned(), source: Box::new(error) };
    }
    let mut problems = Vec::new();
    if matches!(journal.record.phase, Phase::Applying | Phase::Laid) {
        problems = moves::back(&journal, observer);
        if let Some(ca) = ca.as_deref_mut() {
            problems.extend(registry::put_back(&journal, ca, observer).err().map(|error| error.to_string()));
        }
    }
    if journal.record.registering {
        problems.push("the CA still has the registration and does not start".to_owned());
    }
    let (alone, root) = (!journal.record.needs_ca(), journal.root.clone());
    if !problems.is_empty() {
        let state = format!(
            "the restore failed and could not be taken back whole: {}; `csbackup restore --undo` with the same place goes on with that (journal in `{}`)",
            problems.join("; "),
            root.display()
        );
        return Error::Restoring { state, source: Box::new(error) };
    }
    let mut state = "the restore failed; everything is as it was before".to_owned();
    if let (Some(ca), true) = (ca, journal.record.service_ran) {
        state.push_str(&match service::start(&journal, ca, observer) {
            ServiceEnd::NotStarted(reason) => format!(", but the service is stopped: {reason}"),
            _ => ", the service was started again".to_owned(),
        });
    }
    // Files are back: from here on nothing is to be moved.
    journal.record.phase = Phase::Undone;
    let _ = journal.save(observer);
    if let Err(cause) = journal.discard(observer) {
        observer.warning(&format!("the journal in `{}` could not be removed: {cause}", root.display()));
    }
    if alone { error } else { Error::Restoring { state, source: Box::new(error) } }
}
