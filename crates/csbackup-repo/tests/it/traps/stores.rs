//! Traps that lie in stores, and in what is read from them.

use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use csbackup::{Catalogue, Error, Medium, SetPath};
use csbackup_repo::{Location, ReadBackend};
use rustic_backend::{BackendOptions, LocalBackend};
use rustic_core::{FileType, LocalDestination, LsOptions, RestoreOptions};
use testkit::ca::plain_life;
use testkit::world::World;

use super::raw::{Memory, archive, file, fixed, noise};
use super::{full, reopen};
use crate::place::{folder, place, reads_back};

#[test]
fn trap_7_restore_panics_on_a_damaged_pack_and_dump_fails() {
    let store = Arc::new(Memory::default());
    let options = rustic_core::BackupOptions::default();
    let saved = archive(fixed(store.clone()), &options, [file("a", noise(200_000))]).unwrap();
    let repo = reopen(store.clone()).to_indexed().unwrap();
    let node = repo.node_from_path(saved.tree, "a".as_ref()).unwrap();
    let target = tempfile::tempdir().unwrap();
    let target = target.path().join("out");
    let destination = LocalDestination::new(target.to_str().unwrap(), true, false).unwrap();
    let restore = RestoreOptions::default();
    let files = repo.ls(&node, &LsOptions::default()).unwrap();
    let plan = repo.prepare_restore(&restore, files.clone(), &destination, false).unwrap();
    store.damage_packs();
    let restored = catch_unwind(AssertUnwindSafe(|| repo.restore(plan, &restore, files, &destination)));
    assert!(restored.is_err(), "the library no longer panics in `restore`: think over reader.rs");
    let dumped = catch_unwind(AssertUnwindSafe(|| repo.dump(&node, &mut Vec::new())));
    let dumped = dumped.expect("the library now panics in `dump`, by which we restore");
    assert!(dumped.is_err(), "the library no longer notices damage: nothing that was read back is proven");
}

#[test]
fn trap_7_our_reader_returns_an_error_on_a_damaged_pack() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    full(&world, &medium);
    let catalogue = Catalogue::load(&medium, None).unwrap();
    let set = &catalogue.sets()[0];
    let largest = set.manifest.files.iter().max_by_key(|file| file.size).unwrap();
    let fresh = place(&world);
    damage_largest_pack(&folder(&world).join("data"));
    let path = SetPath::parse(&largest.path).unwrap();
    let mut bytes = Vec::new();
    let read = fresh.open(set, &path).and_then(|mut file| {
        file.read_to_end(&mut bytes).map_err(|source| Error::Io {
            doing: "read",
            path: PathBuf::new(),
            source,
        })
    });
    assert!(read.is_err() && (bytes.len() as u64) < largest.size);
    let mut page = vec![0; 4096];
    assert!(fresh.source(set, &path).unwrap().read_at(0, &mut page).is_err());
    reads_back(&fresh, set).unwrap_err();
}

fn damage_largest_pack(data: &std::path::Path) {
    let packs = testkit::world::tree(data);
    let (path, mut content) = packs.into_iter().max_by_key(|(_, content)| content.len()).unwrap();
    content.iter_mut().step_by(16).for_each(|byte| *byte ^= 1);
    fs::write(path, content).unwrap();
}

#[test]
fn trap_9_a_list_that_fails_is_short_and_no_error() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalBackend::new(root.path().to_str().unwrap(), []).unwrap();
    fs::write(root.path().join("snapshots"), "not a folder").unwrap();
    let listed = store.list_with_size(FileType::Snapshot);
    assert!(
        listed.is_ok_and(|files| files.is_empty()),
        "the library's own store now returns list errors: `LocalStore` may go"
    );
}

#[test]
fn trap_9_our_store_returns_the_error() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    full(&world, &medium);
    let snapshots = folder(&world).join("snapshots");
    fs::rename(&snapshots, snapshots.with_extension("away")).unwrap();
    fs::write(&snapshots, "not a folder").unwrap();
    let listed = medium.sets(Some(world.ca.authority()));
    assert!(matches!(listed, Err(Error::Store { .. })), "{:?}", listed.map(|sets| sets.len()));
}

#[test]
fn trap_10_a_drive_letter_is_taken_for_a_scheme() {
    let options = |location: &str| BackendOptions::default().repository(location).to_backends();
    assert!(options("D:/repo").is_err(), "the library now understands `D:/repo`");
}

#[test]
fn trap_10_our_locations_know_drives() {
    for text in [r"D:\repo", "D:/repo", r"\\server\share\repo"] {
        assert_eq!(Location::from_str(text).ok(), Some(Location::Local(PathBuf::from(text))));
    }
}
