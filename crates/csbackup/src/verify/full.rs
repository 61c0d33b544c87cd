//! Full verification: do the pages make the trees of the catalog, and do the logs continue them?

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use ca_database::{CaDatabase, CaFinding};
use ese::{
    Database, DryRedo, Finding, PageNumber, RedoReport, StructureCheck, StructureOptions, StructureReport,
    TreeReport,
};
use serde::{Deserialize, Serialize};

use crate::check::{entries, with_rest};
use crate::manifest::{FindingEntry, Severity};
use crate::source::SharedSource;
use crate::{Error, Observer};

/// How much is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyLevel {
    /// Each page, segment and header by itself, and how the files fit together.
    #[default]
    Stream,
    /// Also the trees of the database, its indexes by a sample, and the dry redo of the logs.
    Full,
    /// All of that without sampling.
    Deep,
}

/// What the full verification of a database looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// The database file.
    pub file: String,
    /// Were indexes compared row by row?
    pub deep: bool,
    /// Trees of the catalog; 0 when only the logs were followed.
    pub trees: usize,
    /// Secondary indexes.
    pub indexes: usize,
    /// Of these, compared with the rows of their tables: those that the logs do not change any more.
    pub indexes_compared: usize,
    /// Pages in trees.
    pub pages: u64,
    /// Nodes in trees, deleted ones included.
    pub nodes: u64,
    /// What the logs say of the pages; `None` without logs.
    pub logs: Option<LogProof>,
}

/// What the dry redo of the logs counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LogProof {
    /// Records that were read.
    pub records: u64,
    /// Changes of pages that are only in the logs and continue what is in the file.
    pub redone: u64,
    /// Pages that the logs make.
    pub new_pages: u64,
    /// Changes that are in the file already.
    pub on_disk: u64,
    /// Changes that do not continue what is in the file.
    pub mismatches: u64,
}

/// A database and the logs behind it.
pub(super) struct FullCheck<'a> {
    pub(super) file: &'a str,
    pub(super) database: &'a SharedSource,
    pub(super) header: Option<&'a ese::DatabaseHeader>,
    /// In the order of their generations, none missing.
    pub(super) logs: &'a [&'a SharedSource],
    /// Nothing says that logs are missing or damaged.
    pub(super) logs_complete: bool,
    pub(super) level: VerifyLevel,
    /// Look at the CA's rows too, where the level is deep.
    pub(super) rows: bool,
    pub(super) observer: &'a dyn Observer,
}

/// Whether a database and its logs belong together.
pub(super) struct Belonging {
    pub(super) findings: Vec<FindingEntry>,
    redo: Option<RedoReport>,
}

impl FullCheck<'_> {
    /// Follows the logs against the pages.
    pub(super) fn belonging(&self) -> Result<Belonging, Error> {
        let Some(header) = self.header.filter(|_| !self.logs.is_empty()) else {
            return Ok(Belonging { findings: Vec::new(), redo: None });
        };
        let mut redo = DryRedo::new(header, ese::page_dbtimes(self.database, header.page_size));
        for log in self.logs {
            if self.observer.cancelled() {
                return Err(Error::Cancelled);
            }
            self.observer.bytes(log.size());
            if let Err(error) = redo.push_log(log) {
                let text = format!("database and logs could not be compared to the end: {error}");
                // What is damaged has been said already: only then is nothing out of reach.
                let found = self.logs_complete.then(|| super::finding("file-unreadable", text));
                return Ok(Belonging { findings: found.into_iter().collect(), redo: None });
            }
        }
        let mut report = redo.finish();
        name_tables(self.database, &mut report.findings);
        let findings = with_rest(entries(&report.findings), report.suppressed);
        Ok(Belonging { findings, redo: Some(report) })
    }

    /// Checks the trees; `unsettled` are the findings of single pages, which the trees settle.
    pub(super) fn structure(
        &self,
        belonging: &Belonging,
        mut unsettled: Vec<Finding>,
    ) -> Result<(Vec<FindingEntry>, Proof), Error> {
        let mut proof = self.proof(belonging);
        let database = match Database::open(self.database) {
            Ok(database) => database,
            Err(error) => {
                let mut findings = entries(&unsettled);
                // What is no database at all has been said already.
                if unsettled.is_empty() {
                    findings.push(super::finding("database-unreadable", error.to_string()));
                }
                return Ok((findings, proof));
            }
        };
        let pages = belonging.redo.as_ref().filter(|redo| self.logs_complete && redo.is_complete);
        let pages = pages.map(|redo| &redo.pages);
        let moves = pages.map(|pages| move |page: PageNumber| pages.contains(page));
        let mut options = StructureOptions::default();
        options.deep = self.level == VerifyLevel::Deep;
        options.in_motion = moves.as_ref().map(|moves| moves as &(dyn Fn(PageNumber) -> bool + Sync));
        let complete = belonging.redo.as_ref().filter(|redo| self.logs_complete && redo.is_complete);
        options.highest_dbtime = complete.map(|redo| redo.highest_dbtime);
        let mut report = self.trees(&database, StructureCheck::new(&database, options))?;
        report.settle(&database, &mut unsettled);
        proof.trees = report.trees.len();
        proof.indexes = report.indexes;
        proof.indexes_compared = report.indexes_compared;
        proof.pages = report.reachable;
        proof.nodes = report.trees.iter().map(|tree| tree.nodes).sum();
        let mut findings = entries(&unsettled);
        findings.extend(with_rest(entries(&report.findings), report.suppressed));
        if self.level == VerifyLevel::Deep
            && self.rows
            && let Ok(database) = CaDatabase::of(database)
        {
            findings.extend(ca_database::check(&database).iter().filter_map(of_rows));
        }
        Ok((findings, proof))
    }

    /// What was looked at so far.
    pub(super) fn proof(&self, belonging: &Belonging) -> Proof {
        let logs = belonging.redo.as_ref().map(|redo| {
            let counts = &redo.counts;
            LogProof {
                records: counts.records,
                redone: counts.redone,
                new_pages: counts.new_pages,
                on_disk: counts.on_disk,
                mismatches: counts.mismatches,
            }
        });
        let deep = self.level == VerifyLevel::Deep;
        Proof {
            file: self.file.to_owned(),
            deep,
            trees: 0,
            indexes: 0,
            indexes_compared: 0,
            pages: 0,
            nodes: 0,
            logs,
        }
    }

    /// Trees are shared out among threads; this one also speaks to the observer.
    fn trees(
        &self,
        database: &Database<&SharedSource>,
        check: StructureCheck<'_>,
    ) -> Result<StructureReport, Error> {
        let (next, passed, stop) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let reports = Mutex::new(Vec::new());
        let work = |database: &Database<&SharedSource>, progress: &mut dyn FnMut(u64) -> bool| {
            loop {
                let tree = next.fetch_add(1, Ordering::Relaxed);
                if tree >= check.trees() || stop.load(Ordering::Relaxed) {
                    return;
                }
                let report: TreeReport = check.check_tree(database, tree, progress);
                reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(report);
            }
        };
        let page = u64::from(database.page_size().bytes());
        let helpers = thread::available_parallelism().map_or(1, usize::from).min(THREADS) - 1;
        thread::scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|| {
                    let Ok(own) = Database::open(self.database) else { return };
                    work(&own, &mut |pages| {
                        passed.fetch_add(pages, Ordering::Relaxed);
                        !stop.load(Ordering::Relaxed)
                    });
                });
            }
            work(database, &mut |pages| {
                self.observer.bytes((pages + passed.swap(0, Ordering::Relaxed)) * page);
                stop.fetch_or(self.observer.cancelled(), Ordering::Relaxed);
                !stop.load(Ordering::Relaxed)
            });
        });
        if self.observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let reports = reports.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(check.finish(database, reports))
    }
}

/// Names the table of pages that the logs do not continue.
fn name_tables(source: &SharedSource, findings: &mut [Finding]) {
    let Some(database) = (!findings.is_empty()).then(|| Database::open(source).ok()).flatten() else {
        return;
    };
    for finding in findings.iter_mut().filter(|finding| finding.affected.is_none()) {
        let ese::Place::Pages { first, .. } = finding.place else { continue };
        let Ok(page) = database.page(first) else { continue };
        let object = page.view().object();
        for table in database.tables() {
            let index = table.indexes.iter().find(|index| index.object == object);
            let part = match index {
                _ if table.object == object => "rows".to_owned(),
                Some(index) => format!("index `{}`", index.name),
                None if table.long_values.as_ref().is_some_and(|tree| tree.object == object) => {
                    "long values".to_owned()
                }
                None => continue,
            };
            let (table, rows) = (table.name.clone(), String::new());
            finding.affected = Some(Box::new(ese::Affected { table, part, rows }));
        }
    }
}

/// What the CA's rows have to do with each other: the trees are sound, so this is the CA's own affair.
///
/// What cannot be read has been told by the page.
fn of_rows(finding: &CaFinding) -> Option<FindingEntry> {
    if matches!(finding, CaFinding::Lost(_)) {
        return None;
    }
    let text = finding.to_string();
    Some(FindingEntry { severity: Severity::Info, ..super::finding("ca-rows", text) })
}

/// More threads than this wait for the disk.
const THREADS: usize = 4;
