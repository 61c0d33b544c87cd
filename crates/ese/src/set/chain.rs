//! The log files of a set in the order of their generations.

use alloc::vec::Vec;

use super::{NamedLog, SetInput};
use crate::database::{DatabaseFacts, Origin};
use crate::finding::{Finding, FindingKind, Place, Severity};
use crate::log::{LogFormat, log_generation_of_name};
use crate::numbers::Generation;
use crate::time::Signature;

/// Log files sorted by the generation of their headers.
pub(super) struct Chain<'a> {
    sorted: Vec<&'a NamedLog>,
}

impl<'a> Chain<'a> {
    pub(super) fn of(logs: &'a [NamedLog]) -> Self {
        let mut sorted: Vec<_> = logs.iter().collect();
        sorted.sort_by_key(|log| generation(log));
        Self { sorted }
    }

    pub(super) fn lowest(&self) -> Option<Generation> {
        self.sorted.first().map(|log| generation(log))
    }

    pub(super) fn highest(&self) -> Option<Generation> {
        self.sorted.last().map(|log| generation(log))
    }

    pub(super) fn get(&self, wanted: Generation) -> Option<&'a NamedLog> {
        let at = self.sorted.binary_search_by_key(&wanted, |log| generation(log)).ok()?;
        self.sorted.get(at).copied()
    }

    /// Whether the current log (`edb.log`) of a live folder is there.
    pub(super) fn has_current(&self) -> bool {
        self.sorted
            .iter()
            .any(|log| log_generation_of_name(&log.name).is_some_and(|name| name.generation.is_none()))
    }

    /// The generations from `low` to `high` that are not there, as ranges in order.
    pub(super) fn missing(&self, low: Generation, high: Generation) -> Vec<(Generation, Generation)> {
        let mut missing = Vec::new();
        let mut next = Some(low);
        for own in self.sorted.iter().map(|log| generation(log)) {
            let Some(wanted) = next else { break };
            if own > high {
                break;
            }
            if own < wanted {
                continue;
            }
            if let Some(last) = own.previous().filter(|&last| last >= wanted) {
                missing.push((wanted, last));
            }
            next = own.next();
        }
        if let Some(wanted) = next.filter(|&wanted| wanted <= high) {
            missing.push((wanted, high));
        }
        missing
    }

    pub(super) fn check_names(&self, findings: &mut Vec<Finding>) {
        for log in &self.sorted {
            let named = log_generation_of_name(&log.name).and_then(|name| name.generation);
            if let Some(named) = named.filter(|&named| named != generation(log)) {
                let kind = FindingKind::LogName { name: log.name.clone(), named };
                findings.push(error(generation(log), kind));
            }
        }
    }

    pub(super) fn check_duplicates(&self, findings: &mut Vec<Finding>) {
        let same = self.pairs().filter(|(before, log)| generation(before) == generation(log));
        findings.extend(same.map(|(_, log)| error(generation(log), FindingKind::LogDuplicate)));
    }

    /// All logs and databases are of one log stream.
    pub(super) fn check_signatures(&self, input: &SetInput<'_>, findings: &mut Vec<Finding>) {
        let has =
            |signature: Signature| self.sorted.iter().any(|log| log.facts.header.signature == signature);
        let mut of_databases = input.databases.iter().map(|database| database.header.log_signature);
        let Some(expected) =
            of_databases.find(|&signature| has(signature)).or_else(|| self.common_signature())
        else {
            return;
        };
        for log in &self.sorted {
            let signature = log.facts.header.signature;
            if signature != expected {
                let streamed = input.origin == Origin::Streamed;
                findings.push(error(
                    generation(log),
                    FindingKind::LogSignature { signature, expected, streamed },
                ));
            }
        }
        for database in input.databases {
            let signature = database.header.log_signature;
            if signature.is_set() && !has(signature) {
                let needs_logs = database.header.requires_logs().is_some();
                let severity = if needs_logs { Severity::Error } else { Severity::Warning };
                findings.push(Finding::new(
                    severity,
                    Place::Set,
                    FindingKind::DatabaseSignature { signature },
                ));
            }
        }
    }

    /// The signature that most logs have.
    fn common_signature(&self) -> Option<Signature> {
        let count =
            |wanted: Signature| self.sorted.iter().filter(|log| log.facts.header.signature == wanted).count();
        let mut best: Option<(usize, Signature)> = None;
        for log in &self.sorted {
            let signature = log.facts.header.signature;
            if best.is_some_and(|(_, best)| best == signature) {
                continue;
            }
            let count = count(signature);
            if best.is_none_or(|(most, _)| count > most) {
                best = Some((count, signature));
            }
        }
        best.map(|(_, signature)| signature)
    }

    /// Neighbours remember each other: creation time and segment checksums.
    pub(super) fn check_links(
        &self,
        input: &SetInput<'_>,
        lowest_need: Option<Generation>,
        findings: &mut Vec<Finding>,
    ) {
        let streamed = input.origin == Origin::Streamed;
        for (before, log) in self.pairs() {
            let (old, new) = (&before.facts.header, &log.facts.header);
            if old.generation.next() != Some(new.generation) || old.signature != new.signature {
                continue;
            }
            let is_needed =
                input.databases.is_empty() || lowest_need.is_some_and(|lowest| old.generation >= lowest);
            let severity = if is_needed || streamed { Severity::Error } else { Severity::Warning };
            if new.previous_created != old.created {
                let kind = FindingKind::ChainTime { streamed };
                findings.push(Finding::new(severity, one(new.generation), kind));
                continue;
            }
            let comparable = old.format == LogFormat::Segments && !before.facts.damaged && !before.facts.torn;
            let (expected, computed) = (new.previous_checksum, before.facts.checksum);
            if comparable && expected != 0 && expected != computed {
                // In older formats the field has no official meaning.
                let is_official = new.version.update_minor >= REMEMBERS_PREVIOUS;
                let severity = if is_official { severity } else { Severity::Warning };
                let kind = FindingKind::ChainChecksum { expected, computed };
                findings.push(Finding::new(severity, one(old.generation), kind));
            }
        }
    }

    /// Only the last log may end in a damaged write.
    pub(super) fn check_torn(&self, origin: Origin, findings: &mut Vec<Finding>) {
        if origin == Origin::Streamed {
            return; // said for the file already
        }
        let torn = self.pairs().filter(|(log, _)| log.facts.torn);
        findings.extend(torn.map(|(log, _)| error(generation(log), FindingKind::TornInside)));
    }

    pub(super) fn check_sizes(&self, findings: &mut Vec<Finding>) {
        let mut whole = self.sorted.iter().filter(|log| log.facts.size == log.facts.header.file_size());
        let Some(expected) = whole.next().map(|log| log.facts.size) else { return };
        for log in whole.filter(|log| log.facts.size != expected) {
            let kind = FindingKind::LogSizes { size: log.facts.size, expected };
            findings.push(Finding::new(Severity::Warning, one(generation(log)), kind));
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a NamedLog, &'a NamedLog)> {
        self.sorted.iter().copied().zip(self.sorted.iter().copied().skip(1))
    }
}

/// The log update that added the checksum of the previous log.
const REMEMBERS_PREVIOUS: u32 = 13;

/// Whether a database is the product of a backup stream.
pub(super) fn is_stream(database: &DatabaseFacts) -> bool {
    database.origin == Origin::Streamed || database.header.is_backup_copy()
}

fn generation(log: &NamedLog) -> Generation {
    log.facts.header.generation
}

fn error(generation: Generation, kind: FindingKind) -> Finding {
    Finding::new(Severity::Error, one(generation), kind)
}

fn one(generation: Generation) -> Place {
    Place::Generations { first: generation, last: generation }
}
