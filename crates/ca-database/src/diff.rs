//! What changed between two databases of a CA.

use std::collections::BTreeMap;
use std::iter::Peekable;

use ese::PageSource;

use crate::{CaDatabase, Cause, CertificateSummary, CrlSummary, Disposition, Lost, RequestSummary, RowError};

/// What the newer of two databases has to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// A certificate that the older one does not have.
    Issued(Entry),
    /// A certificate was revoked.
    Revoked(Entry),
    /// A revocation was taken back.
    Unrevoked(Entry),
    /// A request that the older one does not have, and that has no certificate.
    Requested(Entry),
    /// Something else of a request or its certificate.
    Changed {
        /// As it was.
        before: Box<Entry>,
        /// As it is.
        after: Box<Entry>,
    },
    /// A request that the newer one does not have any more, as it was.
    Vanished(Entry),
    /// A request that is not the same in both, or only in one, where the other, or half of it, may be among the
    /// rows or values that cannot be read; as the newer has it, or else the older.
    NotComparable(Entry),
    /// Rows of one of the two that cannot be read.
    Lost(Lost),
    /// A value of a row of one of the two that cannot be read.
    Unreadable {
        /// Number of the request.
        request_id: i32,
        /// Why.
        error: RowError,
    },
}

/// What a database has of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub request_id: i32,
    /// The request.
    pub request: Option<RequestSummary>,
    /// Its certificate.
    pub certificate: Option<CertificateSummary>,
}

impl Entry {
    fn is_issued(&self) -> bool {
        self.certificate.as_ref().is_some_and(CertificateSummary::is_issued)
    }

    fn is_revoked(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.facts.disposition == Disposition::REVOKED)
    }

    /// Why values cannot be read, of the request and of the certificate.
    fn errors(&self) -> impl Iterator<Item = &RowError> {
        let request = self.request.as_ref().and_then(|request| unreadable(request.error.as_ref()));
        let certificate =
            self.certificate.as_ref().and_then(|certificate| unreadable(certificate.error.as_ref()));
        // Both rows tell of the same value where one shows facts of the other.
        request.into_iter().chain(certificate.filter(|error| Some(*error) != request))
    }
}

/// What was read and is no certificate can be compared as well as one.
fn unreadable(error: Option<&RowError>) -> Option<&RowError> {
    error.filter(|error| error.cause != Cause::Content)
}

/// Rows on their way, in the order of their numbers.
pub type Found<'a, T> = Box<dyn Iterator<Item = Result<T, Lost>> + 'a>;

/// What is compared of a database: its own rows, or what an index has of them.
pub struct DiffRows<'a> {
    /// The requests.
    pub requests: Found<'a, RequestSummary>,
    /// The certificates.
    pub certificates: Found<'a, CertificateSummary>,
}

impl<'a> DiffRows<'a> {
    /// Those of the database itself.
    pub fn of<S: PageSource>(database: &'a CaDatabase<S>) -> Self {
        Self {
            requests: Box::new(database.requests()),
            certificates: Box::new(database.certificates().map(|row| row.map(|row| row.summary))),
        }
    }
}

/// The differences in the order of request numbers. Both databases are read side by side; a few rows are held.
pub fn diff<'a, A: PageSource, B: PageSource>(
    older: &'a CaDatabase<A>,
    newer: &'a CaDatabase<B>,
) -> impl Iterator<Item = Difference> + 'a {
    diff_rows(DiffRows::of(older), DiffRows::of(newer))
}

/// As [`diff`], of rows from anywhere.
pub fn diff_rows<'a>(older: DiffRows<'a>, newer: DiffRows<'a>) -> impl Iterator<Item = Difference> + 'a {
    let (mut older, mut newer) = (Side::new(older), Side::new(newer));
    let mut ready = Vec::new();
    std::iter::from_fn(move || {
        loop {
            if let Some(difference) = ready.pop() {
                return Some(difference);
            }
            let numbers = [older.next_id(&mut ready), newer.next_id(&mut ready)];
            let Some(id) = numbers.into_iter().flatten().min() else {
                if ready.is_empty() {
                    return None;
                }
                continue;
            };
            match (older.take(id, &mut ready), newer.take(id, &mut ready)) {
                (Some(before), Some(after)) => {
                    // Half of what is there is no ground to compare on.
                    let whole = !older.is_unknown(id) && !newer.is_unknown(id);
                    compare(before, after, whole, &mut ready);
                }
                (Some(gone), None) if newer.is_unknown(id) => ready.push(Difference::NotComparable(gone)),
                (Some(gone), None) => ready.push(Difference::Vanished(gone)),
                (None, Some(new)) if older.is_unknown(id) => ready.push(Difference::NotComparable(new)),
                (None, Some(new)) => ready.extend(appeared(&new)),
                (None, None) => {}
            }
        }
    })
}

/// A request of which the older database knows nothing.
fn appeared(new: &Entry) -> Vec<Difference> {
    let revoked = new.is_revoked().then(|| Difference::Revoked(new.clone()));
    let first =
        if new.is_issued() { Difference::Issued(new.clone()) } else { Difference::Requested(new.clone()) };
    // They are taken from the end.
    revoked.into_iter().chain([first]).collect()
}

fn compare(before: Entry, after: Entry, whole: bool, ready: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    if !whole || before.errors().chain(after.errors()).next().is_some() {
        ready.push(Difference::NotComparable(after));
    } else if after.is_issued() && !before.is_issued() {
        ready.extend(appeared(&after));
    } else if after.is_revoked() && !before.is_revoked() {
        ready.push(Difference::Revoked(after));
    } else if before.is_revoked() && !after.is_revoked() {
        ready.push(Difference::Unrevoked(after));
    } else {
        ready.push(Difference::Changed { before: Box::new(before), after: Box::new(after) });
    }
}

/// One of the two databases: its requests and certificates, by number.
struct Side<'a> {
    requests: Peekable<Found<'a, RequestSummary>>,
    certificates: Peekable<Found<'a, CertificateSummary>>,
    /// What cannot be read around the next number.
    unknown: Vec<Lost>,
}

impl<'a> Side<'a> {
    fn new(rows: DiffRows<'a>) -> Self {
        let (requests, certificates) = (rows.requests.peekable(), rows.certificates.peekable());
        Self { requests, certificates, unknown: Vec::new() }
    }

    /// The lowest number that was not taken yet.
    fn next_id(&mut self, ready: &mut Vec<Difference>) -> Option<i32> {
        let mut lost = Vec::new();
        let request = settle(&mut self.requests, "Requests", &mut lost).map(|row| row.request_id);
        let certificate = settle(&mut self.certificates, "Certificates", &mut lost).map(|row| row.request_id);
        self.unknown.extend(lost.iter().cloned());
        ready.extend(lost.into_iter().map(Difference::Lost));
        [request, certificate].into_iter().flatten().min()
    }

    /// What there is of a number; the next one, or a lower one than that.
    fn take(&mut self, request_id: i32, ready: &mut Vec<Difference>) -> Option<Entry> {
        self.unknown.retain(|lost| lost.before.is_none_or(|before| request_id < before));
        let request = self.requests.next_if(|row| row.as_ref().is_ok_and(|row| row.request_id == request_id));
        let certificate =
            self.certificates.next_if(|row| row.as_ref().is_ok_and(|row| row.request_id == request_id));
        if request.is_none() && certificate.is_none() {
            return None;
        }
        let entry = Entry {
            request_id,
            request: request.and_then(Result::ok),
            certificate: certificate.and_then(Result::ok),
        };
        ready.extend(entry.errors().map(|error| Difference::Unreadable { request_id, error: error.clone() }));
        Some(entry)
    }

    /// Can the number be among rows that cannot be read?
    fn is_unknown(&self, id: i32) -> bool {
        self.unknown.iter().any(|lost| is_within(lost, id))
    }
}

fn is_within(lost: &Lost, id: i32) -> bool {
    lost.after.is_none_or(|after| after < id) && lost.before.is_none_or(|before| id < before)
}

/// The next row that can be read. Each of the two iterators reads both tables: of what is lost it tells for its own.
fn settle<'p, T>(rows: &'p mut Peekable<Found<'_, T>>, table: &str, lost: &mut Vec<Lost>) -> Option<&'p T> {
    while let Some(Err(error)) = rows.next_if(Result::is_err) {
        if error.table == table {
            lost.push(error);
        }
    }
    rows.peek()?.as_ref().ok()
}

/// What became of the revocation lists.
#[derive(Debug, Clone, PartialEq)]
pub enum CrlDifference {
    /// One that the older database does not have.
    Published(CrlSummary),
    /// One that the newer does not have any more: CAs tidy up.
    Removed(CrlSummary),
    /// Another list, or other facts, of the same number.
    Changed {
        /// As it was.
        before: Box<CrlSummary>,
        /// As it is.
        after: Box<CrlSummary>,
    },
    /// One that is not the same in both, or only in one, where the other may be among what cannot be read.
    NotComparable(CrlSummary),
    /// Rows of one of the two that cannot be read.
    Lost(Lost),
    /// A value of a row of one of the two that cannot be read.
    Unreadable {
        /// Number of the row.
        row_id: i32,
        /// Why.
        error: RowError,
    },
}

/// The differences of the revocation lists, in the order of issuer, kind and number; before them, what cannot be
/// read.
pub fn diff_crls(
    older: impl Iterator<Item = Result<CrlSummary, Lost>>,
    newer: impl Iterator<Item = Result<CrlSummary, Lost>>,
) -> Vec<CrlDifference> {
    let mut differences = Vec::new();
    let (mut before, lost_before) = by_number(older, &mut differences);
    let (after, lost_after) = by_number(newer, &mut differences);
    let sound = |crl: &CrlSummary| unreadable(crl.error.as_ref()).is_none();
    let among = |lost: &[Lost], crl: &CrlSummary| lost.iter().any(|lost| is_within(lost, crl.row_id));
    for (key, after) in after {
        match before.remove(&key) {
            None if among(&lost_before, &after) => differences.push(CrlDifference::NotComparable(after)),
            None => differences.push(CrlDifference::Published(after)),
            Some(before) if before == after => {}
            Some(before) if sound(&before) && sound(&after) => {
                let (before, after) = (Box::new(before), Box::new(after));
                differences.push(CrlDifference::Changed { before, after });
            }
            Some(_) => differences.push(CrlDifference::NotComparable(after)),
        }
    }
    for gone in before.into_values() {
        let among = among(&lost_after, &gone);
        differences.push(if among {
            CrlDifference::NotComparable(gone)
        } else {
            CrlDifference::Removed(gone)
        });
    }
    differences
}

type CrlKey = (Option<i32>, bool, Option<i32>, i32);

/// Lists of one number are told apart by their rows.
fn by_number(
    rows: impl Iterator<Item = Result<CrlSummary, Lost>>,
    told: &mut Vec<CrlDifference>,
) -> (BTreeMap<CrlKey, CrlSummary>, Vec<Lost>) {
    let mut all: BTreeMap<CrlKey, CrlSummary> = BTreeMap::new();
    let mut lost = Vec::new();
    for row in rows {
        match row {
            Ok(row) => {
                let row_id = row.row_id;
                let error = unreadable(row.error.as_ref()).cloned();
                told.extend(error.map(|error| CrlDifference::Unreadable { row_id, error }));
                all.insert((row.issuer_id, row.is_delta, row.number, row_id), row);
            }
            Err(error) => lost.push(error),
        }
    }
    told.extend(lost.iter().cloned().map(CrlDifference::Lost));
    (all, lost)
}

/// How two databases are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// One database at two times.
    Same,
    /// Two databases of one CA: it was made anew, or migrated.
    SameCa,
    /// Databases of different CAs.
    Other,
    /// Neither says enough.
    Unknown,
}

/// How two databases are related: by the signature in their headers, or else by the certificates of their CA.
pub fn kinship<A: PageSource, B: PageSource>(a: &CaDatabase<A>, b: &CaDatabase<B>) -> Kinship {
    let signatures = a.database().header().zip(b.database().header());
    if signatures.is_some_and(|(a, b)| a.signature == b.signature) {
        return Kinship::Same;
    }
    let (a, b) = (authorities(a), authorities(b));
    match () {
        () if a.is_empty() || b.is_empty() => Kinship::Unknown,
        () if a.iter().any(|one| b.contains(one)) => Kinship::SameCa,
        () => Kinship::Other,
    }
}

/// Names of the CA, from the first rows that tell.
fn authorities<S: PageSource>(database: &CaDatabase<S>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in database.certificates().flatten().take(FIRST_ROWS) {
        let own = row.summary.disposition() == Some(Disposition::CA_CERTIFICATE);
        let name = if own { row.summary.subject } else { row.summary.issuer };
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// A CA's first row is its own certificate; databases without it have issued something soon.
const FIRST_ROWS: usize = 20;
