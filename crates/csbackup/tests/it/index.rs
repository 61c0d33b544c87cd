//! The index of a set: everything comes back, and nothing comes back that was not put in.

use std::fs;

use ca_database::{CertificateSummary, CrlSummary, Disposition, RequestFacts, RequestSummary};
use csbackup::{Index, IndexBuilder, IndexKey};

fn key() -> IndexKey {
    IndexKey { set: "20261122T000000Z-full-01234567".to_owned(), database: "ab".repeat(32) }
}

fn facts(id: i32) -> RequestFacts {
    RequestFacts {
        disposition: if id % 7 == 0 { Disposition::REVOKED } else { Disposition::ISSUED },
        message: Some("Issued".to_owned()),
        status: Some(0),
        requester: Some(format!("EXAMPLE\\host{id}$")),
        caller: None,
        submitted: None,
        resolved: None,
        revoked: None,
        revoked_effective: None,
        revoked_reason: None,
        has_archived_key: id % 100 == 0,
    }
}

fn certificate(id: i32) -> CertificateSummary {
    CertificateSummary {
        request_id: id,
        serial: Some(format!("{:038x}", u64::try_from(id).unwrap() * 0x9e37_79b9_7f4a_7c15)),
        sha1: Some(format!("{id:040x}")),
        sha256: Some(format!("{:064x}", u64::try_from(id).unwrap() << 20)),
        subject: Some(format!("CN=host{id}.example.test")),
        issuer: Some("CN=Example CA".to_owned()),
        issuer_id: Some(0),
        template: Some("Machine".to_owned()),
        template_name: None,
        sans: Vec::new(),
        sid: None,
        key_usage: None,
        purposes: Vec::new(),
        is_ca: false,
        not_before: None,
        not_after: None,
        key_algorithm: None,
        key_bits: Some(2048),
        signature_algorithm: None,
        length: Some(1200),
        request: Some(facts(id)),
        error: None,
    }
}

fn request(id: i32) -> RequestSummary {
    RequestSummary {
        request_id: id,
        facts: facts(id),
        request_type: None,
        flags: None,
        subject: None,
        template: None,
        attributes: Vec::new(),
        recovery_agents: if id % 100 == 0 { vec!["aa".repeat(20)] } else { Vec::new() },
        serial: None,
        error: None,
    }
}

fn crl(number: i32) -> CrlSummary {
    CrlSummary {
        row_id: number,
        number: Some(number),
        min_base: Some(0),
        issuer_id: Some(0),
        count: Some(3),
        this_update: None,
        next_update: None,
        this_publish: None,
        next_publish: None,
        effective: None,
        propagation_complete: None,
        last_published: None,
        attempts: None,
        flags: None,
        status: None,
        publish_error: None,
        length: Some(700),
        sha1: None,
        issuer: None,
        entries: None,
        own_number: None,
        is_delta: number % 2 == 0,
        error: None,
    }
}

/// An index of `count` certificates, some blocks long.
fn build(cache: &std::path::Path, count: i32) {
    let mut index = IndexBuilder::new(cache, key()).unwrap();
    for id in 1..=count {
        index.certificate(&certificate(id)).unwrap();
        index.request(&request(id)).unwrap();
    }
    (1..=9).for_each(|number| index.crl(&crl(number)).unwrap());
    index.finish().unwrap();
}

#[test]
fn everything_comes_back_in_order() {
    let cache = tempfile::tempdir().unwrap();
    build(cache.path(), 3000);
    let index = Index::open(cache.path(), &key()).unwrap();
    assert!(index.is_sound());
    assert!(index.certificates().eq((1..=3000).map(certificate)));
    assert!(index.requests().eq((1..=3000).map(request)));
    assert!(index.crls().eq((1..=9).map(crl)));
}

#[test]
fn the_overview_counts() {
    let cache = tempfile::tempdir().unwrap();
    build(cache.path(), 3000);
    let index = Index::open(cache.path(), &key()).unwrap();
    let overview = index.overview();
    assert_eq!((overview.requests, overview.certificates, overview.revoked), (3000, 3000, 428));
    assert_eq!(overview.newest_request, Some(3000));
    assert_eq!((overview.archived_keys, overview.recovery_agents[&"aa".repeat(20)]), (30, 30));
    assert_eq!((overview.base_crls[&0].number, overview.delta_crls[&0].number), (9, 8));
}

#[test]
fn a_certificate_is_found_by_serial_number_and_thumbprint() {
    let cache = tempfile::tempdir().unwrap();
    build(cache.path(), 3000);
    let index = Index::open(cache.path(), &key()).unwrap();
    for id in 1..=3000 {
        let wanted = certificate(id);
        let same = std::slice::from_ref(&wanted);
        assert_eq!(index.find(wanted.serial.as_ref().unwrap()).unwrap(), same);
        let spelled = wanted.sha1.as_ref().unwrap().to_uppercase().replace("00", "00 ");
        assert_eq!(index.find(&spelled).unwrap(), same);
        assert_eq!(index.find(wanted.sha256.as_ref().unwrap()).unwrap(), same);
    }
    assert_eq!(index.find("1234").unwrap(), []);
}

#[test]
fn equal_serial_numbers_are_all_found() {
    let cache = tempfile::tempdir().unwrap();
    let mut index = IndexBuilder::new(cache.path(), key()).unwrap();
    let same = |id| CertificateSummary { serial: Some("0042".to_owned()), ..certificate(id) };
    (1..=9000).for_each(|id| index.certificate(&same(id)).unwrap());
    index.finish().unwrap();
    let found = Index::open(cache.path(), &key()).unwrap().find("42").unwrap();
    assert!(found.into_iter().eq((1..=9000).map(same)));
}

#[test]
fn an_index_of_something_else_is_none() {
    let cache = tempfile::tempdir().unwrap();
    build(cache.path(), 10);
    let other = IndexKey { database: "cd".repeat(32), ..key() };
    assert!(Index::open(cache.path(), &other).is_none());
    let other = IndexKey { set: "20261122T000000Z-full-76543210".to_owned(), ..key() };
    assert!(Index::open(cache.path(), &other).is_none());
}

#[test]
fn a_damaged_index_never_tells_anything_else() {
    let cache = tempfile::tempdir().unwrap();
    build(cache.path(), 40);
    let path = key().path(cache.path());
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let Some(index) = Index::open(cache.path(), &key()) else { continue };
        assert!(!index.is_sound() || at < 8, "byte {at}");
        for id in [1, 40] {
            let wanted = certificate(id);
            let found = index.find(wanted.serial.as_ref().unwrap());
            assert!(found.is_none_or(|found| found == [wanted]), "byte {at}");
        }
    }
}

#[test]
fn an_index_that_was_cut_is_none() {
    let cache = tempfile::tempdir().unwrap();
    build(cache.path(), 40);
    let path = key().path(cache.path());
    let sound = fs::read(&path).unwrap();
    for length in (0..sound.len()).step_by(7) {
        fs::write(&path, &sound[..length]).unwrap();
        assert!(Index::open(cache.path(), &key()).is_none(), "{length} bytes");
    }
}

#[test]
fn an_index_that_was_not_finished_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let mut index = IndexBuilder::new(cache.path(), key()).unwrap();
    index.certificate(&certificate(1)).unwrap();
    drop(index);
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    build(&cache, 1);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cache), mode(&key().path(&cache))), (0o700, 0o600));
}
