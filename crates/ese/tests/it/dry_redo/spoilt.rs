//! The dry redo on sets that were spoilt.

use ese::{
    Block, Finding, FindingKind, Generation, LogReader, Operation, PageNumber, Place, RedoDefect, RedoReport,
    Severity, xor_ecc,
};
use expect_test::{Expect, expect};

use super::{Set, assert_sound, generation};
use crate::support::{database_file, flip, page_of, put, seal};

/// The only finding.
#[track_caller]
fn only(report: &RedoReport) -> &Finding {
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    &report.findings[0]
}

#[track_caller]
fn assert_only(report: &RedoReport, severity: Severity, expected: Expect) {
    let finding = only(report);
    assert_eq!(finding.severity, severity);
    expected.assert_eq(&format!("{} {:?}: {finding}", finding.code(), finding.jet()));
}

fn redo_defect(finding: &Finding) -> &RedoDefect {
    match &finding.kind {
        FindingKind::Redo(defect) => defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lost_flush_of_the_damaged_set() {
    let Some(damaged) = testkit::data::engine_set("main-damaged") else { return };
    let Some(main) = testkit::data::engine_set("main") else { return };
    let set = Set::of(database_file(&damaged.join("lost-flush")), &[&main.join("crash")]);
    let report = set.redo();
    assert_only(
        &report,
        Severity::Error,
        expect![
            "lost-write Some(-1119): page 85 at offset 0x56000: lost write: dbtime is 59062, and dbtime 71972 of log record Merge2 at 10:00fa:09a3 should be on disk"
        ],
    );
    assert_eq!(report.counts.mismatches, 1);
    assert!(report.pages.contains(PageNumber(85)));
}

#[test]
fn every_lost_last_write_of_a_closed_database_is_found() {
    for folder in ["clean", "crash-recovered"] {
        let logs = folder.split('-').next().unwrap();
        let Some(set) = Set::engine("main", folder, &[logs]) else { return };
        let sound = set.redo();
        let logged: Vec<_> = set.pages().filter(|&page| sound.pages.dbtime(page).is_some()).collect();
        assert!(logged.len() > 1500);
        // Just before the last record about the page; recovery went on behind the logs.
        let last = |page| sound.pages.dbtime(page).map(|_| 1);
        let report = set.redo_from(|page| Ok(last(page)));
        let found = u64::try_from(report.findings.len()).unwrap() + report.suppressed;
        assert_eq!(found, u64::try_from(logged.len()).unwrap());
        assert!(
            report.findings.iter().all(|finding| matches!(redo_defect(finding), RedoDefect::LostWrite(_)))
        );
    }
}

#[test]
fn a_page_that_misses_only_its_last_logged_write_is_found() {
    let Some(set) = Set::engine("jtxnames", "clean", &["clean"]) else { return };
    let sound = set.redo();
    let mut tried = 0;
    for lost in set.pages().filter(|&page| sound.pages.dbtime(page).is_some()) {
        let report = set.redo_from(|page| {
            let dbtime = set.dbtime(page);
            Ok(if page == lost {
                dbtime.map(|dbtime| dbtime - 1).filter(|&dbtime| dbtime != 0)
            } else {
                dbtime
            })
        });
        assert_eq!(page_of(only(&report)), lost.0);
        tried += 1;
    }
    assert!(tried > 150, "{tried}");
}

/// Copies page bytes.
fn transplant(from: &Set, to: &mut Set, page: PageNumber) {
    let size = usize::try_from(to.header.page_size.bytes()).unwrap();
    let at = usize::try_from(page.offset(to.header.page_size)).unwrap();
    to.database[at..at + size].copy_from_slice(&from.database[at..at + size]);
}

#[test]
fn old_pages_in_a_streamed_backup_are_found_where_redo_does_not_make_them_anew() {
    let Some(hot) = Set::engine("main", "hot", &["hot"]) else { return };
    let Some(crash) = Set::engine("main", "crash", &["crash"]) else { return };
    let sound = hot.redo();
    let (mut found, mut repaired) = (0, 0);
    for page in hot.pages().filter(|&page| sound.pages.dbtime(page).is_some()).step_by(29) {
        let (Some(old), Some(own)) = (crash.dbtime(page), hot.dbtime(page)) else { continue };
        if old >= own {
            continue;
        }
        let mut spoilt = hot.clone();
        transplant(&crash, &mut spoilt, page);
        let report = spoilt.redo();
        if report.findings.is_empty() {
            assert!(report.counts.new_pages > sound.counts.new_pages);
            assert_eq!(report.pages.dbtime(page), sound.pages.dbtime(page));
            repaired += 1;
        } else {
            assert_eq!(page_of(only(&report)), page.0);
            found += 1;
        }
    }
    assert!(found > 10 && repaired < found, "{found} found, {repaired} repaired");
}

#[test]
fn zeroed_page_is_found() {
    let Some(mut set) = Set::engine("main", "crash-recovered", &["crash"]) else { return };
    let page = PageNumber(85);
    let at = usize::try_from(page.offset(set.header.page_size)).unwrap();
    set.database[at..at + 4096].fill(0);
    let report = set.redo();
    assert_only(
        &report,
        Severity::Error,
        expect![
            "lost-write Some(-1119): page 85 at offset 0x56000: lost write: page is empty, and dbtime 1074 of log record Split2 at 1:0036:0260 should be on disk"
        ],
    );
}

#[test]
fn missing_generations() {
    let Some(set) = Set::engine("main", "hot", &["hot"]) else { return };
    let without = |range: std::ops::RangeInclusive<u32>| {
        let mut set = set.clone();
        set.logs.retain(|log| !range.contains(&generation(log).0));
        set.redo()
    };
    assert_only(
        &without(12..=12),
        Severity::Error,
        expect!["redo-log-missing Some(-515): generation 0xc: not there, and redo needs it"],
    );
    assert_only(
        &without(7..=8),
        Severity::Error,
        expect!["redo-log-missing Some(-515): generations 0x7 to 0x8: not there, and redo needs it"],
    );
    assert_only(
        &without(9..=11),
        Severity::Error,
        expect!["redo-log-missing Some(-515): generations 0x9 to 0xb: not there, and redo needs it"],
    );
    assert!(matches!(
        only(&without(12..=12)).place,
        Place::Generations { first: Generation(12), last: Generation(12) }
    ));
}

#[test]
fn gaps_below_what_a_database_needs_do_not_matter() {
    let Some(mut crash) = Set::engine("main", "crash", &["crash"]) else { return };
    crash.logs.retain(|log| !matches!(generation(log).0, 1 | 4 | 5));
    assert_sound(&crash.redo(), "crash");
    let Some(mut clean) = Set::engine("main", "clean", &["clean"]) else { return };
    clean.logs.retain(|log| !matches!(generation(log).0, 1 | 4 | 5 | 17));
    assert_sound(&clean.redo(), "clean");
}

#[test]
fn swapped_logs_of_one_backup() {
    let Some(mut set) = Set::engine("main", "hot", &["hot"]) else { return };
    set.logs.swap(3, 4);
    let codes: Vec<_> = set.redo().findings.iter().map(Finding::code).collect();
    assert_eq!(codes, ["redo-log-missing"]);
    set.logs.swap(3, 4);
    let again = set.logs[3].clone();
    set.logs.insert(5, again);
    assert_only(
        &set.redo(),
        Severity::Error,
        expect!["redo-log-order Some(-515): generation 0xa: not behind the log before it"],
    );
}

#[test]
fn logs_of_another_instance() {
    let Some(mut set) = Set::engine("efv7060", "hot", &["hot"]) else { return };
    let Some(other) = Set::engine("main", "clean", &["clean"]) else { return };
    set.logs = other.logs;
    let report = set.redo();
    assert_eq!(report.findings.len(), 18);
    assert!(report.findings.iter().all(|finding| finding.severity == Severity::Error));
    assert!(report.findings.iter().all(|finding| finding.code() == "redo-log-stream"));
    assert_eq!(report.counts.records, 0);
}

#[test]
fn another_database_of_the_same_instance() {
    let Some(mut set) = Set::engine("main", "hot", &["hot"]) else { return };
    let mut signature = *set.header.signature.as_bytes();
    signature[0] ^= 1;
    set.header.signature = signature.into();
    assert_only(
        &set.redo(),
        Severity::Error,
        expect![
            "redo-other-database Some(-531): logs are about the database 0x0337c121 2026-11-22T03:51:16.090Z, not about 0x0337c120 2026-11-22T03:51:16.090Z"
        ],
    );
    let Some(mut closed) = Set::engine("jtxnames", "clean", &["clean"]) else { return };
    closed.header.signature = signature.into();
    assert_eq!(only(&closed.redo()).code(), "redo-other-database");
}

#[test]
fn swapped_databases() {
    // The same signatures, but the pages of another history.
    let Some(mut set) = Set::engine("main", "hot", &["hot"]) else { return };
    let Some(other) = Set::engine("main", "crash", &["crash"]) else { return };
    set.database = other.database;
    let report = set.redo();
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    assert!(errors > 500, "{errors}");
}

/// Changes a record and makes its segment right again.
fn edit(log: &mut [u8], wanted: impl Fn(&ese::Record<'_>) -> bool, change: impl Fn(&mut [u8])) {
    let mut found = None;
    let mut reader = LogReader::open(&*log).unwrap();
    while let Some((at, record)) = reader.next_record().unwrap() {
        let start = usize::from(at.sector) * 4096 + usize::from(at.offset);
        let is_whole = log[start] == record.kind.0;
        if found.is_none() && is_whole && wanted(&record) {
            found = Some((start, record.bytes.len(), at.sector));
        }
    }
    let (start, length, sector) = found.unwrap();
    change(&mut log[start..start + length]);
    let segment = &mut log[usize::from(sector) * 4096..][..4096];
    let checksum = xor_ecc(segment, sector.into(), Block::WithChecksum).unwrap();
    segment[..8].copy_from_slice(&checksum.to_le_bytes());
}

fn is_insert(record: &ese::Record<'_>) -> bool {
    matches!(record.operation, Operation::Insert { node, .. } if node.head.before != u64::MAX)
}

#[test]
fn a_removed_record_breaks_the_chain() {
    let Some(mut set) = Set::engine("efv7060", "hot", &["hot"]) else { return };
    edit(set.log(6), is_insert, |record| record.fill(0));
    let report = set.redo();
    assert_eq!(only(&report).code(), "page-older-than-log");
}

#[test]
fn a_changed_record_breaks_the_chain() {
    let Some(mut set) = Set::engine("efv7060", "hot", &["hot"]) else { return };
    edit(set.log(6), is_insert, |record| record[16] ^= 1);
    assert_eq!(only(&set.redo()).severity, Severity::Error);
}

#[test]
fn unknown_record() {
    let Some(mut set) = Set::engine("efv7060", "hot", &["hot"]) else { return };
    edit(set.log(5), is_insert, |record| record[0] = 102);
    assert_eq!(only(&set.redo()).code(), "log-records");
}

#[test]
fn damaged_segment_inside() {
    let Some(mut set) = Set::engine("efv7060", "hot", &["hot"]) else { return };
    flip(set.log(4), (20 * 4096 + 100) * 8);
    assert_sound(&set.redo(), "one bit is corrected");
    flip(set.log(4), (20 * 4096 + 200) * 8);
    assert_only(
        &set.redo(),
        Severity::Error,
        expect![
            "log-records Some(-501): generation 0x4: log is damaged at 4:0014:0000, and more of it follows"
        ],
    );
    let broken = set.log(4);
    put(broken, 4, 77);
    seal(&mut broken[..4096]);
    put(broken, 0, 1);
    assert_eq!(only(&set.redo()).place, Place::LogHeader);
}

#[test]
fn logs_that_end_too_early_show_newer_pages() {
    let Some(mut set) = Set::engine("main", "hot", &["hot"]) else { return };
    set.logs.truncate(6);
    let report = set.redo();
    assert!(report.findings.iter().all(|finding| finding.code() == "page-beyond-logs"));
    assert!(report.findings.len() > 100);
}
