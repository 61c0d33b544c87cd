//! The dry redo on real sets, sound ones and spoilt ones.

use std::path::Path;

use ese::{
    Block, DatabaseHeader, DbState, Finding, FindingKind, Generation, LogHeader, LogReader, Operation,
    PageNumber, Place, RedoDefect, RedoReport, Severity, log_generation_of_name, page_dbtimes, xor_ecc,
};

use crate::support::{HOT_SETS, database_file, field_logs, flip, page_of, put, read, seal};

/// A database and logs in memory, so that tests can spoil them.
#[derive(Clone)]
struct Set {
    header: DatabaseHeader,
    database: Vec<u8>,
    /// In the order of their generations.
    logs: Vec<Vec<u8>>,
}

impl Set {
    /// `folders` from the newest logs to the oldest, where a generation is in several of them.
    fn of(database: Vec<u8>, folders: &[&Path]) -> Self {
        let header = DatabaseHeader::parse(&database).unwrap();
        let mut logs: Vec<Vec<u8>> = Vec::new();
        for folder in folders {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if log_generation_of_name(&path.to_string_lossy()).is_some() {
                    logs.push(read(path));
                }
            }
        }
        logs.sort_by_key(|log| generation(log));
        logs.dedup_by_key(|log| generation(log));
        Self { header, database, logs }
    }

    fn engine(name: &str, folder: &str, logs: &[&str]) -> Option<Self> {
        let set = testkit::data::engine_set(name)?;
        let folders: Vec<_> = logs.iter().map(|logs| set.join(logs)).collect();
        let folders: Vec<_> = folders.iter().map(|folder| folder.as_path()).collect();
        Some(Self::of(database_file(&set.join(folder)), &folders))
    }

    fn redo(&self) -> RedoReport {
        self.redo_from(page_dbtimes(self.database.as_slice(), self.header.page_size))
    }

    fn redo_from(
        &self,
        dbtimes: impl FnMut(PageNumber) -> Result<Option<u64>, ese::SourceError>,
    ) -> RedoReport {
        let mut redo = ese::DryRedo::new(&self.header, dbtimes);
        for log in &self.logs {
            redo.push_log(log.as_slice()).unwrap();
        }
        redo.finish()
    }

    /// Redo of the whole history, into an empty file.
    fn redo_from_nothing(&self) -> RedoReport {
        let mut own = self.clone();
        own.header.state = DbState::JustCreated;
        own.header.attach = ese::LogPosition::default();
        own.header.consistent = ese::LogPosition::default();
        own.redo_from(|_| Ok(None))
    }

    fn dbtime(&self, page: PageNumber) -> Option<u64> {
        page_dbtimes(self.database.as_slice(), self.header.page_size)(page).unwrap()
    }

    fn pages(&self) -> impl Iterator<Item = PageNumber> {
        let pages = self.database.len() / usize::try_from(self.header.page_size.bytes()).unwrap() - 2;
        (1..=u32::try_from(pages).unwrap()).map(PageNumber)
    }

    /// The log with this generation.
    fn log(&mut self, wanted: u32) -> &mut Vec<u8> {
        self.logs.iter_mut().find(|log| generation(log) == Generation(wanted)).unwrap()
    }
}

fn generation(log: &[u8]) -> Generation {
    LogHeader::parse(log).unwrap().generation
}

#[track_caller]
fn assert_sound(report: &RedoReport, name: &str) {
    let text: String = report.findings.iter().map(|finding| format!("{finding}\n")).collect();
    assert!(text.is_empty(), "{name}:\n{text}");
    assert_eq!((report.counts.mismatches, report.suppressed), (0, 0), "{name}");
    assert!(report.counts.records > 0, "{name}");
}

/// The only finding.
#[track_caller]
fn only(report: &RedoReport) -> &Finding {
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    &report.findings[0]
}

#[track_caller]
fn assert_only(report: &RedoReport, severity: Severity, expected: expect_test::Expect) {
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
fn streamed_backups_and_their_increments_are_sound() {
    for name in HOT_SETS {
        let folders = ["hot", "hot-inc1", "hot-inc2"];
        for count in 1..=folders.len() {
            let Some(set) = Set::engine(name, "hot", &folders[..count]) else { return };
            let report = set.redo();
            assert_sound(&report, name);
            assert!(report.counts.redone > 10_000 && report.counts.on_disk > 10_000, "{:?}", report.counts);
        }
    }
}

#[test]
fn closed_and_crashed_databases_are_sound() {
    for name in ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"] {
        let Some(clean) = Set::engine(name, "clean", &["clean"]) else { return };
        let report = clean.redo();
        assert_sound(&report, name);
        assert_eq!((report.counts.redone, report.counts.new_pages), (0, 0), "{name}");
        // Every page that the logs mention ends where the file has it.
        for page in clean.pages() {
            assert!(report.pages.dbtime(page).is_none_or(|dbtime| Some(dbtime) == clean.dbtime(page)));
        }
        assert!(!clean.pages().any(|page| report.pages.contains(page)));
        let Some(crash) = Set::engine(name, "crash", &["crash"]) else { return };
        assert_sound(&crash.redo(), name);
        for logs in [&["crash"][..], &["crash-recovered", "crash"]] {
            let Some(recovered) = Set::engine(name, "crash-recovered", logs) else { return };
            assert_sound(&recovered.redo(), name);
        }
    }
}

#[test]
fn redo_ends_where_the_engine_ended() {
    // Recovery changes pages behind the logs when it rolls back, so the engine may be ahead.
    let cases = [
        ("crash", "crash-recovered", &["crash"][..]),
        ("hot", "hot-restored", &["hot"]),
        ("hot", "hot-inc1-restored", &["hot", "hot-inc1"]),
        ("hot", "hot-inc2-restored", &["hot", "hot-inc1", "hot-inc2"]),
    ];
    for name in ["main", "page8k", "page32k", "efv7060", "efv9600"] {
        for (folder, result, logs) in cases {
            let Some(set) = Set::engine(name, folder, logs) else { return };
            let Some(engine) = Set::engine(name, result, &[]) else { return };
            let report = set.redo();
            let (mut same, mut ahead) = (0, 0);
            for page in engine.pages() {
                let Some(dbtime) = report.pages.dbtime(page) else {
                    assert!(!report.pages.contains(page));
                    continue;
                };
                let found = engine.dbtime(page).unwrap();
                assert!(found >= dbtime, "{name} {result} page {page}: engine {found}, redo {dbtime}");
                if found == dbtime { same += 1 } else { ahead += 1 }
            }
            assert!(same > 20 * ahead && same > 50, "{name} {result}: {same} the same, {ahead} ahead");
        }
    }
}

/// Entries of the path to a split page, which the reference counts as new pages.
fn path_entries(set: &Set) -> u64 {
    let mut count = 0;
    for log in &set.logs {
        let mut log = LogReader::open(log.as_slice()).unwrap();
        while let Some((_, record)) = log.next_record().unwrap() {
            count += u64::from(matches!(record.operation, Operation::Split(split) if split.new.0 == 0));
        }
    }
    count
}

#[test]
fn dhcp_numbers() {
    let Some(folder) = testkit::data::field_folder("backup-dhcp") else { return };
    let set = Set::of(read(folder.join("dhcp.mdb")), &[&folder]);
    let report = set.redo();
    assert_sound(&report, "dhcp");
    let counts = report.counts;
    assert_eq!((counts.records, counts.before_attach, counts.redone), (10_228, 326, 2697));
    assert_eq!(counts.new_pages + path_entries(&set), 12);
    // 6 operations inside split macros, and 6 parents that the path has changed already; the rest
    // is from before the last attach.
    assert_eq!((counts.covered, counts.on_disk), (6, 6 + 125));
}

#[test]
fn the_whole_history_of_a_database_from_nothing() {
    let Some(folder) = testkit::data::field_folder("replay-32k") else { return };
    let set = Set::of(read(folder.join("IndexedDB.edb")), &[&folder]);
    assert_sound(&set.redo(), "disk");
    let report = set.redo_from_nothing();
    assert_sound(&report, "nothing");
    assert_eq!((report.counts.new_pages, report.counts.redone), (47, 726));
    let ends: Vec<_> = set.pages().filter(|&page| report.pages.dbtime(page).is_some()).collect();
    assert_eq!(ends.len(), 47);
    assert_eq!(report.pages.iter().collect::<Vec<_>>(), ends);
    assert!(ends.iter().all(|&page| report.pages.dbtime(page) == set.dbtime(page)));
}

#[test]
fn old_logs_do_not_hold_the_first_pages_of_a_database() {
    let Some(folder) = testkit::data::field_folder("replay-v7") else { return };
    let set = Set::of(read(folder.join("WindowsMail.MSMessageStore")), &[&folder]);
    assert_sound(&set.redo(), "disk");
    let report = set.redo_from_nothing();
    assert_sound(&report, "nothing");
    assert_eq!((report.counts.redone, report.counts.unlogged), (200, 7));
    assert_eq!(report.counts.new_pages + path_entries(&set), 15);
    let ends: Vec<_> = set.pages().filter(|&page| report.pages.dbtime(page).is_some()).collect();
    assert_eq!(ends.len(), 20);
    assert!(ends.iter().all(|&page| report.pages.dbtime(page) == set.dbtime(page)));
}

#[test]
fn lost_flush_of_the_damaged_set() {
    let Some(damaged) = testkit::data::engine_set("main-damaged") else { return };
    let Some(main) = testkit::data::engine_set("main") else { return };
    let set = Set::of(database_file(&damaged.join("lost-flush")), &[&main.join("crash")]);
    let report = set.redo();
    assert_only(&report, Severity::Error, expect_test::expect![[""]]);
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
    assert_only(&report, Severity::Error, expect_test::expect![[""]]);
}

#[test]
fn missing_generations() {
    let Some(set) = Set::engine("main", "hot", &["hot"]) else { return };
    let without = |range: std::ops::RangeInclusive<u32>| {
        let mut set = set.clone();
        set.logs.retain(|log| !range.contains(&generation(log).0));
        set.redo()
    };
    assert_only(&without(12..=12), Severity::Error, expect_test::expect![[""]]);
    assert_only(&without(7..=8), Severity::Error, expect_test::expect![[""]]);
    assert_only(&without(9..=11), Severity::Error, expect_test::expect![[""]]);
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
    assert_only(&set.redo(), Severity::Error, expect_test::expect![[""]]);
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
    assert_only(&set.redo(), Severity::Error, expect_test::expect![[""]]);
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
    assert_only(&set.redo(), Severity::Error, expect_test::expect![[""]]);
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

#[test]
fn logs_of_two_databases_are_followed_for_one() {
    let Some(folder) = field_logs("cachestorage") else { return };
    let log = read(folder.join("edb0000D.log"));
    let reader = LogReader::open(log.as_slice()).unwrap();
    assert_eq!(reader.attachments().len(), 2);
    let mut totals = Vec::new();
    for database in reader.attachments() {
        let Some(mut set) = Set::engine("jtxnames", "clean", &[]) else { return };
        set.header.signature = database.signature;
        set.header.log_signature = reader.header().signature;
        set.header.attach = database.attach;
        set.header.state = DbState::DirtyShutdown;
        set.header.required = (Generation(13), Generation(13));
        set.logs = vec![log.clone()];
        // Every page is taken as up to date.
        let report = set.redo_from(|_| Ok(Some(u64::MAX - 1)));
        totals.push(report.counts.on_disk + report.counts.covered);
    }
    assert!(totals.iter().all(|&total| total > 100), "{totals:?}");
}
