//! Which sets are forgotten (`design.md` section 4, invariants 6 and 7).
//!
//! The rules count *good* sets of one CA, sampled ones among them, newest first by sequence number; what a
//! kept set needs is kept with it, so that a chain never loses its base. Sets that are not good count for
//! nothing: they stay until a whole good chain is newer than they are. Those that were misread stay beyond that
//! where a rule would keep them if they were good: in a repository a later backup can bring back what was lost.
//! Imports that only look back have no place in the order: they are forgotten by name only. A CA is told by its
//! host or by its log stream.

mod apply;
mod group;
mod hold;
mod reason;

use time::{Duration, OffsetDateTime};

pub use apply::{Forgotten, forget};
pub use hold::Hold;
pub use reason::Reason;

use crate::catalogue::{Catalogue, SetState};
use crate::medium::StoredSet;
use crate::{Error, safe_name};
use group::{Group, groups, taken};

/// Sets older than this do not tell what time it is.
const TRUSTED: Duration = Duration::hours(48);

/// What is to be kept. Each rule keeps on its own; a set is kept by any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepOptions {
    /// The newest so many.
    pub last: usize,
    /// The newest of each day, of the newest so many days that have a set. Days, weeks (ISO), months
    /// and years are those of UTC.
    pub daily: usize,
    /// The newest of each week.
    pub weekly: usize,
    /// The newest of each month.
    pub monthly: usize,
    /// The newest of each year.
    pub yearly: usize,
    /// All that are at most this much older than the newest set.
    pub within: Option<Duration>,
    /// Forget although sets are there that cannot be read: they may need what is forgotten.
    pub accept_unreadable: bool,
}

impl KeepOptions {
    fn say_nothing(&self) -> bool {
        [self.last, self.daily, self.weekly, self.monthly, self.yearly].iter().all(|count| *count == 0)
            && self.within.is_none()
    }
}

/// What time it is, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    /// The clock of this machine. It is believed while the newest set is at most 48 hours old, and not newer.
    Clock(OffsetDateTime),
    /// The operator.
    Given(OffsetDateTime),
}

impl Now {
    /// The time.
    pub fn time(self) -> OffsetDateTime {
        match self {
            Self::Clock(time) | Self::Given(time) => time,
        }
    }
}

/// What would be forgotten, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetPlan<'a> {
    /// Every set that was judged, oldest first.
    pub fates: Vec<Fate<'a>>,
}

/// What becomes of one set.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate<'a> {
    /// The set.
    pub set: &'a StoredSet,
    /// It stays.
    pub kept: bool,
    /// Why; at least one.
    pub reasons: Vec<Reason>,
}

impl Eq for Fate<'_> {}

impl<'a> ForgetPlan<'a> {
    /// The sets that go, in the order in which they may: what continues a set goes before it.
    pub fn forgotten(&self) -> Vec<&'a StoredSet> {
        self.fates.iter().rev().filter(|fate| !fate.kept).map(|fate| fate.set).collect()
    }
}

/// Judges every set.
///
/// # Errors
/// [`Error::Kept`]: no rule is given, sets cannot be read, or the clock cannot be believed.
pub fn plan_forget<'a>(
    catalogue: &'a Catalogue,
    keep: &KeepOptions,
    now: Now,
) -> Result<ForgetPlan<'a>, Error> {
    if keep.say_nothing() {
        let reason = "no rule says what to keep".to_owned();
        return Err(Error::Kept { reason, hint: "give at least one of the `--keep-` options" });
    }
    if !keep.accept_unreadable {
        refuse_unreadable(catalogue)?;
    }
    believe(catalogue, now)?;
    let sets = catalogue.sets();
    let mut judge = Judge { catalogue, kept: vec![Vec::new(); sets.len()], gone: vec![None; sets.len()] };
    for group in groups(catalogue) {
        judge.by_rules(&group, keep, now.time());
        judge.by_worth(&group, keep, now.time());
    }
    judge.by_themselves(now.time());
    judge.with_what_they_need();
    Ok(judge.plan())
}

/// The sets that are named go, with all that continues them; no rule is asked.
///
/// # Errors
/// [`Error::Kept`]: one of them is on hold, or in the newest good chain of its CA; sets cannot be read, and
/// that is not accepted; or the clock, which ends holds, cannot be believed.
pub fn plan_forget_named<'a>(
    catalogue: &'a Catalogue,
    named: &[&StoredSet],
    accept_unreadable: bool,
    now: Now,
) -> Result<ForgetPlan<'a>, Error> {
    if !accept_unreadable {
        refuse_unreadable(catalogue)?;
    }
    believe(catalogue, now)?;
    let mut judge = Judge { catalogue, kept: vec![Vec::new(); catalogue.sets().len()], gone: Vec::new() };
    for group in groups(catalogue) {
        judge.newest_good(&group);
    }
    let mut fates: Vec<Fate<'a>> = Vec::new();
    for (set, kept) in catalogue.sets().iter().zip(&judge.kept) {
        let base = catalogue.base_of(set);
        let gone = base.filter(|base| fates.iter().any(|fate| fate.set == *base));
        let reason = match gone {
            _ if named.iter().any(|other| other.id == set.id && other.folder == set.folder) => Reason::Named,
            Some(base) => Reason::Continues(base.id.clone()),
            None => continue,
        };
        let hold = set.hold(now.time()).map(Reason::Held);
        if let Some(kept) = hold.or(kept.first().cloned()) {
            let hint = "`csbackup mark SET --release` ends a hold; the newest good chain goes when there is a newer one";
            return Err(Error::Kept { reason: format!("set {} is {kept}", set.id), hint });
        }
        fates.push(Fate { set, kept: false, reasons: vec![reason] });
    }
    Ok(ForgetPlan { fates })
}

/// A set that cannot be read may continue one that could be forgotten.
fn refuse_unreadable(catalogue: &Catalogue) -> Result<(), Error> {
    let Some(error) = catalogue.unreadable.first() else { return Ok(()) };
    let count = catalogue.unreadable.len();
    let reason = format!("{count} of the sets cannot be read, and may need others: {error}");
    let hint = "see to them first: `csbackup list` names them; `--accept-unreadable` goes on without them";
    Err(Error::Kept { reason, hint })
}

/// Is the clock of this machine near the newest set of each CA? One that is far off could keep nothing.
fn believe(catalogue: &Catalogue, now: Now) -> Result<(), Error> {
    let Now::Clock(now) = now else { return Ok(()) };
    let current = catalogue.sets().iter().filter(|set| !catalogue.is_historic(set));
    let newest = current.fold(Vec::<&StoredSet>::new(), |mut newest, set| {
        newest.retain(|other| other.folder != set.folder);
        newest.push(set);
        newest
    });
    for set in newest {
        let name = &set.manifest.ca.name;
        let reason = match taken(set) {
            None => format!("the time of {} cannot be read", set.id),
            Some(taken) if now < taken => {
                format!("this machine's clock says it is before the newest set of `{name}`, {}", set.id)
            }
            Some(taken) if now - taken > TRUSTED => {
                format!(
                    "the newest set of `{name}`, {}, is more than 48 hours old by this machine's clock",
                    set.id
                )
            }
            Some(_) => continue,
        };
        let hint = if catalogue.sets().iter().any(|other| other.folder != safe_name(name)) {
            "check the clock, or whether backups still run; say what time it is with `--now`, or name other CAs with `--ca-name`"
        } else {
            "check the clock, or whether backups still run; then say what time it is with `--now`"
        };
        return Err(Error::Kept { reason, hint });
    }
    Ok(())
}

/// Why each set stays; same order as the catalogue's sets.
struct Judge<'a> {
    catalogue: &'a Catalogue,
    kept: Vec<Vec<Reason>>,
    gone: Vec<Option<Reason>>,
}

impl<'a> Judge<'a> {
    fn keep(&mut self, position: usize, reason: Reason) {
        if let Some(kept) = self.kept.get_mut(position) {
            kept.push(reason);
        }
    }

    fn set(&self, position: usize) -> Option<&'a StoredSet> {
        self.catalogue.sets().get(position)
    }

    fn by_rules(&mut self, group: &Group, keep: &KeepOptions, now: OffsetDateTime) {
        for (position, reason) in group.kept(self.catalogue, keep, now) {
            self.keep(position, reason);
        }
    }

    /// The newest good set and what it needs, and the same of a sampled one that is newer; returns where the
    /// first of these chains begins.
    fn newest_good(&mut self, group: &Group) -> Option<usize> {
        let newest = group.sound(self.catalogue).next_back()?;
        let is_good =
            |place: &usize| self.set(*place).is_some_and(|set| self.catalogue.state(set) == SetState::Good);
        let good = group.sound(self.catalogue).rfind(is_good);
        if good != Some(newest) {
            self.keep_chain(newest, group);
        }
        self.keep_chain(good?, group)
    }

    /// Keeps a set and what it needs; returns where that begins.
    fn keep_chain(&mut self, place: usize, group: &Group) -> Option<usize> {
        let chain = self.catalogue.chain(self.set(place)?).ok()?;
        let in_chain = |place: &usize| self.set(*place).is_some_and(|set| chain.contains(&set));
        let chain: Vec<usize> = group.places.iter().copied().filter(in_chain).collect();
        chain.iter().for_each(|place| self.keep(*place, Reason::NewestGood));
        chain.first().copied()
    }

    /// What is not good is of use until a whole good chain is newer, or while it may become good again.
    fn by_worth(&mut self, group: &Group, keep: &KeepOptions, now: OffsetDateTime) {
        let whole = self.newest_good(group);
        let misread = group.misread(self.catalogue, keep, now);
        let mut older = whole.is_some();
        for place in group.places.iter().copied() {
            older &= whole != Some(place);
            let Some(state) = self.set(place).map(|set| self.catalogue.state(set)) else { continue };
            if state.is_base() {
                continue;
            }
            if !older {
                self.keep(place, Reason::NotSuperseded(state.to_string()));
            } else if misread.contains(&place) {
                self.keep(place, Reason::Misread(state.to_string()));
            } else if let Some(gone) = self.gone.get_mut(place) {
                *gone = Some(Reason::Superseded(state.to_string()));
            }
        }
    }

    /// What no rule asks about.
    fn by_themselves(&mut self, now: OffsetDateTime) {
        for (place, set) in self.catalogue.sets().iter().enumerate() {
            if self.catalogue.is_historic(set) {
                self.keep(place, Reason::Historic);
            }
            if let Some(hold) = set.hold(now) {
                self.keep(place, Reason::Held(hold));
            }
        }
    }

    /// INVARIANT: what a kept set continues is kept. A base comes before what continues it.
    fn with_what_they_need(&mut self) {
        let sets = self.catalogue.sets();
        for (place, set) in sets.iter().enumerate().rev() {
            let stays = self.kept.get(place).is_some_and(|reasons| !reasons.is_empty());
            let base = self.catalogue.base_of(set).filter(|_| stays);
            let base = base.and_then(|base| sets.iter().position(|other| other == base));
            if let Some(base) = base {
                self.keep(base, Reason::NeededBy(set.id.clone()));
            }
        }
    }

    fn plan(self) -> ForgetPlan<'a> {
        let judged = self.catalogue.sets().iter().zip(self.kept).zip(self.gone);
        let fate = |((set, reasons), gone): ((&'a StoredSet, Vec<Reason>), Option<Reason>)| {
            if reasons.is_empty() {
                return Fate { set, kept: false, reasons: vec![gone.unwrap_or(Reason::NoRule)] };
            }
            Fate { set, kept: true, reasons }
        };
        ForgetPlan { fates: judged.map(fate).collect() }
    }
}
