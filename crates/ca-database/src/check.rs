//! Does the CA's data agree with itself?

use std::fmt;

use ese::PageSource;

use crate::{CaDatabase, CertificateRow, CrlRow, Disposition, Lost, RequestSummary, RowError};

/// Something in a CA's tables that does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaFinding {
    /// Rows that cannot be read.
    Lost(Lost),
    /// The catalog does not have one of the CA's tables.
    NoTable(&'static str),
    /// A certificate without a request.
    NoRequest {
        /// Number of the request that should be there.
        request_id: i32,
    },
    /// A request that was granted, without a certificate.
    NoCertificate {
        /// Number of the request.
        request_id: i32,
        /// What became of it by its row.
        disposition: Disposition,
    },
    /// A value that cannot be read, or a certificate that is none.
    Unreadable {
        /// Table of the row.
        table: &'static str,
        /// Number of the row.
        id: i32,
        /// Which, and why.
        why: RowError,
    },
    /// The certificate's hash is not the recorded one.
    Hash {
        /// Number of the request.
        request_id: i32,
        /// Hash in the column.
        recorded: String,
        /// Hash of the bytes.
        computed: String,
    },
    /// The certificate's serial number is not the recorded one.
    Serial {
        /// Number of the request.
        request_id: i32,
        /// Serial number in the column.
        recorded: String,
        /// Serial number in the certificate.
        found: String,
    },
    /// The number in a CRL is not the recorded one.
    CrlNumber {
        /// Number of the row.
        row_id: i32,
        /// Number in the column.
        recorded: i32,
        /// Number in the list.
        found: String,
    },
}

impl fmt::Display for CaFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(lost) => write!(f, "{lost}"),
            Self::NoTable(name) => write!(f, "the table {name} is missing"),
            Self::NoRequest { request_id } => {
                write!(f, "the certificate of request {request_id} has no row in Requests")
            }
            Self::NoCertificate { request_id, disposition } => {
                write!(f, "request {request_id} is {disposition} but has no certificate")
            }
            Self::Unreadable { table, id, why } => write!(f, "row {id} of {table}: {why}"),
            Self::Hash { request_id, recorded, computed } => write!(
                f,
                "the certificate of request {request_id} has the SHA-1 {computed}, recorded is {recorded}"
            ),
            Self::Serial { request_id, recorded, found } => write!(
                f,
                "the certificate of request {request_id} has the serial number {found}, recorded is {recorded}"
            ),
            Self::CrlNumber { row_id, recorded, found } => {
                write!(f, "the CRL in row {row_id} has the number {found}, recorded is {recorded}")
            }
        }
    }
}

/// Compares the CA's tables with each other and with what is in their bytes (format digest section 12). Reads
/// every row of Requests, Certificates and CRLs once.
///
/// A streamed copy is of several moments: a row may be there and its partner not yet. Such pairs are only judged
/// in a database that was shut down cleanly. The first thousand findings are kept.
pub fn check<S: PageSource>(database: &CaDatabase<S>) -> Vec<CaFinding> {
    let mut findings: Vec<CaFinding> =
        database.missing_tables().into_iter().map(CaFinding::NoTable).collect();
    let whole = !database.database().is_dirty();
    for row in database.certificates() {
        match row {
            Ok(row) => of_certificate(&row, whole, &mut findings),
            Err(lost) => keep(&mut findings, CaFinding::Lost(lost)),
        }
    }
    // What is lost was told above.
    for row in database.requests().flatten().filter(|_| whole) {
        of_request(&row, &mut findings);
    }
    for row in database.crls() {
        match row {
            Ok(row) => of_crl(&row, &mut findings),
            Err(lost) => keep(&mut findings, CaFinding::Lost(lost)),
        }
    }
    findings
}

fn of_certificate(row: &CertificateRow, whole: bool, findings: &mut Vec<CaFinding>) {
    let request_id = row.summary.request_id;
    if whole && row.summary.request.is_none() {
        keep(findings, CaFinding::NoRequest { request_id });
    }
    if let Some(why) = &row.summary.error {
        keep(findings, CaFinding::Unreadable { table: "Certificates", id: request_id, why: why.clone() });
    }
    if row.der.is_none() {
        return;
    }
    if !row.fits_recorded_hash()
        && let (Some(recorded), Some(computed)) = (row.recorded_hash.clone(), row.summary.sha1.clone())
    {
        keep(findings, CaFinding::Hash { request_id, recorded, computed });
    }
    if let (Some(recorded), Some(found)) = (row.recorded_serial.clone(), row.summary.serial.clone())
        && recorded != found
    {
        keep(findings, CaFinding::Serial { request_id, recorded, found });
    }
}

fn of_request(row: &RequestSummary, findings: &mut Vec<CaFinding>) {
    let (request_id, disposition) = (row.request_id, row.facts.disposition);
    if disposition.has_certificate() && row.serial.is_none() {
        keep(findings, CaFinding::NoCertificate { request_id, disposition });
    }
}

fn of_crl(row: &CrlRow, findings: &mut Vec<CaFinding>) {
    let row_id = row.summary.row_id;
    if let Some(why) = &row.summary.error {
        keep(findings, CaFinding::Unreadable { table: "CRLs", id: row_id, why: why.clone() });
    }
    if let Some((recorded, found)) = row.summary.number.zip(row.summary.own_number.clone())
        && recorded.to_string() != found
    {
        keep(findings, CaFinding::CrlNumber { row_id, recorded, found });
    }
}

fn keep(findings: &mut Vec<CaFinding>, finding: CaFinding) {
    if findings.len() < KEPT {
        findings.push(finding);
    }
}

const KEPT: usize = 1000;
