//! The structure of sound databases: nothing wrong, and the counts of independent readers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use ese::{
    Database, DryRedo, Finding, LogHeader, Origin, PageNumber, RedoReport, Severity, StructureCheck,
    StructureOptions, StructureReport, check_structure, page_dbtimes,
};
use serde_json::Value;

use crate::support::{HOT_SETS, database, read};

/// Checks everything, and settles the findings of the pages.
pub(crate) fn check(bytes: &[u8], logs: Option<&RedoReport>) -> (StructureReport, Vec<Finding>) {
    let file = Database::open(bytes).unwrap();
    let mut options = StructureOptions::default();
    options.deep = true;
    let in_motion = |page| logs.is_some_and(|logs| logs.pages.contains(page));
    if logs.is_some() {
        options.in_motion = Some(&in_motion);
        options.highest_dbtime = logs.map(|logs| logs.highest_dbtime);
    }
    let mut report = check_structure(&file, options, &mut |_| true);
    let mut pages = database(bytes, Origin::Raw).findings;
    report.settle(&file, &mut pages);
    let all = report.findings.iter().cloned().chain(pages).collect();
    (report, all)
}

/// One line per finding: severity, JET error, code, text, what it concerns.
pub(crate) fn lines(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let jet = finding.jet().map_or("-".to_owned(), |jet| jet.to_string());
        let affected = finding.affected.as_ref();
        let affected =
            affected.map_or(String::new(), |it| format!(" [{}: {}: {}]", it.table, it.part, it.rows));
        format!("{} {jet} {} {finding}{affected}\n", finding.severity.name(), finding.code())
    };
    findings.iter().map(line).collect()
}

#[track_caller]
fn assert_below(name: &str, findings: &[Finding], limit: Severity) {
    let worst = findings.iter().map(|finding| finding.severity).max();
    assert!(worst < Some(limit), "{name}:\n{}", lines(findings));
}

/// Nodes by table and part.
fn nodes(report: &StructureReport) -> BTreeMap<(String, String), u64> {
    report.trees.iter().map(|tree| ((tree.table.clone(), tree.part.clone()), tree.nodes)).collect()
}

/// What another reader counted in a file of the field data.
fn compare_field(name: &str, report: &StructureReport, expected: &Value) {
    assert_eq!(report.reachable, expected["reachable_pages"], "{name}");
    let nodes = nodes(report);
    for (table, facts) in expected["tables"].as_object().unwrap() {
        let count = |part: &str| nodes.get(&(table.clone(), part.to_owned())).copied();
        assert_eq!(count("rows"), facts["rows"].as_u64(), "{name} {table}");
        assert_eq!(count("long values"), facts["lv_nodes"].as_u64(), "{name} {table} long values");
        for (index, entries) in facts["index_entries"].as_object().into_iter().flatten() {
            assert_eq!(count(&format!("index `{index}`")), entries.as_u64(), "{name} {table} {index}");
        }
    }
}

#[test]
fn databases_of_the_field_are_sound_and_as_large_as_others_say() {
    let Some(shared) = testkit::data::shared() else { return testkit::data::skip("field data") };
    let facts: Value = serde_json::from_slice(&read(shared.join("ese/expected.json"))).unwrap();
    let mut files = 0;
    for (path, facts) in facts.as_object().unwrap() {
        let (Some(expected), Some((folder, name))) = (facts.get("db"), path.split_once('/')) else {
            continue;
        };
        let Some(folder) = testkit::data::field_folder(folder) else { return };
        let bytes = read(folder.join(name));
        let (report, findings) = check(&bytes, None);
        assert_below(name, &findings, Severity::Error);
        compare_field(name, &report, expected);
        files += 1;
    }
    assert!(files > 25, "{files}");
}

/// Garbage of the disk in pages that no tree uses.
#[test]
fn garbage_in_unused_space_is_a_warning() {
    for (folder, name, runs) in
        [("ca", "CertLog.edb", 5), ("db4k", "SRUDB.dat", 1), ("db4k", "secedit_2022a.sdb", 1)]
    {
        let Some(folder) = testkit::data::field_folder(folder) else { return };
        let (_, findings) = check(&read(folder.join(name)), None);
        let of_pages = findings.iter().filter(|finding| finding.code() == "page-checksum");
        let unused = of_pages.filter(|finding| {
            let part = finding.affected.as_ref().map(|affected| affected.part.as_str());
            finding.severity == Severity::Warning && part == Some("unused space")
        });
        assert_eq!(unused.count(), runs, "{}", lines(&findings));
        assert!(!findings.iter().any(|finding| finding.kind.reachability_unknown()));
    }
}

/// A database of an engine set that was closed cleanly, with the rows that the engine counted.
#[track_caller]
fn closed(set: &Path, name: &str) {
    let facts = set.join(format!("{name}.json"));
    if !facts.is_file() {
        return;
    }
    let (report, findings) = check(&read(set.join(name).join("ExampleCA.edb")), None);
    assert_below(name, &findings, Severity::Warning);
    let facts: Value = serde_json::from_slice(&read(facts)).unwrap();
    let nodes = nodes(&report);
    for (table, facts) in facts["tables"].as_object().unwrap() {
        let count = |part: &str| nodes.get(&(table.clone(), part.to_owned())).copied();
        assert_eq!(count("rows"), facts["rows"].as_u64(), "{name} {table}");
        for (index, facts) in facts["indexes"].as_object().unwrap() {
            let entries = count(&format!("index `{index}`"));
            assert!(entries.is_none() || entries == facts["entries"].as_u64(), "{name} {table} {index}");
        }
    }
}

#[test]
fn closed_databases_of_the_engine_are_sound() {
    for set in ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"] {
        let Some(set) = testkit::data::engine_set(set) else { return };
        for name in ["clean", "crash-recovered", "hot-restored", "hot-inc1-restored", "hot-inc2-restored"] {
            closed(&set, name);
        }
    }
}

/// What the logs beside a database still change.
pub(crate) fn redo(folder: &Path, bytes: &[u8]) -> RedoReport {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if ese::log_generation_of_name(&path.file_name().unwrap().to_string_lossy()).is_some() {
            let log = read(&path);
            logs.extend(LogHeader::parse(&log[..4096]).ok().map(|header| (header.generation, log)));
        }
    }
    logs.sort_by_key(|(generation, _)| *generation);
    let file = Database::open(bytes).unwrap();
    let mut redo = DryRedo::new(file.header().unwrap(), page_dbtimes(bytes, file.page_size()));
    for (_, log) in &logs {
        redo.push_log(log.as_slice()).unwrap();
    }
    redo.finish()
}

#[test]
fn fuzzy_copies_are_sound_with_their_logs_and_no_error_without() {
    for name in HOT_SETS {
        let Some(set) = testkit::data::engine_set(name) else { return };
        for kind in ["hot", "crash"] {
            let folder = set.join(kind);
            if !folder.is_dir() {
                continue;
            }
            let bytes = read(folder.join("ExampleCA.edb"));
            assert_below(name, &check(&bytes, None).1, Severity::Error);
            assert_below(name, &check(&bytes, Some(&redo(&folder, &bytes))).1, Severity::Warning);
        }
    }
}

#[test]
fn a_streamed_set_of_the_field_is_sound_with_its_logs() {
    let Some(folder) = testkit::data::field_folder("backup-dhcp") else { return };
    let bytes = read(folder.join("dhcp.mdb"));
    let (_, findings) = check(&bytes, Some(&redo(&folder, &bytes)));
    assert_below("dhcp", &findings, Severity::Error);
}

#[test]
fn threads_find_what_one_thread_finds() {
    let Some(set) = testkit::data::engine_set("main-damaged") else { return };
    let bytes = read(set.join("zeroed-page/ExampleCA.edb"));
    let file = Database::open(bytes.as_slice()).unwrap();
    let one = check_structure(&file, StructureOptions::default(), &mut |_| true);
    let check = StructureCheck::new(&file, StructureOptions::default());
    let next = AtomicUsize::new(0);
    let work = || {
        let file = Database::open(bytes.as_slice()).unwrap();
        let mut reports = Vec::new();
        loop {
            let tree = next.fetch_add(1, Ordering::Relaxed);
            if tree >= check.trees() {
                return reports;
            }
            reports.push(check.check_tree(&file, tree, &mut |_| true));
        }
    };
    let reports = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut reports = work();
        reports.extend(other.join().unwrap());
        reports
    });
    let two = check.finish(&file, reports);
    assert_eq!((two.findings, two.trees, two.reachable), (one.findings, one.trees, one.reachable));
}

#[test]
fn a_check_that_is_stopped_says_so_and_finds_nothing_wrong() {
    let Some(set) = testkit::data::engine_set("main") else { return };
    let bytes = read(set.join("clean/ExampleCA.edb"));
    let file = Database::open(bytes.as_slice()).unwrap();
    for pages in [0_u64, 1, 100, 2000] {
        let mut left = pages;
        let report = check_structure(&file, StructureOptions::default(), &mut |more| {
            left = left.saturating_sub(more);
            left > 0
        });
        assert!(report.stopped);
        assert_eq!(lines(&report.findings), "");
    }
    let report = check_structure(&file, StructureOptions::default(), &mut |_| true);
    assert!(!report.stopped);
    assert!(report.is_reachable(PageNumber(1)) && !report.is_reachable(PageNumber(0)));
}
