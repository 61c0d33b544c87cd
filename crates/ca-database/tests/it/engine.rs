//! Databases that the engine wrote, with columns of other names.

use std::path::PathBuf;

use ca_database::{CaDatabase, CaFinding, Cause, OpenError, check};
use serde_json::Value;

use crate::open;

const SETS: [&str; 6] = ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"];

/// The sound databases of a set with the file of expected values of each.
fn databases(set: &str) -> Vec<(PathBuf, Value)> {
    let Some(folder) = testkit::data::engine_set(set) else { return Vec::new() };
    let folder = if folder.join(set).is_dir() { folder.join(set) } else { folder };
    ["clean", "crash-recovered", "hot-restored", "hot-inc1-restored", "hot-inc2-restored"]
        .into_iter()
        .filter_map(|name| {
            let expected = std::fs::read(folder.join(format!("{name}.json"))).ok()?;
            let expected = serde_json::from_slice(&expected).expect("expected values are JSON");
            Some((folder.join(name).join("ExampleCA.edb"), expected))
        })
        .collect()
}

#[test]
fn every_row_reads_and_every_certificate_parses() {
    for set in SETS {
        for (path, expected) in databases(set) {
            let place = path.display();
            let database = open(&path);
            let rows = |table: &str| expected["tables"][table]["rows"].as_u64().expect("a number of rows");
            let certificates: Vec<_> =
                database.certificates().collect::<Result<_, _>>().expect("certificates read");
            assert_eq!(certificates.len() as u64, rows("Certificates"), "{place}");
            for row in &certificates {
                assert_eq!(row.summary.error, None, "{place}");
                assert_eq!(row.summary.serial, row.recorded_serial, "{place}");
                assert!(row.summary.not_before < row.summary.not_after, "{place}");
                assert!(row.summary.request.is_some(), "{place}");
            }
            let requests: Vec<_> = database.requests().collect::<Result<_, _>>().expect("requests read");
            assert_eq!(requests.len() as u64, rows("Requests"), "{place}");
            assert_eq!(
                requests.iter().filter(|row| row.serial.is_some()).count() as u64,
                rows("Certificates"),
                "{place}"
            );
            assert!(
                requests.iter().all(|row| row.error.is_none() && row.facts.submitted.is_some()),
                "{place}"
            );
            let crls = database.crls().collect::<Result<Vec<_>, _>>().expect("CRLs read").len();
            assert_eq!(crls as u64, rows("CRLs"), "{place}");
            // The sets were made with revoked requests that never had a certificate, and what is in RawCRL
            // begins with a certificate.
            for finding in check(&database) {
                match finding {
                    CaFinding::NoCertificate { request_id, .. } => {
                        assert!(
                            certificates.iter().all(|row| row.summary.request_id != request_id),
                            "{place}"
                        );
                    }
                    CaFinding::Unreadable { table: "CRLs", why, .. } => {
                        assert_eq!(why.cause, Cause::Content, "{place}: {why}");
                    }
                    other => panic!("{place}: {other}"),
                }
            }
            let related = |find: &dyn Fn(i32) -> usize| -> usize {
                requests.iter().map(|row| find(row.request_id)).sum()
            };
            let extensions = related(&|id| database.extensions(id).expect("extensions read").len());
            assert_eq!(extensions as u64, rows("CertificateExtensions"), "{place}");
            let attributes = related(&|id| database.attributes(id).expect("attributes read").len());
            assert_eq!(attributes as u64, rows("RequestAttributes"), "{place}");
        }
    }
}

#[test]
fn what_a_copy_of_a_changing_database_lacks_is_no_damage() {
    let Some(hot) = database_of("page8k", "hot") else { return };
    let database = open(&hot);
    assert!(database.database().is_dirty());
    let rows: Vec<_> = database.certificates().collect();
    assert!(rows.iter().filter(|row| row.is_ok()).count() > 100);
    // Some pages are of another moment; none is damaged.
    for row in rows {
        match row {
            Ok(row) => assert!(row.summary.error.is_none_or(|error| error.cause == Cause::InMotion)),
            Err(lost) => assert!(lost.in_motion, "{lost}"),
        }
    }
}

/// One database of a set.
pub(crate) fn database_of(set: &str, name: &str) -> Option<PathBuf> {
    let folder = testkit::data::engine_set(set)?;
    let direct = folder.join(name).join("ExampleCA.edb");
    Some(if direct.is_file() { direct } else { folder.join(set).join(name).join("ExampleCA.edb") })
}

#[test]
fn a_lost_page_costs_its_rows_and_names_the_numbers_around_them() {
    let Some(path) = database_of("page8k", "clean") else { return };
    let sound = open(&path);
    let all: Vec<i32> =
        sound.certificates().map(|row| row.expect("certificates read").summary.request_id).collect();
    // A leaf of Certificates in the middle of the table.
    let table = sound.database().table("Certificates").expect("the table is there");
    let rows: Vec<_> = sound.database().rows(table).collect::<Result<_, _>>().expect("rows read");
    let victim = rows[rows.len() / 2].page();
    let mut bytes = std::fs::read(&path).expect("read a database");
    let at = (usize::try_from(victim.0).expect("a page number") + 1) * 8192;
    bytes[at + 4000..at + 4100].fill(0xee);
    let damaged = CaDatabase::open(bytes).expect("open the database of a CA");
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    for row in damaged.certificates() {
        match row {
            Ok(row) => found.push(row.summary.request_id),
            Err(error) => lost.push(error),
        }
    }
    let [lost] = lost.as_slice() else { panic!("one page is lost: {lost:?}") };
    assert_eq!((lost.table, lost.error.page), ("Certificates", Some(victim)));
    let (after, before) = lost.after.zip(lost.before).expect("rows on both sides");
    let gone: Vec<i32> = all.iter().copied().filter(|id| !found.contains(id)).collect();
    let on_page = rows.iter().filter(|row| row.page() == victim).count();
    assert_eq!(gone.len(), on_page);
    assert!(gone.iter().all(|id| after < *id && *id < before), "{gone:?} {lost}");
    assert_eq!(
        lost.to_string(),
        format!(
            "page {victim}: checksum is wrong: rows of Certificates are lost, if there were any between {after} \
             and {before}"
        )
    );
    assert!(check(&damaged).iter().any(|finding| matches!(finding, CaFinding::Lost(_))));
}

#[test]
fn another_database_is_refused() {
    let Some(folder) = testkit::data::field_folder("db4k") else { return };
    let bytes = std::fs::read(folder.join("basic.edb")).expect("read a database");
    assert!(matches!(CaDatabase::open(bytes), Err(OpenError::NoTables { catalog: None })));
}
