//! Carrying a plan out.

use std::collections::HashSet;

use time::OffsetDateTime;

use super::ForgetPlan;
use crate::manifest::SetId;
use crate::medium::{Medium, StoredSet};
use crate::{Error, Observer, Step};

/// What came of a plan.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The sets that are gone.
    pub removed: Vec<SetId>,
    /// The sets that stayed after all, and why.
    pub spared: Vec<(SetId, String)>,
}

/// Removes what the plan forgets; under the lock of the CA (or of each of them).
///
/// INVARIANT: a set goes only when nothing on the medium continues it and it is not on hold *now*: both are
/// read again, chain by chain, right before. Killed at any moment, every set that is left has its chain.
///
/// # Errors
/// The medium's; what was removed before was told to the observer.
pub fn forget(
    medium: &dyn Medium,
    plan: &ForgetPlan<'_>,
    now: OffsetDateTime,
    observer: &dyn Observer,
) -> Result<Forgotten, Error> {
    let mut done = Forgotten::default();
    let doomed = plan.forgotten();
    for chain in doomed.chunk_by(|a, b| a.folder == b.folder && a.manifest.timeline == b.manifest.timeline) {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let Some(first) = chain.first() else { continue };
        let there = medium.sets(Some(&first.manifest.ca.authority()))?;
        let there: Vec<StoredSet> = there.into_iter().filter_map(Result::ok).collect();
        let mut gone: HashSet<SetId> = HashSet::new();
        let mut removable = Vec::new();
        for set in chain {
            let Some(set) = there.iter().find(|other| other.id == set.id) else { continue };
            match stays(set, &there, &gone, now) {
                Some(why) => done.spared.push((set.id.clone(), why)),
                None => {
                    gone.insert(set.id.clone());
                    removable.push(set);
                }
            }
        }
        medium.forget(&removable)?;
        for set in removable {
            observer.step(&Step::Forgotten(set.id.to_string()));
            done.removed.push(set.id.clone());
        }
    }
    Ok(done)
}

fn stays(set: &StoredSet, there: &[StoredSet], gone: &HashSet<SetId>, now: OffsetDateTime) -> Option<String> {
    if let Some(hold) = set.hold(now) {
        return Some(hold.to_string());
    }
    let mut left = there.iter().filter(|other| !gone.contains(&other.id));
    let continued = left.find(|other| other.manifest.base.as_ref() == Some(&set.id))?;
    Some(format!("needed by {}", continued.id))
}
