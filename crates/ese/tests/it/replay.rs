//! Replays on real sets: the rows are those that the engine's own recovery gave.

use std::fs;
use std::path::{Path, PathBuf};

use ese::{
    Database, DatabaseHeader, DbState, DryRedo, Generation, LogHeader, Node, PageView, Replay, ReplayError,
    ReplayReport, Severity, log_generation_of_name, page_dbtimes,
};
use serde_json::Value as Json;

use crate::engine_rows::{compare, text};
use crate::golden::hex;
use crate::structure::{check, lines};
use crate::support::{database_file, put, read, seal};
use sha2::{Digest as _, Sha256};

mod again;
mod damaged;
mod spoilt;
mod stops;

/// The logs of folders in the order of their generations; the first folder that has one counts.
fn logs(folders: &[PathBuf]) -> Vec<Vec<u8>> {
    let mut logs: Vec<Vec<u8>> = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if log_generation_of_name(&path.to_string_lossy()).is_some() {
                logs.push(read(path));
            }
        }
    }
    logs.sort_by_key(|log| LogHeader::parse(log).unwrap().generation);
    logs.dedup_by_key(|log| LogHeader::parse(log).unwrap().generation);
    logs
}

/// A set in a folder, replayed with the logs of more folders.
pub(crate) fn replay(set: &Path, folder: &str, more: &[&str]) -> (Vec<u8>, ReplayReport) {
    let folders: Vec<PathBuf> = [&[folder], more].concat().iter().map(|name| set.join(name)).collect();
    let mut replay = Replay::open(database_file(&set.join(folder)), MEMORY).unwrap();
    let logs = logs(&folders);
    for log in &logs {
        replay.push_log(log.as_slice()).unwrap();
    }
    let (recovered, report) = replay.finish().unwrap();
    assert_sound(&recovered, &logs, &format!("{} {folder} {more:?}", set.display()));
    (recovered, report)
}

/// Full verification, the whole structure, and the dry redo find nothing.
#[track_caller]
fn assert_sound(recovered: &[u8], logs: &[Vec<u8>], place: &str) {
    let header = DatabaseHeader::parse(recovered).unwrap();
    assert_eq!((header.state, header.requires_logs()), (DbState::CleanShutdown, None), "{place}");
    assert!(!header.full_cur.is_set(), "{place}");
    let (_, findings) = check(recovered, None);
    let worst = findings.iter().map(|finding| finding.severity).max();
    assert!(worst < Some(Severity::Warning), "{place}:\n{}", lines(&findings));
    let mut redo = DryRedo::new(&header, page_dbtimes(recovered, header.page_size));
    for log in logs {
        redo.push_log(log.as_slice()).unwrap();
    }
    let report = redo.finish();
    assert_eq!(lines(&report.findings), "", "{place}");
    assert_eq!(report.counts.redone, 0, "{place}");
}

/// All rows and indexes against what the engine read of its own result.
fn assert_rows(recovered: Vec<u8>, expected: &Path, place: &str) {
    let facts: Json = serde_json::from_slice(&read(expected)).unwrap();
    let database = Database::open(recovered).unwrap();
    assert_eq!(database.catalog_errors(), [], "{place}");
    let rows = fs::read_to_string(expected.with_extension("rows.tsv")).unwrap();
    for (name, facts) in facts["tables"].as_object().unwrap() {
        let lines: Vec<&str> = rows.lines().filter(|line| line.split('\t').next() == Some(name)).collect();
        compare(&database, name, facts, &lines, &format!("{place}: {name}"));
    }
}

/// Pages that end at the same change counter hold the same nodes.
///
/// What a page is, its links and its nodes: the rest may be laid out otherwise (format digest section 17.8).
fn assert_pages(own: &[u8], engine: &[u8], place: &str) {
    let size = DatabaseHeader::parse(own).unwrap().page_size;
    let length = usize::try_from(size.bytes()).unwrap();
    let mut same = 0;
    for (number, (own, engine)) in own.chunks(length).zip(engine.chunks(length)).enumerate().skip(2) {
        let (own, engine) = (PageView::new(own, size).unwrap(), PageView::new(engine, size).unwrap());
        if own.dbtime() != engine.dbtime() || own.dbtime() == 0 {
            continue;
        }
        same += 1;
        let head = |page: PageView<'_>| {
            (page.previous(), page.next(), page.object(), page.flags().0 & !FLUSH_TYPE, page.len())
        };
        assert_eq!(head(own), head(engine), "{place}: page {}", number - 1);
        assert_eq!(own.external_header(), engine.external_header(), "{place}: page {}", number - 1);
        let plain = |node: Option<Node<'_>>| {
            let node = node.unwrap();
            (node.key().collect::<Vec<u8>>(), node.data.to_vec(), node.flags.0 & !1)
        };
        for (line, (own, engine)) in own.nodes().zip(engine.nodes()).enumerate() {
            assert_eq!(plain(own), plain(engine), "{place}: page {} node {line}", number - 1);
        }
    }
    assert!(same > 50, "{place}: {same} pages");
}

fn assert_set(set: &str, folder: &str, more: &[&str], expected: &str) {
    let Some(root) = testkit::data::engine_set(set) else { return };
    let (recovered, report) = replay(&root, folder, more);
    let place = format!("{set}/{expected}");
    assert!(report.counts.redone > 0 && report.counts.traffic.1 > 20, "{place}");
    assert_pages(&recovered, &database_file(&root.join(expected)), &place);
    assert_rows(recovered, &root.join(format!("{expected}.json")), &place);
}

#[test]
fn a_streamed_backup_gets_the_rows_of_the_engines_restore() {
    for set in ["efv7060", "efv9600", "page8k", "page32k", "main"] {
        assert_set(set, "hot", &[], "hot-restored");
    }
}

#[test]
fn a_streamed_backup_with_increments_gets_the_rows_of_the_engines_restore() {
    for set in ["efv7060", "efv9600", "page8k", "page32k", "main"] {
        assert_set(set, "hot", &["hot-inc1"], "hot-inc1-restored");
        assert_set(set, "hot", &["hot-inc1", "hot-inc2"], "hot-inc2-restored");
    }
}

#[test]
fn a_crashed_database_gets_the_rows_of_the_engines_recovery() {
    for set in ["jtxnames", "efv7060", "efv9600", "page8k", "page32k", "main"] {
        assert_set(set, "crash", &[], "crash-recovered");
    }
}

#[test]
fn a_large_backup_with_increments_gets_all_rows() {
    let Some(root) = testkit::data::engine_set("big") else { return };
    let expected = testkit::data::shared().unwrap().join("ese-engine/big.expected/live-final.json");
    let (recovered, report) = replay(&root, "hot", &["hot-inc1", "hot-inc2"]);
    assert!(report.counts.records > 1_000_000, "{report:?}");
    let facts: Json = serde_json::from_slice(&read(expected)).unwrap();
    let database = Database::open(recovered).unwrap();
    for (name, facts) in facts["tables"].as_object().unwrap() {
        let table = database.table(name).unwrap();
        let rows = database.rows(table).map(|row| Sha256::digest(text(&database, table, &row.unwrap())));
        let mut hashes: Vec<_> = rows.collect();
        hashes.sort();
        assert_eq!(hashes.len() as u64, facts["rows"].as_u64().unwrap(), "{name}");
        assert_eq!(hex(&Sha256::digest(hashes.concat())), facts["sha256"].as_str().unwrap(), "{name}");
    }
}

/// Few enough pages that most of them are written and read again.
const MEMORY: usize = 1 << 20;

/// Page flags of the kind of its last write, which is not content.
const FLUSH_TYPE: u32 = 0x18000;
