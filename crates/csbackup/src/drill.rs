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
use crate::note::{DrillContent, DrillOutcome, DrillRecord, NoteBody, ReadExtent};
use crate::place::Folder;
use crate::recover::{Kept, Recovery, Scratch, Supply, Until, recover_all};
use crate::source::SharedSource;
use crate::verify::{Proof, against_manifest, verify_recovered};
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
    /// The file that the recovered database is kept in.
    pub kept: Option<PathBuf>,
    /// Sets, this one or others that it continues, of which a file is not what was written.
    misread: Vec<SetId>,
    /// A file was out of reach.
    unread: bool,
    /// The set that stopped the replay.
    culprit: Option<SetId>,
    until: Until,
}

impl DrillReport {
    fn tell(&mut self, findings: Vec<FindingEntry>, observer: &dyn Observer) {
        findings.iter().for_each(|finding| observer.finding("", finding));
        self.findings.extend(findings);
    }

    /// How it ended, in a word.
    pub fn outcome(&self) -> DrillOutcome {
        let is_error = |finding: &&FindingEntry| finding.severity == Severity::Error;
        let mut errors = self.findings.iter().filter(is_error);
        // What is out of reach today may be good.
        if errors.any(|finding| finding.code != "file-unreadable") {
            return DrillOutcome::Failed;
        }
        let told = |finding: &FindingEntry| TOLD.contains(&finding.code.as_str());
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
            of: None,
        }
    }

    /// What is to be noted, and beside which set: where another one is at fault that the drilled one continues, both
    /// are told. Nothing of a drill that could not read all, or that did not go to the end.
    pub fn notes(&self, catalogue: &Catalogue, set: &StoredSet) -> Vec<(SetId, NoteBody)> {
        if !self.misread.is_empty() {
            let detail = || Some("found by `csbackup drill`".to_owned());
            let body = || NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: detail() };
            return self.misread.iter().map(|id| (id.clone(), body())).collect();
        }
        if self.unread || self.until != Until::End {
            return Vec::new();
        }
        let record = self.record();
        let chain = catalogue.chain(set).unwrap_or_default();
        let concerns = |other: &&&StoredSet| match record.outcome {
            DrillOutcome::Failed => self.culprit.as_ref() == Some(&other.id),
            DrillOutcome::Passed => other.failed_drills().contains(&Some(&set.id)),
            DrillOutcome::Incomplete => false,
        };
        let others = chain.iter().filter(|other| other.id != set.id).filter(concerns);
        let of = |other: &&StoredSet| {
            let detail = record.detail.as_ref().map(|detail| format!("drill of {}: {detail}", set.id));
            let record = DrillRecord { detail, of: Some(set.id.clone()), ..record.clone() };
            (other.id.clone(), NoteBody::Drilled(record))
        };
        let mut notes: Vec<_> = others.map(of).collect();
        notes.push((set.id.clone(), NoteBody::Drilled(record.clone())));
        notes
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
    let mut published = Vec::new();
    let mut drill =
        drill(&supply, options, &mut |path, crl| published.push((path.to_owned(), crl)), observer)?;
    drill.report.tell(compare::gaps(&catalogue.chain(set)?), observer);
    if let Some(look) = drill.look.as_ref().filter(|_| options.until == Until::End) {
        let mut findings = compare::crls(look, &published);
        findings.extend(compare::vanished(look, catalogue, set));
        drill.report.tell(findings, observer);
    }
    drill.into_report()
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
    let mut drill = drill(&Supply::of_folder(folder, logs)?, options, &mut |_, _| (), observer)?;
    if !folder.single {
        drill.report.tell(against_manifest(folder, observer)?, observer);
    }
    drill.into_report()
}

/// Findings with which a drill is not whole.
const TOLD: [&str; 8] = [
    "drill-content",
    "drill-crl",
    "drill-gap",
    "drill-no-crl",
    "file-unreadable",
    "log-duplicate",
    "log-foreign",
    "logs-go-on",
];

/// A drill, and the database that came of it.
struct Drilled {
    report: DrillReport,
    look: Option<Look>,
    kept: Option<Kept>,
}

impl Drilled {
    /// Gives the database its name, last of all: where the drill came to no end, there is none.
    fn into_report(mut self) -> Result<DrillReport, Error> {
        self.report.kept = self.kept.map(Kept::keep).transpose()?;
        Ok(self.report)
    }
}

fn drill(
    supply: &Supply<'_>,
    options: &DrillOptions,
    published: &mut dyn FnMut(&str, Vec<u8>),
    observer: &dyn Observer,
) -> Result<Drilled, Error> {
    let (scratch, kept) = match &options.keep {
        Some(path) => Scratch::for_keeping(path).map(|(scratch, kept)| (scratch, Some(kept)))?,
        None => (Scratch::nameless(&options.scratch)?, None),
    };
    let recovery = recover_all(supply, options.until, scratch, published, observer)?;
    let Recovery { database, recovered, findings, misread, unread, culprit } = recovery;
    let mut report = DrillReport {
        recovered,
        proofs: Vec::new(),
        content: None,
        findings: Vec::new(),
        kept: None,
        misread,
        unread,
        culprit,
        until: options.until,
    };
    report.tell(findings, observer);
    let Some(database) = database else { return Ok(Drilled { report, look: None, kept: None }) };
    if kept.is_some() {
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
    Ok(Drilled { report, look, kept })
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
