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
use crate::note::{NoteBody, ReadExtent};
use crate::{Catalogue, Error, Observer, Step};

/// What came of copying.
#[derive(Debug, Default)]
#[must_use]
pub struct CopyReport {
    /// Sets that arrived and were read back, in order.
    pub copied: Vec<SetId>,
    /// Sets that were there, not yet read back or by a sample only, and are now.
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
    /// Those after the newest one that is at both places, those that an earlier run had to leave behind,
    /// and what they need: other older ones may have been forgotten there with intent.
    Newer,
}

/// Copies the sets of a CA that `to` does not have, bases before what continues them, and notes there
/// what is known of those it has. Takes the lock of `to`.
///
/// A set is copied with what was found wrong in it; one whose stored bytes are not those of its manifest is
/// not copied. A copy that was read back with other bytes is replaced. A set that stays behind is noted in
/// `from`, so that it stays owed. Interrupted, it leaves nothing half, and can be run again.
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

/// What is to be at the target.
struct Wanted<'a> {
    /// The sets to look at, oldest first.
    sets: Vec<&'a StoredSet>,
    /// Those to copy when they are not there.
    missing: HashSet<&'a SetId>,
    /// Those of which no sample is enough when all is read.
    whole: HashSet<&'a SetId>,
    /// What stays behind is remembered, or copying ends.
    remember: bool,
}

impl<'a> Copying<'a> {
    /// As [`copy`].
    pub(crate) fn run(&self, which: Missing) -> CopyReport {
        let sets: Vec<&StoredSet> = self.sets.sets().iter().collect();
        let missing = self.missing(which);
        let whole = match which {
            Missing::All => sets.iter().map(|set| &set.id).collect(),
            Missing::Newer => self.sets.newest().map(|newest| self.needed(newest)).unwrap_or_default(),
        };
        self.go(&Wanted { sets, missing, whole, remember: which == Missing::Newer })
    }

    /// Copies a set and what it needs, and nothing else.
    pub(crate) fn bring(&self, set: &'a StoredSet) -> CopyReport {
        let needed = self.needed(set);
        let sets = self.sets.sets().iter().filter(|set| needed.contains(&set.id)).collect();
        self.go(&Wanted { sets, missing: needed.clone(), whole: needed, remember: true })
    }

    fn go(&self, wanted: &Wanted<'_>) -> CopyReport {
        let mut report = CopyReport::default();
        report.stopped = self.each(wanted, &mut report).err();
        report
    }

    fn each(&self, wanted: &Wanted<'_>, report: &mut CopyReport) -> Result<(), Error> {
        for set in wanted.sets.iter().copied() {
            let copy = self.copy_of(set);
            if let Some(copy) = copy {
                carry_notes(set, self.to, copy)?;
                if self.known(copy, wanted, report)? != Some(ReadBack::Bad) {
                    self.arrived(set, false);
                    continue;
                }
            } else if !wanted.missing.contains(&set.id) {
                continue;
            }
            match self.copy(set, copy, report)? {
                Ok(()) => {
                    report.copied.push(set.id.clone());
                    self.observer.step(&Step::Copied(self.to.location(), set.id.to_string()));
                    self.arrived(set, copy.is_some());
                }
                Err(why) => {
                    if copy.is_none() {
                        self.owe(set, &why, wanted.remember)?;
                    }
                    self.leave(set, why, report);
                }
            }
        }
        Ok(())
    }

    fn copy_of(&self, set: &StoredSet) -> Option<&'a StoredSet> {
        self.there.sets().iter().find(|copy| copy.id == set.id)
    }

    fn leave(&self, set: &StoredSet, why: String, report: &mut CopyReport) {
        self.observer.warning(&format!("{} stays behind in `{}`: {why}", set.id, self.to.location()));
        report.left.push((set.id.clone(), why));
    }

    /// Later runs shall ask for it, although newer sets are there by then.
    fn owe(&self, set: &StoredSet, why: &str, remember: bool) -> Result<(), Error> {
        let place = self.to.location();
        if set.is_owed_to(&place) {
            return Ok(());
        }
        let noted =
            self.from.note(set, NoteBody::Copied { place, good: false, detail: Some(why.to_owned()) });
        if remember { noted } else { Ok(()) }
    }

    /// It is owed no longer. That this cannot be noted today is made up for by the next run.
    fn arrived(&self, set: &StoredSet, replaced: bool) {
        let place = self.to.location();
        if (replaced || set.is_owed_to(&place))
            && let Err(error) = self.from.note(set, NoteBody::Copied { place, good: true, detail: None })
        {
            self.observer.warning(&format!("that {} is copied could not be noted: {error}", set.id));
        }
    }

    /// How a copy was read back; one of which too little was read is read now.
    fn known(
        &self,
        copy: &StoredSet,
        wanted: &Wanted<'_>,
        report: &mut CopyReport,
    ) -> Result<Option<ReadBack>, Error> {
        let read_all = self.extent == ReadExtent::Full && wanted.whole.contains(&copy.id);
        let why = match copy.read_back() {
            // Its run died before.
            None => "was never read back",
            Some(ReadBack::Sampled) if read_all => "was read back by a sample only",
            known => return Ok(known),
        };
        self.observer.warning(&format!("{} {why} in `{}`: reading it now", copy.id, self.to.location()));
        let proof = prove(self.to, copy, self.extent, self.observer);
        match (read_back_note(&proof, self.extent), proof) {
            (_, Ok(())) => report.proven.push(copy.id.clone()),
            (_, Err(Error::Cancelled)) => return Err(Error::Cancelled),
            (Some(_), Err(_)) => return Ok(Some(ReadBack::Bad)),
            (None, Err(error)) => self.leave(copy, reason(&error), report),
        }
        Ok(None)
    }

    /// Copies one set, in the place of a copy that is not what was written, or tells why it stays behind.
    fn copy(
        &self,
        set: &StoredSet,
        misread: Option<&StoredSet>,
        report: &CopyReport,
    ) -> Result<Result<(), String>, Error> {
        let stays = |base: &&SetId| report.left.iter().any(|(id, _)| id == *base);
        if let Some(base) = set.manifest.base.as_ref().filter(stays) {
            return Ok(Err(format!("it continues {base}, which stays behind")));
        }
        if set.read_back() == Some(ReadBack::Bad) {
            return Ok(Err("what is stored of it is not what was written".to_owned()));
        }
        match copy_one(self.from, self.to, set, misread, self.extent, self.observer) {
            Ok(()) => Ok(Ok(())),
            Err(Stopped::Target(error)) => Err(error),
            Err(Stopped::Source(error)) => Ok(Err(reason(&error))),
        }
    }

    /// The sets that are to be there: those after the newest of both places or all, those that were left
    /// behind, and what is needed by them and by those that are there.
    fn missing(&self, which: Missing) -> HashSet<&'a SetId> {
        let sets = self.sets.sets();
        let is_there = |set: &StoredSet| self.copy_of(set).is_some();
        let after = match which {
            Missing::All => 0,
            Missing::Newer => sets.iter().rposition(is_there).map_or(0, |position| position + 1),
        };
        let place = self.to.location();
        let wanted = sets
            .iter()
            .enumerate()
            .filter(|(position, set)| *position >= after || is_there(set) || set.is_owed_to(&place));
        wanted.flat_map(|(_, set)| self.needed(set)).collect()
    }

    /// A set and what it needs.
    fn needed(&self, set: &'a StoredSet) -> HashSet<&'a SetId> {
        let chain = self.sets.chain(set).unwrap_or_else(|_| vec![set]);
        chain.into_iter().map(|set| &set.id).collect()
    }
}
