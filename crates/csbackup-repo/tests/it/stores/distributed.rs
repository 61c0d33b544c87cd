//! A real distributed store: SeaweedFS with two copies of everything on three volume servers.

use std::io::Read as _;
use std::sync::Mutex;

use csbackup::{
    BackupOptions, Catalogue, Medium as _, Observer, Requested, SetState, Step, TruncationOutcome, backup,
};
use testkit::stores::Weed;
use testkit::world::World;

use super::{a_chain_is_stored_and_comes_back_whole, contents, errors, good, options, repository};

/// Kills a volume server when all databases are stored.
struct Killer(Mutex<Weed>);

impl Observer for Killer {
    fn step(&self, step: &Step) {
        if matches!(step, Step::DatabasesStored) {
            self.0.lock().unwrap().kill_volume(1);
        }
    }
}

#[test]
fn a_chain_on_a_distributed_store_comes_back_whole() {
    let Some(weed) = Weed::start() else { return };
    a_chain_is_stored_and_comes_back_whole(&weed.location("repositories"), options());
}

#[test]
fn a_node_that_dies_during_a_backup_leaves_a_proven_set_or_none() {
    let Some(weed) = Weed::start() else { return };
    let mut world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, &weed.location("repositories"), options());
    let killer = Killer(Mutex::new(weed));
    let before = world.generations();
    let result = backup(&mut world.ca.connect(), &medium, &world.files(), &BackupOptions::default(), &killer);
    let catalogue = Catalogue::load(&medium, Some(world.ca.authority())).unwrap();
    let proven = catalogue
        .sets()
        .iter()
        .any(|set| catalogue.state(set) == SetState::Good && errors(&medium, set).is_empty());
    match result {
        Ok(outcome) => assert_eq!(proven, outcome.truncation.outcome == TruncationOutcome::Done),
        Err(_) => assert_eq!(world.generations(), before),
    }
    assert!(proven || world.generations() == before);
    world.advance();
    good(&world, &medium, Requested::Full);
}

#[test]
fn a_node_that_dies_during_a_restore_is_not_missed() {
    let Some(mut weed) = Weed::start() else { return };
    let world = World::new(&testkit::ca::plain_life());
    let location = weed.location("repositories");
    let set = good(&world, &repository(&world, &location, options()), Requested::Full);
    let before = contents(&super::medium(&location, options()), &set);
    let medium = super::medium(&location, options());
    let largest = set.manifest.files.iter().max_by_key(|file| file.size).unwrap();
    let mut reader = medium.open(&set, &largest.set_path().unwrap()).unwrap();
    let mut restored = vec![0; 1];
    reader.read_exact(&mut restored).unwrap();
    weed.kill_volume(1);
    reader.read_to_end(&mut restored).unwrap();
    assert!(before.get(&largest.path) == Some(&restored));
    assert_eq!(contents(&medium, &set), before);
    assert_eq!(errors(&medium, &set), Vec::<String>::new());
}
