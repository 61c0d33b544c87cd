//! What changed between two databases of a CA.

use std::collections::BTreeMap;
use std::iter::Peekable;

use ese::PageSource;

use crate::{CaDatabase, Cause, CertificateSummary, CrlSummary, Disposition, Lost, RequestSummary};

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
    /// Rows of one of the two that cannot be read: nothing is said about their numbers.
    Lost(Lost),
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

    /// A value that cannot be read is no change.
    fn is_readable(&self) -> bool {
        let request = self.request.as_ref().and_then(|request| request.error.as_ref());
        let certificate = self.certificate.as_ref().and_then(|certificate| certificate.error.as_ref());
        [request, certificate].into_iter().flatten().all(|error| error.cause == Cause::Content)
    }
}

/// The differences in the order of request numbers. Both databases are read side by side; a few rows are held.
pub fn diff<'a, A: PageSource, B: PageSource>(
    older: &'a CaDatabase<A>,
    newer: &'a CaDatabase<B>,
) -> impl Iterator<Item = Difference> + 'a {
    let mut older = Side::new(older);
    let mut newer = Side::new(newer);
    let mut ready = Vec::new();
    std::iter::from_fn(move || {
        loop {
            if let Some(difference) = ready.pop() {
                return Some(difference);
            }
            let (a, b) = (older.next_id(), newer.next_id());
            ready.extend(older.lost.drain(..).chain(newer.lost.drain(..)).map(Difference::Lost));
            match (a, b) {
                (None, None) if ready.is_empty() => return None,
                (None, None) => {}
                (Some(a), Some(b)) if a == b => {
                    let pair = older.take(a).zip(newer.take(b));
                    // Half of what is there is no ground to compare on.
                    let known = !older.is_unknown(a) && !newer.is_unknown(b);
                    if let Some((before, after)) = pair.filter(|_| known) {
                        compare(before, after, &mut ready);
                    }
                }
                (Some(a), b) if b.is_none_or(|b| a < b) => {
                    let gone = older.take(a).filter(|_| !newer.is_unknown(a));
                    ready.extend(gone.map(Difference::Vanished));
                }
                (_, b) => {
                    let new = b.and_then(|b| newer.take(b)).filter(|new| !older.is_unknown(new.request_id));
                    ready.extend(new.into_iter().flat_map(|new| appeared(&new)));
                }
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

fn compare(before: Entry, after: Entry, ready: &mut Vec<Difference>) {
    if before == after || !before.is_readable() || !after.is_readable() {
        return;
    }
    if after.is_issued() && !before.is_issued() {
        ready.extend(appeared(&after));
    } else if after.is_revoked() && !before.is_revoked() {
        ready.push(Difference::Revoked(after));
    } else if before.is_revoked() && !after.is_revoked() {
        ready.push(Difference::Unrevoked(after));
    } else {
        ready.push(Difference::Changed { before: Box::new(before), after: Box::new(after) });
    }
}

type Rows<'a, T> = Peekable<Box<dyn Iterator<Item = Result<T, Lost>> + 'a>>;

/// One of the two databases: its requests and certificates, by number.
struct Side<'a> {
    requests: Rows<'a, RequestSummary>,
    certificates: Rows<'a, CertificateSummary>,
    lost: Vec<Lost>,
    /// Numbers around rows that cannot be read.
    unknown: Vec<(Option<i32>, Option<i32>)>,
}

impl<'a> Side<'a> {
    fn new<S: PageSource>(database: &'a CaDatabase<S>) -> Self {
        let requests: Box<dyn Iterator<Item = _> + 'a> = Box::new(database.requests());
        let certificates: Box<dyn Iterator<Item = _> + 'a> =
            Box::new(database.certificates().map(|row| row.map(|row| row.summary)));
        Self {
            requests: requests.peekable(),
            certificates: certificates.peekable(),
            lost: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// The lowest number that was not taken yet.
    fn next_id(&mut self) -> Option<i32> {
        // Each of the two iterators reads both tables: what is lost comes twice.
        let mut lost = Vec::new();
        let request = settle(&mut self.requests, &mut lost).map(|row| row.request_id);
        let certificate = settle(&mut self.certificates, &mut lost).map(|row| row.request_id);
        for lost in lost {
            let range = (lost.after, lost.before);
            if !self.unknown.contains(&range) {
                self.unknown.push(range);
                self.lost.push(lost);
            }
        }
        match (request, certificate) {
            (Some(request), Some(certificate)) => Some(request.min(certificate)),
            (one, other) => one.or(other),
        }
    }

    fn take(&mut self, request_id: i32) -> Option<Entry> {
        let request = self.requests.next_if(|row| row.as_ref().is_ok_and(|row| row.request_id == request_id));
        let certificate =
            self.certificates.next_if(|row| row.as_ref().is_ok_and(|row| row.request_id == request_id));
        Some(Entry {
            request_id,
            request: request.and_then(Result::ok),
            certificate: certificate.and_then(Result::ok),
        })
    }

    /// Can the number be among rows that cannot be read?
    fn is_unknown(&self, id: i32) -> bool {
        let within = |(after, before): &(Option<i32>, Option<i32>)| {
            after.is_none_or(|after| after < id) && before.is_none_or(|before| id < before)
        };
        self.unknown.iter().any(within)
    }
}

/// The next row that can be read.
fn settle<'p, T>(rows: &'p mut Rows<'_, T>, lost: &mut Vec<Lost>) -> Option<&'p T> {
    while let Some(Err(error)) = rows.next_if(Result::is_err) {
        lost.push(error);
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
}

/// The differences of the revocation lists, in the order of issuer, kind and number; and what cannot be read.
pub fn diff_crls<A: PageSource, B: PageSource>(
    older: &CaDatabase<A>,
    newer: &CaDatabase<B>,
) -> (Vec<CrlDifference>, Vec<Lost>) {
    let mut lost = Vec::new();
    let mut before = by_number(older, &mut lost);
    let mut differences = Vec::new();
    for (key, after) in by_number(newer, &mut lost) {
        match before.remove(&key) {
            None => differences.push(CrlDifference::Published(after)),
            Some(before) if before != after => {
                let (before, after) = (Box::new(before), Box::new(after));
                differences.push(CrlDifference::Changed { before, after });
            }
            Some(_) => {}
        }
    }
    differences.extend(before.into_values().map(CrlDifference::Removed));
    (differences, lost)
}

type CrlKey = (Option<i32>, bool, Option<i32>, i32);

/// Lists of one number are told apart by their rows.
fn by_number<S: PageSource>(database: &CaDatabase<S>, lost: &mut Vec<Lost>) -> BTreeMap<CrlKey, CrlSummary> {
    let mut all: BTreeMap<CrlKey, CrlSummary> = BTreeMap::new();
    for row in database.crls() {
        match row {
            Ok(row) => {
                let row = row.summary;
                all.insert((row.issuer_id, row.is_delta, row.number, row.row_id), row);
            }
            Err(error) => lost.push(error),
        }
    }
    all
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
