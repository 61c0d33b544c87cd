//! A set goes in and comes out.

use std::fs;
use std::path::Path;

use csbackup::manifest::Kind;
use csbackup::{
    BackupOptions, Catalogue, Medium as _, NoteBody, Quiet, ReadExtent, Requested, SetState,
    TruncationOutcome, VerifyLevel, verify_set,
};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use testkit::ca::plain_life;
use testkit::world::World;

fn reopened(world: &World) -> Repositories {
    let location = Location::Local(world.folder().join("repository"));
    Repositories::new(location, StoreOptions::default(), Password::new("quite secret"))
}

fn repository(world: &World) -> Repositories {
    let medium = reopened(world);
    medium.init(&world.ca.authority().name, 1 << 20).unwrap();
    medium
}

#[test]
fn a_chain_is_proven_set_by_set_and_truncates() {
    let mut world = World::new(&plain_life());
    let medium = repository(&world);
    for kind in [Requested::Full, Requested::Auto, Requested::Auto] {
        let options = BackupOptions { kind, ..BackupOptions::default() };
        let outcome = world.run_on(&mut world.ca.connect(), &medium, &options).unwrap();
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        world.ca.advance().ok();
    }
    let catalogue = Catalogue::load(&medium, None).unwrap();
    assert_eq!(catalogue.sets().len(), 3);
    assert!(catalogue.sets().iter().all(|set| catalogue.state(set) == SetState::Good));
    world.reopen();
}

/// All packs of a repository.
fn packs(world: &World) -> Vec<std::path::PathBuf> {
    let data = world.folder().join("repository/Corp Issuing CA/data");
    let files = |folder: std::path::PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files(data).flat_map(files).collect()
}

#[test]
fn what_the_store_lost_is_stored_again_by_the_next_run() {
    let world = World::new(&plain_life());
    let medium = repository(&world);
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    let largest = packs(&world).into_iter().max_by_key(|pack| pack.metadata().unwrap().len()).unwrap();
    fs::remove_file(largest).unwrap();

    let medium = reopened(&world);
    let outcome = world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    assert_eq!(outcome.sets[0].manifest.kind, Kind::Full, "nothing continues what is lost");
    assert_eq!(outcome.sets[0].proven(), Some(true));
    let catalogue = Catalogue::load(&medium, None).unwrap();
    let report = verify_set(&medium, &catalogue, &outcome.sets[0], VerifyLevel::Stream, &Quiet).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(catalogue.state(&catalogue.sets()[0]), SetState::Misread, "until it is read whole again");
}

fn states(medium: &Repositories) -> Vec<SetState> {
    let catalogue = Catalogue::load(medium, None).unwrap();
    catalogue.sets().iter().map(|set| catalogue.state(set)).collect()
}

/// Notes the first set as a verification does that finds damage.
fn found_damaged(world: &World) {
    let first = Catalogue::load(&reopened(world), None).unwrap().sets()[0].clone();
    let detail = Some("damaged".to_owned());
    let bad = NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail };
    reopened(world).note(&first, bad).unwrap();
}

fn turn_a_byte(pack: &Path) {
    let mut bytes = fs::read(pack).unwrap();
    bytes[40] ^= 1;
    fs::write(pack, bytes).unwrap();
}

#[test]
fn what_the_store_damaged_is_stored_again_by_the_next_run() {
    let world = World::new(&plain_life());
    let medium = repository(&world);
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    turn_a_byte(&packs(&world).into_iter().max_by_key(|pack| pack.metadata().unwrap().len()).unwrap());
    found_damaged(&world);
    let medium = reopened(&world);
    let outcome = world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    assert!(world.seen.warned("are damaged"), "{:?}", world.seen.all().warnings);
    assert_eq!(outcome.sets[0].manifest.kind, Kind::Full);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(states(&reopened(&world)), [SetState::Misread, SetState::Good]);
    let told = reopened(&world).sweep(world.ca.authority()).unwrap();
    assert!(told[0].contains("is whole again"), "{told:?}");
    assert_eq!(states(&reopened(&world)), [SetState::Good, SetState::Good]);
    assert_eq!(reopened(&world).sweep(world.ca.authority()).unwrap(), [] as [&str; 0], "told once");
}

#[test]
fn damaged_trees_hide_damaged_files_for_one_run_that_fails() {
    let world = World::new(&plain_life());
    let medium = repository(&world);
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    packs(&world).iter().for_each(|pack| turn_a_byte(pack));
    found_damaged(&world);
    let before = world.generations();
    let run = || world.run_on(&mut world.ca.connect(), &reopened(&world), &BackupOptions::default());
    run().unwrap_err();
    assert_eq!(world.generations(), before, "nothing is truncated");
    assert_eq!(run().unwrap().truncation.outcome, TruncationOutcome::Done);
    assert_eq!(states(&reopened(&world)), [SetState::Misread, SetState::Misread, SetState::Good]);
}

#[test]
fn a_misread_set_that_is_whole_again_is_good_again() {
    let world = World::new(&plain_life());
    let medium = repository(&world);
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    found_damaged(&world);
    assert_eq!(states(&reopened(&world)), [SetState::Misread]);
    let told = reopened(&world).sweep(world.ca.authority()).unwrap();
    assert!(told[0].contains("is whole again"), "{told:?}");
    assert_eq!(states(&reopened(&world)), [SetState::Good]);
}
