//! How a CA stands: each alarm is raised by its defect, alone, and goes with it.

mod cache;
mod certificates;
mod judged;
mod properties;
mod sets;

use ca_database::FileTime;
use csbackup::manifest::{Ca, CertificateKey, Kind};
use csbackup::status::{
    CaCertificate, CaStatus, ChainFacts, Crl, DrillFact, Facts, Growth, Known, Policy, Published, SetFact,
    Word, judge,
};
use csbackup::{DrillOutcome, Medium};
use testkit::ca::authority;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// A moment so long after [`NOW`].
fn after(duration: Duration) -> Option<FileTime> {
    FileTime::try_from(NOW + duration).ok()
}

/// A moment so long before [`NOW`].
fn before(duration: Duration) -> Option<FileTime> {
    after(-duration)
}

fn set(id: &str, kind: Kind, taken: Option<FileTime>) -> SetFact {
    SetFact { id: id.to_owned(), kind, taken, size: 1 << 20, findings: 0, worst: None, gaps: 0 }
}

fn certificate(index: u32, not_after: Option<FileTime>) -> CaCertificate {
    let key = CertificateKey {
        index,
        subject: "CN=Corp Issuing CA".to_owned(),
        serial: format!("{index:02}"),
        valid_from: "2020-01-01T00:00:00Z".to_owned(),
        thumbprint: "ab".repeat(20),
        spki_sha256: format!("{index:064}"),
        saved: true,
        kind: None,
        provider: None,
        reason: None,
    };
    let key_id = Some(format!("{index:040}"));
    CaCertificate { key, subject: "CN=Corp Issuing CA".to_owned(), key_id, not_after }
}

/// The list of a key, made two days ago, to be renewed in three days, ending in four.
fn crl(key: u32, is_delta: bool) -> Crl {
    Crl {
        path: format!("Config/ca-{key}{}.crl", if is_delta { "-delta" } else { "" }),
        issuer: "CN=Corp Issuing CA".to_owned(),
        key_id: Some(format!("{key:040}")),
        is_delta,
        number: Some("17".to_owned()),
        this_update: before(Duration::days(2)),
        next_publish: after(Duration::days(3)),
        next_update: after(Duration::days(4)),
    }
}

/// A CA of which nothing is wrong, an hour after its last backup.
fn healthy() -> Facts {
    let newest = set("20261122T110000Z-incr-00000002", Kind::Incremental, before(Duration::hours(1)));
    let full = "20261120T110000Z-full-00000001";
    let full_taken = before(Duration::days(2));
    Facts {
        place: "/srv/backup".to_owned(),
        ca: Ca::from(&authority()),
        sets: 3,
        newest: Some(newest.clone()),
        trouble: None,
        verified: Some(newest.clone()),
        longest_wait: Some(86_400),
        chain: Some(ChainFacts { full: full.to_owned(), full_taken, sets: 3, generations: Some((3, 12)) }),
        drills: vec![drill(DrillOutcome::Passed, before(Duration::days(5)))],
        published: Some(Published {
            set: newest.id,
            taken: newest.taken,
            certificates: vec![certificate(0, after(Duration::days(2000)))],
            crls: vec![crl(0, false), crl(0, true)],
        }),
        unsaved_keys: None,
        growth: Growth {
            database: Some(1 << 30),
            database_per_day: Some(1 << 20),
            logs_per_day: Some(1 << 24),
        },
        held_logs: None,
        owed: std::collections::BTreeMap::new(),
        unreadable: Vec::new(),
        unread: Vec::new(),
    }
}

fn drill(outcome: DrillOutcome, at: Option<FileTime>) -> DrillFact {
    let (set, detail) = ("20261120T110000Z-full-00000001".to_owned(), Some("page 5 is torn".to_owned()));
    DrillFact { set, at, outcome, detail }
}

/// The base and the delta list of the only key.
fn lists(facts: &mut Facts) -> [&mut Crl; 2] {
    facts.published.as_mut().unwrap().crls.iter_mut().collect::<Vec<_>>().try_into().unwrap()
}

fn judged(facts: &Facts, policy: &Policy) -> CaStatus {
    judge(&Known::of(facts), policy, NOW)
}

/// The alarms with their severities, worst first.
fn alarms(status: &CaStatus) -> Vec<(&'static str, Word)> {
    status.alarms.iter().map(|alarm| (alarm.code.as_str(), alarm.severity)).collect()
}

/// The facts of the invented CA on this medium, read anew.
fn gathered(medium: &dyn Medium) -> Facts {
    let catalogue = csbackup::Catalogue::load(medium, Some(&authority())).unwrap();
    csbackup::status::gather(medium, &catalogue, &authority(), None)
}

/// Bends the content of a file of a set, or bends it back.
fn bend(world: &testkit::world::World, set: &csbackup::StoredSet, path: &str) {
    let path = world.path_of(set).join(path);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}
