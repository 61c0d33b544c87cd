//! Which sets have what is missing, and which one to restore.

use std::collections::BTreeMap;

use ese::Signature;
use serde::Serialize;

use super::logs::Logs;
use super::survey::Survey;
use crate::manifest::{Kind, LogFacts, SetId};
use crate::{Catalogue, SetState, StoredSet};

/// A log of a set that stands in for a missing one: same log stream, same generation, and creation times
/// that join its neighbours here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Supply {
    /// The set.
    pub set: SetId,
    /// Folder of the set's CA on the medium.
    pub ca_folder: String,
    /// Path of the log in the set.
    pub path: String,
}

/// The set that brings most back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BestSet {
    /// The set.
    pub set: SetId,
    /// Common name of its CA.
    pub ca: String,
    /// It and all that it depends on, full backup first.
    pub chain: Vec<SetId>,
    /// What it is worth: `good`, or what else there is when no set is.
    pub state: String,
    /// When it was taken, UTC, RFC 3339.
    pub taken: String,
    /// Its last generation.
    pub last: Option<u32>,
    /// Usable logs here that continue it without a gap: they hold what came after it.
    pub continued: Option<[u32; 2]>,
    /// Is it of the log stream of this folder? Otherwise only the name of its database says that it fits.
    pub same_stream: bool,
}

/// The sets, seen from a folder.
pub(super) struct Supplier<'a> {
    catalogue: Option<&'a Catalogue>,
    stream: Option<String>,
    logs: BTreeMap<u32, Supply>,
}

impl<'a> Supplier<'a> {
    pub(super) fn new(catalogue: Option<&'a Catalogue>, logs: &Logs<'_>) -> Self {
        let stream = logs.stream.filter(Signature::is_set).map(|stream| hex(stream.as_bytes()));
        let mut supplies = BTreeMap::new();
        // Later sets replace earlier ones, good ones the others.
        for good in [false, true] {
            for set in catalogue.map_or(&[][..], Catalogue::sets) {
                let is_good = catalogue.is_some_and(|catalogue| catalogue.state(set) == SetState::Good);
                if is_good != good || set.proven() == Some(false) {
                    continue;
                }
                let own = set.manifest.logs().into_iter();
                for (file, facts) in own.filter(|(file, _)| !file.is_damaged()) {
                    if stream.as_ref() == Some(&facts.signature) && joins(facts, logs) {
                        let (ca_folder, path) = (set.folder.clone(), file.path.clone());
                        supplies.insert(facts.generation, Supply { set: set.id.clone(), ca_folder, path });
                    }
                }
            }
        }
        Self { catalogue, stream, logs: supplies }
    }

    pub(super) fn supply(&self, generation: u32) -> Option<Supply> {
        self.logs.get(&generation).cloned()
    }

    pub(super) fn generations(&self, first: u32, last: u32) -> impl Iterator<Item = u32> {
        self.logs.range(first..=last).map(|(generation, _)| *generation)
    }

    /// The good set of this log stream that reaches furthest; failing that, one that is not proven, or of
    /// another stream with a database of this name.
    pub(super) fn best(&self, survey: &Survey, logs: &Logs<'_>) -> Option<BestSet> {
        let catalogue = self.catalogue?;
        let names: Vec<&str> = survey.database_files().map(|file| file.name.as_str()).collect();
        let rank = |set: &StoredSet| {
            let same_stream = self.stream.is_some() && stream_of(set) == self.stream;
            let chain = catalogue.chain(set).ok()?;
            let same_name = chain.iter().flat_map(|set| &set.manifest.files).any(|file| {
                let stored = certadm::base_name(&file.name);
                names.iter().any(|name| name.eq_ignore_ascii_case(stored))
            });
            if !same_stream && !same_name {
                return None;
            }
            let state = match catalogue.state(set) {
                SetState::Good => 2,
                SetState::Unproven => 1,
                _ => return None,
            };
            let last = set.manifest.generations().map_or(0, |(_, last)| last);
            Some((state, same_stream, last))
        };
        let ranked = catalogue.sets().iter().filter_map(|set| Some((rank(set)?, set)));
        // Of equals the later one.
        let ((_, same_stream, _), set) = ranked.max_by_key(|(rank, _)| *rank)?;
        let last = set.manifest.generations().map(|(_, last)| last);
        Some(BestSet {
            set: set.id.clone(),
            ca: set.manifest.ca.name.clone(),
            chain: catalogue.chain(set).ok()?.into_iter().map(|set| set.id.clone()).collect(),
            state: catalogue.state(set).to_string(),
            taken: set.manifest.finished.clone(),
            continued: last.filter(|_| same_stream).and_then(|last| continued(last, logs)),
            last,
            same_stream,
        })
    }
}

/// The usable logs directly behind a generation.
fn continued(last: u32, logs: &Logs<'_>) -> Option<[u32; 2]> {
    let first = last.checked_add(1).filter(|&first| logs.usable(first).is_some())?;
    let after = (first..=u32::MAX).take_while(|&generation| logs.usable(generation).is_some());
    after.last().map(|end| [first, end])
}

/// Do its neighbours here remember the same creation times?
fn joins(facts: &LogFacts, logs: &Logs<'_>) -> bool {
    let next = facts.generation.checked_add(1).and_then(|generation| logs.usable(generation));
    let previous = facts.generation.checked_sub(1).and_then(|generation| logs.usable(generation));
    next.is_none_or(|log| hex(log.header.previous_created.as_bytes()) == facts.created)
        && previous.is_none_or(|log| hex(log.header.created.as_bytes()) == facts.previous_created)
}

/// The log stream of a set, by its database or by its logs.
fn stream_of(set: &StoredSet) -> Option<String> {
    let database = set.manifest.files.iter().find_map(|file| file.database());
    let of_logs = || set.manifest.logs().last().map(|(_, log)| log.signature.clone());
    match set.manifest.kind {
        Kind::Full => database.map(|facts| facts.log_signature.clone()).or_else(of_logs),
        Kind::Incremental => of_logs(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
