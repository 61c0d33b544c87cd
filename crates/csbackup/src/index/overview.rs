//! What a database holds, at a glance.

use std::collections::BTreeMap;

use ca_database::{
    Cause, CertificateRow, CertificateSummary, CrlRow, CrlSummary, Disposition, FileTime, RequestSummary,
    RowError,
};
use serde::{Deserialize, Serialize};

use crate::Look;

/// What a database holds, at a glance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Rows of requests.
    pub requests: u64,
    /// Rows with a certificate.
    pub certificates: u64,
    /// Of these, revoked.
    pub revoked: u64,
    /// Requests that wait for an officer.
    pub pending: u64,
    /// Requests that were denied or failed.
    pub denied: u64,
    /// Number of the newest request.
    pub newest_request: Option<i32>,
    /// When the newest certificate was issued.
    pub newest_issued: Option<FileTime>,
    /// Rows of revocation lists.
    pub crls: u64,
    /// The newest base list of each of the CA's certificates.
    pub base_crls: BTreeMap<i32, CrlState>,
    /// The newest delta list of each.
    pub delta_crls: BTreeMap<i32, CrlState>,
    /// Requests whose private key is archived.
    pub archived_keys: u64,
    /// Certificates of recovery agents (SHA-1, hex), and how many archived keys each of them opens.
    pub recovery_agents: BTreeMap<String, u64>,
    /// Pages of rows that cannot be read until the logs are replayed: copied while they changed.
    pub lost: u64,
    /// Rows of which a value cannot be read until then.
    pub incomplete: u64,
    /// Pages, rows and parts of the catalog that cannot be read because they are damaged.
    pub damaged: u64,
}

/// A revocation list, at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrlState {
    /// Its number.
    pub number: i32,
    /// When it was made.
    pub this_update: Option<FileTime>,
    /// When it ends.
    pub next_update: Option<FileTime>,
}

impl Overview {
    /// Reads a whole database.
    pub fn of(look: &Look) -> Self {
        let mut own = Self::default();
        macro_rules! add {
            ($rows:expr, $add:expr) => {
                for row in $rows {
                    match row {
                        Ok(row) => $add(&mut own, &row),
                        Err(lost) if lost.in_motion => own.lost += 1,
                        Err(_) => own.damaged += 1,
                    }
                }
            };
        }
        let database = &look.database;
        own.damaged += (database.database().catalog_errors().len() + database.missing_tables().len()) as u64;
        add!(database.certificates(), |own: &mut Self, row: &CertificateRow| own
            .add_certificate(&row.summary));
        add!(database.requests(), Self::add_request);
        add!(database.crls(), |own: &mut Self, row: &CrlRow| own.add_crl(&row.summary));
        own
    }

    fn add_error(&mut self, error: Option<&RowError>) {
        match error.map(|error| error.cause) {
            Some(Cause::InMotion) => self.incomplete += 1,
            Some(Cause::Damage) => self.damaged += 1,
            _ => {}
        }
    }

    /// Takes a certificate into account.
    pub fn add_certificate(&mut self, row: &CertificateSummary) {
        self.add_error(row.error.as_ref());
        if !row.is_issued() {
            return;
        }
        self.certificates += 1;
        self.revoked += u64::from(row.is_revoked());
        self.newest_issued = self.newest_issued.max(row.issued_at());
    }

    /// Takes a request into account.
    pub fn add_request(&mut self, row: &RequestSummary) {
        self.requests += 1;
        self.add_error(row.error.as_ref());
        self.newest_request = self.newest_request.max(Some(row.request_id));
        match row.facts.disposition {
            Disposition::PENDING => self.pending += 1,
            Disposition::DENIED | Disposition::FAILED => self.denied += 1,
            _ => {}
        }
        if row.facts.has_archived_key {
            self.archived_keys += 1;
            for agent in &row.recovery_agents {
                *self.recovery_agents.entry(agent.clone()).or_default() += 1;
            }
        }
    }

    /// Takes a revocation list into account.
    pub fn add_crl(&mut self, row: &CrlSummary) {
        self.crls += 1;
        self.add_error(row.error.as_ref());
        let Some(number) = row.number else { return };
        let newest = if row.is_delta { &mut self.delta_crls } else { &mut self.base_crls };
        let state = CrlState { number, this_update: row.this_update, next_update: row.next_update };
        let own = newest.entry(row.issuer_id.unwrap_or_default()).or_insert_with(|| state.clone());
        if own.number <= number {
            *own = state;
        }
    }
}
