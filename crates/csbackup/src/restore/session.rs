//! The restore session with the CA.
//!
//! INVARIANT: End exactly once after a successful Prepare; each registration is completed once, with success
//! only when its files lie. A registration stays open only where files could be moved neither in nor back:
//! then the CA is better kept from starting.

use certadm::{CertServer, RestoreContext};
use dtyp::HResult;

use super::journal::{Item, Journal, Phase, RegistrationEntry};
use super::{CaSide, moves};
use crate::{Error, Observer, Step};

/// Registers every set of the journal and moves its files in, then the rest. On an error everything is taken
/// back, the registration included, as far as it can be.
pub(super) fn lay(journal: &mut Journal, ca: &mut CaSide<'_>, observer: &dyn Observer) -> Result<(), Error> {
    let mut session = Session::prepare(&mut *ca.server, observer)?;
    let laid = lay_sets(journal, &mut session, observer);
    if let Err(error) = &laid {
        let _ = session.take_back(journal, code_of(error));
    }
    match (session.end(), laid) {
        (_, Err(error)) => Err(error),
        (Err(error), Ok(())) => {
            observer.warning(&format!("the restore session did not end in order: {error}"));
            journal.enter(Phase::Ended, observer)
        }
        (Ok(()), Ok(())) => journal.enter(Phase::Ended, observer),
    }
}

fn lay_sets(journal: &mut Journal, session: &mut Session<'_>, observer: &dyn Observer) -> Result<(), Error> {
    journal.record.registering = true;
    journal.record.completed = 0;
    journal.save(observer)?;
    for (number, entry) in journal.record.registrations.clone().iter().enumerate() {
        session.register(entry)?;
        if number == 0 {
            moves::aside(&journal.record, observer)?;
        }
        let record = &journal.record;
        let number_of = |item: &&Item| {
            let own = record.registrations.iter().position(|entry| entry.set == item.set);
            // Files of a set that has no log go with the full backup.
            own.unwrap_or(0)
        };
        let database = record.items.iter().filter(|item| item.is_database());
        moves::lay(database.filter(|item| number_of(item) == number), observer)?;
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        session.complete(HResult::OK)?;
        journal.record.completed = number.saturating_add(1);
        journal.save(observer)?;
    }
    moves::lay(journal.record.items.iter().filter(|item| !item.is_database()), observer)?;
    journal.enter(Phase::Laid, observer)
}

/// Takes a restore back in a session of its own: files first, while the CA is kept from starting, then the
/// registration.
pub(super) fn take_back(
    journal: &mut Journal,
    ca: &mut CaSide<'_>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let mut session = Session::prepare(&mut *ca.server, observer)?;
    session.pending = true;
    let taken = session.take_back(journal, HResult::HR_ERROR);
    let ended = session.end();
    taken?;
    ended
}

/// Ends the session of a run that died behind its last registration.
pub(super) fn end(ca: &mut CaSide<'_>, observer: &dyn Observer) -> Result<(), Error> {
    Session::prepare(&mut *ca.server, observer)?.end()
}

struct Session<'a> {
    context: Box<dyn RestoreContext + 'a>,
    ca: certadm::Authority,
    observer: &'a dyn Observer,
    /// A registration of ours waits for its completion.
    open: bool,
    /// The CA has, or may have, completed registrations of ours.
    pending: bool,
}

impl<'a> Session<'a> {
    fn prepare(server: &'a mut dyn CertServer, observer: &'a dyn Observer) -> Result<Self, Error> {
        let ca = server.authority().clone();
        let prepared = server.prepare_restore();
        let context = prepared.map_err(server_error("begin a restore of", &ca))?;
        let session = Self { context, ca, observer, open: false, pending: false };
        session.tell("prepared");
        Ok(session)
    }

    fn tell(&self, what: &str) {
        self.observer.step(&Step::Restoring(what.to_owned()));
    }

    fn register(&mut self, entry: &RegistrationEntry) -> Result<(), Error> {
        let registered = self.context.register(&entry.seam());
        // A reply that got lost may have been good news.
        self.open = registered.as_ref().map_or_else(certadm::Error::is_lost, |()| true);
        self.tell("registered");
        registered.map_err(server_error("register the restore with", &self.ca))
    }

    fn complete(&mut self, outcome: HResult) -> Result<(), Error> {
        let completed = self.context.register_complete(outcome);
        match &completed {
            Ok(()) => {
                self.open = false;
                self.pending = outcome.is_success();
            }
            Err(error) => self.pending |= error.is_lost(),
        }
        self.tell("completed");
        completed.map_err(server_error("complete the registration with", &self.ca))
    }

    /// Moves everything back and completes with the failure. While files are on their way the CA is kept
    /// from starting by an open registration.
    fn take_back(&mut self, journal: &mut Journal, code: HResult) -> Result<(), Error> {
        let mut registered = Ok(());
        if self.pending && !self.open {
            registered = self.block(journal);
        }
        let stuck = moves::back(journal, self.observer);
        if !stuck.is_empty() {
            return Err(Error::Restore { reason: stuck.join(", "), hint: None });
        }
        registered?;
        if self.open {
            let completed = self.complete(code);
            if completed.is_err() && self.pending {
                // Completed before after all, with a reply that got lost: once more, from its beginning.
                self.open = false;
                self.block(journal)?;
                self.complete(code)?;
            } else {
                completed?;
            }
        }
        journal.record.registering = false;
        journal.record.completed = 0;
        journal.save(self.observer)
    }

    fn block(&mut self, journal: &Journal) -> Result<(), Error> {
        let Some(first) = journal.record.registrations.first() else { return Ok(()) };
        match self.register(first) {
            // Ours, of a run that died.
            Err(Error::Server { source, .. }) if source.code() == Some(HResult::RESTORE_MAP_EXISTS) => {
                self.open = true;
                Ok(())
            }
            registered => registered,
        }
    }

    fn end(mut self) -> Result<(), Error> {
        let ended = self.context.end();
        self.tell("ended");
        ended.map_err(server_error("end the restore of", &self.ca))
    }
}

fn server_error(doing: &str, ca: &certadm::Authority) -> impl FnOnce(certadm::Error) -> Error {
    let (doing, ca) = (doing.to_owned(), ca.clone());
    move |source| Error::Server { doing, ca, source }
}

/// What a CA is told of an error of ours.
fn code_of(error: &Error) -> HResult {
    match error {
        Error::Server { source, .. } => source.code().unwrap_or(HResult::UNEXPECTED),
        Error::Io { .. } => HResult::DISK_IO,
        _ => HResult::HR_ERROR,
    }
}
