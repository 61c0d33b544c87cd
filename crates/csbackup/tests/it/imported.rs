//! Folders that other programs wrote, beside our own chain: kept, but nothing that looks back or goes
//! on changing becomes `latest` or a base.

use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use certadm::BackupType::{Full, Incremental};
use csbackup::manifest::Kind;
use csbackup::{
    Error, Folder, ImportOptions, Quiet, Requested, SetState, StoredSet, TruncationOutcome, import, plan,
};
use testkit::ca::{Moment, authority, plain_life};
use testkit::synthetic::{Backup, History, log_name};
use testkit::world::World;

use crate::chains::after_full;

/// Takes a folder in as one of the CA of all invented lives.
fn take_in(world: &World, folder: &str, host: Option<&str>) -> StoredSet {
    let folder = Folder::open(&world.folder().join(folder)).unwrap();
    let options = ImportOptions { ca_name: Some(authority().name), host: host.map(str::to_owned) };
    import(&folder, &world.medium, &options, &Quiet).unwrap()
}

/// A full backup that another program took.
fn import_full(world: &World, moment: &Moment) -> StoredSet {
    moment.write(&world.folder().join("foreign-full"));
    take_in(world, "foreign-full", Some(&authority().host))
}

fn write_logs(world: &World, name: &str, history: &History, logs: RangeInclusive<u32>) -> PathBuf {
    let folder = world.folder().join(name);
    fs::create_dir_all(&folder).unwrap();
    logs.for_each(|log| fs::write(folder.join(log_name(log)), history.log(log)).unwrap());
    folder
}

/// A copy of a live CA's folder: a database that is no stream, and a current log.
fn import_live(world: &World, logs: RangeInclusive<u32>) -> StoredSet {
    let (history, high) = (History::default(), *logs.end());
    let mut database = history.database(&Backup::new(*logs.start(), high));
    let page = history.page_size as usize;
    database.truncate(database.len() - page);
    for header in database[..2 * page].chunks_exact_mut(page) {
        header[184..208].fill(0);
        let sum = ese::xor32(header);
        header[..4].copy_from_slice(&sum.to_le_bytes());
    }
    let folder = write_logs(world, "live", &history, logs);
    fs::write(folder.join("ca.edb"), database).unwrap();
    fs::write(folder.join("edb.log"), history.log(high + 1)).unwrap();
    let set = take_in(world, "live", Some(&authority().host));
    let facts = set.manifest.files.iter().find_map(|file| file.database()).unwrap();
    assert_eq!((facts.backup, set.manifest.kind), (None, Kind::Full));
    set
}

/// What the next run does is what it would do without the import.
fn our_chain_goes_on(world: &World, imported: &StoredSet, ours: &StoredSet) {
    let catalogue = world.catalogue();
    assert_eq!(catalogue.state(imported), SetState::Good, "it is worth keeping");
    assert!(catalogue.is_historic(imported));
    assert!(!catalogue.is_historic(ours));
    assert_eq!(catalogue.find("latest").unwrap().id, ours.id);
    assert_eq!(catalogue.find(imported.id.as_str()).unwrap().id, imported.id, "it can be named");
    world.seen.clear();
    let outcome = world.good(Requested::Auto);
    assert_eq!(world.seen.plans(), [(Incremental, format!("continues {}", ours.id))]);
    assert_eq!(outcome.sets[0].manifest.base, Some(ours.id.clone()));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.catalogue().find("latest").unwrap().id, outcome.sets[0].id);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn an_imported_set_of_another_log_stream_neither_becomes_latest_nor_interrupts_our_chain() {
    let world = after_full();
    let ours = world.newest();
    let imported = import_full(&world, &Moment::new(1, 1, 40).of(&History::new(2)));
    our_chain_goes_on(&world, &imported, &ours);
}

#[test]
fn an_imported_set_older_than_our_chain_neither_becomes_latest_nor_interrupts_it() {
    let world = after_full();
    let ours = world.newest();
    let imported = import_full(&world, &Moment::new(1, 1, 5));
    our_chain_goes_on(&world, &imported, &ours);
}

#[test]
fn an_imported_increment_of_a_historic_set_is_historic_too() {
    let world = World::new(&plain_life());
    let other = History::new(2);
    // Here the imports come first, and so they are all there is: nothing looks back.
    let full = import_full(&world, &Moment::new(1, 1, 4).of(&other));
    assert!(!world.catalogue().is_historic(&full));
    let ours = world.good(Requested::Full).sets.remove(0);
    write_logs(&world, "increment", &other, 5..=6);
    let increment = take_in(&world, "increment", Some(&authority().host));
    let catalogue = world.catalogue();
    assert!(catalogue.is_historic(&increment), "it continues {:?}", increment.manifest.base);
    assert_eq!(catalogue.find("latest").unwrap().id, ours.id);
}

#[test]
fn a_full_after_an_import_still_finds_the_gap_against_our_chain() {
    for moment in [Moment::new(1, 1, 40).of(&History::new(2)), Moment::new(1, 1, 5)] {
        let mut world = after_full();
        world.advance();
        let ours = world.newest();
        import_full(&world, &moment);
        let outcome = world.good(Requested::Full);
        assert_eq!(outcome.sets[0].manifest.log_gap, Some([7, 7]), "{moment:?}");
        assert_eq!(outcome.sets[1].manifest.base, Some(ours.id), "the gap was closed in our chain");
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        assert_eq!(world.lost(), [] as [u32; 0]);
    }
}

#[test]
fn an_imported_increment_that_continues_our_head_is_continued() {
    // With the CA's host, and from a folder that does not tell it.
    for host in [Some("ca01.corp.example"), None] {
        let world = after_full();
        let full = world.newest();
        write_logs(&world, "increment", &History::default(), 7..=8);
        let imported = take_in(&world, "increment", host);
        assert_eq!(imported.manifest.base, Some(full.id), "{host:?}");
        let catalogue = world.catalogue();
        assert!(!catalogue.is_historic(&imported), "{host:?}");
        assert_eq!(catalogue.find("latest").unwrap().id, imported.id, "{host:?}");
        let outcome = world.good(Requested::Auto);
        assert_eq!(outcome.sets[0].manifest.base, Some(imported.id), "{host:?}");
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "{host:?}");
        assert_eq!(world.errors(), [] as [String; 0], "{host:?}");
    }
}

#[test]
fn increments_imported_one_after_the_other_without_a_host_are_one_chain() {
    let world = after_full();
    let mut base = world.newest();
    for (name, logs) in [("first", 7..=7), ("second", 8..=8)] {
        write_logs(&world, name, &History::default(), logs);
        let imported = take_in(&world, name, None);
        assert_eq!(imported.manifest.base, Some(base.id), "{name}");
        base = imported;
    }
}

#[test]
fn a_copy_of_a_live_folder_is_never_a_base() {
    let world = World::new(&plain_life());
    let live = import_live(&world, 1..=5);
    let catalogue = world.catalogue();
    assert_eq!(catalogue.state(&live), SetState::Good, "{:?}", live.manifest.findings);
    assert_eq!(plan(&catalogue, &authority(), Requested::Auto).unwrap().kind, Full);
    let error = plan(&catalogue, &authority(), Requested::Incremental).unwrap_err();
    assert!(matches!(error, Error::NoBase { .. }), "{error:?}");

    write_logs(&world, "increment", &History::default(), 6..=6);
    let increment = take_in(&world, "increment", Some(&authority().host));
    assert_eq!(increment.manifest.base, None);
}

#[test]
fn a_copy_of_a_live_folder_does_not_come_between_our_sets() {
    let mut world = after_full();
    let ours = world.newest();
    import_live(&world, 1..=8);
    let outcome = world.good(Requested::Auto);
    let increment = outcome.sets[0].clone();
    assert_eq!(increment.manifest.base, Some(ours.id));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    world.advance();
    assert_eq!(world.good(Requested::Auto).sets[0].manifest.base, Some(increment.id));
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn logs_copied_with_a_current_log_are_never_continued() {
    let mut world = after_full();
    let last = world.sets()[0].manifest.generations().unwrap().1;
    let history = History::default();
    let folder = write_logs(&world, "live-logs", &history, last + 1..=last + 2);
    fs::write(folder.join("edb.log"), history.log(last + 3)).unwrap();
    let imported = take_in(&world, "live-logs", Some(&authority().host));
    assert_eq!(imported.manifest.base, None, "the current log goes on changing on the CA");
    assert!(matches!(world.catalogue().state(&imported), SetState::Orphan(_)));
    world.advance();
    let outcome = world.good(Requested::Auto);
    let newest = outcome.sets.last().unwrap();
    let restored = world.catalogue().chain(newest).unwrap().iter().any(|set| set.id == imported.id);
    assert!(!restored, "no chain needs it");
    assert_eq!(world.errors(), [] as [String; 0]);
}
