//! Sets from one place to another: the far copies of a run, and `csbackup copy`.
//!
//! A copy has the same id and the same bytes, its manifest included. It is read from the other place and
//! never from the CA, compared with the manifest while it is written, and read back where it arrived.

mod notes;
mod one;

use std::collections::HashSet;

use certadm::Authority;

use notes::carry_notes;
use one::{Stopped, copy_one, prove};
pub(crate) use one::{read_back_note, reason};

use crate::manifest::SetId;
use crate::medium::{Medium, ReadBack, StoredSet};
use crate::note::ReadExtent;
use crate::{Catalogue, Error, Observer, Step};

/// What came of copying.
#[derive(Debug, Default)]
#[must_use]
pub struct CopyReport {
    /// Sets that arrived and were read back, in order.
    pub copied: Vec<SetId>,
    /// Sets that were there, not yet read back, and are now.
    pub proven: Vec<SetId>,
    /// Sets that stay behind, with the reason; what continues them stays with them.
    pub left: Vec<(SetId, String)>,
    /// What ended it before its end, on the side of the target; it can be run again.
    pub stopped: Option<Error>,
}

/// Which of the sets that are not at the target are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// All.
    All,
    /// Those after the newest one that is at both places, and what they need: older ones may have been
    /// forgotten there with intent.
    Newer,
}

/// Copies the sets of a CA that `to` does not have, bases before what continues them, and notes there
/// what is known of those it has. Takes the lock of `to`.
///
/// A set is copied with what was found wrong in it; one whose stored bytes are not those of its manifest is
/// not copied. A copy that was read back with other bytes is replaced. Interrupted, it leaves nothing half,
/// and can be run again.
///
/// # Errors
/// A place cannot be locked or listed. What comes later is in the report.
pub fn copy(
    from: &dyn Medium,
    to: &dyn Medium,
    ca: &Authority,
    which: Missing,
    extent: ReadExtent,
    observer: &dyn Observer,
) -> Result<CopyReport, Error> {
    let _lock = to.lock(ca)?;
    for told in to.sweep(ca)? {
        observer.warning(&format!("`{}`: {told}", to.location()));
    }
    let sets = Catalogue::load(from, Some(ca))?;
    for error in &sets.unreadable {
        observer.warning(&format!("not copied: {error}"));
    }
    let there = Catalogue::load(to, Some(ca))?;
    Ok(Copying { from, sets: &sets, to, there: &there, extent, observer }.run(which))
}

/// Copying under way; the lock of `to` is held.
pub(crate) struct Copying<'a> {
    pub(crate) from: &'a dyn Medium,
    pub(crate) sets: &'a Catalogue,
    pub(crate) to: &'a dyn Medium,
    pub(crate) there: &'a Catalogue,
    pub(crate) extent: ReadExtent,
    pub(crate) observer: &'a dyn Observer,
}

impl Copying<'_> {
    /// As [`copy`].
    pub(crate) fn run(&self, which: Missing) -> CopyReport {
        let mut report = CopyReport::default();
        report.stopped = self.each(which, &mut report).err();
        report
    }

    fn each(&self, which: Missing, report: &mut CopyReport) -> Result<(), Error> {
        let mut removed = Vec::new();
        for set in self.sets.sets() {
            let Some(copy) = self.copy_of(set) else { continue };
            match copy.read_back() {
                Some(ReadBack::Bad) if set.read_back() == Some(ReadBack::Whole) => {
                    self.remove(copy, report, &mut removed);
                    continue;
                }
                None => self.prove(copy, report)?,
                _ => {}
            }
            carry_notes(set, self.to, copy)?;
        }
        for set in self.chosen(which, &removed) {
            if let Err(why) = self.copy(set, report)? {
                let place = self.to.location();
                self.observer.warning(&format!("{} is not copied to `{place}`: {why}", set.id));
                report.left.push((set.id.clone(), why));
            }
        }
        Ok(())
    }

    fn copy_of(&self, set: &StoredSet) -> Option<&StoredSet> {
        self.there.sets().iter().find(|copy| copy.id == set.id)
    }

    /// A copy that is not what was written makes room for another one.
    fn remove(&self, copy: &StoredSet, report: &mut CopyReport, removed: &mut Vec<SetId>) {
        let (id, place) = (&copy.id, self.to.location());
        match self.to.forget(&[copy]) {
            Ok(()) => {
                self.observer.warning(&format!("the copy of {id} in `{place}` is misread: copying it again"));
                removed.push(id.clone());
            }
            Err(error) => {
                let why = format!("its copy is misread and cannot be replaced: {}", reason(&error));
                self.observer.warning(&format!("{id} in `{place}`: {why}"));
                report.left.push((id.clone(), why));
            }
        }
    }

    /// Its run died before it read it back.
    fn prove(&self, copy: &StoredSet, report: &mut CopyReport) -> Result<(), Error> {
        let (id, place) = (&copy.id, self.to.location());
        self.observer.warning(&format!("{id} was never read back in `{place}`: reading it now"));
        prove(self.to, copy, self.extent, self.observer)?;
        report.proven.push(id.clone());
        Ok(())
    }

    /// Copies one set, or tells why it stays behind.
    fn copy(&self, set: &StoredSet, report: &mut CopyReport) -> Result<Result<(), String>, Error> {
        let stays = |base: &&SetId| report.left.iter().any(|(id, _)| id == *base);
        if let Some(base) = set.manifest.base.as_ref().filter(stays) {
            return Ok(Err(format!("it continues {base}, which stays behind")));
        }
        if set.read_back() == Some(ReadBack::Bad) {
            return Ok(Err("what is stored of it is not what was written".to_owned()));
        }
        match copy_one(self.from, self.to, set, self.extent, self.observer) {
            Ok(copy) => {
                // A hold, for one, may have been noted at the target alone.
                if let Some(replaced) = self.copy_of(set) {
                    let copy = self.to.load(&copy)?;
                    carry_notes(replaced, self.to, &copy)?;
                }
                report.copied.push(set.id.clone());
                self.observer.step(&Step::Copied(self.to.location(), set.id.to_string()));
                Ok(Ok(()))
            }
            Err(Stopped::Target(error)) => Err(error),
            Err(Stopped::Source(error)) => Ok(Err(reason(&error))),
        }
    }

    /// The sets to copy, oldest first: those after the newest of both places or all, and what is needed by
    /// them and by those that are there.
    fn chosen(&self, which: Missing, removed: &[SetId]) -> Vec<&StoredSet> {
        let sets = self.sets.sets();
        let is_there = |set: &StoredSet| self.copy_of(set).is_some() && !removed.contains(&set.id);
        let after = match which {
            Missing::All => 0,
            Missing::Newer => sets.iter().rposition(is_there).map_or(0, |position| position + 1),
        };
        let wanted = sets
            .iter()
            .enumerate()
            .filter(|(position, set)| *position >= after || is_there(set) || removed.contains(&set.id));
        let needed: HashSet<&SetId> = wanted
            .flat_map(|(_, set)| self.sets.chain(set).unwrap_or_else(|_| vec![set]))
            .map(|set| &set.id)
            .collect();
        sets.iter().filter(|set| needed.contains(&set.id) && !is_there(set)).collect()
    }
}
