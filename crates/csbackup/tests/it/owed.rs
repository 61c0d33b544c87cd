//! What a far place lacks, or has in a bad copy, comes to it in a later run, and nothing is lost meanwhile.

use std::fs;
use std::io;

use csbackup::{
    BackupOptions, Catalogue, Directory, Medium, Missing, Note, NoteBody, Outcome, Quiet, ReadExtent,
    Requested, SetState, StoredSet, Stores, TruncationOutcome, copy,
};
use testkit::ca::{authority, plain_life};
use testkit::world::{World, names};
use time::OffsetDateTime;

use crate::chains::after_full;
use crate::copies::{far, options, states};
use crate::copy::flip;
use crate::medium_faults::{Trouble, Troubled};

fn run(world: &World, far: &dyn Medium, options: &BackupOptions) -> Outcome {
    world.run_to(&mut world.ca.connect(), Stores { near: &world.medium, far: &[far] }, options).unwrap()
}

fn sampled() -> BackupOptions {
    BackupOptions { verify_store: ReadExtent::Sample, ..options(1) }
}

fn only(medium: &dyn Medium) -> StoredSet {
    Catalogue::load(medium, None).unwrap().sets()[0].clone()
}

#[test]
fn a_set_that_stayed_behind_is_owed_until_it_is_there_although_newer_ones_are() {
    for places in [1, 2] {
        let world = after_full();
        let far = far(&world);
        let old = world.newest();
        let full = BackupOptions { kind: Requested::Full, ..options(places) };
        flip(&world, &old, "DataBase/edb00004.log");
        for _ in 0..2 {
            let behind = run(&world, &far, &full).copies[0].behind.clone().unwrap();
            assert!(behind.contains(old.id.as_str()), "{behind}");
        }
        assert_eq!(states(&far).len(), 2);
        flip(&world, &old, "DataBase/edb00004.log");
        let outcome = run(&world, &far, &full);
        assert!(outcome.copies[0].copied.contains(&old.id));
        assert_eq!(outcome.copies[0].behind, None);
        assert_eq!(states(&far), states(&world.medium));
        far.forget(&[&old]).unwrap();
        assert!(!run(&world, &far, &full).copies[0].copied.contains(&old.id), "it was forgotten with intent");
    }
}

#[test]
fn a_near_set_that_cannot_be_read_leaves_the_far_place_behind() {
    let mut world = after_full();
    let far = far(&world);
    let manifest = world.path_of(&world.newest()).join("manifest.json");
    world.advance();
    fs::write(manifest, "torn").unwrap();
    let outcome = run(&world, &far, &options(1));
    assert_eq!(outcome.copies[0].copied.len(), 1);
    assert!(outcome.copies[0].behind.as_ref().unwrap().contains("cannot be read"), "{:?}", outcome.copies);
}

#[test]
fn a_misread_copy_is_replaced_although_the_near_set_was_only_sampled() {
    let world = World::new(&plain_life());
    let far = far(&world);
    run(&world, &far, &sampled());
    let bad = NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None };
    far.note(&only(&far), bad).unwrap();
    let outcome = run(&world, &far, &sampled());
    assert_eq!(outcome.copies[0].behind, None);
    assert!(states(&far).iter().all(|(_, state)| *state == SetState::Sampled), "{:?}", states(&far));
}

#[test]
fn a_copy_that_is_misread_at_both_places_stays_and_is_told() {
    let world = after_full();
    let far = far(&world);
    let copied = || copy(&world.medium, &far, &authority(), Missing::All, ReadExtent::Full, &Quiet).unwrap();
    assert_eq!(copied().copied.len(), 1);
    let bad = || NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None };
    far.note(&only(&far), bad()).unwrap();
    world.medium.note(&world.newest(), bad()).unwrap();
    assert_eq!(copied().left.len(), 1);
    assert_eq!(states(&far).len(), 1);
}

#[test]
fn a_hold_on_a_misread_copy_survives_every_failure_of_its_replacement() {
    let now = OffsetDateTime::now_utc();
    let before = after_full();
    let copied = |world: &World, far: &dyn Medium| {
        copy(&world.medium, far, &authority(), Missing::Newer, ReadExtent::Full, &Quiet)
    };
    assert_eq!(copied(&before, &far(&before)).unwrap().copied.len(), 1);
    let held = NoteBody::Hold { reason: "case 4711".to_owned(), until: None };
    for body in [held, NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None }] {
        far(&before).note(&only(&far(&before)), body).unwrap();
    }
    let clean = before.copy();
    let counting = Troubled::new(&far(&clean), usize::MAX, Trouble::Once);
    assert_eq!(copied(&clean, &counting).unwrap().copied.len(), 1);
    for trouble in [Trouble::Once, Trouble::Onward, Trouble::Afterwards, Trouble::Flip] {
        for at in 1..=counting.operations() {
            let case = format!("operation {at}, {trouble:?}");
            let world = before.copy();
            let far = far(&world);
            let _ = copied(&world, &Troubled::new(&far, at, trouble));
            let there = Catalogue::load(&far, None).unwrap().sets().iter().any(|set| set.hold(now).is_some());
            assert!(there || world.newest().hold(now).is_some(), "{case}");
            let report = copied(&world, &far).unwrap();
            assert!(report.stopped.is_none() && report.left.is_empty(), "{case}: {report:?}");
            assert_eq!(states(&far)[0].1, SetState::Good, "{case}");
            assert!(only(&far).hold(now).is_some(), "{case}");
        }
    }
}

#[test]
fn a_misread_copy_stays_while_the_near_set_cannot_replace_it() {
    let world = after_full();
    let far = far(&world);
    let copied = || copy(&world.medium, &far, &authority(), Missing::All, ReadExtent::Full, &Quiet).unwrap();
    assert_eq!(copied().copied.len(), 1);
    let bad = NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None };
    far.note(&only(&far), bad).unwrap();
    flip(&world, &world.newest(), "DataBase/edb00004.log");
    assert_eq!(copied().left.len(), 1);
    assert_eq!(states(&far)[0].1, SetState::Misread);
}

#[test]
fn a_sampled_far_chain_is_read_whole_before_it_counts() {
    for places in [1, 2] {
        let mut world = after_full();
        let far = far(&world);
        run(&world, &far, &sampled());
        assert_eq!(states(&far)[1].1, SetState::Sampled);
        world.advance();
        let outcome = run(&world, &far, &options(places));
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "{:?}", outcome.truncation);
        assert!(states(&far).iter().all(|(_, state)| *state == SetState::Good), "{:?}", states(&far));
    }
}

#[test]
fn a_sampled_far_copy_does_not_count_and_its_place_is_named() {
    let mut world = after_full();
    let far = far(&world);
    run(&world, &far, &sampled());
    let folder = far.path_of(&world.newest()).join("DataBase");
    let (path, aside) = (folder.join(&names(&folder)[0]), world.folder().join("aside"));
    // A folder in its place can be opened, and not read.
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    world.advance();
    let before = world.generations();
    let outcome = run(&world, &far, &options(2));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    let why = outcome.truncation.detail.unwrap();
    assert!(why.contains("1 do") && why.contains(&far.location()), "{why}");
    assert_eq!(world.generations(), before);
    assert!(outcome.copies[0].behind.is_some());
    fs::remove_dir(&path).unwrap();
    fs::rename(aside, path).unwrap();
    assert_eq!(run(&world, &far, &options(2)).truncation.outcome, TruncationOutcome::Done);
}

#[test]
fn copied_notes_keep_their_time_and_a_copied_release_lifts_no_newer_hold() {
    let now = OffsetDateTime::now_utc();
    let world = after_full();
    let far = far(&world);
    let noted = |medium: &dyn Medium, day: u8, body: NoteBody| {
        let (at, tool) = (format!("2026-01-{day:02}T00:00:00Z"), "csbackup 0.0.1".to_owned());
        medium.append(&only(medium), Note { at, tool, copied: false, body }).unwrap();
    };
    let hold = |reason: &str| NoteBody::Hold { reason: reason.to_owned(), until: None };
    let held = || {
        let report = copy(&world.medium, &far, &authority(), Missing::All, ReadExtent::Full, &Quiet).unwrap();
        assert!(report.stopped.is_none());
        only(&far).hold(now).map(|hold| hold.reason)
    };
    noted(&world.medium, 1, hold("near"));
    assert_eq!(held(), Some("near".to_owned()));
    noted(&far, 3, hold("far"));
    noted(&world.medium, 2, NoteBody::Released);
    assert_eq!(held(), Some("far".to_owned()), "it is newer than the release");
    assert_eq!(held(), Some("far".to_owned()));
    let times: Vec<_> = only(&far).notes.iter().map(|note| (note.at.clone(), note.tool.clone())).collect();
    assert!(times.contains(&("2026-01-02T00:00:00Z".to_owned(), "csbackup 0.0.1".to_owned())), "{times:?}");
    noted(&world.medium, 4, NoteBody::Released);
    assert_eq!(held(), None);
    noted(&far, 8, hold("far again"));
    noted(&far, 7, NoteBody::Released);
    assert_eq!(held(), None, "released there, whatever the clock said");
}

#[test]
fn a_far_place_whose_disk_is_not_mounted_is_behind_and_nothing_is_made() {
    let mut world = World::new(&plain_life());
    let mount = world.folder().join("mount");
    fs::create_dir(&mount).unwrap();
    let far = Directory::far(mount.join("sets"), |_| Ok(()));
    let outcome = run(&world, &far, &options(1));
    assert!(outcome.copies[0].behind.as_ref().unwrap().contains("mounted"), "{:?}", outcome.copies);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert!(names(&mount).is_empty());
    fs::write(mount.join("of the disk"), "").unwrap();
    world.advance();
    let outcome = run(&world, &far, &options(2));
    assert_eq!(outcome.copies[0].behind, None);
    assert_eq!(states(&far), states(&world.medium));
}

#[test]
fn a_far_folder_that_cannot_be_made_private_is_behind_and_nothing_else() {
    let world = World::new(&plain_life());
    let far = Directory::far(world.folder().join("far"), |_| Err(io::Error::other("no rights here")));
    let outcome = run(&world, &far, &options(1));
    assert!(outcome.copies[0].behind.as_ref().unwrap().contains("no rights here"), "{:?}", outcome.copies);
    assert_eq!(world.states(), [SetState::Good]);
    assert!(!world.folder().join("far").exists());
}
