//! The restore drill: a set is restored to a scratch file, its logs are replayed, and what comes of it is
//! verified, looked into, and compared with what was known of the CA when the set was taken.
//!
//! The set is only read. Killed at any time, a drill leaves nothing behind: its scratch file has no name.

mod compare;

use std::path::PathBuf;
use std::sync::Arc;

use ca_database::CaDatabase;

use crate::look::{Look, LookState};
use crate::manifest::{FindingEntry, SetId, Severity};
use crate::medium::{Medium, StoredSet};
use crate::note::{DrillContent, DrillOutcome, DrillRecord};
use crate::place::Folder;
use crate::recover::{Recovery, Scratch, Supply, Until, recover};
use crate::source::SharedSource;
use crate::verify::{Proof, verify_recovered};
use crate::{Catalogue, Error, Observer, Overview, Recovered, Step};

/// Where and how far a drill goes.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// Folder with room for the database.
    pub scratch: PathBuf,
    /// Where the replay ends.
    pub until: Until,
    /// File to keep the recovered database in; it must not be there.
    pub keep: Option<PathBuf>,
}

/// What a drill found.
#[derive(Debug)]
pub struct DrillReport {
    /// How far the logs brought the database.
    pub recovered: Recovered,
    /// What the verification of the recovered database looked at.
    pub proofs: Vec<Proof>,
    /// What it holds; `None` where there is none, or none of a CA.
    pub content: Option<Overview>,
    /// All that was found.
    pub findings: Vec<FindingEntry>,
    /// Another set that this one continues, or itself, was found not to be what was written.
    pub misread: Option<SetId>,
    /// The file that the recovered database is kept in.
    pub kept: Option<PathBuf>,
}

impl DrillReport {
    fn tell(&mut self, findings: Vec<FindingEntry>, observer: &dyn Observer) {
        findings.iter().for_each(|finding| observer.finding("", finding));
        self.findings.extend(findings);
    }

    /// How it ended, in a word.
    pub fn outcome(&self) -> DrillOutcome {
        let worst = self.worst();
        if worst == Some(Severity::Error) {
            return DrillOutcome::Failed;
        }
        let told = |finding: &FindingEntry| matches!(finding.code.as_str(), "drill-content" | "drill-crl");
        let is_whole =
            !self.proofs.is_empty() && self.recovered.lost.is_none() && !self.findings.iter().any(told);
        if is_whole { DrillOutcome::Passed } else { DrillOutcome::Incomplete }
    }

    /// The worst of the findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// What is noted beside the set.
    pub fn record(&self) -> DrillRecord {
        let worst = self.worst();
        let first = self.findings.iter().find(|finding| Some(finding.severity) == worst);
        DrillRecord {
            outcome: self.outcome(),
            recovered: self.recovered.clone(),
            content: self.content.as_ref().map(numbers),
            worst,
            findings: self.findings.len(),
            detail: first.map(|finding| finding.text.clone()),
        }
    }
}

/// Drills a set, with the sets that it continues.
///
/// # Errors
/// A place cannot be read or written, a point in time that the logs do not reach, cancellation. What is wrong
/// with the set is a finding.
pub fn drill_set(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    options: &DrillOptions,
    observer: &dyn Observer,
) -> Result<DrillReport, Error> {
    let supply = Supply::of_set(medium, catalogue, set)?;
    let mut drill = drill(&supply, options, observer)?;
    let findings = compare::with_manifests(&drill, medium, catalogue, set, options.until)?;
    drill.report.tell(findings, observer);
    Ok(drill.report)
}

/// Drills a folder with a database and its logs: a backup of another tool, a copy of a CA's own folder. The
/// logs may be in another one.
///
/// # Errors
/// As [`drill_set`].
pub fn drill_folder(
    folder: &Folder,
    logs: Option<&Folder>,
    options: &DrillOptions,
    observer: &dyn Observer,
) -> Result<DrillReport, Error> {
    Ok(drill(&Supply::of_folder(folder, logs)?, options, observer)?.report)
}

/// A drill, and the database that came of it.
struct Drilled {
    report: DrillReport,
    look: Option<Look>,
}

fn drill(supply: &Supply<'_>, options: &DrillOptions, observer: &dyn Observer) -> Result<Drilled, Error> {
    let scratch = match &options.keep {
        Some(path) => Scratch::create(path)?,
        None => Scratch::nameless(&options.scratch)?,
    };
    let recovery = recover(supply, options.until, scratch, observer);
    let recovery = match (recovery, &options.keep) {
        (Ok(recovery @ Recovery { database: Some(_), .. }), _) | (Ok(recovery), None) => recovery,
        // Half of a database is nobody's friend.
        (other, Some(path)) => {
            let _ = std::fs::remove_file(path);
            other?
        }
        (Err(error), None) => return Err(error),
    };
    let Recovery { database, recovered, findings, misread } = recovery;
    let kept = options.keep.clone().filter(|_| database.is_some());
    let mut report =
        DrillReport { recovered, proofs: Vec::new(), content: None, findings: Vec::new(), misread, kept };
    report.tell(findings, observer);
    let Some(database) = database else { return Ok(Drilled { report, look: None }) };
    if report.kept.is_some() {
        database.sync()?;
    }
    observer.step(&Step::Recovered);
    let database = Arc::new(database);
    let verified = verify_recovered(&supply.place, &database, observer)?;
    report.findings.extend(verified.all_findings().map(|(_, finding)| finding.clone()));
    report.proofs = verified.proofs;
    let look = match look(&supply.place, database, &report.recovered) {
        Ok(look) => {
            let overview = Overview::of(&look);
            report.tell(compare::itself(&look, &overview), observer);
            report.content = Some(overview);
            Some(look)
        }
        Err(error) => {
            let text = format!("it cannot be looked into: {}", crate::verify::causes(&error));
            let found = FindingEntry { severity: Severity::Warning, ..compare::found("drill-content", text) };
            report.tell(vec![found], observer);
            None
        }
    };
    Ok(Drilled { report, look })
}

/// Opens a recovered database.
pub(crate) fn look(place: &str, database: Arc<Scratch>, recovered: &Recovered) -> Result<Look, Error> {
    let source: SharedSource = Box::new(database);
    let database =
        CaDatabase::open(source).map_err(|source| Error::Database { place: place.to_owned(), source })?;
    let state = LookState {
        place: place.to_owned(),
        base: None,
        consistent: true,
        streamed: None,
        not_replayed: None,
        recovered: (!recovered.was_closed).then(|| recovered.clone()),
    };
    Ok(Look { database, state, key: None })
}

fn numbers(overview: &Overview) -> DrillContent {
    DrillContent {
        requests: overview.requests,
        newest_request: overview.newest_request,
        certificates: overview.certificates,
        revoked: overview.revoked,
        crl: overview.base_crls.values().next_back().map(|crl| crl.number),
    }
}
