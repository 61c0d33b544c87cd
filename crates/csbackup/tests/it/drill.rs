//! Drills: of whole chains, and of every way in which a set does not restore.

use std::fs;
use std::path::Path;

use certsrv::CaDirectory;
use csbackup::manifest::{Content, Severity};
use csbackup::{
    DrillOptions, DrillOutcome, DrillRecord, DrillReport, Error, Folder, ImportOptions, Medium as _,
    NoteBody, Quiet, Requested, SetId, SetState, StoredSet, Until, drill_folder, drill_set, import,
};
use serde_json::Value;
use tempfile::TempDir;
use testkit::ca::authority;
use testkit::world::{World, names, tree};

use crate::medium_faults::{Trouble, Troubled};

fn world() -> Option<World> {
    let set = testkit::data::engine_set("main")?;
    Some(World::with_ca(|dir| {
        let mut ca = CaDirectory::create_from_engine_set(dir, &authority(), &set).unwrap();
        ca.add_dynamic_file("Corp.crl", b"a list").unwrap();
        ca
    }))
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

/// The sets beside which the drill of a set notes that they are not what was written; it notes nothing else.
fn misread(world: &World, report: &DrillReport) -> Vec<SetId> {
    let misread = |(id, body)| {
        assert!(matches!(body, NoteBody::ReadBack { good: false, .. }), "{body:?}");
        id
    };
    report.notes(&world.catalogue(), &world.newest()).into_iter().map(misread).collect()
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
fn a_set_at_fault_for_another_is_no_base_until_that_other_one_passes() {
    let Some(world) = chain() else { return };
    let (full, set) = (world.sets().remove(0), world.newest());
    let record = drill(&world).record();
    let failed = DrillRecord { outcome: DrillOutcome::Failed, of: Some(set.id.clone()), ..record.clone() };
    world.medium.note(&full, NoteBody::Drilled(failed)).unwrap();
    assert_eq!(world.states()[0], SetState::Damaged);
    assert!(world.sets()[0].drilled().is_none(), "it was not drilled itself");
    // Its own logs may never touch what is wrong.
    let note = |of: &StoredSet| {
        let report = try_drill(&world, of, Until::End).unwrap();
        let notes = report.notes(&world.catalogue(), of);
        for (id, body) in &notes {
            let sets = world.sets();
            world.medium.note(sets.iter().find(|set| set.id == *id).unwrap(), body.clone()).unwrap();
        }
        notes.len()
    };
    assert_eq!(note(&full), 1);
    assert_eq!(world.states()[0], SetState::Damaged);
    assert_eq!(note(&set), 2);
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
    assert_eq!(misread(&world, &report), std::slice::from_ref(&full.id));
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
    assert_eq!(misread(&world, &report), std::slice::from_ref(&set.id));
    let lost = report.recovered.lost.clone().unwrap();
    assert_eq!((lost.generations, lost.since), ([log.generation; 2], Some(log.created_at.clone())));
    assert_eq!(report.recovered.generation, Some(log.generation - 1));
}

#[test]
fn each_file_that_a_restore_lays_down_is_compared_with_its_hash() {
    let Some(world) = chain() else { return };
    let (full, set) = (world.sets().remove(0), world.newest());
    let of_both = [&full, &set].map(|set| set.manifest.files.iter().map(move |file| (set, file)));
    let mut compared = Vec::new();
    for (of, file) in of_both.into_iter().flatten() {
        let path = world.path_of(of).join(&file.path);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let Some(middle) = bytes.len().checked_div(2).filter(|middle| *middle < bytes.len()) else {
            continue;
        };
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let report = drill(&world);
        // Of two logs a restore lays down the first one, of all else the newest.
        let other = if of.id == full.id { &set } else { &full };
        let serves = if file.content == Content::Log { &full } else { &set };
        if other.id == serves.id && other.manifest.files.iter().any(|entry| entry.name == file.name) {
            assert_eq!(report.outcome(), DrillOutcome::Passed, "{}", file.path);
        } else {
            assert_eq!(
                (report.outcome(), codes(&report)),
                (DrillOutcome::Failed, vec!["file-hash"]),
                "{}",
                file.path
            );
            assert_eq!(misread(&world, &report), std::slice::from_ref(&of.id), "{}", file.path);
            compared.push(file.content);
        }
        fs::write(&path, &whole).unwrap();
    }
    for content in [Content::Database, Content::Log, Content::RestoreMap, Content::Dynamic] {
        assert!(compared.contains(&content), "{content:?}: {compared:?}");
    }
}

#[test]
fn what_is_out_of_reach_is_told_and_noted_nowhere() {
    let Some(world) = chain() else { return };
    let (catalogue, set) = (world.catalogue(), world.newest());
    for at in 1.. {
        let medium = Troubled::new(&world.medium, at, Trouble::Once);
        let scratch = Scratch::new();
        let report = drill_set(&medium, &catalogue, &set, &scratch.options(Until::End), &Quiet).unwrap();
        if medium.operations() < at {
            assert!(at > 20, "{at}");
            assert_eq!(report.notes(&catalogue, &set).len(), 1);
            return;
        }
        assert_eq!(codes(&report), ["file-unreadable"], "{at}");
        assert_eq!(
            (report.outcome(), report.notes(&catalogue, &set)),
            (DrillOutcome::Incomplete, vec![]),
            "{at}"
        );
    }
}

#[test]
fn a_file_that_the_ca_listed_and_the_set_lacks_makes_it_incomplete() {
    let Some(mut world) = world() else { return };
    let mut config = world.ca.config().clone();
    config.dynamic_extra = vec!["gone.crl".to_owned()];
    world.ca.reconfigure(config).unwrap();
    world.good(Requested::Full);
    let set = world.newest();
    assert_eq!(set.manifest.gaps.len(), 1);
    let report = drill(&world);
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Incomplete, vec!["drill-gap"]));
}

#[test]
fn requests_that_an_earlier_drill_saw_and_that_are_gone_are_told() {
    let Some(world) = chain() else { return };
    let vanished = || {
        let report = drill(&world);
        assert_eq!(report.outcome(), DrillOutcome::Passed);
        let found = report.findings.into_iter().find(|finding| finding.code == "drill-vanished");
        found.map(|finding| finding.text)
    };
    let full = world.sets().remove(0);
    assert_eq!(vanished(), None, "nobody saw them");
    let mut record = try_drill(&world, &full, Until::End).unwrap().record();
    let note = |record: &DrillRecord| world.medium.note(&full, NoteBody::Drilled(record.clone())).unwrap();
    note(&record);
    // The CA deleted rows between the two.
    let text = vanished().unwrap();
    assert!(text.starts_with("93 of the 2076 requests"), "{text}");
    record.content.as_mut().unwrap().requests -= 93;
    note(&record);
    assert_eq!(vanished(), None);
    record.content.as_mut().unwrap().requests += 93;
    record.outcome = DrillOutcome::Failed;
    note(&record);
    record.outcome = DrillOutcome::Incomplete;
    note(&record);
    assert_eq!(vanished(), None, "what a drill that did not pass saw is no measure");
}

#[test]
fn a_replay_that_stops_is_noted_beside_the_set_of_that_log() {
    let Some(world) = chain() else { return };
    let hot = folder().unwrap();
    let path = hot.path().join(log(0xa));
    let mut bytes = fs::read(&path).unwrap();
    bytes[0x8000..0x9000].fill(0x55);
    fs::write(&path, bytes).unwrap();
    let other = self::world().unwrap();
    let options = ImportOptions { ca_name: Some(authority().name), host: Some(authority().host) };
    import(&Folder::open(hot.path()).unwrap(), &other.medium, &options, &Quiet).unwrap();
    let set = other.newest();
    let report = drill(&other);
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["replay-log-damaged"]));
    assert_eq!(report.recovered.lost.as_ref().unwrap().generations, [0xa, 0x17]);
    let [(id, NoteBody::Drilled(record))] = &report.notes(&other.catalogue(), &set)[..] else { panic!() };
    assert_eq!((id, record.outcome), (&set.id, DrillOutcome::Failed));
    let point = try_drill(&world, &world.newest(), Until::Generation(0x17)).unwrap();
    assert_eq!(point.notes(&world.catalogue(), &world.newest()), []);
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
    let cases: [(&str, &str, Spoil); 5] = [
        (
            "a log without a header",
            "replay-log-damaged",
            Box::new(move |dir| {
                let mut bytes = fs::read(dir.join(log(last - 1))).unwrap();
                bytes[..0x1000].fill(0);
                fs::write(dir.join(log(last - 1)), bytes).unwrap();
            }),
        ),
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
        if code == "replay-log-damaged" {
            assert_eq!(report.recovered.lost.unwrap().generations, [last - 1, last], "{case}");
        }
    }
}

#[test]
fn logs_with_each_others_names_are_told() {
    let Some(temp) = folder() else { return };
    let (a, b, aside) = (temp.path().join(log(9)), temp.path().join(log(10)), temp.path().join("aside"));
    fs::rename(&a, &aside).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(&aside, &b).unwrap();
    let report = drilled(temp.path());
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["log-name"; 2]));
    assert!(
        report.findings[0].text.contains("is named as log 0x9 and holds 0xa"),
        "{}",
        report.findings[0].text
    );
}

#[test]
fn of_several_databases_it_is_that_of_the_logs_or_none() {
    let Some(temp) = folder() else { return };
    let other = testkit::data::engine_set("page8k").unwrap().join("hot");
    let own = names(temp.path()).into_iter().find(|name| name.ends_with(".edb")).unwrap();
    let foreign = names(&other).into_iter().find(|name| name.ends_with(".edb")).unwrap();
    fs::copy(other.join(&foreign), temp.path().join("Another.edb")).unwrap();
    fs::copy(temp.path().join(&own), temp.path().join("tmp.edb")).unwrap();
    let report = drilled(temp.path());
    assert_eq!(report.outcome(), DrillOutcome::Passed);
    assert_eq!(report.content.unwrap().requests, rows("hot-restored", "Requests"));
    fs::copy(temp.path().join(&own), temp.path().join("Third.edb")).unwrap();
    let folder = Folder::open(temp.path()).unwrap();
    let error =
        drill_folder(&folder, None, &Scratch::new().options(Until::End), &Quiet).unwrap_err().to_string();
    assert!(error.contains("more than one database (ExampleCA.edb, Third.edb)"), "{error}");
}

#[test]
fn logs_of_another_stream_behind_its_own_are_left_alone_and_told() {
    let Some(temp) = folder() else { return };
    let other = testkit::data::engine_set("page8k").unwrap().join("hot");
    fs::copy(other.join(log(9)), temp.path().join(log(0x18))).unwrap();
    fs::copy(temp.path().join(log(9)), temp.path().join("copy.log")).unwrap();
    let report = drilled(temp.path());
    assert_eq!(report.recovered.generation, Some(0x17));
    assert_eq!(report.recovered.lost, None);
    assert_eq!(report.outcome(), DrillOutcome::Incomplete);
    let mut told = codes(&report);
    told.sort_unstable();
    assert_eq!(told, ["log-duplicate", "log-duplicate"], "the other one has generation 9 too");
    fs::remove_file(temp.path().join("copy.log")).unwrap();
    let last = names(&other).into_iter().rfind(|name| name.ends_with(".log")).unwrap();
    fs::copy(other.join(&last), temp.path().join("E00.log")).unwrap();
    fs::remove_file(temp.path().join(log(0x18))).unwrap();
    let report = drilled(temp.path());
    assert_eq!(
        (report.outcome(), codes(&report).len()),
        (DrillOutcome::Incomplete, 1),
        "{:?}",
        report.findings
    );
}

#[test]
fn logs_that_end_too_early_are_lost_from_there_on() {
    let Some(temp) = folder() else { return };
    [0x16, 0x17].iter().for_each(|gone| fs::remove_file(temp.path().join(log(*gone))).unwrap());
    let report = drilled(temp.path());
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["replay-logs-end"]));
    assert_eq!(report.recovered.lost.unwrap().generations, [0x16, 0x16]);
}

#[test]
fn logs_behind_a_closed_database_are_not_passed_over() {
    let Some(temp) = folder() else { return };
    let kept = temp.path().join("kept").join("ExampleCA.edb");
    fs::create_dir(temp.path().join("kept")).unwrap();
    let options = DrillOptions { keep: Some(kept), ..Scratch::new().options(Until::End) };
    drill_folder(&Folder::open(temp.path()).unwrap(), None, &options, &Quiet).unwrap();
    let alone = Folder::open(&temp.path().join("kept")).unwrap();
    let drill = |logs: &Path| {
        let (logs, scratch) = (Folder::open(logs).unwrap(), Scratch::new());
        drill_folder(&alone, Some(&logs), &scratch.options(Until::End), &Quiet).unwrap()
    };
    let own = drill(temp.path());
    assert_eq!((own.outcome(), codes(&own)), (DrillOutcome::Passed, vec![]));
    let next = drill(&testkit::data::engine_set("main").unwrap().join("hot-inc1"));
    assert_eq!((next.outcome(), codes(&next)), (DrillOutcome::Incomplete, vec!["logs-go-on"]));
}

#[test]
fn a_set_without_its_name_is_compared_with_its_manifest() {
    let Some(world) = world() else { return };
    world.good(Requested::Full);
    let temp = tempfile::tempdir().unwrap();
    for (path, bytes) in tree(&world.path_of(&world.newest())) {
        let to = temp.path().join(path.strip_prefix(world.path_of(&world.newest())).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    assert_eq!(drilled(temp.path()).outcome(), DrillOutcome::Passed);
    let map =
        world.newest().manifest.files.into_iter().find(|file| file.content == Content::RestoreMap).unwrap();
    fs::remove_file(temp.path().join(map.path)).unwrap();
    let report = drilled(temp.path());
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Failed, vec!["file-missing"]));
}

#[test]
fn a_database_of_something_else_is_drilled_as_far_as_that_goes() {
    let Some(folder) = testkit::data::field_folder("db4k") else { return };
    let basic = Folder::open(&folder.join("basic.edb")).unwrap();
    let report = drill_folder(&basic, None, &Scratch::new().options(Until::End), &Quiet).unwrap();
    assert_eq!((report.outcome(), codes(&report)), (DrillOutcome::Incomplete, vec!["drill-content"]));
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
    assert_eq!(names(temp.path()), ["in"], "nothing half is left");
}
