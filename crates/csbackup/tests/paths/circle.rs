//! The circle closes: backup, restore, start of the service, and a new full backup that restores as well.

use std::fs;
use std::path::Path;
use std::process::Command;

use certadm::{Authority, BackupType, CertServer as _, ServerState};
use certsrv::CaDirectory;
use csbackup::{Quiet, Requested, ServiceEnd, StoredSet, VerifyLevel, verify_set};
use dtyp::HResult;
use ese::{Database, DatabaseHeader, DbState, LogHeader, Replay};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use testkit::data::skip;
use testkit::world::World;

use crate::site::Site;

/// A CA that lived through a set of the engine, with its full backup and two increments.
fn lived(set: &Path) -> Site {
    let authority = Authority { host: "ca01.example.test".to_owned(), name: "ExampleCA".to_owned() };
    let make = |dir: &Path| CaDirectory::create_from_engine_set(dir, &authority, set).expect("create the CA");
    let mut world = World::with_ca(make);
    world.good(Requested::Full);
    for _ in 0..2 {
        world.advance();
        world.good(Requested::Incremental);
    }
    Site(world, None)
}

/// Each table has the rows that the engine read in its own result of the same restore.
#[track_caller]
fn assert_rows(database: Vec<u8>, expected: &Path, place: &str) {
    let facts: Json = serde_json::from_slice(&fs::read(expected).expect("read")).expect("parse");
    let database = Database::open(database).expect("open the database");
    assert_eq!(database.catalog_errors(), [], "{place}");
    for (name, facts) in facts["tables"].as_object().expect("tables") {
        let table = database.table(name).expect("a table");
        let mut columns: Vec<_> = table.columns.iter().collect();
        columns.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        let mut hashes: Vec<[u8; 32]> = Vec::new();
        for row in database.rows(table) {
            let row = row.expect("a row");
            let mut text = String::new();
            for column in &columns {
                let values = database.values(table, &row, column).expect("values");
                let values: Vec<String> = values.iter().map(|value| hex(value)).collect();
                let value = if values.is_empty() { "~".to_owned() } else { values.join(",") };
                text.push_str(&format!("{}={value};", column.name));
            }
            hashes.push(Sha256::digest(text).into());
        }
        hashes.sort_unstable();
        assert_eq!(hex(&Sha256::digest(hashes.concat())), facts["sha256"].as_str().expect("hash"), "{place}");
    }
}

/// Another reader opens the recovered database and counts the same rows.
fn assert_judged(path: &Path, expected: &Path) {
    if !Command::new("esedbexport").arg("-V").output().is_ok_and(|output| output.status.success()) {
        return skip("judge esedbexport is not on the PATH");
    }
    let out = tempfile::tempdir().expect("create a temporary folder");
    let export = out.path().join("judged");
    let output = Command::new("esedbexport").args(["-m", "tables", "-t"]).arg(&export).arg(path).output();
    let output = output.expect("run the judge");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let facts: Json = serde_json::from_slice(&fs::read(expected).expect("read")).expect("parse");
    let tables = testkit::world::tree(&out.path().join("judged.export"));
    for (name, facts) in facts["tables"].as_object().expect("tables") {
        let is_it = |path: &Path| path.file_stem().is_some_and(|stem| stem == name.as_str());
        let (_, text) = tables.iter().find(|(path, _)| is_it(path)).expect("an exported table");
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(Some(lines as u64 - 1), facts["rows"].as_u64(), "{name}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn assert_no_findings(world: &World, set: &StoredSet) {
    let report =
        verify_set(&world.medium, &world.catalogue(), set, VerifyLevel::Deep, &Quiet).expect("verify");
    let findings = report.all_findings().map(|(_, finding)| finding);
    // The data's lists of revoked certificates have random bytes behind them.
    let findings = findings.filter(|finding| !finding.text.contains(" bytes behind the list"));
    let findings: Vec<&str> = findings.map(|finding| finding.text.as_str()).take(5).collect();
    assert_eq!(findings, Vec::<&str>::new(), "set {}", set.id);
}

/// The database of a set with its logs, replayed.
fn replayed(world: &World, set: &StoredSet) -> Vec<u8> {
    let (mut database, mut logs) = (None, Vec::new());
    for (path, bytes) in testkit::world::tree(&world.path_of(set)) {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("edb") => database = Some(bytes),
            Some("log") => logs.push(bytes),
            _ => {}
        }
    }
    logs.sort_by_key(|log| LogHeader::parse(log).expect("a log").generation);
    let mut replay = Replay::open(database.expect("a database"), 8 << 20).expect("open");
    for log in logs {
        replay.push_log(log).expect("replay a log");
    }
    replay.finish().expect("finish").0
}

fn restore_and_start(site: &Site) -> Vec<u8> {
    let restored = site.restore(&Quiet).expect("restore");
    assert_eq!(restored.service, Some(ServiceEnd::Started));
    assert_eq!(site.state(), ServerState::Online);
    let database = fs::read(site.log_folder().join("ExampleCA.edb")).expect("read the database");
    let header = DatabaseHeader::parse(&database).expect("a header");
    assert_eq!((header.state, header.full_cur.is_set()), (DbState::CleanShutdown, false));
    database
}

fn closes(set: &str) {
    let Some(root) = testkit::data::engine_set(set) else { return };
    let expected = root.join("hot-inc2-restored.json");
    let site = lived(&root);
    let world = &site.0;
    assert_rows(restore_and_start(&site), &expected, "restored");

    // libesedb does not open the newest format.
    if set != "efv9600" {
        assert_judged(&site.log_folder().join("ExampleCA.edb"), &expected);
    }
    let refused =
        || site.ca().connect().prepare_backup(BackupType::Incremental).map(drop).map_err(|e| e.code());
    assert_eq!(refused(), Err(Some(HResult::MISSING_FULL_BACKUP)), "the marks are those of another life");
    world.good(Requested::Full);
    let full = world.newest();
    assert_no_findings(world, &full);
    let high = full.manifest.generations().expect("logs").1;
    assert_eq!(site.ca().generations(), high..=high, "all older logs are truncated");
    assert_rows(replayed(world, &full), &expected, "replayed");

    world.good(Requested::Incremental);
    let increment = world.newest();
    assert_eq!(increment.manifest.kind, csbackup::manifest::Kind::Incremental);
    assert_no_findings(world, &increment);

    assert_rows(restore_and_start(&site), &expected, "restored again");
    world.good(Requested::Full);
    assert_no_findings(world, &world.newest());
    assert_rows(replayed(world, &world.newest()), &expected, "replayed again");
}

macro_rules! each_set {
    ($($set:ident)*) => {
        mod a_restored_ca_starts_and_is_backed_up_again {
            $(#[test]
            fn $set() {
                super::closes(stringify!($set));
            })*
        }
    };
}

each_set! { main page8k page32k efv7060 efv9600 }
