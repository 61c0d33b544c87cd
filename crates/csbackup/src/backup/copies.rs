//! The far places of a run: they get from the near one what they lack.

use certadm::Authority;

use super::{BackupOptions, Stores};
use crate::copy::{CopyReport, Copying, Missing, reason};
use crate::manifest::SetId;
use crate::medium::{Lock, Medium, StoredSet};
use crate::note::ReadExtent;
use crate::{Catalogue, Error, Observer, SetState};

/// What came of a far place in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FarCopy {
    /// The place.
    pub place: String,
    /// Sets that arrived in this run and were read back, those of earlier runs among them.
    pub copied: Vec<SetId>,
    /// Why it does not have all sets that it should. A later run, or `csbackup copy`, catches up.
    pub behind: Option<String>,
}

/// The far places, locked for the run.
pub(super) struct Copies<'a> {
    near: &'a dyn Medium,
    ca: Authority,
    options: &'a BackupOptions,
    observer: &'a dyn Observer,
    far: Vec<Far<'a>>,
    sequence: u64,
}

struct Far<'a> {
    medium: &'a dyn Medium,
    /// `None`: it cannot be used in this run.
    lock: Option<Box<dyn Lock>>,
    outcome: FarCopy,
}

impl<'a> Copies<'a> {
    /// Locks those that can be used.
    pub(super) fn attach(
        stores: Stores<'a>,
        ca: &Authority,
        options: &'a BackupOptions,
        observer: &'a dyn Observer,
    ) -> Self {
        let mut copies =
            Self { near: stores.near, ca: ca.clone(), options, observer, far: Vec::new(), sequence: 0 };
        for medium in stores.far.iter().copied() {
            let outcome = FarCopy { place: medium.location(), copied: Vec::new(), behind: None };
            let mut far = Far { medium, lock: None, outcome };
            match open(medium, ca, observer) {
                Ok((lock, sequence)) => {
                    far.lock = Some(lock);
                    copies.sequence = copies.sequence.max(sequence);
                }
                Err(error) => far.give_up(&reason(&error), observer),
            }
            copies.far.push(far);
        }
        copies
    }

    /// A number behind all sets of the far places: the near one may be new.
    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence
    }

    /// Lets as many far places catch up as the truncation of this run will wait for, before the CA's session
    /// begins: it shall not stay open for the sets of other days.
    pub(super) fn prepare(&mut self, catalogue: &Catalogue) {
        let mut wanted = self.wanted();
        for far in &mut self.far {
            if wanted == 0 {
                return;
            }
            far.catch_up(self.near, catalogue, &self.ca, self.options.verify_store, self.observer);
            wanted -= usize::from(far.outcome.behind.is_none());
        }
    }

    /// Copies a set to as many places as its truncation waits for.
    ///
    /// # Errors
    /// Why they are too few.
    pub(super) fn suffice(&mut self, set: &StoredSet) -> Result<(), String> {
        let (wanted, mut held, mut lacking) = (self.wanted(), 0, String::new());
        if wanted == 0 {
            return Ok(());
        }
        let catalogue = Catalogue::load(self.near, Some(&self.ca)).map_err(|error| reason(&error))?;
        for far in &mut self.far {
            match far.bring(self.near, &catalogue, set, &self.ca, self.observer) {
                Ok(()) => held += 1,
                Err(why) => lacking.push_str(&format!("; `{}`: {why}", far.outcome.place)),
            }
            if held == wanted {
                return Ok(());
            }
        }
        let (asked, held) = (wanted + 1, held + 1);
        Err(format!("{asked} places are to hold the set first, {held} do{lacking}"))
    }

    /// Copies all that is missing, when the CA's session is over.
    pub(super) fn complete(mut self) -> Vec<FarCopy> {
        if self.far.iter().any(|far| far.lock.is_some()) {
            match Catalogue::load(self.near, Some(&self.ca)) {
                Ok(catalogue) => {
                    let extent = self.options.verify_store;
                    for far in &mut self.far {
                        far.catch_up(self.near, &catalogue, &self.ca, extent, self.observer);
                    }
                }
                Err(error) => {
                    let why = reason(&error);
                    self.far.iter_mut().for_each(|far| far.give_up(&why, self.observer));
                }
            }
        }
        self.far.into_iter().map(|far| far.outcome).collect()
    }

    /// Far places that must hold a set before the logs are truncated.
    fn wanted(&self) -> usize {
        let truncates = !self.options.keep_logs && self.options.verify_store == ReadExtent::Full;
        if truncates { self.options.copies_before_truncate.get() - 1 } else { 0 }
    }
}

fn open(medium: &dyn Medium, ca: &Authority, observer: &dyn Observer) -> Result<(Box<dyn Lock>, u64), Error> {
    let lock = medium.lock(ca)?;
    for told in medium.sweep(ca)? {
        observer.warning(&format!("`{}`: {told}", medium.location()));
    }
    Ok((lock, Catalogue::load(medium, Some(ca))?.next_sequence()))
}

impl Far<'_> {
    /// Copies all that it lacks.
    fn catch_up(
        &mut self,
        near: &dyn Medium,
        sets: &Catalogue,
        ca: &Authority,
        extent: ReadExtent,
        observer: &dyn Observer,
    ) {
        if self.lock.is_none() {
            return;
        }
        let left = self.copy(ca, observer, |to, there| {
            Copying { from: near, sets, to, there, extent, observer }.run(Missing::Newer)
        });
        let unreadable =
            || sets.unreadable.first().map(|error| format!("a set cannot be read where it is: {error}"));
        if self.lock.is_some() {
            self.outcome.behind = left.or_else(unreadable);
        }
    }

    /// Copies a set and what it needs.
    ///
    /// # Errors
    /// Why it does not hold all of that, read back whole.
    fn bring(
        &mut self,
        near: &dyn Medium,
        sets: &Catalogue,
        set: &StoredSet,
        ca: &Authority,
        observer: &dyn Observer,
    ) -> Result<(), String> {
        let left = self.lock.is_some().then(|| {
            self.copy(ca, observer, |to, there| {
                Copying { from: near, sets, to, there, extent: ReadExtent::Full, observer }.bring(set)
            })
        });
        if self.lock.is_none() {
            return Err(self.outcome.behind.clone().unwrap_or_default());
        }
        if let Some(left) = left.flatten() {
            return Err(left);
        }
        let there = Catalogue::load(self.medium, Some(ca)).map_err(|error| reason(&error))?;
        let copy = there.sets().iter().find(|copy| copy.id == set.id);
        match copy.map(|copy| there.state(copy)) {
            Some(SetState::Good) => Ok(()),
            Some(state) => Err(format!("its copy is {state}")),
            None => Err("it is not there".to_owned()),
        }
    }

    /// What stays behind, if anything. When that is the place's doing, it is given up.
    fn copy(
        &mut self,
        ca: &Authority,
        observer: &dyn Observer,
        go: impl FnOnce(&dyn Medium, &Catalogue) -> CopyReport,
    ) -> Option<String> {
        let report = match Catalogue::load(self.medium, Some(ca)) {
            Ok(there) => go(self.medium, &there),
            Err(error) => CopyReport { stopped: Some(error), ..CopyReport::default() },
        };
        self.outcome.copied.extend(report.copied);
        if let Some(error) = report.stopped {
            self.give_up(&reason(&error), observer);
        }
        report.left.first().map(|(set, why)| format!("{set} stays behind: {why}"))
    }

    /// It is not asked again in this run.
    fn give_up(&mut self, why: &str, observer: &dyn Observer) {
        if self.outcome.behind.is_none() || self.lock.is_some() {
            observer.warning(&format!("`{}` does not have all sets: {why}", self.outcome.place));
        }
        self.lock = None;
        self.outcome.behind = Some(why.to_owned());
    }
}
