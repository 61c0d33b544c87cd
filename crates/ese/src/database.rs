//! The streaming verifier of a database file.

pub(crate) mod open;
mod pages;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::bytes::length;
use crate::finding::{Finding, FindingKind, Findings, Place, Severity};
use crate::header::{DatabaseHeader, DbState};
use crate::numbers::PageSize;
use crate::trailer::Trailer;
use open::Opened;
use pages::Pages;

/// Where the bytes of a file come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// Bytes as the backup API delivered them. The CA verified each page before it sent it, so
    /// every wrong checksum is damage.
    Streamed,
    /// A copy of the file of a live, crashed or cleanly closed database folder. Unused pages may
    /// hold garbage, and the last write of the current log may be torn.
    Raw,
}

/// Pages of a database by what they are; header pages and the trailer do not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PageCounts {
    /// All pages: `zero + xor + ecc + bad`.
    pub total: u64,
    /// Never initialised, all zero.
    pub zero: u64,
    /// With a right XOR-32 checksum (before Vista).
    pub xor: u64,
    /// With a right XOR and ECC checksum.
    pub ecc: u64,
    /// With something wrong.
    pub bad: u64,
    /// Of the bad ones: one flipped bit, which the engine corrects.
    pub correctable: u64,
    /// Of the bad ones: written for another place.
    pub misplaced: u64,
    /// Highest `dbtimeDirtied` of the good pages.
    pub max_dbtime: u64,
}

/// What a database file says about itself, as far as a set of files needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DatabaseFacts {
    /// The header copy that counts.
    pub header: DatabaseHeader,
    /// The trailer page of a stream, if it is right.
    pub trailer: Option<Trailer>,
    /// Where the bytes came from.
    pub origin: Origin,
    /// Database pages, without header pages and trailer.
    pub pages: u64,
    /// Bytes of the file.
    pub size: u64,
}

/// The result of a [`DatabaseVerifier`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DatabaseReport {
    /// What the file says; `None` when no header copy is usable.
    pub facts: Option<DatabaseFacts>,
    /// All defects: headers, then pages in order, then the file as a whole.
    pub findings: Vec<Finding>,
    /// Findings of pages beyond the first thousand, which are only counted.
    pub suppressed: u64,
    /// Pages by kind.
    pub pages: PageCounts,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Checks a database while its bytes pass by.
///
/// Any division of the file into pushes gives the same report. Memory is at most 96 KiB and the
/// findings; whole pages are checked where they are, without copying.
///
/// Checked are both header copies, each page by itself, the size, and the trailer page of a
/// stream. Links between pages are not.
///
/// Source: format digest sections 3, 4, 18 and 19.
#[derive(Debug)]
pub struct DatabaseVerifier {
    origin: Origin,
    expected_size: Option<u64>,
    bytes: u64,
    findings: Findings,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The first bytes, until both header copies and the first page are there for any page size.
    Start(Vec<u8>),
    Pages(Box<Pages>),
    /// No page size: the rest is only counted.
    Lost,
}

impl DatabaseVerifier {
    /// A verifier for one file.
    ///
    /// `expected_size` is the announced size in bytes, for example that of `BackupOpenFile`.
    pub fn new(origin: Origin, expected_size: Option<u64>) -> Self {
        let (findings, state) = (Findings::default(), State::Start(Vec::new()));
        Self { origin, expected_size, bytes: 0, findings, state }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(length(bytes.len()));
        let mut rest = bytes;
        if let State::Start(start) = &mut self.state {
            let missing = START.saturating_sub(start.len());
            let (taken, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            start.extend_from_slice(taken);
            rest = behind;
            if start.len() < START {
                return;
            }
            self.open();
        }
        if let State::Pages(pages) = &mut self.state {
            pages.push(rest, &mut self.findings);
        }
    }

    /// Ends the file and reports everything.
    pub fn finish(mut self) -> DatabaseReport {
        self.open();
        let mut report = DatabaseReport {
            facts: None,
            findings: Vec::new(),
            suppressed: 0,
            pages: PageCounts::default(),
            bytes: self.bytes,
        };
        if let State::Pages(pages) = &mut self.state {
            let size = pages.size();
            let trailer = pages.finish(&mut self.findings);
            report.pages = pages.counts();
            report.facts = pages.header().map(|header| DatabaseFacts {
                header,
                trailer,
                origin: self.origin,
                pages: report.pages.total,
                size: self.bytes,
            });
            self.check_size(size);
        }
        if let Some(expected) = self.expected_size.filter(|&expected| expected != self.bytes) {
            self.error(FindingKind::Size { size: self.bytes, expected });
        }
        (report.findings, report.suppressed) = self.findings.finish();
        report
    }

    /// Judges the headers and the pages behind them; nothing when that was done before.
    fn open(&mut self) {
        let State::Start(start) = &mut self.state else { return };
        let start = core::mem::take(start);
        self.state = match Opened::judge(&start, self.origin, &mut self.findings) {
            None => State::Lost,
            Some(Opened { header, size }) => {
                if let Some(header) = &header {
                    self.check_header(header);
                }
                let mut pages = Pages::new(self.origin, header, size);
                let behind = start.get(size.len().saturating_mul(2)..).unwrap_or(&[]);
                pages.push(behind, &mut self.findings);
                State::Pages(Box::new(pages))
            }
        };
    }

    fn check_header(&mut self, header: &DatabaseHeader) {
        if header.version != VERSION {
            self.warning(FindingKind::DatabaseVersion(header.version));
        }
        if !matches!(header.state, DbState::DirtyShutdown | DbState::CleanShutdown) {
            self.warning(FindingKind::State(header.state));
        }
        let (bad_checksums, bits_repaired) = (header.bad_checksums, header.bits_repaired);
        let bits_not_repaired = header.bits_not_repaired;
        if (bad_checksums, bits_repaired, bits_not_repaired) != (0, 0, 0) {
            self.warning(FindingKind::EngineCounters { bad_checksums, bits_repaired, bits_not_repaired });
        }
        if let Some((low, high)) = header.requires_logs() {
            let committed = header.committed;
            if low > high || (high > committed && !committed.is_none()) {
                self.error(FindingKind::HeaderOrder { low, high, committed });
            }
        }
        if self.origin == Origin::Streamed && header.full_cur.low.is_none() {
            self.error(FindingKind::NotABackup);
        }
    }

    fn check_size(&mut self, page_size: PageSize) {
        let size = self.bytes;
        if size < u64::from(page_size.bytes()).saturating_mul(2) {
            self.error(FindingKind::TooSmall { size });
        } else if size.checked_rem(page_size.bytes().into()) != Some(0) {
            self.error(FindingKind::PartialPage { size, page_size });
        }
    }

    fn error(&mut self, kind: FindingKind) {
        self.findings.push(Finding::new(Severity::Error, Place::File, kind));
    }

    fn warning(&mut self, kind: FindingKind) {
        self.findings.push(Finding::new(Severity::Warning, Place::File, kind));
    }
}

/// Two header pages and one page of the largest size.
const START: usize = 3 * 32768;

/// Database format version since Windows 2000.
const VERSION: u32 = 0x620;
