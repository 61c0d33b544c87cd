//! A set of files: databases and the chain of logs that belongs to them.

mod chain;
mod needs;

use alloc::string::String;
use alloc::vec::Vec;

use crate::database::{DatabaseFacts, Origin};
use crate::finding::{Finding, FindingKind, Place, Severity};
use crate::log::LogFacts;
use crate::numbers::Generation;
use chain::Chain;
use needs::Needs;

/// A log file of a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedLog {
    /// File name; a folder in front is ignored.
    pub name: String,
    /// What the file says.
    pub facts: LogFacts,
}

/// The files of one backup, of a folder, or of a full backup and its increments.
#[derive(Clone, Copy, Debug)]
pub struct SetInput<'a> {
    /// Where the files come from.
    pub origin: Origin,
    /// The databases; none in an incremental backup.
    pub databases: &'a [DatabaseFacts],
    /// The log files, in any order; where sets overlap, each generation once.
    pub logs: &'a [NamedLog],
    /// The generations that the server listed for the backup, where that is known.
    pub listed: Option<&'a [Generation]>,
}

/// The logs that a set needs to become consistent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RequiredLogs {
    /// Lowest and highest generation; `None` when no database needs a log.
    pub required: Option<(Generation, Generation)>,
    /// Generations of these that are not there, as ranges in order.
    pub missing: Vec<(Generation, Generation)>,
}

/// Which generations the databases of a set require, and which of them are missing.
///
/// A streamed database requires everything from `genLow` of its header to `genHigh` of its
/// trailer; a raw one `lGenMinRequired` to `lGenMaxRequired`, and nothing after a clean shutdown.
///
/// Source: format digest sections 4 and 18.
pub fn required_logs(input: &SetInput<'_>) -> RequiredLogs {
    let needs = Needs::of(input);
    let chain = Chain::of(input.logs);
    let Some((low, high)) = needs.required() else { return RequiredLogs::default() };
    RequiredLogs { required: Some((low, high)), missing: chain.missing(low, high) }
}

/// Checks what no file can tell alone: names, signatures, the chain of logs, and whether the logs
/// are there that the databases need.
///
/// Stricter than the engine, which restores a stream whose last logs are missing and silently
/// loses transactions: logs have to reach `genHigh` of the trailer, and be all that were listed.
///
/// Source: format digest sections 13.3 and 18.
pub fn check_set(input: &SetInput<'_>) -> Vec<Finding> {
    let chain = Chain::of(input.logs);
    let needs = Needs::of(input);
    let mut findings = Vec::new();
    chain.check_names(&mut findings);
    chain.check_duplicates(&mut findings);
    chain.check_signatures(input, &mut findings);
    chain.check_links(input, needs.lowest(), &mut findings);
    chain.check_torn(input.origin, &mut findings);
    chain.check_sizes(&mut findings);
    needs.check(input, &chain, &mut findings);
    check_databases(input, &chain, &mut findings);
    findings
}

/// What ties a database to single logs.
fn check_databases(input: &SetInput<'_>, chain: &Chain<'_>, findings: &mut Vec<Finding>) {
    for database in input.databases {
        let header = &database.header;
        if header.committed_time.is_set() && header.requires_logs().is_some() {
            // Older engines keep the time of the highest required log.
            let candidates = [header.committed, header.required.1].map(|generation| chain.get(generation));
            let mut found = candidates.iter().flatten().peekable();
            let is_there = found.peek().is_some();
            if is_there && !found.any(|log| log.facts.header.created == header.committed_time) {
                let place = Place::Generations { first: header.committed, last: header.committed };
                findings.push(Finding::new(Severity::Warning, place, FindingKind::CommittedTime));
            }
        }
        let end = database.trailer.map(|trailer| trailer.info.high);
        if let (None, Some(end)) = (input.listed, end)
            && chain.highest() == Some(end)
        {
            let place = Place::Generations { first: end, last: end };
            findings.push(Finding::new(Severity::Info, place, FindingKind::EndsAtTrailer));
        }
    }
}
