//! restic (Debian's) as the judge of our repositories, and at work beside us.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use csbackup::manifest::Severity;
use csbackup::{
    BackupOptions, Catalogue, Error, Folder, ImportOptions, Medium, Quiet, SetPath, StoreTrouble, StoredSet,
    VerifyLevel, import, verify_folder,
};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use serde_json::Value;
use testkit::ca::{authority, plain_life};
use testkit::restic::Restic;
use testkit::world::{World, names, tree};

use crate::lock::{At, midway};
use crate::place::{PASSWORD, folder, opened, place, reads_back};

fn judge(world: &World) -> Option<Restic> {
    Restic::on(&folder(world), PASSWORD)
}

/// A full set and two increments.
fn chain() -> (World, Repositories) {
    let mut world = World::new(&plain_life());
    let medium = place(&world);
    for number in 0..3 {
        if number > 0 {
            world.advance();
        }
        world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    }
    (world, medium)
}

fn sets(medium: &dyn Medium) -> Vec<StoredSet> {
    Catalogue::load(medium, None).unwrap().sets().to_vec()
}

/// The snapshot of a set, by restic's list.
fn snapshot(restic: &Restic, set: &StoredSet) -> String {
    let listed: Value =
        serde_json::from_str(&restic.succeeds(&["snapshots", "--json", "--tag", &format!("set:{}", set.id)]))
            .unwrap();
    listed[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn restic_lists_exactly_our_sets() {
    let (world, medium) = chain();
    let Some(restic) = judge(&world) else { return };
    let listed: Vec<Value> =
        serde_json::from_str(&restic.succeeds(&["snapshots", "--json", "--tag", "adcs"])).unwrap();
    let mut kinds = Vec::new();
    for set in sets(&medium) {
        let tag = Value::from(format!("set:{}", set.id));
        let found: Vec<_> =
            listed.iter().filter(|listed| listed["tags"].as_array().unwrap().contains(&tag)).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["hostname"], authority().host);
        let tags = found[0]["tags"].as_array().unwrap();
        kinds.push(["full", "incr"].map(|kind| tags.contains(&Value::from(kind))));
    }
    assert_eq!(listed.len(), 3);
    assert_eq!(kinds, [[true, false], [false, true], [false, true]]);
}

#[test]
fn restic_checks_every_byte_and_finds_nothing() {
    let (world, _medium) = chain();
    let Some(restic) = judge(&world) else { return };
    let said = restic.succeeds(&["check", "--read-data"]);
    assert!(said.contains("no errors were found"), "{said}");
}

#[test]
fn what_restic_restores_is_what_was_backed_up() {
    let (world, medium) = chain();
    let Some(restic) = judge(&world) else { return };
    for (number, set) in sets(&medium).iter().enumerate() {
        let target = world.folder().join(format!("restored-{number}"));
        restic.succeeds(&["restore", &snapshot(&restic, set), "--target", target.to_str().unwrap()]);
        let mut restored: BTreeMap<_, _> = tree(&target).into_iter().collect();
        for file in &set.manifest.files {
            let mut ours = Vec::new();
            let path = SetPath::parse(&file.path).unwrap();
            medium.open(set, &path).unwrap().read_to_end(&mut ours).unwrap();
            assert_eq!(restored.remove(&path.below(&target)), Some(ours), "{}", file.path);
        }
        assert_eq!(restored.into_keys().collect::<Vec<_>>(), [target.join("manifest.json")]);
        if number == 0 {
            let database = tree(&target).into_iter().find(|(path, _)| path.extension().unwrap() == "edb");
            assert!(database.unwrap().1 == plain_life()[0].database(), "the database is not the CA's");
        }
    }
}

#[test]
fn a_folder_that_restic_restored_is_verified_and_imported() {
    let (world, medium) = chain();
    let Some(restic) = judge(&world) else { return };
    let target = world.folder().join("restored");
    let set = &sets(&medium)[0];
    restic.succeeds(&["restore", &snapshot(&restic, set), "--target", target.to_str().unwrap()]);
    let folder = Folder::open(&target).unwrap();
    let report = verify_folder(&folder, VerifyLevel::Stream, &Quiet).unwrap();
    assert_ne!(report.worst(), Some(Severity::Error));
    let imported = import(&folder, &world.medium, &ImportOptions::default(), &Quiet).unwrap();
    reads_back(&world.medium, &imported).unwrap();
    let databases = |set: &StoredSet| {
        let files = set.manifest.files.iter().filter(|file| file.path.starts_with("DataBase/"));
        files.map(|file| (file.path.clone(), file.blake3.clone())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(databases(&imported), databases(set));
}

#[test]
fn a_key_that_restic_adds_opens_for_us() {
    let (world, medium) = chain();
    let Some(restic) = judge(&world) else { return };
    let file = world.folder().join("new-password");
    fs::write(&file, "another one\n").unwrap();
    restic.succeeds(&["key", "add", "--new-password-file", file.to_str().unwrap()]);
    let location = Location::Local(world.folder().join("repository"));
    let other = Repositories::new(location, StoreOptions::default(), Password::new("another one"));
    assert_eq!(sets(&other), sets(&medium));
}

#[test]
fn restics_pruning_beside_our_run_is_refused_and_its_backup_is_not() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    let Some(restic) = judge(&world) else { return };
    let beside = At::new(midway, || {
        for refused in [&["prune"][..], &["forget", "--prune", "--keep-last", "1"], &["check"]] {
            let said = restic.fails(refused);
            assert!(said.contains("locked"), "{refused:?}: {said}");
            assert!(said.contains(&format!("PID {}", std::process::id())), "{refused:?}: {said}");
        }
        // Asks whether we live by a signal that would end us, if it took our lock for one of its own host.
        restic.succeeds(&["unlock"]);
        restic.succeeds(&["backup", "--quiet", world.ca.path().to_str().unwrap()]);
    });
    world.run_observed(&mut world.ca.connect(), &medium, &BackupOptions::default(), &beside).unwrap();
    assert!(beside.happened());
    let fresh = opened(&world);
    reads_back(&fresh, &sets(&fresh)[0]).unwrap();
    assert_eq!(sets(&fresh)[0].proven(), Some(true));
    drop((medium, fresh));
    restic.succeeds(&["check", "--read-data"]);
    restic.succeeds(&["prune"]);
    let fresh = opened(&world);
    reads_back(&fresh, &sets(&fresh)[0]).unwrap();
}

#[test]
fn an_exclusive_lock_of_restic_stands_against_our_run_until_restic_is_dead() {
    let (world, medium) = chain();
    let Some(restic) = judge(&world) else { return };
    drop(medium);
    // So slow that it does not end by itself.
    let mut check = restic.start(&["check", "--read-data", "--limit-download", "1"]);
    let locks = folder(&world).join("locks");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !names(&locks).iter().any(|name| name.len() == 64) {
        assert!(Instant::now() < deadline && check.try_wait().unwrap().is_none(), "restic takes no lock");
        std::thread::sleep(Duration::from_millis(20));
    }
    let medium = opened(&world);
    let refused = world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default());
    check.kill().unwrap();
    check.wait().unwrap();
    let Err(Error::Store { trouble: StoreTrouble::Locked, reason, .. }) = refused else {
        panic!("it ran beside an exclusive lock: {refused:?}");
    };
    assert!(reason.contains(&format!("restic (process {}", check.id())), "{reason}");
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    assert!(world.seen.warned("lock of restic"), "nobody told that the dead one's lock was removed");
    drop(medium);
    assert_eq!(names(&locks), Vec::<String>::new());
}

#[test]
fn trap_5_without_a_lock_restics_pruning_destroys_what_is_being_written() {
    use crate::traps::raw;
    let place = tempfile::tempdir().unwrap();
    let folder: &Path = place.path();
    let Some(restic) = Restic::on(folder, "raw") else { return };
    let repo = raw::fixed_in(folder);
    let data = folder.join("data");
    let pruned = raw::archive_with_pause(repo, move || {
        let deadline = Instant::now() + Duration::from_secs(60);
        while tree(&data).is_empty() {
            assert!(Instant::now() < deadline, "the library writes no packs");
            std::thread::sleep(Duration::from_millis(20));
        }
        restic.succeeds(&["prune"]);
    });
    pruned.expect("the library now notices that its packs are gone before it saves the snapshot");
    let Some(restic) = Restic::on(folder, "raw") else { return };
    let said = restic.fails(&["check"]);
    assert!(said.contains("Fatal"), "restic's prune now spares what a program without a lock wrote: {said}");
}
