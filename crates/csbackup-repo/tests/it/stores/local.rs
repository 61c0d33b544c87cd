//! A folder that is read-only, full, gone, or was left in the middle.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use csbackup::{Medium, Requested, StoreTrouble};
use testkit::world::{World, tree};

use super::{contents, good, options, repository, run, trouble};

fn folder(world: &World) -> PathBuf {
    world.folder().join("repository")
}

fn location(world: &World) -> String {
    folder(world).display().to_string()
}

/// Every folder below this one, itself included.
fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let below: Vec<PathBuf> = entries.filter(|path| path.is_dir()).flat_map(|path| folders(&path)).collect();
    [vec![root.to_owned()], below].concat()
}

#[test]
fn what_a_dead_writer_left_is_swept_and_what_a_live_one_holds_is_not() {
    let world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, &location(&world), options());
    let set = good(&world, &medium, Requested::Full);
    let before = contents(&medium, &set);
    let data = folders(&folder(&world)).into_iter().find(|path| path.ends_with("snapshots")).unwrap();
    let [dead, live, new] = ["dead.tmp", "live.tmp", "new.tmp"].map(|name| data.join(name));
    let old = SystemTime::now() - Duration::from_hours(2);
    fs::File::create(&dead).unwrap().set_modified(old).unwrap();
    let held = fs::File::create(&live).unwrap();
    held.set_modified(old).unwrap();
    held.lock().unwrap();
    fs::write(&new, b"half").unwrap();
    medium.sweep(world.ca.authority()).unwrap();
    assert!(!dead.exists() && live.exists() && new.exists());
    drop(held);
    assert_eq!(contents(&medium, &set), before);
}

#[test]
fn a_repository_whose_disk_is_gone_is_not_made_anew() {
    let world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, &location(&world), options());
    let ca = fs::read_dir(folder(&world)).unwrap().next().unwrap().unwrap().path();
    medium.lock(world.ca.authority()).unwrap();
    fs::rename(&ca, world.folder().join("unmounted")).unwrap();
    assert!(run(&world, &medium, Requested::Full).is_err());
    assert!(!ca.join("data").exists() && !ca.join("snapshots").exists());
    let fresh = super::medium(&location(&world), options());
    assert_eq!(trouble(fresh.sets(Some(world.ca.authority()))).0, StoreTrouble::Missing);
}

#[test]
fn a_pack_that_was_cut_is_no_good_set() {
    let world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, &location(&world), options());
    let set = good(&world, &medium, Requested::Full);
    let packs =
        tree(&folder(&world)).into_iter().filter(|(path, _)| path.to_string_lossy().contains("/data/"));
    let (largest, bytes) = packs.max_by_key(|(_, bytes)| bytes.len()).unwrap();
    fs::write(&largest, bytes.get(..bytes.len() / 2).unwrap()).unwrap();
    let fresh = super::medium(&location(&world), options());
    let file = set.manifest.files.iter().max_by_key(|file| file.size).unwrap();
    let read = fresh.open(&set, &file.set_path().unwrap());
    assert!(read.is_err() || std::io::copy(&mut read.unwrap(), &mut std::io::sink()).is_err());
}
