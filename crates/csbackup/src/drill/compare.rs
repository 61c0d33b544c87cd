//! Is the recovered database what the CA had?

use std::io::Read as _;

use ca_database::{CaFinding, CrlFacts};

use super::Drilled;
use crate::look::Look;
use crate::manifest::{Content, FindingEntry, Severity};
use crate::medium::{Medium, StoredSet};
use crate::recover::Until;
use crate::{Catalogue, Error, Overview};

/// What the database says of itself.
pub(super) fn itself(look: &Look, overview: &Overview) -> Vec<FindingEntry> {
    let mut findings = Vec::new();
    let rows = overview.lost + overview.incomplete + overview.damaged;
    if rows > 0 {
        let text =
            format!("{rows} pages or rows of the CA's tables cannot be read in the recovered database");
        findings.push(FindingEntry { severity: Severity::Error, ..found("drill-rows", text) });
    }
    if overview.certificates > 0 && overview.base_crls.is_empty() {
        let text = "the recovered database has certificates and no CRL: a CA publishes one when it starts";
        findings.push(FindingEntry { severity: Severity::Warning, ..found("drill-no-crl", text.to_owned()) });
    }
    findings.extend(disagreements(look));
    findings.extend(holes(look));
    findings
}

/// What the CA's rows have to do with each other, one finding for each kind. The trees are sound: it is the
/// CA's own affair, and the same on the CA.
fn disagreements(look: &Look) -> Vec<FindingEntry> {
    let mut kinds: Vec<(&str, usize, String)> = Vec::new();
    for finding in ca_database::check(&look.database) {
        let what = match &finding {
            CaFinding::Lost(_) => continue,
            CaFinding::NoTable(_) => "tables are missing",
            CaFinding::NoRequest { .. } => "certificates have no request",
            CaFinding::NoCertificate { .. } => "granted requests have no certificate",
            CaFinding::Unreadable { .. } => "values cannot be read",
            _ => "hashes, serial numbers or CRL numbers are not the recorded ones",
        };
        match kinds.iter_mut().find(|(kind, ..)| *kind == what) {
            Some((_, count, _)) => *count += 1,
            None => kinds.push((what, 1, finding.to_string())),
        }
    }
    let told = |(what, count, first): (&str, usize, String)| {
        found("drill-rows-disagree", format!("{what}: {count}; the first: {first}"))
    };
    kinds.into_iter().map(told).collect()
}

/// Numbers that no request has. A CA gives them one after the other; rows go when they are deleted
/// (`certutil -deleterow`), or were lost.
fn holes(look: &Look) -> Option<FindingEntry> {
    let mut ids: Vec<i32> = look.database.requests().flatten().map(|row| row.request_id).collect();
    ids.sort_unstable();
    let gaps: Vec<(i32, i32)> = ids
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] if b.saturating_sub(*a) > 1 => Some((a.saturating_add(1), b.saturating_sub(1))),
            _ => None,
        })
        .collect();
    let missing: i64 = gaps.iter().map(|(a, b)| i64::from(*b) - i64::from(*a) + 1).sum();
    let shown: Vec<String> = gaps
        .iter()
        .take(SHOWN)
        .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
        .collect();
    let more = if gaps.len() > SHOWN { ", ..." } else { "" };
    let text = format!(
        "{missing} request numbers have no row ({}{more}): deleted from the CA's database, or lost before this backup",
        shown.join(", ")
    );
    (!gaps.is_empty()).then(|| found("drill-request-numbers", text))
}

/// Gaps that are told one by one.
const SHOWN: usize = 8;

/// What was known of the CA when the set was taken, and at earlier drills.
pub(super) fn with_manifests(
    drilled: &Drilled,
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    until: Until,
) -> Result<Vec<FindingEntry>, Error> {
    let mut findings = Vec::new();
    let (report, Some(look)) = (&drilled.report, &drilled.look) else { return Ok(findings) };
    let header = look.database.database().header();
    let full = catalogue.chain(set)?.first().copied().unwrap_or(set);
    let facts = full.manifest.files.iter().find_map(|file| file.database());
    if let Some((facts, header)) = facts.zip(header)
        && facts.signature != crate::check::hex(header.signature.as_bytes())
    {
        let text = "the recovered database has another signature than its manifest says".to_owned();
        findings.push(FindingEntry { severity: Severity::Error, ..found("drill-signature", text) });
    }
    if until != Until::End {
        return Ok(findings);
    }
    let last =
        catalogue.chain(set)?.iter().filter_map(|set| set.manifest.generations()).map(|(_, high)| high).max();
    if let (Some(last), Some(reached), None) = (last, report.recovered.generation, &report.recovered.lost)
        && reached != last
    {
        let text = format!("the replay ended with log 0x{reached:x}, the set ends with 0x{last:x}");
        findings.push(FindingEntry { severity: Severity::Error, ..found("drill-end", text) });
    }
    findings.extend(crls(look, medium, set)?);
    findings.extend(vanished(look, catalogue, set));
    Ok(findings)
}

/// The CRLs that the CA told of are in its database, or older ones were told of.
fn crls(look: &Look, medium: &dyn Medium, set: &StoredSet) -> Result<Vec<FindingEntry>, Error> {
    let mut findings = Vec::new();
    let mut known: Vec<(String, i32, bool)> = Vec::new();
    for row in look.database.crls().flatten() {
        let Some(facts) = row.der.as_deref().and_then(|der| CrlFacts::parse(der).ok()) else { continue };
        known.extend(row.summary.number.map(|number| (facts.issuer, number, row.summary.is_delta)));
    }
    let is_crl = |path: &str| path.to_lowercase().ends_with(".crl");
    let captured = set.manifest.files.iter().filter(|file| {
        matches!(file.content, Content::Configuration | Content::Dynamic)
            && is_crl(&file.path)
            && file.size < LARGEST_CRL
    });
    for file in captured {
        let Some(path) = file.set_path() else { continue };
        let mut der = Vec::new();
        medium.open(set, &path)?.read_to_end(&mut der).map_err(Error::io("read", path.as_str()))?;
        let Ok(facts) = CrlFacts::parse(&der) else { continue };
        let Some(number) = facts.number.as_deref().and_then(|number| number.parse::<i32>().ok()) else {
            continue;
        };
        let is_delta = facts.base_number.is_some();
        let of_issuer =
            known.iter().filter(|(issuer, _, delta)| *issuer == facts.issuer && *delta == is_delta);
        let newest = of_issuer.map(|(_, number, _)| *number).max();
        if let Some(newest) = newest.filter(|newest| *newest < number) {
            let text = format!(
                "`{path}` was published as CRL {number}, and the newest in the recovered database is {newest}: it is \
                 older than the CA was"
            );
            findings.push(FindingEntry { severity: Severity::Warning, ..found("drill-crl", text) });
        }
    }
    Ok(findings)
}

/// Bytes of a CRL file that is read.
const LARGEST_CRL: u64 = 512 << 20;

/// Rows that the last drill before this set saw, and that are not there any more.
fn vanished(look: &Look, catalogue: &Catalogue, set: &StoredSet) -> Option<FindingEntry> {
    let is_earlier =
        |other: &&StoredSet| other.folder == set.folder && other.manifest.sequence < set.manifest.sequence;
    let seen = catalogue.sets().iter().filter(is_earlier).rev().find_map(|other| {
        let content = other.drilled()?.1.content.as_ref()?;
        Some((other, content.requests, content.newest_request?))
    });
    let (other, requests, newest) = seen?;
    let still = look.database.requests().flatten().filter(|row| row.request_id <= newest).count() as u64;
    let gone = requests.checked_sub(still).filter(|gone| *gone > 0)?;
    let text = format!(
        "{gone} of the {requests} requests that the drill of {0} saw are not there any more: rows were deleted since \
         (`csbackup diff {0} {1} --from-at end --to-at end` names them)",
        other.id, set.id
    );
    Some(found("drill-vanished", text))
}

pub(super) fn found(code: &str, text: String) -> FindingEntry {
    let severity = Severity::Info;
    FindingEntry { severity, code: code.to_owned(), text, affected: None, jet: None, hint: None }
}
