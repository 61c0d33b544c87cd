//! Which logs a set has to hold, and why.

use alloc::vec::Vec;

use super::SetInput;
use super::chain::{Chain, is_stream};
use crate::database::{DatabaseFacts, Origin};
use crate::finding::{Finding, FindingKind, Need, Place, Severity};
use crate::numbers::Generation;

/// Ranges of generations with the reason why they have to be there, the strongest reason first.
pub(super) struct Needs {
    ranges: Vec<(Need, Generation, Generation)>,
}

impl Needs {
    pub(super) fn of(input: &SetInput<'_>) -> Self {
        let mut ranges = Vec::new();
        for database in input.databases {
            of_database(database, &mut ranges);
        }
        ranges.extend(listed(input.listed.unwrap_or(&[])));
        ranges.retain(|(_, low, high)| low <= high);
        ranges.sort_by_key(|(need, ..)| rank(*need));
        Self { ranges }
    }

    /// The hull of what the databases need to become consistent.
    pub(super) fn required(&self) -> Option<(Generation, Generation)> {
        let hard = || self.ranges.iter().filter(|(need, ..)| matches!(need, Need::Required | Need::Backup));
        let low = hard().map(|(_, low, _)| *low).min()?;
        let high = hard().map(|(.., high)| *high).max()?;
        Some((low, high))
    }

    /// The lowest generation that anything needs.
    pub(super) fn lowest(&self) -> Option<Generation> {
        self.ranges.iter().map(|(_, low, _)| *low).min()
    }

    /// Reports the generations that are not there.
    pub(super) fn check(&self, input: &SetInput<'_>, chain: &Chain<'_>, findings: &mut Vec<Finding>) {
        let highs = self.ranges.iter().map(|(.., high)| *high);
        let Some(low) = self.lowest().into_iter().chain(chain.lowest()).min() else { return };
        let Some(high) = highs.chain(chain.highest()).max() else { return };
        for (first, last) in chain.missing(low, high) {
            self.check_gap(first, last, |need, first, last| {
                let need = self.explain(need, (first, last), input, chain);
                let place = Place::Generations { first, last };
                findings.push(Finding::new(severity(need), place, FindingKind::LogMissing(need)));
            });
        }
    }

    /// Divides a gap into pieces with one reason each.
    fn check_gap(
        &self,
        first: Generation,
        last: Generation,
        mut report: impl FnMut(Option<Need>, Generation, Generation),
    ) {
        let mut start = first;
        loop {
            let own = self.ranges.iter().position(|(_, low, high)| (*low..=*high).contains(&start));
            // The piece ends where its reason does, or where a stronger one begins.
            let stronger = self.ranges.iter().take(own.unwrap_or(usize::MAX)).map(|(_, low, _)| *low);
            let begins = stronger.filter(|&low| low > start).filter_map(Generation::previous).min();
            let own = own.and_then(|own| self.ranges.get(own));
            let ends = own.map(|(.., high)| *high);
            let end = [begins, ends].into_iter().flatten().fold(last, Ord::min);
            report(own.map(|(need, ..)| *need), start, end);
            match end.next() {
                Some(next) if end < last => start = next,
                _ => return,
            }
        }
    }

    /// The reason in terms of what is there.
    fn explain(
        &self,
        need: Option<Need>,
        (first, last): (Generation, Generation),
        input: &SetInput<'_>,
        chain: &Chain<'_>,
    ) -> Need {
        let above = chain.highest().is_some_and(|highest| highest < first);
        let below = chain.lowest().is_some_and(|lowest| lowest > last);
        let Some(need) = need else {
            let replayed = input.databases.is_empty() || self.lowest().is_some_and(|lowest| first >= lowest);
            let streamed = input.origin == Origin::Streamed;
            return if replayed { Need::Chain { streamed } } else { Need::Unneeded };
        };
        let is_raw = !input.databases.iter().any(is_stream);
        match need {
            Need::Required if is_raw && above && !chain.has_current() => Need::Current,
            Need::Backup if above => Need::BackupEnd,
            Need::Backup if below => Need::BackupStart,
            other => other,
        }
    }
}

fn of_database(database: &DatabaseFacts, ranges: &mut Vec<(Need, Generation, Generation)>) {
    let header = &database.header;
    let required = header.requires_logs();
    ranges.extend(required.map(|(low, high)| (Need::Required, low, high)));
    if is_stream(database) {
        // The trailer knows later logs than the header; without one, the header has to do.
        let low = header.full_cur.low;
        let high = database.trailer.as_ref().map_or(header.committed, |trailer| trailer.info.high);
        if !low.is_none() {
            ranges.push((Need::Backup, low, high));
        }
    } else if let Some(next) = required.and_then(|(_, high)| high.next()) {
        ranges.push((Need::Committed, next, header.committed));
    }
}

/// The list of the server as ranges.
fn listed(generations: &[Generation]) -> Vec<(Need, Generation, Generation)> {
    let mut sorted = generations.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(Need, Generation, Generation)> = Vec::new();
    for generation in sorted {
        match ranges.last_mut() {
            Some((.., last)) if *last == generation || last.next() == Some(generation) => *last = generation,
            _ => ranges.push((Need::Listed, generation, generation)),
        }
    }
    ranges
}

const fn severity(need: Need) -> Severity {
    match need {
        Need::Unneeded => Severity::Info,
        Need::Committed => Severity::Warning,
        _ => Severity::Error,
    }
}

/// Stronger reasons have lower ranks.
const fn rank(need: Need) -> u8 {
    match need {
        Need::Required | Need::Current => 0,
        Need::Backup | Need::BackupStart | Need::BackupEnd => 1,
        Need::Listed => 2,
        Need::Committed | Need::Chain { .. } | Need::Unneeded => 3,
    }
}
