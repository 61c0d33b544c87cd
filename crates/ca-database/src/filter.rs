//! Which rows somebody wants to see. Works on summaries alone, so that an index answers too.

use crate::hex::bare;
use crate::summary::common_name;
use crate::{CertificateSummary, CrlSummary, Disposition, FileTime, Glob, RequestFacts, RequestSummary};

/// Request numbers from and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// Lowest.
    pub from: i32,
    /// Highest.
    pub to: i32,
}

impl IdRange {
    /// Is the number in it?
    pub fn contains(self, id: i32) -> bool {
        (self.from..=self.to).contains(&id)
    }
}

/// Which certificates. Everything that is set must hold; times are inclusive at the start, exclusive at the end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CertFilter {
    /// Issued at this time or later ([`CertificateSummary::issued_at`]).
    pub issued_since: Option<FileTime>,
    /// Issued before this time.
    pub issued_before: Option<FileTime>,
    /// End of validity at this time or later.
    pub expires_after: Option<FileTime>,
    /// End of validity before this time.
    pub expires_before: Option<FileTime>,
    /// Template, by name or object identifier.
    pub template: Option<Glob>,
    /// Account that asked: `DOMAIN\name`, or the name alone.
    pub requester: Option<Glob>,
    /// Serial number, hex; blanks, colons and leading zeros do not matter.
    pub serial: Option<String>,
    /// SHA-1 or SHA-256, hex; blanks and colons do not matter.
    pub thumbprint: Option<String>,
    /// Revoked, by the CA's record.
    pub revoked: bool,
    /// One of these dispositions; empty for any.
    pub dispositions: Vec<Disposition>,
    /// Subject: the whole of it, or its common name.
    pub subject: Option<Glob>,
    /// Any alternative name.
    pub san: Option<Glob>,
    /// Numbers of requests; empty for any.
    pub request_ids: Vec<IdRange>,
    /// Within its validity at this time, and not revoked.
    pub valid_at: Option<FileTime>,
}

impl CertFilter {
    /// Is this one of them?
    pub fn matches(&self, row: &CertificateSummary) -> bool {
        in_ids(&self.request_ids, row.request_id)
            && self
                .serial
                .as_ref()
                .is_none_or(|want| row.serial.as_ref().is_some_and(|have| same_serial(want, have)))
            && self.thumbprint.as_ref().is_none_or(|want| {
                let want = bare(want);
                [&row.sha1, &row.sha256].into_iter().flatten().any(|have| *have == want)
            })
            && in_times(row.issued_at(), self.issued_since, self.issued_before)
            && in_times(row.not_after, self.expires_after, self.expires_before)
            && (!self.revoked || row.is_revoked())
            && in_dispositions(&self.dispositions, row.disposition())
            && self.valid_at.is_none_or(|now| row.is_valid_at(now))
            && any_fits(self.template.as_ref(), [row.template.as_deref(), row.template_name.as_deref()])
            && account_fits(self.requester.as_ref(), row.request.as_ref())
            && subject_fits(self.subject.as_ref(), row.subject.as_deref())
            && self.san.as_ref().is_none_or(|glob| row.sans.iter().any(|san| glob.matches(san.value())))
    }
}

/// Which requests. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestFilter {
    /// Came in at this time or later.
    pub submitted_since: Option<FileTime>,
    /// Came in before this time.
    pub submitted_before: Option<FileTime>,
    /// Template that was asked for, or issued.
    pub template: Option<Glob>,
    /// Account that asked: `DOMAIN\name`, or the name alone.
    pub requester: Option<Glob>,
    /// One of these dispositions; empty for any.
    pub dispositions: Vec<Disposition>,
    /// Subject that was asked for: the whole of it, or its common name.
    pub subject: Option<Glob>,
    /// Numbers of requests; empty for any.
    pub request_ids: Vec<IdRange>,
    /// With an archived private key.
    pub archived: bool,
}

impl RequestFilter {
    /// Is this one of them?
    pub fn matches(&self, row: &RequestSummary) -> bool {
        in_ids(&self.request_ids, row.request_id)
            && in_times(row.facts.submitted, self.submitted_since, self.submitted_before)
            && in_dispositions(&self.dispositions, Some(row.facts.disposition))
            && (!self.archived || row.facts.has_archived_key)
            && any_fits(self.template.as_ref(), [row.template.as_deref()])
            && account_fits(self.requester.as_ref(), Some(&row.facts))
            && subject_fits(self.subject.as_ref(), row.subject.as_deref())
    }
}

/// Which revocation lists. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CrlFilter {
    /// CRL numbers; empty for any.
    pub numbers: Vec<IdRange>,
    /// Valid at this time.
    pub valid_at: Option<FileTime>,
    /// Only delta CRLs (`true`) or only base CRLs (`false`).
    pub delta: Option<bool>,
}

impl CrlFilter {
    /// Is this one of them?
    pub fn matches(&self, row: &CrlSummary) -> bool {
        (self.numbers.is_empty() || row.number.is_some_and(|number| in_ids(&self.numbers, number)))
            && self.delta.is_none_or(|delta| delta == row.is_delta)
            && self.valid_at.is_none_or(|now| {
                row.this_update.is_some_and(|from| from <= now) && row.next_update.is_none_or(|to| now <= to)
            })
    }
}

fn in_ids(ranges: &[IdRange], id: i32) -> bool {
    ranges.is_empty() || ranges.iter().any(|range| range.contains(id))
}

fn in_dispositions(wanted: &[Disposition], have: Option<Disposition>) -> bool {
    wanted.is_empty() || have.is_some_and(|have| wanted.contains(&have))
}

/// A row without the time is in no range, and in the open one.
fn in_times(at: Option<FileTime>, since: Option<FileTime>, before: Option<FileTime>) -> bool {
    since.is_none_or(|since| at.is_some_and(|at| since <= at))
        && before.is_none_or(|before| at.is_some_and(|at| at < before))
}

fn any_fits<'a>(glob: Option<&Glob>, texts: impl IntoIterator<Item = Option<&'a str>>) -> bool {
    glob.is_none_or(|glob| texts.into_iter().flatten().any(|text| glob.matches(text)))
}

fn subject_fits(glob: Option<&Glob>, subject: Option<&str>) -> bool {
    let name = subject.and_then(common_name);
    any_fits(glob, [subject, name.as_deref()])
}

fn account_fits(glob: Option<&Glob>, request: Option<&RequestFacts>) -> bool {
    let account = request.and_then(|request| request.requester.as_deref());
    any_fits(glob, [account, account.and_then(|account| account.rsplit_once('\\')).map(|(_, name)| name)])
}

/// Leading zeros are only a matter of writing.
fn same_serial(want: &str, have: &str) -> bool {
    bare(want).trim_start_matches('0') == bare(have).trim_start_matches('0')
}
