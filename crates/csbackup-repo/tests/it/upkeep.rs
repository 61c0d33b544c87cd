//! Forgetting, pruning, checking, repairing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use csbackup::manifest::Severity;
use csbackup::{
    BackupOptions, Catalogue, Error, KeepOptions, Medium as _, NoteBody, Now, Quiet, ReadExtent, Requested,
    SetState, StoreTrouble, VerifyLevel, forget, plan_forget, verify_set,
};
use csbackup_repo::{
    CheckOptions, CheckReport, Location, Password, PruneOptions, ReadBackend, ReadData, Repositories,
    StoreError, StoreOptions, Wrap, WriteBackend,
};
use rustic_core::{BytesList, FileType, Id, RusticResult};
use testkit::ca::{authority, plain_life};
use testkit::world::World;
use time::OffsetDateTime;

fn opened(world: &World) -> Repositories {
    let location = Location::Local(world.folder().join("repository"));
    Repositories::new(location, StoreOptions::default(), Password::new("quite secret"))
}

fn back_up(world: &World, kind: Requested) {
    let options = BackupOptions { kind, ..BackupOptions::default() };
    world.run_on(&mut world.ca.connect(), &opened(world), &options).unwrap();
}

/// A full backup, its increment, and another full backup.
fn two_chains() -> World {
    let mut world = World::new(&plain_life());
    opened(&world).init(&authority().name, 1 << 20).unwrap();
    back_up(&world, Requested::Full);
    world.advance();
    back_up(&world, Requested::Auto);
    world.advance();
    back_up(&world, Requested::Full);
    world
}

/// The files of a kind, largest first.
fn files(world: &World, kind: &str) -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, found) } else { found.push(path) }
        }
    }
    let folder = world.folder().join("repository").join(csbackup::safe_name(&authority().name)).join(kind);
    let mut found = Vec::new();
    below(&folder, &mut found);
    found.sort_by_key(|path| std::cmp::Reverse(path.metadata().unwrap().len()));
    found
}

fn stored(world: &World) -> u64 {
    files(world, "data").iter().map(|path| path.metadata().unwrap().len()).sum()
}

fn check(world: &World, read_data: ReadData) -> CheckReport {
    opened(world).check(&authority().name, &CheckOptions { read_data }).unwrap()
}

/// Codes of what is more than worth knowing.
fn codes(report: &CheckReport) -> Vec<&str> {
    let bad = report.findings.iter().filter(|finding| finding.severity > Severity::Info);
    bad.map(|finding| finding.code.as_str()).collect()
}

fn hints(report: &CheckReport) -> String {
    report.findings.iter().filter_map(|finding| finding.hint.clone()).collect::<Vec<_>>().join("\n")
}

/// Every set is good, and what is read is what was stored.
fn assert_whole(world: &World, sets: usize) {
    let medium = opened(world);
    let catalogue = Catalogue::load(&medium, None).unwrap();
    assert_eq!(catalogue.sets().len(), sets);
    for set in catalogue.sets() {
        assert_eq!(catalogue.state(set), SetState::Good);
        let report = verify_set(&medium, &catalogue, set, VerifyLevel::Stream, &Quiet).unwrap();
        assert_eq!(report.findings, [], "{}", set.id);
    }
}

fn forget_all_but_one(world: &World) -> usize {
    let medium = opened(world);
    let _lock = medium.lock_alone(&authority()).unwrap();
    let catalogue = Catalogue::load(&medium, None).unwrap();
    let now = OffsetDateTime::now_utc();
    let keep = KeepOptions { last: 1, ..KeepOptions::default() };
    let plan = plan_forget(&catalogue, &keep, Now::Clock(now)).unwrap();
    forget(&medium, &plan, now, &Quiet).unwrap().removed.len()
}

#[test]
fn what_is_forgotten_gives_its_space_back_and_what_is_kept_stays_as_it_is() {
    let world = two_chains();
    let (before, sets) = (stored(&world), Catalogue::load(&opened(&world), None).unwrap().sets().len());
    let gone = forget_all_but_one(&world);
    assert!(gone >= 2, "{gone}");
    assert_eq!(
        files(&world, "snapshots").len(),
        1 + (sets - gone) + notes(&world),
        "notes go with their sets"
    );
    assert_eq!(stored(&world), before, "forgetting frees nothing yet");
    assert_whole(&world, sets - gone);

    let name = authority().name;
    let planned =
        opened(&world).prune(&name, &PruneOptions { dry_run: true, ..PruneOptions::default() }).unwrap();
    assert_eq!(stored(&world), before, "a dry run does nothing");
    let marked = opened(&world).prune(&name, &PruneOptions::default()).unwrap();
    assert_eq!(marked, planned);
    assert!(marked.marked > 0 && marked.deleted == 0, "{marked:?}");
    assert!(files(&world, "data").len() > 1 && stored(&world) >= before, "deleted only by a later pruning");
    assert_whole(&world, sets - gone);
    let waiting = opened(&world).prune(&name, &PruneOptions::default()).unwrap();
    assert!(waiting.waiting > 0 && waiting.deleted == 0, "{waiting:?}");

    let deleted =
        opened(&world).prune(&name, &PruneOptions { instant: true, ..PruneOptions::default() }).unwrap();
    assert!(deleted.deleted > 0, "{deleted:?}");
    assert!(stored(&world) < before);
    assert_eq!(deleted.waiting, 0);
    assert_whole(&world, sets - gone);
    assert_eq!(check(&world, ReadData::All).findings, []);
}

fn notes(world: &World) -> usize {
    Catalogue::load(&opened(world), None).unwrap().sets().iter().map(|set| set.notes.len()).sum()
}

#[test]
fn nothing_is_pruned_or_forgotten_beside_another_run() {
    let world = two_chains();
    let medium = opened(&world);
    let _run = medium.lock(&authority()).unwrap();
    let before = files(&world, "data");
    let locked = |error: Error| matches!(error, Error::Store { trouble: StoreTrouble::Locked, .. });
    assert!(locked(opened(&world).prune(&authority().name, &PruneOptions::default()).unwrap_err()));
    assert!(locked(opened(&world).lock_alone(&authority()).err().unwrap()));
    assert!(locked(opened(&world).repair(&authority().name, false).unwrap_err()));
    assert_eq!(files(&world, "data"), before);
}

#[test]
fn a_set_on_hold_stays_in_the_repository() {
    let world = two_chains();
    let medium = opened(&world);
    let oldest = Catalogue::load(&medium, None).unwrap().sets()[0].clone();
    medium.note(&oldest, NoteBody::Hold { reason: "court order".to_owned(), until: None }).unwrap();
    drop(medium);
    forget_all_but_one(&world);
    let medium = opened(&world);
    let held = medium.load(&oldest).unwrap();
    assert_eq!(held.hold(OffsetDateTime::now_utc()).unwrap().reason, "court order");
}

#[test]
fn a_repository_that_cannot_be_opened_hides_no_other() {
    let world = two_chains();
    opened(&world).init("Another CA", 1 << 20).unwrap();
    let sets = Catalogue::load(&opened(&world), None).unwrap().sets().len();
    fs::write(world.folder().join("repository/Another CA/config"), "torn").unwrap();
    let catalogue = Catalogue::load(&opened(&world), None).unwrap();
    assert_eq!((catalogue.sets().len(), catalogue.unreadable.len()), (sets, 1));
    assert!(catalogue.unreadable[0].to_string().contains("Another CA"));
}

#[test]
fn a_clean_repository_has_no_findings() {
    let world = two_chains();
    let report = check(&world, ReadData::All);
    assert_eq!(report.findings, []);
    assert_eq!(report.packs, files(&world, "data").len());
    assert_eq!(report.bytes, stored(&world));
    assert!(report.sets >= 3);
    assert_eq!(opened(&world).repair(&authority().name, true).unwrap().steps, [] as [String; 0]);
}

#[test]
fn a_flipped_byte_is_found_where_data_is_read() {
    let world = two_chains();
    let pack = &files(&world, "data")[0];
    let mut bytes = fs::read(pack).unwrap();
    bytes[100] ^= 0x20;
    fs::write(pack, bytes).unwrap();
    assert_eq!(codes(&check(&world, ReadData::Nothing)), [] as [&str; 0], "data was not read");
    let report = check(&world, ReadData::All);
    assert!(codes(&report).contains(&"packs-damaged"), "{report:?}");
    assert!(codes(&report).contains(&"set-damaged"), "{report:?}");
    assert!(!report.lost.is_empty());
    assert!(hints(&report).contains("full backup"), "{}", hints(&report));
    // Once it was noted, a check that reads no data knows it too, and a repair ends that it counts as stored.
    let medium = opened(&world);
    for set in Catalogue::load(&medium, None).unwrap().sets() {
        if report.lost.iter().any(|lost| lost.set == set.id) {
            let detail = Some("found by a check".to_owned());
            let bad = NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail };
            medium.note(set, bad).unwrap();
        }
    }
    drop(medium);
    assert!(codes(&check(&world, ReadData::Nothing)).contains(&"set-misread"));
    let found =
        (1..=8).filter(|part| codes(&check(&world, ReadData::Part(*part, 8))).contains(&"packs-damaged"));
    assert_eq!(found.count(), 1, "each pack is in one part");
    let repaired = opened(&world).repair(&authority().name, false).unwrap();
    assert_eq!(repaired.steps, ["1 pieces of misread sets are damaged and taken out of the index"]);
    assert_eq!(codes(&repaired.after.unwrap())[0], "set-damaged");
    assert_eq!(
        opened(&world).repair(&authority().name, false).unwrap().steps,
        [] as [&str; 0],
        "nothing is left"
    );
}

#[test]
fn a_missing_pack_is_found_with_the_sets_that_need_it() {
    let world = two_chains();
    fs::remove_file(&files(&world, "data")[0]).unwrap();
    let report = check(&world, ReadData::Nothing);
    assert!(codes(&report).contains(&"packs-missing"), "{report:?}");
    assert!(!report.lost.is_empty(), "{report:?}");
    assert!(hints(&report).contains("full backup"), "{}", hints(&report));
    // The repair says so too, and rewrites no set.
    let snapshots = files(&world, "snapshots").len();
    let repaired = opened(&world).repair(&authority().name, false).unwrap();
    assert_eq!(repaired.steps, ["1 packs that are missing or not whole are taken out of the index"]);
    let after = repaired.after.unwrap();
    assert_eq!(after.lost.len(), report.lost.len());
    assert_eq!(after.worst(), Some(Severity::Error));
    assert_eq!(files(&world, "snapshots").len(), snapshots);
}

#[test]
fn a_sweep_takes_out_of_the_index_what_is_lost_and_nothing_else() {
    let world = two_chains();
    let lost = files(&world, "data").remove(0);
    fs::remove_file(&lost).unwrap();
    let indexes = files(&world, "index");
    let swept = opened(&world).sweep(&authority()).unwrap();
    assert!(swept[0].contains("the store has lost 1 packs"), "{swept:?}");
    let report = check(&world, ReadData::All);
    assert!(!codes(&report).contains(&"packs-missing"), "{report:?}");
    assert!(!report.findings.iter().any(|finding| finding.code == "packs-unindexed"), "{report:?}");
    let kept = files(&world, "index").into_iter().filter(|index| indexes.contains(index)).count();
    assert_eq!(kept, indexes.len() - 1, "one named the lost pack");
    assert_eq!(opened(&world).sweep(&authority()).unwrap(), [] as [&str; 0], "told once");
    let lost = Catalogue::load(&opened(&world), None).unwrap();
    assert!(lost.sets().iter().any(|set| lost.state(set) == SetState::Misread));
}

#[test]
fn a_lost_index_is_found_and_mended() {
    for (lose, code) in [(true, "set-unindexed"), (false, "index-damaged")] {
        let world = two_chains();
        for index in files(&world, "index") {
            if lose { fs::remove_file(index).unwrap() } else { fs::write(index, "torn").unwrap() }
        }
        let report = check(&world, ReadData::Nothing);
        assert!(codes(&report).contains(&code), "{report:?}");
        assert_eq!(report.lost, [], "nothing is lost");
        assert!(hints(&report).contains("csbackup repair"), "{}", hints(&report));
        let planned = opened(&world).repair(&authority().name, true).unwrap();
        assert!(!planned.steps.is_empty() && planned.after.is_none());
        assert_eq!(codes(&check(&world, ReadData::Nothing)), codes(&report), "a dry run does nothing");

        let repaired = opened(&world).repair(&authority().name, false).unwrap();
        assert_eq!(repaired.steps, planned.steps);
        assert_eq!(codes(&repaired.after.unwrap()), [] as [&str; 0]);
        assert_eq!(check(&world, ReadData::All).findings, []);
        assert_whole(&world, report.sets.max(3));
    }
}

#[test]
fn notes_without_their_set_are_found_and_removed() {
    let world = two_chains();
    let mut orphaned = 0;
    for snapshot in files(&world, "snapshots") {
        let Ok(bytes) = fs::read(&snapshot) else { continue };
        fs::remove_file(&snapshot).unwrap();
        // Without the one that says whose repository it is nobody opens it.
        if opened(&world).ca_names().is_ok() {
            let is_orphaned =
                |report: &CheckReport| report.findings.iter().any(|finding| finding.code == "notes-orphaned");
            if is_orphaned(&check(&world, ReadData::Nothing)) {
                orphaned += 1;
                let repaired = opened(&world).repair(&authority().name, false).unwrap();
                assert!(repaired.steps.iter().any(|text| text.contains("notes of sets")), "{repaired:?}");
                assert!(!is_orphaned(&repaired.after.unwrap()));
            }
        }
        fs::write(&snapshot, bytes).unwrap();
    }
    let sets = Catalogue::load(&opened(&world), None).unwrap().sets().len();
    assert_eq!(orphaned, sets);
}

#[test]
fn a_damaged_snapshot_hides_no_other_and_its_set_is_found_again() {
    let world = two_chains();
    let sets = |world: &World| -> Vec<_> {
        let catalogue = Catalogue::load(&opened(world), None).unwrap();
        catalogue.sets().iter().map(|set| (set.id.clone(), catalogue.state(set))).collect()
    };
    let before = sets(&world);
    for number in 0..files(&world, "snapshots").len() {
        let world = world.copy();
        let snapshot = &files(&world, "snapshots")[number];
        let bytes = fs::read(snapshot).unwrap();
        fs::write(snapshot, &bytes[..bytes.len() - 1]).unwrap();
        let catalogue = Catalogue::load(&opened(&world), None).unwrap();
        assert_eq!(catalogue.unreadable.len(), 1);
        assert!(catalogue.unreadable[0].to_string().contains("csbackup repair"));
        assert!(catalogue.sets().len() >= before.len() - 1);
        assert!(codes(&check(&world, ReadData::Nothing)).contains(&"snapshot-unreadable"));
        let planned = opened(&world).repair(&authority().name, true).unwrap();
        assert!(snapshot.exists());
        let repaired = opened(&world).repair(&authority().name, false).unwrap();
        assert_eq!(repaired.steps, planned.steps);
        assert_eq!(codes(&repaired.after.unwrap()), [] as [&str; 0]);
        assert!(!snapshot.exists());
        let ids =
            |sets: &[(csbackup::SetId, SetState)]| sets.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&sets(&world)), ids(&before), "no set is lost: {:?}", planned.steps);
        assert_eq!(opened(&world).repair(&authority().name, true).unwrap().steps, [] as [&str; 0]);
    }
}

#[test]
fn what_is_lost_is_doubted_where_nothing_can_be_removed() {
    let world = two_chains();
    let lost = files(&world, "data").remove(0);
    fs::remove_file(&lost).unwrap();
    let index = files(&world, "index");
    let location = Location::Local(world.folder().join("repository"));
    let wrap = Some(Wrap::new(|inner| Arc::new(KeepsAll(inner))));
    let options = StoreOptions { wrap, ..StoreOptions::default() };
    for _ in 0..3 {
        let keeping = Repositories::new(location.clone(), options.clone(), Password::new("quite secret"));
        let told = keeping.sweep(&authority()).unwrap();
        assert!(told.iter().any(|text| text.contains("csbackup repair")), "{told:?}");
    }
    assert!(index.iter().all(|file| file.exists()));
    assert_eq!(files(&world, "index").len(), index.len() + 1, "the same is not written again");
    let catalogue = Catalogue::load(&opened(&world), None).unwrap();
    assert!(catalogue.sets().iter().any(|set| catalogue.state(set) == SetState::Misread));
}

/// A store that lets nothing go.
#[derive(Debug)]
struct KeepsAll(Arc<dyn WriteBackend>);

impl ReadBackend for KeepsAll {
    fn location(&self) -> String {
        self.0.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.0.list_with_size(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.0.read_full(kind, id)
    }

    fn read_partial(&self, kind: FileType, id: &Id, keep: bool, at: u32, length: u32) -> RusticResult<Bytes> {
        self.0.read_partial(kind, id, keep, at, length)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.0.warmup_path(kind, id)
    }
}

impl WriteBackend for KeepsAll {
    fn write_bytes(&self, kind: FileType, id: &Id, keep: bool, content: BytesList) -> RusticResult<()> {
        self.0.write_bytes(kind, id, keep, content)
    }

    fn remove(&self, _: FileType, _: &Id, _: bool) -> RusticResult<()> {
        Err(StoreError::new(StoreTrouble::ReadOnly, "nothing is removed here").boxed())
    }
}
