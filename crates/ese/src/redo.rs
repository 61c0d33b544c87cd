//! The dry redo: do the logs continue the pages?

mod defect;
mod macros;
mod pages;
mod report;
pub(crate) mod start;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

pub use defect::{PageState, RedoDefect};
pub use pages::{RedoPages, page_dbtimes};
pub use report::{RedoCounts, RedoReport};

use crate::finding::{Finding, FindingKind, Findings, Place, Severity};
use crate::header::DatabaseHeader;
use crate::log::record::{Author, LogReadError, LogReader, MacroId, Operation, PageBefore, Record};
use crate::log::{LogFormat, LogHeader};
use crate::numbers::{Generation, LogPosition, PageNumber};
use crate::source::{PageSource, SourceError};
use crate::time::Signature;
use macros::{Change, Macros};
use pages::Page;
use report::Step;
use start::Start;

/// Follows all page records of the logs against the change counters of the pages.
///
/// A record about a page says which change counter the page has before and after it. So logs and
/// database belong together, and no write is lost, if the pages of the file and the records make
/// one chain. No content is changed or looked at.
///
/// Give the logs in the order of their generations, then ask for the report. Records that the
/// header promises to be on disk have to be there: those up to the last attach, before the clean
/// detach of a closed database, and below the generations that a dirty one requires.
///
/// Memory: some 50 bytes for each page that the logs are about.
///
/// Source: format digest section 17.
#[derive(Debug)]
pub struct DryRedo<F> {
    dbtime_of: F,
    start: Start,
    pages: RedoPages,
    /// First defect of a page.
    defects: BTreeMap<PageNumber, (Severity, RedoDefect)>,
    findings: Findings,
    /// Which numbers in the records are this database.
    attached: Box<[bool; 256]>,
    macros: Macros,
    counts: RedoCounts,
    /// Generations so far, first and last.
    generations: Option<(Generation, Generation)>,
    /// The last log, when it ended inside a record.
    unfinished: Option<Generation>,
    /// Whether a defect makes all that follows meaningless.
    stopped: bool,
    /// Whether the logs mention this database, and the other one that they mention.
    seen: (bool, Option<Signature>),
    /// Highest change counter that header and logs know.
    highest: u64,
    unlogged: Unlogged,
}

/// Pages that `CreateDB` made without records, in format 7.
#[derive(Clone, Copy, Debug)]
enum Unlogged {
    No,
    /// From the next record about a page on.
    Starts,
    /// With change counters below this.
    Below(u64),
}

impl<F: FnMut(PageNumber) -> Result<Option<u64>, SourceError>> DryRedo<F> {
    /// A dry redo of the database with this header.
    ///
    /// `dbtime_of` tells the change counter of a page (`dbtimeDirtied`), `None` when the page is
    /// empty or behind the end of the file. It is asked once for every page that the logs mention.
    pub fn new(header: &DatabaseHeader, dbtime_of: F) -> Self {
        Self {
            dbtime_of,
            start: Start::of(header),
            pages: RedoPages::default(),
            defects: BTreeMap::new(),
            findings: Findings::default(),
            attached: Box::new([false; 256]),
            macros: Macros::default(),
            counts: RedoCounts::default(),
            generations: None,
            unfinished: None,
            stopped: false,
            seen: (false, None),
            highest: header.dbtime,
            unlogged: Unlogged::No,
        }
    }

    /// Follows the records of the next log file.
    ///
    /// What is wrong with it goes into the report.
    ///
    /// # Errors
    /// The medium's, of the log or of the database; then the report is not complete.
    pub fn push_log<S: PageSource>(&mut self, log: S) -> Result<(), SourceError> {
        if self.stopped {
            return Ok(());
        }
        let mut log = match LogReader::open(log) {
            Ok(log) => log,
            Err(error) => return self.broken(Place::LogHeader, error),
        };
        let header = *log.header();
        if !self.admit(&header) {
            return Ok(());
        }
        for database in log.attachments() {
            self.attach(database.dbid, database.signature);
            // While nothing changes, no record tells how far the database is.
            if database.signature == self.start.signature {
                self.highest = self.highest.max(database.dbtime);
            }
        }
        loop {
            match log.next_record() {
                Ok(Some((at, record))) => self.record(at, &record, header.format)?,
                Ok(None) => break,
                Err(error) => return self.broken(one(header.generation), error),
            }
        }
        self.unfinished = log.is_unfinished().then_some(header.generation);
        Ok(())
    }

    /// Ends the redo.
    pub fn finish(mut self) -> RedoReport {
        if !self.seen.0 && self.start.expects_mention(self.generations) && !self.stopped {
            let kind = RedoDefect::OtherDatabase { found: self.seen.1, expected: self.start.signature };
            self.error(Place::Set, kind);
        }
        for (&number, page) in &self.pages.known {
            // The engine writes the log before the page.
            if self.start.needs_logs && page.disk > self.highest && !self.stopped {
                let kind = RedoDefect::BeyondLogs { dbtime: page.disk, highest: self.highest };
                self.defects.entry(number).or_insert((Severity::Error, kind));
            }
        }
        for (number, (severity, kind)) in core::mem::take(&mut self.defects) {
            let offset = number.offset(self.start.page_size);
            let place = Place::Pages { first: number, last: number, offset };
            self.findings.push_place(Finding::new(severity, place, FindingKind::Redo(kind)));
        }
        let (findings, suppressed) = self.findings.finish();
        let (counts, pages) = (self.counts, self.pages);
        RedoReport {
            counts,
            findings,
            suppressed,
            pages,
            is_complete: !self.stopped,
            highest_dbtime: self.highest,
        }
    }

    fn broken(&mut self, place: Place, error: LogReadError) -> Result<(), SourceError> {
        if let LogReadError::Source(error) = error {
            return Err(error);
        }
        self.stopped = true;
        self.error(place, RedoDefect::Records(error));
        Ok(())
    }

    fn error(&mut self, place: Place, kind: RedoDefect) {
        self.findings.push(Finding::new(Severity::Error, place, FindingKind::Redo(kind)));
    }

    /// Whether the log continues what is there.
    fn admit(&mut self, header: &LogHeader) -> bool {
        let own = header.generation;
        if header.signature != self.start.log_signature {
            let (signature, expected) = (header.signature, self.start.log_signature);
            let severity = if self.start.needs_logs { Severity::Error } else { Severity::Warning };
            let kind = FindingKind::Redo(RedoDefect::LogStream { signature, expected });
            self.findings.push_place(Finding::new(severity, one(own), kind));
            return false;
        }
        let first = self.generations.map_or(own, |(first, _)| first);
        let expected = match self.generations {
            Some((_, last)) if own <= last => {
                self.error(one(own), RedoDefect::Unordered);
                return false;
            }
            Some((_, last)) => last.next(),
            None if self.start.needs_logs => Some(self.start.lowest.min(own)),
            None => Some(own),
        };
        let has_gap = expected != Some(own);
        if has_gap && !self.start.is_on_disk(LogPosition { generation: own, sector: 0, offset: 0 }) {
            let (first, last) = (expected.unwrap_or(own), own.previous().unwrap_or(own));
            self.error(Place::Generations { first, last }, RedoDefect::Missing);
            self.stopped = true;
            return false;
        }
        if has_gap {
            self.attached.fill(false);
            self.macros.clear();
            self.unfinished = None;
        }
        self.generations = Some((first, own));
        true
    }

    fn attach(&mut self, dbid: u8, signature: Signature) {
        let is_own = signature == self.start.signature;
        if is_own {
            self.seen.0 = true;
        } else {
            self.seen.1 = Some(signature);
        }
        self.detach(dbid, is_own);
    }

    fn detach(&mut self, dbid: u8, is_own: bool) {
        if let Some(attached) = self.attached.get_mut(usize::from(dbid)) {
            *attached = is_own;
        }
    }

    fn is_own(&self, dbid: u8) -> bool {
        self.attached.get(usize::from(dbid)).is_some_and(|&attached| attached)
    }

    fn record(&mut self, at: LogPosition, record: &Record<'_>, format: LogFormat) -> Result<(), SourceError> {
        self.counts.records = self.counts.records.saturating_add(1);
        if self.start.is_before_attach(at) {
            self.counts.before_attach = self.counts.before_attach.saturating_add(1);
        }
        // Only a crash cuts a record off, and recovery follows.
        if let Some(generation) = self.unfinished.take()
            && !matches!(record.operation, Operation::RecoveryUndo | Operation::UndoInfo { .. })
        {
            self.error(one(generation), RedoDefect::Unfinished);
        }
        match record.operation {
            Operation::Stop => {
                if let Some(id) = self.macros.clear() {
                    self.error(one(at.generation), RedoDefect::OpenMacro(id));
                }
                self.attached.fill(false);
            }
            Operation::Start | Operation::RecoveryQuit { keeps_attachments: false } => {
                self.macros.clear();
                self.attached.fill(false);
            }
            // Recovery does not redo incomplete changes.
            Operation::RecoveryUndo => {
                self.macros.clear();
            }
            Operation::CreateDb { dbid, signature, .. } => {
                self.attach(dbid, signature);
                if self.is_own(dbid) && format == LogFormat::Ranges {
                    self.unlogged = Unlogged::Starts;
                }
            }
            Operation::AttachDb { dbid, signature, .. } | Operation::ReAttach { dbid, signature, .. } => {
                self.attach(dbid, signature);
            }
            Operation::DetachDb { dbid, .. } => self.detach(dbid, false),
            Operation::ShrinkDb { dbid, last, .. } if self.is_own(dbid) => {
                self.cut(PageNumber(last.0.saturating_add(1)), u32::MAX);
            }
            Operation::TrimDb { dbid, first, pages } if self.is_own(dbid) => self.cut(first, pages),
            Operation::MacroBegin(id) => self.macros.begin(id),
            Operation::MacroAbort(id) => drop(self.macros.end(id)),
            Operation::MacroCommit(id) => {
                for change in self.macros.end(id) {
                    self.change(at, change)?;
                }
            }
            _ => match record.author() {
                Some(author) if self.is_own(author.dbid) => self.page_record(at, record, author)?,
                _ => {}
            },
        }
        Ok(())
    }

    fn page_record(
        &mut self,
        at: LogPosition,
        record: &Record<'_>,
        Author { procid, dbtime, .. }: Author,
    ) -> Result<(), SourceError> {
        self.highest = self.highest.max(dbtime);
        if let Unlogged::Starts = self.unlogged {
            self.unlogged = Unlogged::Below(dbtime);
        }
        let id = MacroId { procid, dbtime };
        let mut outcome = Ok(());
        record.for_each_page(|page, before| {
            let change = Change { page, before, dbtime, record: record.kind };
            if outcome.is_ok() && !self.macros.keep(id, change) {
                outcome = self.change(at, change);
            }
        });
        outcome
    }

    /// Follows one change of one page.
    fn change(&mut self, at: LogPosition, change: Change) -> Result<(), SourceError> {
        let Change { page: number, before, dbtime, record } = change;
        let page = match self.pages.known.entry(number) {
            Entry::Occupied(page) => page.into_mut(),
            Entry::Vacant(place) => {
                let disk = (self.dbtime_of)(number)?.unwrap_or(0);
                place.insert(Page { disk, now: disk, moves: false, is_new: false })
            }
        };
        let is_promised = self.start.is_on_disk(at);
        let has = if is_promised { page.disk } else { page.now };
        if has >= dbtime {
            let is_covered = before == PageBefore::Covered;
            self.counts.add(if is_covered { Step::Covered } else { Step::OnDisk });
            return Ok(());
        }
        let step = if is_promised { Step::Lost } else { step(page, before, self.unlogged) };
        if !(page.is_new && matches!(step, Step::New)) {
            self.counts.add(step);
        }
        let state =
            |expected| PageState { dbtime: Some(has).filter(|&dbtime| dbtime != 0), expected, at, record };
        let defect = match step {
            Step::Lost => Some(RedoDefect::LostWrite(state(dbtime))),
            Step::Older(before) => Some(RedoDefect::PageOlder(state(before))),
            Step::Newer(before) => Some(RedoDefect::PageNewer(state(before))),
            Step::New => {
                // What was lost is not needed any more.
                if let Some((severity, _)) = self.defects.get_mut(&number) {
                    *severity = Severity::Warning;
                }
                page.is_new = true;
                None
            }
            Step::OnDisk | Step::Redone | Step::Covered | Step::Unlogged => None,
        };
        if let Some(defect) = defect {
            self.defects.entry(number).or_insert((Severity::Error, defect));
        }
        page.now = dbtime;
        page.moves = true;
        Ok(())
    }

    /// Pages that are not there any more: nothing about them can be wrong.
    fn cut(&mut self, first: PageNumber, pages: u32) {
        let last = PageNumber(first.0.saturating_add(pages.saturating_sub(1)));
        for page in self.pages.cut(first, last) {
            self.defects.remove(&page);
        }
    }
}

/// What becomes of a change that the page has not, and need not have.
fn step(page: &Page, before: PageBefore, unlogged: Unlogged) -> Step {
    match (before, unlogged) {
        (PageBefore::New, _) => Step::New,
        (PageBefore::Covered, _) => Step::Covered,
        (PageBefore::Dbtime(before), _) if before == page.now => Step::Redone,
        (PageBefore::Dbtime(before), Unlogged::Below(limit)) if page.now == 0 && before < limit => {
            Step::Unlogged
        }
        (PageBefore::Dbtime(before), _) if page.now < before => Step::Older(before),
        (PageBefore::Dbtime(before), _) => Step::Newer(before),
    }
}

const fn one(generation: Generation) -> Place {
    Place::Generations { first: generation, last: generation }
}
