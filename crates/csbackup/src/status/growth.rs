//! How fast a CA grows, and whether its logs go.

use super::facts::{Growth, HeldLogs};
use super::gather::{WINDOW, seconds_between, taken};
use crate::manifest::{Content, Kind};
use crate::medium::StoredSet;
use crate::note::{LogRange, NoteBody, TruncationOutcome};
use crate::{Catalogue, SetState};

const DAY: u64 = 86_400;

/// What the sets, newest first, say of its growth.
pub(super) fn of(catalogue: &Catalogue, newest_first: &[&StoredSet]) -> Growth {
    let fulls = newest_first.iter().filter(|set| {
        set.manifest.kind == Kind::Full
            && matches!(catalogue.state(set), SetState::Good | SetState::Sampled | SetState::Unproven)
    });
    let sizes: Vec<(&StoredSet, u64)> = fulls.filter_map(|set| Some((*set, database(set)?))).collect();
    Growth {
        database: sizes.first().map(|(_, size)| *size),
        database_per_day: per_day(&sizes, |set| {
            set.manifest.files.iter().find_map(|file| file.database()).map(|facts| facts.signature.clone())
        }),
        logs_per_day: per_day(&written(newest_first), |set| {
            set.manifest.logs().first().map(|(_, log)| log.signature.clone())
        }),
    }
}

/// Bytes of its databases.
fn database(set: &StoredSet) -> Option<u64> {
    let databases = set.manifest.files.iter().filter(|file| file.content == Content::Database);
    databases.map(|file| file.size).reduce(u64::saturating_add)
}

/// Bytes of all logs that there ever were, up to the last one of each set.
fn written<'a>(newest_first: &[&'a StoredSet]) -> Vec<(&'a StoredSet, u64)> {
    let last = |set: &'a StoredSet| {
        let logs = set.manifest.logs();
        logs.last().map(|(file, log)| file.size.saturating_mul(log.generation.into()))
    };
    newest_first.iter().filter_map(|set| Some((*set, last(set)?))).collect()
}

/// From the oldest of the last 30 days to the newest, of one history; at least a day lies between.
fn per_day(
    newest_first: &[(&StoredSet, u64)],
    history: impl Fn(&StoredSet) -> Option<String>,
) -> Option<i64> {
    let (newest, size) = newest_first.first()?;
    let (now, own) = (taken(newest)?, history(newest)?);
    let earlier = newest_first.iter().skip(1).filter_map(|(set, size)| {
        let passed = seconds_between(taken(set)?, now);
        let fits = passed >= DAY && history(set)? == own;
        fits.then_some((passed, *size))
    });
    // Full backups may be further apart than the window.
    let (near, far): (Vec<_>, Vec<_>) = earlier.partition(|(passed, _)| *passed <= WINDOW);
    let (passed, before) = near.into_iter().max().or_else(|| far.into_iter().min())?;
    let grown = i128::from(*size) - i128::from(before);
    i64::try_from(grown * i128::from(DAY) / i128::from(passed)).ok()
}

/// After so many sets in a row it is no accident.
const IN_A_ROW: usize = 3;

/// So many logs stay at a CA that deletes what it can: Windows Server 2008 R2 to 2016 keep up to about 60.
const USUAL: u32 = 64;

/// Did the newest sets, several in a row, leave all logs where they were?
pub(super) fn held_logs(newest_first: &[&StoredSet]) -> Option<HeldLogs> {
    let outcomes = newest_first.iter().filter_map(|set| {
        set.notes.iter().rev().find_map(|note| match &note.body {
            NoteBody::Truncation { outcome, detail, before, after } => {
                let none_went = none_went(*outcome, *before, *after)?;
                Some((none_went, after.or(*before).map(|logs| logs.count), detail.clone()))
            }
            _ => None,
        })
    });
    let in_a_row: Vec<_> = outcomes.take_while(|(none_went, ..)| *none_went).collect();
    let (_, logs, detail) = in_a_row.first()?.clone();
    (in_a_row.len() >= IN_A_ROW).then_some(HeldLogs { sets: in_a_row.len(), logs, detail })
}

/// `None` where nobody asked, or nobody knows.
fn none_went(outcome: TruncationOutcome, before: Option<LogRange>, after: Option<LogRange>) -> Option<bool> {
    match outcome {
        TruncationOutcome::Withheld | TruncationOutcome::Refused => Some(true),
        TruncationOutcome::Done => {
            let (before, after) = before.zip(after)?;
            Some(after.low <= before.low && after.count >= before.count && after.count > USUAL)
        }
        TruncationOutcome::NotAsked | TruncationOutcome::Unknown => None,
    }
}
