//! The dry redo on real sets.

use std::path::Path;

use ese::{
    DatabaseHeader, DbState, Generation, LogHeader, LogReader, Operation, PageNumber, RedoReport,
    log_generation_of_name, page_dbtimes,
};

use crate::support::{HOT_SETS, database_file, field_logs, read};

mod made;
mod spoilt;

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
    assert!(totals.iter().all(|&total| total > 70), "{totals:?}");
}
