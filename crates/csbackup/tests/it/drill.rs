//! Drills: of whole chains, and of every way in which a set does not restore.

use std::fs;
use std::path::Path;

use certsrv::CaDirectory;
use csbackup::manifest::Severity;
use csbackup::{
    DrillOptions, DrillOutcome, DrillReport, Error, Folder, Medium as _, NoteBody, Quiet, Requested,
    SetState, StoredSet, Until, drill_folder, drill_set,
};
use serde_json::Value;
use tempfile::TempDir;
use testkit::ca::authority;
use testkit::world::{World, names, tree};

fn world() -> Option<World> {
    let set = testkit::data::engine_set("main")?;
    Some(World::with_ca(|dir| CaDirectory::create_from_engine_set(dir, &authority(), &set).unwrap()))
}

/// A full backup and an increment.
fn chain() -> Option<World> {
    let mut world = world()?;
    world.good(Requested::Full);
    world.advance();
    world.good(Requested::Incremental);
    Some(world)
}

/// A folder for the scratch files, which is empty afterwards.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn options(&self, until: Until) -> DrillOptions {
        DrillOptions { scratch: self.0.path().to_owned(), until, keep: None }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(names(self.0.path()), [] as [String; 0]);
        }
    }
}

fn try_drill(world: &World, set: &StoredSet, until: Until) -> Result<DrillReport, Error> {
    drill_set(&world.medium, &world.catalogue(), set, &Scratch::new().options(until), &Quiet)
}

fn drill(world: &World) -> DrillReport {
    try_drill(world, &world.newest(), Until::End).unwrap()
}

/// Codes of what is worse than worth knowing.
fn codes(report: &DrillReport) -> Vec<&str> {
    let findings = report.findings.iter().filter(|finding| finding.severity > Severity::Info);
    findings.map(|finding| finding.code.as_str()).collect()
}

/// Rows of a table that the engine counted in its own result.
fn rows(folder: &str, table: &str) -> u64 {
    let facts = testkit::data::engine_set("main").unwrap().join(format!("{folder}.json"));
    let facts: Value = serde_json::from_slice(&fs::read(facts).unwrap()).unwrap();
    facts["tables"][table]["rows"].as_u64().or(facts["tables"][table]["row_count"].as_u64()).unwrap()
}

#[test]
fn a_chain_passes_with_the_rows_that_the_engine_restored() {
    let Some(mut world) = world() else { return };
    for (number, restored) in ["hot-restored", "hot-inc1-restored", "hot-inc2-restored"].iter().enumerate() {
        if number > 0 {
            world.advance();
        }
        world.good(Requested::Auto);
        let before = tree(&world.ca_folder());
        let report = drill(&world);
        assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Passed, vec![]), "{restored}");
        assert_eq!(report.content.as_ref().unwrap().requests, rows(restored, "Requests"), "{restored}");
        let last = world.newest().manifest.generations().unwrap().1;
        assert_eq!(report.recovered.generation, Some(last));
        assert!(tree(&world.ca_folder()) == before, "a drill only reads");
    }
}

#[test]
fn a_record_is_kept_with_the_set_and_a_failed_one_makes_it_no_base() {
    let Some(world) = chain() else { return };
    let mut record = drill(&world).record();
    world.medium.note(&world.newest(), NoteBody::Drilled(record.clone())).unwrap();
    let set = world.newest();
    let (_, kept) = set.drilled().unwrap();
    assert_eq!(kept, &record);
    assert_eq!(kept.content.as_ref().unwrap().certificates, drill(&world).content.unwrap().certificates);
    assert_eq!(world.states(), [SetState::Good, SetState::Good]);
    record.outcome = DrillOutcome::Failed;
    world.medium.note(&set, NoteBody::Drilled(record.clone())).unwrap();
    assert_eq!(world.states(), [SetState::Good, SetState::Damaged]);
    record.outcome = DrillOutcome::Incomplete;
    world.medium.note(&set, NoteBody::Drilled(record.clone())).unwrap();
    assert_eq!(world.states(), [SetState::Good, SetState::Damaged], "it takes nothing back");
    record.outcome = DrillOutcome::Passed;
    world.medium.note(&set, NoteBody::Drilled(record)).unwrap();
    assert_eq!(world.states(), [SetState::Good, SetState::Good]);
}

#[test]
fn a_point_before_the_end_can_be_reached() {
    let Some(world) = chain() else { return };
    let set = world.newest();
    let full = &world.sets()[0];
    let (_, first) = full.manifest.generations().unwrap();
    let report = try_drill(&world, &set, Until::Generation(first)).unwrap();
    assert_eq!(report.recovered.generation, Some(first));
    assert_eq!(report.content.unwrap().requests, rows("hot-restored", "Requests"));
    let facts = full.manifest.files.iter().find_map(|file| file.database()).unwrap();
    let [_, needed] = facts.backup.unwrap();
    let too_early = try_drill(&world, &set, Until::Generation(needed - 1)).unwrap_err().to_string();
    assert!(too_early.contains(&format!("consistent only behind log 0x{needed:x}")), "{too_early}");
    let too_late = try_drill(&world, &set, Until::Generation(0xfff)).unwrap_err().to_string();
    assert!(too_late.contains("generation 0xfff is not here"), "{too_late}");
}

#[test]
fn a_file_that_is_not_what_was_written_fails_the_drill_and_names_its_set() {
    let Some(world) = chain() else { return };
    let full = world.sets().remove(0);
    let entry = full.manifest.files.iter().find(|file| file.database().is_some()).unwrap();
    let path = world.path_of(&full).join(&entry.path);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = drill(&world);
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["file-hash"]));
    assert_eq!(report.misread, Some(full.id.clone()));
    assert_eq!(report.content, None);
    fs::remove_file(&path).unwrap();
    let report = drill(&world);
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["file-missing"]));
}

#[test]
fn a_missing_log_of_an_increment_is_named_with_what_is_lost() {
    let Some(world) = chain() else { return };
    let set = world.newest();
    let (entry, log) = *set.manifest.logs().last().unwrap();
    fs::remove_file(world.path_of(&set).join(&entry.path)).unwrap();
    let report = drill(&world);
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["file-missing"]));
    assert_eq!(report.misread, Some(set.id.clone()));
    let lost = report.recovered.lost.clone().unwrap();
    assert_eq!((lost.generations, lost.since), ([log.generation; 2], Some(log.created_at.clone())));
    assert_eq!(report.recovered.generation, Some(log.generation - 1));
}

/// A folder with the files of the full backup.
fn folder() -> Option<TempDir> {
    let temp = tempfile::tempdir().unwrap();
    let from = testkit::data::engine_set("main")?.join("hot");
    for name in names(&from) {
        fs::copy(from.join(&name), temp.path().join(name)).unwrap();
    }
    Some(temp)
}

fn drilled(folder: &Path) -> DrillReport {
    let folder = Folder::open(folder).unwrap();
    drill_folder(&folder, None, &Scratch::new().options(Until::End), &Quiet).unwrap()
}

/// The name of a log by its generation.
fn log(generation: u32) -> String {
    format!("edb{generation:05X}.log")
}

#[test]
fn a_folder_passes_and_says_what_is_wrong_with_its_logs() {
    let Some(temp) = folder() else { return };
    let passed = drilled(temp.path());
    assert_eq!((passed.outcome(), codes(&passed)), (DrillOutcome::Passed, vec![]));
    let last = passed.recovered.generation.unwrap();

    let other = testkit::data::engine_set("page8k").unwrap().join("hot");
    type Spoil = Box<dyn Fn(&Path)>;
    let cases: [(&str, &str, Spoil); 4] = [
        (
            "a missing log",
            "replay-log-missing",
            Box::new(move |dir| fs::remove_file(dir.join(log(last - 1))).unwrap()),
        ),
        (
            "a log of another CA",
            "replay-log-foreign",
            Box::new(move |dir| _ = fs::copy(other.join(log(9)), dir.join(log(9))).unwrap()),
        ),
        (
            "a torn log",
            "replay-log-damaged",
            Box::new(move |dir| {
                let mut bytes = fs::read(dir.join(log(last - 1))).unwrap();
                bytes[0x8000..0x9000].fill(0x55);
                fs::write(dir.join(log(last - 1)), bytes).unwrap();
            }),
        ),
        (
            "no last logs",
            "replay-logs-end",
            Box::new(move |dir| {
                [last - 1, last].iter().for_each(|gone| fs::remove_file(dir.join(log(*gone))).unwrap())
            }),
        ),
    ];
    for (case, code, spoil) in cases {
        let temp = folder().unwrap();
        spoil(temp.path());
        let report = drilled(temp.path());
        assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec![code]), "{case}");
        assert_eq!(report.content, None, "{case}: no database is made of it");
    }
}

#[test]
fn a_point_in_time_of_a_folder_is_never_newer_than_asked_for() {
    let Some(temp) = folder() else { return };
    let at = |until| {
        let folder = Folder::open(temp.path()).unwrap();
        drill_folder(&folder, None, &Scratch::new().options(until), &Quiet)
    };
    // The logs are all of one minute of this day.
    let before = time::OffsetDateTime::from_unix_timestamp(1_600_000_000).unwrap();
    let error = at(Until::Time(before)).unwrap_err().to_string();
    assert!(error.contains("was closed by that time"), "{error}");
    // Nobody knows when the last one was closed.
    let now = at(Until::Time(time::OffsetDateTime::now_utc())).unwrap();
    assert_eq!(now.recovered.generation, Some(0x16));
    fs::remove_file(temp.path().join(log(0x16))).unwrap();
    let error = at(Until::Generation(0x16)).unwrap_err().to_string();
    assert!(error.contains("log 0x16"), "{error}");
}

#[test]
fn a_flipped_bit_of_a_log_is_turned_back_and_told() {
    let Some(temp) = folder() else { return };
    let path = temp.path().join(log(9));
    let mut bytes = fs::read(&path).unwrap();
    bytes[0x1300] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let report = drilled(temp.path());
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["single-bit"]));
    assert_eq!(report.content.unwrap().requests, rows("hot-restored", "Requests"));
}

#[test]
fn a_crashed_folder_is_recovered() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let temp = tempfile::tempdir().unwrap();
    for name in names(&main.join("crash")) {
        fs::copy(main.join("crash").join(&name), temp.path().join(name)).unwrap();
    }
    let report = drilled(temp.path());
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Passed, vec![]));
    assert_eq!(report.content.unwrap().requests, rows("crash-recovered", "Requests"));
}

#[test]
fn a_kept_database_is_whole_or_not_there_and_nothing_is_overwritten() {
    let Some(temp) = folder() else { return };
    let kept = temp.path().join("kept.edb");
    let options = DrillOptions { keep: Some(kept.clone()), ..Scratch::new().options(Until::End) };
    let drill = || drill_folder(&Folder::open(&temp.path().join("in")).unwrap(), None, &options, &Quiet);
    fs::create_dir(temp.path().join("in")).unwrap();
    for name in names(temp.path()).into_iter().filter(|name| name.contains('.')) {
        fs::rename(temp.path().join(&name), temp.path().join("in").join(&name)).unwrap();
    }
    assert_eq!(drill().unwrap().kept.as_deref(), Some(&*kept));
    let alone = Folder::open(&kept).unwrap();
    let again = drill_folder(&alone, None, &Scratch::new().options(Until::End), &Quiet).unwrap();
    assert!(again.recovered.was_closed && again.outcome() == DrillOutcome::Passed, "{again:?}");
    let whole = fs::read(&kept).unwrap();
    assert!(drill().is_err(), "it is there already");
    assert!(fs::read(&kept).unwrap() == whole);
    fs::remove_file(&kept).unwrap();
    let first = names(&temp.path().join("in")).into_iter().find(|name| name.ends_with(".log")).unwrap();
    fs::remove_file(temp.path().join("in").join(first)).unwrap();
    assert_eq!(drill().unwrap().outcome(), DrillOutcome::Failed);
    assert!(!kept.exists());
}
