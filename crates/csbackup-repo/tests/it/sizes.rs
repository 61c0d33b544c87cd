//! What sets cost: bytes in the store, and openings of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use csbackup::{BackupOptions, Medium, Requested, VerifyLevel};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use testkit::ca::plain_life;
use testkit::mix::Mixed;
use testkit::world::World;

fn repository(world: &World) -> (Repositories, PathBuf) {
    let folder = world.folder().join("repository");
    let location = Location::Local(folder.clone());
    let medium = Repositories::new(location, StoreOptions::default(), Password::new("quite secret"));
    medium.init(&world.ca.authority().name, 1 << 20).unwrap();
    (medium, folder)
}

fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let size = |entry: fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() { size_of(&entry.path()) } else { metadata.len() }
    };
    entries.map(size).sum()
}

#[test]
fn a_full_set_after_one_percent_of_changes_costs_a_quarter_of_the_first_at_most() {
    let mixed = Mixed::new(32 << 20, 100, 1);
    let mut world = World::with_ca(|dir| mixed.create(dir).unwrap());
    let (medium, folder) = repository(&world);
    let options = BackupOptions {
        kind: Requested::Full,
        keep_logs: true,
        // There are no trees in the pages.
        verify: VerifyLevel::Stream,
        ..BackupOptions::default()
    };
    let mut sizes = vec![size_of(&folder)];
    for state in 1..=2 {
        let outcome = world.run_on(&mut world.ca.connect(), &medium, &options).unwrap();
        assert_eq!(outcome.sets[0].manifest.all_findings().count(), 0, "state {state}");
        sizes.push(size_of(&folder));
        world.ca.advance().unwrap();
    }
    let [first, second] = [sizes[1] - sizes[0], sizes[2] - sizes[1]];
    assert!(second * 4 <= first, "the second set added {second} bytes, the first {first}");
}

#[test]
fn the_password_is_needed_once_in_the_life_of_a_run() {
    let world = World::new(&plain_life());
    let (medium, folder) = repository(&world);
    assert_eq!(medium.sets(Some(world.ca.authority())).unwrap().len(), 0);
    // A derivation of the key needs a key file, and 128 MiB of memory.
    let keys = folder.join("Corp Issuing CA/keys");
    assert_eq!(fs::read_dir(&keys).unwrap().count(), 1);
    fs::remove_dir_all(&keys).unwrap();
    let outcome = world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    assert_eq!(medium.load(&outcome.sets[0]).unwrap().proven(), Some(true));
}
