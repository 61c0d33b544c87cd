//! Is the recovered database what the CA had?

use ca_database::{CaFinding, CrlFacts};

use crate::look::Look;
use crate::manifest::{FindingEntry, Severity};
use crate::medium::StoredSet;
use crate::note::DrillOutcome;
use crate::{Catalogue, Overview};

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

/// What the CA listed, and the set that is drilled lacks; of the sets before it what none has.
pub(super) fn gaps(chain: &[&StoredSet]) -> Vec<FindingEntry> {
    let has = |name: &str| {
        let mut files = chain.iter().flat_map(|set| &set.manifest.files);
        files.any(|file| file.name.eq_ignore_ascii_case(name))
    };
    let named = chain.last().map(|set| &set.id);
    let mut findings: Vec<FindingEntry> = Vec::new();
    for set in chain.iter().rev() {
        for gap in set.manifest.gaps.iter().filter(|gap| Some(&set.id) == named || !has(&gap.name)) {
            let text = format!("`{}` is not in set {}: {}", crate::shown_name(&gap.name), set.id, gap.reason);
            findings.push(FindingEntry { severity: Severity::Warning, ..found("drill-gap", text) });
        }
    }
    findings
}

/// The CRLs that the CA had published are in its database, or newer ones.
pub(super) fn crls(look: &Look, published: &[(String, Vec<u8>)]) -> Vec<FindingEntry> {
    let mut findings = Vec::new();
    let mut known: Vec<(String, i32, bool)> = Vec::new();
    for row in look.database.crls().flatten() {
        let Some(facts) = row.der.as_deref().and_then(|der| CrlFacts::parse(der).ok()) else { continue };
        known.extend(row.summary.number.map(|number| (facts.issuer, number, row.summary.is_delta)));
    }
    for (path, der) in published {
        let Ok(facts) = CrlFacts::parse(der) else { continue };
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
    findings
}

/// Rows that the last drill before this set saw, and that are not there any more.
pub(super) fn vanished(look: &Look, catalogue: &Catalogue, set: &StoredSet) -> Option<FindingEntry> {
    let signature = |set: &StoredSet| {
        let chain = catalogue.chain(set).ok()?;
        let facts = chain.first()?.manifest.files.iter().find_map(|file| file.database())?;
        Some(facts.signature.clone())
    };
    let own = signature(set)?;
    let is_earlier = |other: &&StoredSet| {
        other.folder == set.folder
            && other.manifest.sequence < set.manifest.sequence
            && signature(other).as_ref() == Some(&own)
    };
    let seen = catalogue.sets().iter().filter(is_earlier).rev().find_map(|other| {
        let (_, drill) = other.drilled().filter(|(_, drill)| drill.outcome == DrillOutcome::Passed)?;
        let content = drill.content.as_ref()?;
        Some((other, content.requests, content.newest_request?))
    });
    let (other, requests, newest) = seen?;
    let still = look.database.requests().flatten().filter(|row| row.request_id <= newest).count() as u64;
    let gone = requests.checked_sub(still).filter(|gone| *gone > 0)?;
    let text = format!(
        "{gone} of the {requests} requests that the drill of {0} saw are not there any more: they were deleted since, or \
         the CA was set back (`csbackup diff {0} {1} --from-at end --to-at end` names them)",
        other.id, set.id
    );
    Some(found("drill-vanished", text))
}

pub(super) fn found(code: &str, text: String) -> FindingEntry {
    let severity = Severity::Info;
    FindingEntry { severity, code: code.to_owned(), text, affected: None, jet: None, hint: None }
}

#[cfg(test)]
#[expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests may stop")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::look_into_folder;

    /// The database of a real CA: 11 requests, and two CRLs.
    fn real() -> Option<Look> {
        let folder = testkit::data::field_folder("ca")?;
        Some(look_into_folder(&Path::new(&folder).join("CertLog.edb")).expect("look into it"))
    }

    fn codes(findings: &[FindingEntry]) -> Vec<(Severity, &str)> {
        findings.iter().map(|finding| (finding.severity, finding.code.as_str())).collect()
    }

    #[test]
    fn a_real_database_agrees_with_itself() {
        let Some(look) = real() else { return };
        assert_eq!(codes(&itself(&look, &Overview::of(&look))), []);
    }

    #[test]
    fn rows_that_cannot_be_read_and_a_ca_without_crls_are_told() {
        let Some(look) = real() else { return };
        let overview = Overview { damaged: 2, ..Overview::of(&look) };
        assert_eq!(codes(&itself(&look, &overview)), [(Severity::Error, "drill-rows")]);
        let overview = Overview { base_crls: std::collections::BTreeMap::default(), ..Overview::of(&look) };
        assert_eq!(codes(&itself(&look, &overview)), [(Severity::Warning, "drill-no-crl")]);
    }

    #[test]
    fn a_published_crl_is_newer_than_the_database() {
        let Some(look) = real() else { return };
        let row = look.database.crls().flatten().next().expect("a CRL");
        let der = row.der.expect("its bytes");
        let published = |der: &[u8]| crls(&look, &[("Config/CertEnroll/CA.crl".to_owned(), der.to_vec())]);
        assert_eq!(codes(&published(&der)), []);
        // cRLNumber, RFC 5280 section 5.2.3: an octet string with an integer.
        let number = [0x55, 0x1d, 0x14, 0x04, 0x03, 0x02, 0x01];
        let at = der.windows(number.len()).position(|part| part == number).expect("it has a number")
            + number.len();
        let mut newer = der.clone();
        newer[at] = 0x7f;
        let found = published(&newer);
        assert_eq!(codes(&found), [(Severity::Warning, "drill-crl")]);
        assert!(found[0].text.contains("was published as CRL 127"), "{}", found[0].text);
        assert_eq!(codes(&published(b"no CRL")), []);
    }
}
