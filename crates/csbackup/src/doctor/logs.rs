//! Which logs are usable, and which are missing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ese::{FindingKind, NamedLog, Need, Place, Signature};
use serde::Serialize;

use super::supply::{Supplier, Supply};
use super::survey::{Found, Survey};
use crate::manifest::FindingEntry;

/// A log of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExaminedLog {
    /// Name of the file.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its generation by its header, or by its name where that cannot be read.
    pub generation: Option<u32>,
    /// What it is worth.
    pub state: LogState,
}

/// What a log is worth to a recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", content = "why", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogState {
    /// It can be replayed.
    Good,
    /// It is damaged.
    Damaged,
    /// It is of another log stream, whose signature this is.
    OtherStream(String),
    /// Its name is that of another generation: the name that it should have.
    Misnamed(String),
    /// It cannot be read.
    Unreadable(String),
}

/// Generations in a row that are needed, not here in a usable state, and alike in all else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingLogs {
    /// First generation.
    pub first: u32,
    /// Last generation.
    pub last: u32,
    /// Why it is needed: `required`, `current`, `backup-start`, `backup`, `backup-end`, `committed`, `chain`.
    pub need: &'static str,
    /// The file that lies in its place, when it is a single generation and there is one.
    pub here: Option<ExaminedLog>,
    /// A set that has it; a single generation then.
    pub supply: Option<Supply>,
}

impl MissingLogs {
    /// Can the database not be made consistent without it? Otherwise only the last transactions are lost.
    pub fn is_required(&self) -> bool {
        self.need != "committed"
    }
}

/// The logs of a survey, judged.
pub(super) struct Logs<'a> {
    /// The log stream of the databases, or of most logs.
    pub(super) stream: Option<Signature>,
    judged: Vec<(&'a Found, ExaminedLog)>,
}

impl<'a> Logs<'a> {
    pub(super) fn judge(survey: &'a Survey) -> Self {
        let stream = stream(survey);
        let judge = |file: &'a Found| (file, judge(file, stream));
        let mut judged: Vec<_> = survey.log_files().map(judge).collect();
        judged.sort_by_key(|(_, log)| log.generation);
        Self { stream, judged }
    }

    pub(super) fn examined(&self) -> Vec<ExaminedLog> {
        self.judged.iter().map(|(_, log)| log.clone()).collect()
    }

    fn good(&self) -> impl Iterator<Item = (&'a Found, &ese::LogFacts)> {
        let good = self.judged.iter().filter(|(_, log)| log.state == LogState::Good);
        good.filter_map(|(file, _)| Some((*file, file.log()?)))
    }

    pub(super) fn usable_files(&self) -> impl Iterator<Item = &'a Found> {
        self.good().map(|(file, _)| file)
    }

    /// The usable log of a generation.
    pub(super) fn usable(&self, generation: u32) -> Option<&ese::LogFacts> {
        self.good().map(|(_, facts)| facts).find(|facts| facts.header.generation.0 == generation)
    }

    pub(super) fn lowest(&self) -> Option<u32> {
        self.good().map(|(_, facts)| facts.header.generation.0).min()
    }

    /// What is wrong with all files together, but for missing logs.
    pub(super) fn joint_findings(&self, survey: &Survey) -> Vec<FindingEntry> {
        let (databases, logs) = (survey.database_facts(), survey.named_logs());
        let findings = ese::check_set(&ese::SetInput {
            origin: survey.origin,
            databases: &databases,
            logs: &logs,
            listed: None,
        });
        let told = |finding: &&ese::Finding| !matches!(finding.kind, FindingKind::LogMissing(_));
        findings.iter().filter(told).map(FindingEntry::from).collect()
    }

    /// The generations that are needed and that no usable log has.
    pub(super) fn missing(&self, survey: &Survey, supplier: &Supplier<'_>) -> Vec<MissingLogs> {
        let named = |(file, facts): (&Found, &ese::LogFacts)| NamedLog {
            name: file.name.clone(),
            facts: facts.clone(),
        };
        let (databases, logs): (_, Vec<_>) = (survey.database_facts(), self.good().map(named).collect());
        let findings = ese::check_set(&ese::SetInput {
            origin: survey.origin,
            databases: &databases,
            logs: &logs,
            listed: None,
        });
        let mut missing = Vec::new();
        for finding in &findings {
            let (FindingKind::LogMissing(need), Place::Generations { first, last }) =
                (&finding.kind, finding.place)
            else {
                continue;
            };
            if let Some(need) = need_name(*need) {
                self.divide(first.0, last.0, need, supplier, &mut missing);
            }
        }
        missing.sort_by_key(|missing| missing.first);
        missing
    }

    /// Divides a range into the generations that something is known of, and the rest. A damaged header can
    /// name any range: the work is bounded by the files, not by the numbers.
    fn divide(
        &self,
        first: u32,
        last: u32,
        need: &'static str,
        supplier: &Supplier<'_>,
        missing: &mut Vec<MissingLogs>,
    ) {
        let bad = self.judged.iter().map(|(_, log)| log).filter(|log| log.state != LogState::Good);
        let bad: BTreeMap<u32, &ExaminedLog> = bad.filter_map(|log| Some((log.generation?, log))).collect();
        let mut known: Vec<u32> = bad.range(first..=last).map(|(generation, _)| *generation).collect();
        known.extend(supplier.generations(first, last));
        known.sort_unstable();
        known.dedup();
        let mut next = Some(first);
        for generation in known {
            if let Some(from) = next.filter(|&from| from < generation) {
                missing.push(MissingLogs {
                    first: from,
                    last: generation - 1,
                    need,
                    here: None,
                    supply: None,
                });
            }
            missing.push(MissingLogs {
                first: generation,
                last: generation,
                need,
                here: bad.get(&generation).map(|log| (*log).clone()),
                supply: supplier.supply(generation),
            });
            next = generation.checked_add(1);
        }
        if let Some(from) = next.filter(|&from| from <= last) {
            missing.push(MissingLogs { first: from, last, need, here: None, supply: None });
        }
    }
}

/// The log stream that the databases name; without one, that of most logs.
fn stream(survey: &Survey) -> Option<Signature> {
    let mut named = survey.database_files().filter_map(|file| Some(file.database()?.header.log_signature));
    named.find(Signature::is_set).or_else(|| {
        let mut counts: Vec<(usize, Signature)> = Vec::new();
        for signature in survey.log_files().filter_map(|file| Some(file.log()?.header.signature)) {
            match counts.iter_mut().find(|(_, own)| *own == signature) {
                Some((count, _)) => *count += 1,
                None => counts.push((1, signature)),
            }
        }
        counts.into_iter().max_by_key(|(count, _)| *count).map(|(_, signature)| signature)
    })
}

fn judge(file: &Found, stream: Option<Signature>) -> ExaminedLog {
    let named = ese::log_generation_of_name(&file.name);
    let named_generation = named.as_ref().and_then(|name| name.generation).map(|generation| generation.0);
    let header = file.log().map(|facts| &facts.header);
    let generation = header.map(|header| header.generation.0).or(named_generation);
    let state = match (file.problem(), header) {
        (Some(why), _) => LogState::Unreadable(why.to_owned()),
        (None, Some(header)) if stream.is_some_and(|stream| stream != header.signature) => {
            LogState::OtherStream(header.signature.to_string())
        }
        (None, None) => LogState::Damaged,
        _ if file.is_damaged() => LogState::Damaged,
        (None, Some(header)) => match named_generation {
            Some(named) if named != header.generation.0 => {
                LogState::Misnamed(log_name(&file.name, header.generation.0))
            }
            _ => LogState::Good,
        },
    };
    ExaminedLog { name: file.name.clone(), path: file.path.clone(), generation, state }
}

/// The name of a closed log beside `sample`.
pub(super) fn log_name(sample: &str, generation: u32) -> String {
    let base = ese::log_generation_of_name(sample).map_or("edb".to_owned(), |name| name.base);
    let extension = sample.rsplit_once('.').map_or("log", |(_, extension)| extension);
    if generation > 0xF_FFFF {
        format!("{base}{generation:08X}.{extension}")
    } else {
        format!("{base}{generation:05X}.{extension}")
    }
}

/// The name of a need in results; `None` where nothing is lost.
fn need_name(need: Need) -> Option<&'static str> {
    Some(match need {
        Need::Required => "required",
        Need::Current => "current",
        Need::BackupStart => "backup-start",
        Need::Backup => "backup",
        Need::BackupEnd => "backup-end",
        Need::Committed => "committed",
        Need::Listed => "listed",
        Need::Chain { .. } => "chain",
        Need::Unneeded => return None,
    })
}
