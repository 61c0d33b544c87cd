//! Which rows a filter lets through, one condition at a time.

use ca_database::{
    CertFilter, CertificateSummary, CrlFilter, Disposition, FileTime, Glob, IdRange, RequestFacts,
    RequestFilter, RevocationReason, San,
};

use crate::engine::database_of;
use crate::open;

fn at(text: &str) -> FileTime {
    serde_json::from_value(text.into()).expect("a time")
}

fn row() -> CertificateSummary {
    CertificateSummary {
        request_id: 7,
        serial: Some("005a12ff".to_owned()),
        sha1: Some("aa11".to_owned()),
        sha256: Some("bb22".to_owned()),
        subject: Some("CN=web01.example.test, OU=Unit 1, O=\"Example, Inc.\"".to_owned()),
        issuer: Some("CN=Example CA".to_owned()),
        issuer_id: Some(0),
        template: Some("1.3.6.1.4.1.311.21.8.1.2".to_owned()),
        template_name: Some("WebServer2".to_owned()),
        sans: vec![San::Dns("web01.example.test".to_owned()), San::Ip("192.0.2.7".to_owned())],
        sid: None,
        key_usage: None,
        purposes: Vec::new(),
        is_ca: false,
        not_before: Some(at("2026-01-01T00:00:00Z")),
        not_after: Some(at("2027-01-01T00:00:00Z")),
        key_algorithm: None,
        key_bits: None,
        signature_algorithm: None,
        length: Some(900),
        request: Some(facts(Disposition::ISSUED)),
        error: None,
    }
}

fn facts(disposition: Disposition) -> RequestFacts {
    RequestFacts {
        disposition,
        message: None,
        status: Some(0),
        requester: Some(r"EXAMPLE\alice".to_owned()),
        caller: Some(r"EXAMPLE\bob".to_owned()),
        submitted: Some(at("2026-01-02T00:00:00Z")),
        resolved: Some(at("2026-01-03T00:00:00Z")),
        revoked: None,
        revoked_effective: None,
        revoked_reason: Some(RevocationReason::HOLD),
        has_archived_key: false,
    }
}

#[track_caller]
fn lets_through(expected: bool, filter: CertFilter) {
    assert_eq!(filter.matches(&row()), expected, "{filter:?}");
}

#[test]
fn nothing_asked_lets_everything_through() {
    lets_through(true, CertFilter::default());
}

#[test]
fn times_include_their_start_and_not_their_end() {
    let resolved = Some(at("2026-01-03T00:00:00Z"));
    let later = Some(at("2026-01-03T00:00:01Z"));
    lets_through(true, CertFilter { issued_since: resolved, ..Default::default() });
    lets_through(false, CertFilter { issued_since: later, ..Default::default() });
    lets_through(false, CertFilter { issued_before: resolved, ..Default::default() });
    lets_through(true, CertFilter { issued_before: later, ..Default::default() });
    let end = Some(at("2027-01-01T00:00:00Z"));
    lets_through(true, CertFilter { expires_after: end, ..Default::default() });
    lets_through(false, CertFilter { expires_before: end, ..Default::default() });
    lets_through(true, CertFilter { expires_before: Some(at("2027-01-01T00:00:01Z")), ..Default::default() });
}

#[test]
fn a_row_without_the_time_is_in_no_range() {
    let mut row = row();
    row.not_after = None;
    let filter = CertFilter { expires_before: Some(at("2030-01-01T00:00:00Z")), ..Default::default() };
    assert!(!filter.matches(&row));
}

#[test]
fn names_are_patterns_without_case() {
    let glob = |text: &str| Some(Glob::new(text));
    for (fits, pattern) in
        [(true, "WEB01.*"), (true, "*OU=Unit 1*"), (true, "web0?.example.test"), (false, "web")]
    {
        lets_through(fits, CertFilter { subject: glob(pattern), ..Default::default() });
    }
    for (fits, pattern) in [(true, "webserver2"), (true, "1.3.6.*"), (false, "WebServer")] {
        lets_through(fits, CertFilter { template: glob(pattern), ..Default::default() });
    }
    for (fits, pattern) in [(true, "alice"), (true, r"example\a*"), (false, "bob"), (false, "example")] {
        lets_through(fits, CertFilter { requester: glob(pattern), ..Default::default() });
    }
    for (fits, pattern) in [(true, "*.example.test"), (true, "192.0.2.*"), (false, "*.example.org")] {
        lets_through(fits, CertFilter { san: glob(pattern), ..Default::default() });
    }
}

#[test]
fn numbers_in_hex_are_compared_not_their_spelling() {
    for (fits, serial) in [(true, "5A12FF"), (true, "00 5a:12:ff"), (false, "12ff")] {
        lets_through(fits, CertFilter { serial: Some(serial.to_owned()), ..Default::default() });
    }
    for (fits, hash) in [(true, "AA:11"), (true, "bb22"), (false, "aa")] {
        lets_through(fits, CertFilter { thumbprint: Some(hash.to_owned()), ..Default::default() });
    }
}

#[test]
fn revoked_is_what_the_disposition_says() {
    lets_through(false, CertFilter { revoked: true, ..Default::default() });
    let mut row = row();
    row.request = Some(facts(Disposition::REVOKED));
    assert!(CertFilter { revoked: true, ..Default::default() }.matches(&row));
    let now = Some(at("2026-06-01T00:00:00Z"));
    lets_through(true, CertFilter { valid_at: now, ..Default::default() });
    assert!(!CertFilter { valid_at: now, ..Default::default() }.matches(&row), "revoked is not valid");
    lets_through(false, CertFilter { valid_at: Some(at("2028-01-01T00:00:00Z")), ..Default::default() });
    lets_through(false, CertFilter { valid_at: Some(at("2025-01-01T00:00:00Z")), ..Default::default() });
}

#[test]
fn one_of_several_numbers_or_dispositions_suffices() {
    let ids = |from, to| CertFilter { request_ids: vec![IdRange { from, to }], ..Default::default() };
    lets_through(true, ids(7, 7));
    lets_through(true, ids(1, 7));
    lets_through(false, ids(8, 9));
    let dispositions =
        |list: &[Disposition]| CertFilter { dispositions: list.to_vec(), ..Default::default() };
    lets_through(true, dispositions(&[Disposition::REVOKED, Disposition::ISSUED]));
    lets_through(false, dispositions(&[Disposition::REVOKED]));
}

#[test]
fn all_that_is_asked_must_hold() {
    let alice = Some(Glob::new("alice"));
    let filter = CertFilter { requester: alice, revoked: true, ..Default::default() };
    assert!(!filter.matches(&row()));
}

#[test]
fn filters_divide_a_real_database() {
    let Some(path) = database_of("page8k", "clean") else { return };
    let database = open(&path);
    let rows: Vec<_> = database.certificates().map(|row| row.expect("certificates read").summary).collect();
    let number = |filter: &CertFilter| rows.iter().filter(|row| filter.matches(row)).count();
    let revoked = number(&CertFilter { revoked: true, ..Default::default() });
    let others = CertFilter {
        dispositions: (0..64).map(Disposition).filter(|one| *one != Disposition::REVOKED).collect(),
        ..Default::default()
    };
    assert!(revoked > 0);
    assert_eq!(revoked + number(&others), rows.len());
    let middle = rows[rows.len() / 2].not_after;
    let before = number(&CertFilter { expires_before: middle, ..Default::default() });
    let after = number(&CertFilter { expires_after: middle, ..Default::default() });
    assert!(before > 0 && after > 0);
    assert_eq!(before + after, rows.len());
    let requests: Vec<_> = database.requests().map(|row| row.expect("requests read")).collect();
    let since = requests[requests.len() / 2].facts.submitted;
    let count = |filter: RequestFilter| requests.iter().filter(|row| filter.matches(row)).count();
    let later = count(RequestFilter { submitted_since: since, ..Default::default() });
    let earlier = count(RequestFilter { submitted_before: since, ..Default::default() });
    assert!(later > 0 && earlier > 0);
    assert_eq!(later + earlier, requests.len());
    let archived = count(RequestFilter { archived: true, ..Default::default() });
    assert!(archived > 0 && archived < requests.len());
    let crls: Vec<_> = database.crls().map(|row| row.expect("CRLs read").summary).collect();
    let count =
        |delta| crls.iter().filter(|row| CrlFilter { delta, ..Default::default() }.matches(row)).count();
    assert_eq!(count(Some(true)) + count(Some(false)), crls.len());
}

#[test]
fn a_pattern_that_goes_wrong_early_does_not_take_forever() {
    let pattern = Glob::new(&"*a".repeat(50));
    assert!(!pattern.matches(&"a".repeat(49)));
    assert!(pattern.matches(&"ab".repeat(49).replace('b', "xa")));
}
