//! The sets of one CA, and which of them the rules keep.

use std::collections::{BTreeSet, HashMap};

use time::format_description::well_known::Rfc3339;
use time::{Date, Duration, OffsetDateTime, UtcOffset};

use super::{KeepOptions, Reason};
use crate::catalogue::{Catalogue, SetState};
use crate::import::UNKNOWN_HOST;
use crate::manifest::{Severity, Source};
use crate::medium::StoredSet;

/// The sets of one CA, by their places in the catalogue, oldest first.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) places: Vec<usize>,
    /// What tells that a set is of this CA: folder and host, or folder and log stream.
    marks: BTreeSet<(String, String)>,
}

/// The sets that have a place in the order, by CA. A CA that moved to another host with its logs is one;
/// CAs of one name on several hosts are several.
pub(super) fn groups(catalogue: &Catalogue) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, set) in catalogue.sets().iter().enumerate() {
        if catalogue.is_historic(set) {
            continue;
        }
        let marks = marks_of(set);
        let (same, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| !group.marks.is_disjoint(&marks));
        let mut group = Group { places: vec![place], marks };
        for other in same {
            group.places.extend(other.places);
            group.marks.extend(other.marks);
        }
        groups = others;
        groups.push(group);
    }
    for group in &mut groups {
        group.sort(catalogue);
    }
    groups
}

fn marks_of(set: &StoredSet) -> BTreeSet<(String, String)> {
    let mut marks = BTreeSet::new();
    let host = set.manifest.ca.host.to_lowercase();
    if host != UNKNOWN_HOST {
        marks.insert((set.folder.clone(), format!("host {host}")));
    }
    let logs = set.manifest.logs();
    marks.extend(logs.last().map(|(_, log)| (set.folder.clone(), format!("logs {}", log.signature))));
    marks
}

/// How many of which part of time, and what that makes a reason.
type Rule = (usize, fn(Date) -> String, fn(String) -> Reason);

impl Group {
    /// By timeline, then by sequence: an increment that closes the gap of an old chain comes after the full
    /// backup that opened the new one, and belongs before it.
    fn sort(&mut self, catalogue: &Catalogue) {
        let sets = catalogue.sets();
        let mut opened: HashMap<&str, usize> = HashMap::new();
        for place in &self.places {
            if let Some(set) = sets.get(*place) {
                let first = opened.entry(&set.manifest.timeline).or_insert(*place);
                *first = (*first).min(*place);
            }
        }
        let timeline =
            |place: &usize| sets.get(*place).and_then(|s| opened.get(s.manifest.timeline.as_str()));
        self.places.sort_by_key(|place| (timeline(place).copied(), *place));
    }

    /// Those that are good or sampled, oldest first.
    pub(super) fn sound<'a>(
        &'a self,
        catalogue: &'a Catalogue,
    ) -> impl DoubleEndedIterator<Item = usize> + 'a {
        let is_sound =
            |place: &usize| catalogue.sets().get(*place).is_some_and(|set| catalogue.state(set).is_base());
        self.places.iter().copied().filter(is_sound)
    }

    /// What the rules keep, and why.
    pub(super) fn kept(
        &self,
        catalogue: &Catalogue,
        keep: &KeepOptions,
        now: OffsetDateTime,
    ) -> Vec<(usize, Reason)> {
        by_rules(self.sound(catalogue), catalogue, keep, now)
    }

    /// Those that are not good only because bytes cannot be read back, and that the rules would keep if they
    /// could: one by one, so that none takes the place of another.
    pub(super) fn misread(
        &self,
        catalogue: &Catalogue,
        keep: &KeepOptions,
        now: OffsetDateTime,
    ) -> BTreeSet<usize> {
        let sound: BTreeSet<usize> = self.sound(catalogue).collect();
        let would_stay = |place: &usize| {
            let with = self.places.iter().copied().filter(|other| other == place || sound.contains(other));
            by_rules(with, catalogue, keep, now).iter().any(|(kept, _)| kept == place)
        };
        let places = self.places.iter().copied();
        let misread =
            places.filter(|place| catalogue.sets().get(*place).is_some_and(|set| is_misread(catalogue, set)));
        misread.filter(would_stay).collect()
    }
}

/// Is it, or what it needs, misread, and nothing else amiss?
fn is_misread(catalogue: &Catalogue, set: &StoredSet) -> bool {
    let Ok(chain) = catalogue.chain(set) else { return false };
    let states: Vec<SetState> = chain.iter().map(|set| catalogue.state(set)).collect();
    let whole = chain.iter().all(|set| set.manifest.worst() != Some(Severity::Error));
    let fits = |state| matches!(state, &SetState::Misread | &SetState::Orphan(_)) || state.is_base();
    whole && states.contains(&SetState::Misread) && states.iter().all(fits)
}

/// What the rules keep of these sets, oldest first, and why.
fn by_rules(
    places: impl Iterator<Item = usize>,
    catalogue: &Catalogue,
    keep: &KeepOptions,
    now: OffsetDateTime,
) -> Vec<(usize, Reason)> {
    let good: Vec<(usize, Option<OffsetDateTime>)> =
        places.map(|place| (place, catalogue.sets().get(place).and_then(taken))).collect();
    let mut kept: Vec<(usize, Reason)> = Vec::new();
    kept.extend(good.iter().rev().take(keep.last).map(|(place, _)| (*place, Reason::Last(keep.last))));
    let rules: [Rule; 4] = [
        (keep.daily, day, Reason::Daily),
        (keep.weekly, week, Reason::Weekly),
        (keep.monthly, month, Reason::Monthly),
        (keep.yearly, year, Reason::Yearly),
    ];
    for (count, bucket, reason) in rules {
        let mut seen = BTreeSet::new();
        for (place, taken) in good.iter().rev() {
            let Some(name) = taken.map(|taken| bucket(taken.date())) else { continue };
            if seen.len() < count && seen.insert(name.clone()) {
                kept.push((*place, reason(name)));
            }
        }
    }
    kept.extend(keep.within.into_iter().flat_map(|within| young(&good, within, now)));
    let unknown = good.iter().filter(|(_, taken)| taken.is_none());
    kept.extend(unknown.map(|(place, _)| (*place, Reason::NoTime)));
    kept
}

/// What is young, counted from the newest set (or from now, where that one claims to come later). A clock
/// that went back once makes no set older than one before it.
fn young(
    good: &[(usize, Option<OffsetDateTime>)],
    within: Duration,
    now: OffsetDateTime,
) -> Vec<(usize, Reason)> {
    let newest = good.last().and_then(|(_, taken)| *taken).map_or(now, |taken| taken.min(now));
    let since = newest.checked_sub(within);
    let old =
        |taken: &Option<OffsetDateTime>| since.is_some_and(|since| taken.is_none_or(|taken| taken < since));
    good.iter().skip_while(|(_, taken)| old(taken)).map(|(place, _)| (*place, Reason::Within)).collect()
}

/// When a set's content is of, in UTC: the start of its session; of an import, its last log.
pub(super) fn taken(set: &StoredSet) -> Option<OffsetDateTime> {
    let parse =
        |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok().map(|at| at.to_offset(UtcOffset::UTC));
    let logs = set.manifest.logs();
    let last = logs.last().filter(|_| set.manifest.source == Source::Import);
    last.and_then(|(_, log)| parse(&log.created_at)).or_else(|| parse(&set.manifest.started))
}

fn day(date: Date) -> String {
    date.to_string()
}

fn week(date: Date) -> String {
    let (year, week, _) = date.to_iso_week_date();
    format!("{year}-W{week:02}")
}

fn month(date: Date) -> String {
    format!("{}-{:02}", date.year(), u8::from(date.month()))
}

fn year(date: Date) -> String {
    date.year().to_string()
}
