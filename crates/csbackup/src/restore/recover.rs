//! A database that is recovered beside its place, instead of one that the CA would recover.

use std::fs;
use std::sync::Arc;

use super::RestorePlan;
use super::journal::{Item, Journal, RecoverTo};
use super::stage::hash;
use crate::manifest::{FindingEntry, SetId, Severity};
use crate::medium::{Medium, StoredSet};
use crate::recover::{Recovery, Scratch, Supply, Until, recover};
use crate::verify::verify_recovered;
use crate::{Error, Observer, Step};

/// The last generation of the logs that were closed at the time of a plan.
pub(super) fn generation(plan: &RestorePlan, medium: &dyn Medium) -> Result<u32, Error> {
    let sets: Vec<&StoredSet> = plan.sets.iter().collect();
    let named = sets.last().ok_or_else(|| no_set("the plan names no set"))?;
    Supply::of_sets(medium, &sets, named)?.last(plan.recovered.unwrap_or_default())
}

/// Recovers the database of the journal's sets, and records what came of it: only then has it a hash.
pub(super) fn stage(
    journal: &mut Journal,
    item: &Item,
    to: RecoverTo,
    medium: &dyn Medium,
    sets: &[StoredSet],
    observer: &dyn Observer,
) -> Result<(), Error> {
    let find = |id: &SetId| {
        sets.iter().find(|set| set.id == *id).ok_or_else(|| no_set(&format!("set {id} is not here")))
    };
    let chain: Vec<&StoredSet> = journal.record.sets.iter().map(find).collect::<Result<_, _>>()?;
    let named = chain.last().ok_or_else(|| no_set("the journal names no set"))?;
    let supply = Supply::of_sets(medium, &chain, named)?;
    // Nobody's link is followed.
    let _ = fs::remove_file(&item.staged);
    let until = to.generation.map_or(Until::End, Until::Generation);
    let recovery = recover(&supply, until, Scratch::create(&item.staged)?, observer)?;
    let Recovery { database, recovered, findings, unread, .. } = recovery;
    findings.iter().for_each(|finding| observer.finding("", finding));
    // What is out of reach is no damage, and what this program cannot replay neither.
    let is_damage = !unread && findings.iter().any(|finding| finding.severity == Severity::Error);
    let failed = |reason| match is_damage {
        true => Error::NotRecovered { reason },
        false => Error::Restore { reason, hint: Some(ANOTHER) },
    };
    let database = match (database, &recovered.lost, recovered.generation) {
        (Some(database), None, _) => database,
        (Some(_), Some(lost), Some(reached)) => {
            let since =
                lost.since.as_ref().map(|since| format!(", and what happened since {since} is lost then"));
            let reason = format!(
                "{}; `--recovered --until 0x{reached:x}` lays down what can be had{}",
                why(&findings),
                since.unwrap_or_default()
            );
            return Err(failed(reason));
        }
        _ => return Err(failed(why(&findings))),
    };
    database.sync()?;
    let database = Arc::new(database);
    let verified = verify_recovered(&item.path, &database, observer)?;
    if verified.worst() == Some(Severity::Error) {
        let reason = "the recovered database is not sound: nothing was laid down".to_owned();
        return Err(Error::NotRecovered { reason });
    }
    let blake3 = hash(&mut database.reader(), &item.path, observer, &mut |_| Ok(()))?;
    let size = ese::PageSource::size(&*database);
    for own in journal.record.items.iter_mut().filter(|own| own.staged == item.staged) {
        (own.blake3, own.size) = (blake3.clone(), size);
    }
    observer.step(&Step::Recovered);
    journal.save(observer)
}

fn why(findings: &[FindingEntry]) -> String {
    let first = findings.first().map_or("the replay did not come to its end", |finding| &finding.text);
    format!("the database cannot be recovered: {first}")
}

fn no_set(reason: &str) -> Error {
    Error::NoSet { reason: reason.to_owned() }
}

const ANOTHER: &str = "use another copy of the set, or an older set";
