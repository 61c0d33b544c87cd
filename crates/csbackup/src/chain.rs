//! Do new logs continue what is stored? (`design.md` section 4, invariant 5.)

use std::collections::BTreeMap;
use std::fmt;

use crate::manifest::LogFacts;
use crate::medium::StoredSet;

/// Why logs do not continue a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Generations between the chain's last and the new first are in no set.
    Gap { last: u32, first: u32 },
    /// The same generation with other content: the CA was reverted or restored.
    Fork { generation: u32 },
    /// The next generation does not follow our last one, by its creation times.
    Joint { generation: u32 },
    /// The CA's newest log is older than our last one: the CA was reverted or restored.
    Backwards { last: u32, newest: u32 },
    /// The logs belong to another log stream.
    OtherStream,
}

impl Misfit {
    /// Did the CA go back in time, so that what is stored has another history than it has now?
    pub(crate) fn is_fork(&self) -> bool {
        matches!(self, Self::Fork { .. } | Self::Joint { .. } | Self::Backwards { .. })
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { last, first } => write!(
                f,
                "the CA's oldest log is generation 0x{first:x}, the last stored one 0x{last:x}: logs between them were deleted by something else"
            ),
            Self::Fork { generation } => write!(
                f,
                "generation 0x{generation:x} on the CA differs from the stored one: the CA was reverted or restored"
            ),
            Self::Joint { generation } => write!(
                f,
                "generation 0x{generation:x} does not follow the last stored one: the CA was reverted or restored"
            ),
            Self::Backwards { last, newest } => write!(
                f,
                "the CA's newest log is generation 0x{newest:x}, the last stored one 0x{last:x}: the CA was reverted or restored"
            ),
            Self::OtherStream => {
                f.write_str("the CA writes another log stream than the stored one: its database was recreated or restored")
            }
        }
    }
}

/// The current log (`edb.log`, in copies of live folders) goes on changing: it identifies nothing.
pub(crate) fn is_numbered(name: &str) -> bool {
    ese::log_generation_of_name(certadm::base_name(name)).is_some_and(|name| name.generation.is_some())
}

/// The logs of one chain: a full backup and its increments.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChainLogs {
    logs: BTreeMap<u32, (LogFacts, String)>,
}

impl ChainLogs {
    /// The logs of the given sets; later sets win where they overlap (they are equal there).
    pub(crate) fn of<'a>(sets: impl IntoIterator<Item = &'a StoredSet>) -> Self {
        let mut logs = BTreeMap::new();
        for set in sets {
            for (file, facts) in set.manifest.logs().into_iter().filter(|(file, _)| is_numbered(&file.name)) {
                logs.insert(facts.generation, (facts.clone(), file.blake3.clone()));
            }
        }
        Self { logs }
    }

    /// The highest generation.
    pub(crate) fn last(&self) -> Option<u32> {
        self.logs.keys().next_back().copied()
    }

    /// May an increment begin with this generation?
    pub(crate) fn admits_first(&self, first: u32) -> Result<(), Misfit> {
        match self.last() {
            Some(last) if first > last.saturating_add(1) => Err(Misfit::Gap { last, first }),
            _ => Ok(()),
        }
    }

    /// Does the CA, whose newest closed log is this generation, still stand behind what is stored? A backup
    /// closes the current log, so the newest one never falls back by itself.
    pub(crate) fn admits_last(&self, newest: u32) -> Result<(), Misfit> {
        match self.last() {
            Some(last) if newest < last => Err(Misfit::Backwards { last, newest }),
            _ => Ok(()),
        }
    }

    /// Does this log agree with what is stored?
    pub(crate) fn admits(&self, log: &LogFacts, blake3: &str) -> Result<(), Misfit> {
        let Some((last, (newest, _))) = self.logs.last_key_value() else { return Ok(()) };
        if newest.signature != log.signature {
            return Err(Misfit::OtherStream);
        }
        let generation = log.generation;
        match self.logs.get(&generation) {
            Some((_, stored)) if stored != blake3 => Err(Misfit::Fork { generation }),
            None if generation == last.saturating_add(1) && log.previous_created != newest.created => {
                Err(Misfit::Joint { generation })
            }
            _ => Ok(()),
        }
    }

    /// The generations between this chain's last log and `first` that are in no set.
    pub(crate) fn gap_before(&self, first: u32) -> Option<[u32; 2]> {
        let last = self.last()?;
        (first > last.saturating_add(1)).then(|| [last.saturating_add(1), first.saturating_sub(1)])
    }
}
