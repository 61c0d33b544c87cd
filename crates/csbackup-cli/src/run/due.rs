//! What is due, by the sets and by what is promised.

use std::time::Duration;

use csbackup::manifest::Kind;
use csbackup::{Catalogue, DrillOutcome, SetState, StoredSet};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{Config, RunPolicy, Section, parsed};
use crate::exit::NoRepository;
use crate::printer::Printer;
use crate::sets::Kept;
use crate::state::KnownCa;

/// Something to do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) job: Job,
    pub(super) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Job {
    Backup {
        full: bool,
    },
    /// Of this set.
    Drill(String),
    Forget,
    Prune,
}

impl Job {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Backup { full: true } => "full backup",
            Self::Backup { full: false } => "backup",
            Self::Drill(_) => "drill",
            Self::Forget => "forget",
            Self::Prune => "prune",
        }
    }
}

/// What is due for a CA.
///
/// # Errors
/// Its sets cannot be read.
pub(super) fn of(
    config: &Config,
    section: &Section,
    known: &KnownCa,
    now: OffsetDateTime,
    printer: Printer,
) -> anyhow::Result<Vec<Due>> {
    let places = parsed(config, section)?;
    let common = section.common_name();
    let catalogue = match Kept::existing(&places.sets, common).and_then(|kept| kept.catalogue(common)) {
        Ok(catalogue) => catalogue,
        // A folder is made by the first backup.
        Err(error) if error.is::<NoRepository>() && places.sets.access.repo.is_none() => Catalogue::default(),
        Err(error) => return Err(error),
    };
    // What cannot be read is no reason to take no backup: rather one too many.
    for error in &catalogue.unreadable {
        printer.warning(&format!("{}: {error}", section.name));
    }
    let policy = RunPolicy::of(section);
    let mut due = judge(&catalogue, &policy, now);
    let is_pruned = policy.prune.is_none_or(|age| known.was_pruned_within(age, now));
    if places.sets.access.repo.is_some() && !is_pruned && !policy.offline && catalogue.newest().is_some() {
        due.push(Due { job: Job::Prune, reason: "it was long ago".to_owned() });
    }
    Ok(due)
}

/// What the sets say.
fn judge(catalogue: &Catalogue, policy: &RunPolicy, now: OffsetDateTime) -> Vec<Due> {
    let mut due = Vec::new();
    let sets = || catalogue.sets().iter().rev().filter(|set| !catalogue.is_historic(set));
    let good = || sets().filter(|set| matches!(catalogue.state(set), SetState::Good | SetState::Sampled));
    let fulls = |set: &&StoredSet| set.manifest.kind == Kind::Full;
    // What failed lately is not tried again at once.
    let rest = policy.incremental.or(policy.full);
    let is_tired =
        |newest: Option<&StoredSet>| newest.zip(rest).is_some_and(|(set, age)| !is_older(set, age, now));
    if !policy.offline {
        let full = match (policy.full, good().find(fulls)) {
            (_, None) if sets().next().is_none() => Some("there is no set yet".to_owned()),
            (Some(_), None) => Some("no full backup here is good".to_owned()),
            (Some(age), Some(set)) if is_older(set, age, now) => {
                Some(aged("the newest full backup", set, now))
            }
            _ => None,
        };
        let next = match (policy.incremental, good().next()) {
            (Some(age), Some(set)) if is_older(set, age, now) => Some(aged("the newest good set", set, now)),
            _ => None,
        };
        if let Some(reason) =
            full.filter(|_| !is_tired(sets().find(fulls).filter(|set| !is_good(catalogue, set))))
        {
            due.push(Due { job: Job::Backup { full: true }, reason });
        } else if let Some(reason) =
            next.filter(|_| !is_tired(sets().next().filter(|set| !is_good(catalogue, set))))
        {
            due.push(Due { job: Job::Backup { full: false }, reason });
        }
    }
    let backs_up = !due.is_empty();
    due.extend(policy.drill.and_then(|age| drill(catalogue, good().next(), backs_up, age, now)));
    if backs_up && !policy.keep.is_empty() {
        due.push(Due { job: Job::Forget, reason: "a new set is there".to_owned() });
    }
    due
}

fn is_good(catalogue: &Catalogue, set: &StoredSet) -> bool {
    matches!(catalogue.state(set), SetState::Good | SetState::Sampled)
}

/// The newest set is drilled when the last drill that passed was long ago.
fn drill(
    catalogue: &Catalogue,
    newest: Option<&StoredSet>,
    backs_up: bool,
    age: Duration,
    now: OffsetDateTime,
) -> Option<Due> {
    let passed = catalogue.sets().iter().filter_map(|set| set.drilled());
    let passed = passed.filter(|(_, drill)| drill.outcome == DrillOutcome::Passed);
    let last = passed.filter_map(|(at, _)| moment(at)).filter(|at| *at <= now).max();
    if last.is_some_and(|last| now - last < age) {
        return None;
    }
    // One that was drilled already says no more the second time.
    let newest = match (backs_up, newest) {
        (true, _) => "latest".to_owned(),
        (false, Some(set)) if set.drilled().is_none() => set.id.to_string(),
        (false, _) => return None,
    };
    let reason = last.map_or_else(
        || "none has passed yet".to_owned(),
        |last| format!("the last that passed was {} ago", ago(now - last)),
    );
    Some(Due { job: Job::Drill(newest), reason })
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// A set of the future is not believed to be new.
fn is_older(set: &StoredSet, age: Duration, now: OffsetDateTime) -> bool {
    let begun = moment(&set.manifest.started);
    begun.is_none_or(|begun| begun > now + CLOCKS || now - begun >= age)
}

/// So much may clocks differ.
const CLOCKS: Duration = Duration::from_secs(15 * 60);

fn aged(what: &str, set: &StoredSet, now: OffsetDateTime) -> String {
    match moment(&set.manifest.started) {
        Some(begun) if begun <= now => format!("{what} is {} old", ago(now - begun)),
        _ => format!("{what} has a time that is yet to come"),
    }
}

/// As people say it.
pub(crate) fn ago(age: time::Duration) -> String {
    let (days, hours, minutes) = (age.whole_days(), age.whole_hours(), age.whole_minutes());
    match (days, hours) {
        (2.., _) => format!("{days} days"),
        (_, 2..) => format!("{hours} hours"),
        _ => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may stop")]
mod tests {
    use csbackup::{Medium as _, NoteBody, Requested};
    use testkit::ca::plain_life;
    use testkit::world::World;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn policy() -> RunPolicy {
        RunPolicy {
            full: Some(7 * DAY),
            incremental: Some(DAY),
            drill: Some(30 * DAY),
            keep: vec!["--keep-daily=7".to_owned()],
            ..RunPolicy::default()
        }
    }

    fn names(world: &World, policy: &RunPolicy, days: f64) -> Vec<&'static str> {
        let now = OffsetDateTime::now_utc() + time::Duration::DAY * days;
        judge(&world.catalogue(), policy, now).iter().map(|due| due.job.name()).collect()
    }

    #[test]
    fn what_is_promised_decides_what_is_due() {
        let mut world = World::new(&plain_life());
        assert_eq!(names(&world, &policy(), 0.0), ["full backup", "drill", "forget"]);
        world.good(Requested::Full);
        let undrilled = RunPolicy { drill: None, ..policy() };
        assert_eq!(names(&world, &policy(), 0.0), ["drill"]);
        assert_eq!(names(&world, &undrilled, 0.5), [] as [&str; 0]);
        assert_eq!(names(&world, &undrilled, 1.5), ["backup", "forget"]);
        world.advance();
        world.good(Requested::Incremental);
        assert_eq!(names(&world, &undrilled, 0.5), [] as [&str; 0]);
        // A run that was missed for a month is one run.
        assert_eq!(names(&world, &undrilled, 30.0), ["full backup", "forget"]);
        let nothing = RunPolicy { full: None, incremental: None, ..undrilled.clone() };
        assert_eq!(names(&world, &nothing, 300.0), [] as [&str; 0]);
        let offline = RunPolicy { offline: true, ..policy() };
        assert_eq!(names(&world, &offline, 300.0), ["drill"], "by hand, and drilled all the same");
    }

    #[test]
    fn a_clock_that_was_set_back_has_a_backup_taken() {
        let world = World::new(&plain_life());
        world.good(Requested::Full);
        let undrilled = RunPolicy { drill: None, ..policy() };
        assert_eq!(names(&world, &undrilled, -2.0), ["full backup", "forget"]);
        assert_eq!(names(&world, &undrilled, -0.005), [] as [&str; 0], "clocks differ by minutes");
    }

    #[test]
    fn a_set_that_is_no_good_is_replaced_and_not_by_the_next_run_at_once() {
        let world = World::new(&plain_life());
        world.good(Requested::Full);
        let undrilled = RunPolicy { drill: None, ..policy() };
        let bad = NoteBody::ReadBack { good: false, extent: csbackup::ReadExtent::Full, detail: None };
        world.medium.note(&world.newest(), bad).unwrap();
        assert_eq!(names(&world, &undrilled, 0.5), [] as [&str; 0]);
        let now = OffsetDateTime::now_utc() + DAY.mul_f64(1.1);
        let due = judge(&world.catalogue(), &undrilled, now);
        assert_eq!(due[0].reason, "no full backup here is good");
    }
}
