//! The medium fails, lies, is locked, or holds things that are no sets.

use std::fs;

use certsrv::Faulty;
use csbackup::{
    BackupOptions, Error, Medium as _, NoteBody, Requested, SetState, StoreTrouble, TruncationOutcome,
    VerifyLevel,
};
use testkit::ca::{authority, plain_life};
use testkit::world::{World, names};

use crate::calls::assert_in_sequence;
use crate::chains::after_full;
use crate::medium_faults::{Trouble, Troubled};

fn auto() -> BackupOptions {
    BackupOptions::default()
}

/// Two sessions in one run: generation 7 is in no set yet.
fn with_gap() -> World {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.advance();
    world.seen.clear();
    world
}

/// Operation `at` of a run goes wrong.
fn one_operation_fails(before: &World, options: &BackupOptions, at: usize, trouble: Trouble) {
    let case = format!("operation {at}, {trouble:?}");
    let world = before.copy();
    let (lowest, stored) = (*world.generations().start(), world.contents());
    let medium = Troubled::new(&world.medium, at, trouble);
    let mut server = Faulty::new(world.ca.connect(), []);
    let log = server.log();
    let outcome = world.run_on(&mut server, &medium, options);

    assert_in_sequence(&log.calls(), None);
    let now = world.contents();
    assert!(stored.iter().all(|file| now.contains(file)), "{case}: an earlier set changed");
    assert_eq!(world.errors(), [] as [String; 0], "{case}");
    let truncated = *world.generations().start() > lowest;
    if truncated {
        assert_eq!(world.states().last(), Some(&SetState::Good), "{case}");
        assert_eq!(world.newest().proven(), Some(true), "{case}");
    }
    assert_eq!(world.lost(), [] as [u32; 0], "{case}");
    match &outcome {
        Ok(outcome) => {
            let done = outcome.truncation.outcome == TruncationOutcome::Done;
            assert_eq!(done, truncated, "{case}: {:?}", outcome.truncation);
        }
        Err(error) => {
            assert!(matches!(error, Error::Io { .. } | Error::ReadBack { .. }), "{case}: {error:?}");
        }
    }
    if truncated {
        assert!(!world.seen.warned("could not be saved"), "{case}: {:?}", world.seen.all().warnings);
    }

    let healed = world.run(Requested::Auto).unwrap_or_else(|error| panic!("{case}: then {error:?}"));
    assert_eq!(healed.truncation.outcome, TruncationOutcome::Done, "{case}");
    assert_eq!(world.errors(), [] as [String; 0], "{case}");
    assert_eq!(world.states().last(), Some(&SetState::Good), "{case}");
    assert_eq!(world.leftovers(), [] as [String; 0], "{case}");
    assert_eq!(world.lost(), [] as [u32; 0], "{case}");
}

fn every_operation_fails(before: &World, options: &BackupOptions) {
    let clean = before.copy();
    let medium = Troubled::new(&clean.medium, usize::MAX, Trouble::Once);
    clean.run_on(&mut clean.ca.connect(), &medium, options).unwrap();
    let operations = medium.operations();
    assert!(operations > 40, "{operations} operations");
    for trouble in [Trouble::Once, Trouble::Onward, Trouble::Afterwards] {
        for at in 1..=operations {
            one_operation_fails(before, options, at, trouble);
        }
    }
}

#[test]
fn every_operation_of_a_full_backup_fails_on_the_medium() {
    every_operation_fails(&World::new(&plain_life()), &auto());
}

#[test]
fn every_operation_of_an_incremental_backup_fails_on_the_medium() {
    every_operation_fails(&after_full(), &auto());
}

#[test]
fn every_operation_of_two_sessions_that_close_a_gap_fails_on_the_medium() {
    let options = BackupOptions { kind: Requested::Full, ..auto() };
    every_operation_fails(&with_gap(), &options);
}

#[test]
fn a_full_disk_is_named_with_a_hint() {
    let world = World::new(&plain_life());
    let medium = Troubled::new(&world.medium, 6, Trouble::Onward);
    let error = world.run_on(&mut world.ca.connect(), &medium, &auto()).unwrap_err();
    assert!(error.hints().iter().any(|hint| hint.contains("free some space")), "{error:?}");
}

#[test]
fn of_a_store_out_of_reach_nothing_is_claimed_that_may_have_happened_before() {
    let (place, reason) = ("s3:backup".to_owned(), "timed out".to_owned());
    let error = Error::Store { place, trouble: StoreTrouble::Unreachable, reason };
    assert!(error.hints().iter().all(|hint| hint.contains("check network") && !hint.contains("nothing was")));
}

#[test]
fn what_does_not_read_back_permits_no_truncation() {
    let clean = World::new(&plain_life());
    let medium = Troubled::new(&clean.medium, usize::MAX, Trouble::Flip);
    clean.run_on(&mut clean.ca.connect(), &medium, &auto()).unwrap();
    // From each operation on: the first file that is opened afterwards is the one that lies.
    let mut misread = std::collections::BTreeSet::new();
    for at in 1..=medium.operations() {
        let world = World::new(&plain_life());
        let medium = Troubled::new(&world.medium, at, Trouble::Flip);
        let mut server = Faulty::new(world.ca.connect(), []);
        let log = server.log();
        let outcome = world.run_on(&mut server, &medium, &auto());
        assert_in_sequence(&log.calls(), None);
        let Err(error) = outcome else { continue };
        let Error::ReadBack { path, .. } = &error else { panic!("operation {at}: {error:?}") };
        misread.insert(path.clone());
        assert_eq!(world.states(), [SetState::Misread], "{path}");
        assert_eq!(*world.generations().start(), 1, "{path}");
        let withheld = world.newest().notes.iter().any(|note| {
            matches!(note.body, NoteBody::Truncation { outcome: TruncationOutcome::Withheld, .. })
        });
        assert!(withheld, "{path}");
        world.good(Requested::Auto);
        assert_eq!(world.states(), [SetState::Misread, SetState::Good], "{path}");
    }
    assert_eq!(misread.len(), 8, "map, database, four logs, two dynamic files: {misread:?}");
}

#[test]
fn a_second_run_is_refused_and_the_holder_named() {
    let world = World::new(&plain_life());
    let lock = world.medium.lock(&authority()).unwrap();
    let mut server = world.ca.connect();
    let log = server.log();
    let error = world.run_on(&mut server, &world.medium, &auto()).unwrap_err();
    let Error::Locked { holder, .. } = &error else { panic!("{error:?}") };
    assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
    assert_eq!(log.calls(), [], "the CA was not bothered");
    drop(lock);
    world.good(Requested::Auto);
}

#[test]
fn a_sweep_removes_leftovers_and_nothing_else() {
    let mut world = after_full();
    world.good(Requested::Auto);
    world.advance();
    let folder = world.ca_folder();
    let leftover = folder.join(".unpublished-4711");
    fs::create_dir_all(leftover.join("DataBase")).unwrap();
    fs::write(leftover.join("DataBase/half.edb"), "half").unwrap();
    for other in ["unpublished-1", "20200101T000000Z-full-garbage", ".hidden"] {
        fs::create_dir(folder.join(other)).unwrap();
    }
    let before: Vec<String> =
        names(&folder).into_iter().filter(|name| *name != ".unpublished-4711").collect();
    let stored = world.contents();
    let told = ["removed `.unpublished-4711`, left behind by a run that was interrupted"];
    assert_eq!(world.medium.sweep(&authority()).unwrap(), told);
    assert_eq!(names(&folder), before);
    assert_eq!(world.contents(), stored);

    fs::create_dir(&leftover).unwrap();
    world.seen.clear();
    world.good(Requested::Auto);
    assert!(world.seen.warned("removed `.unpublished-4711`"), "{:?}", world.seen.all().warnings);
    assert_eq!(world.leftovers(), [] as [String; 0]);
}

#[test]
fn a_leftover_is_never_listed() {
    let world = World::new(&plain_life());
    world.good(Requested::Full);
    let set = world.newest();
    fs::rename(world.path_of(&set), world.ca_folder().join(format!(".unpublished-{}", set.id))).unwrap();
    assert_eq!(world.sets(), []);
    assert!(world.catalogue().unreadable.is_empty());
}

#[test]
fn a_manifest_that_was_changed_is_refused() {
    let world = after_full();
    let path = world.path_of(&world.newest()).join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"sequence\": 1", "\"sequence\": 2", 1)).unwrap();
    let catalogue = world.catalogue();
    assert_eq!(catalogue.sets().len(), 0);
    let [Error::Manifest { reason, .. }] = catalogue.unreadable.as_slice() else {
        panic!("{:?}", catalogue.unreadable)
    };
    assert!(reason.contains("was changed after the set was published"), "{reason}");
    world.good(Requested::Auto);
    assert!(world.seen.warned("passed over"), "{:?}", world.seen.all().warnings);
    assert_eq!(world.newest().manifest.base, None);
}

#[test]
fn a_torn_line_of_notes_is_passed_over_and_spoils_only_itself() {
    let world = after_full();
    let set = world.newest();
    let path = world.ca_folder().join(format!("{}.notes.jsonl", set.id));
    let mut text = fs::read(&path).unwrap();
    let whole = set.notes.len();
    text.extend_from_slice(b"{\"at\":\"2026-11-22T00:00:00Z\",\"tool\":\"csbackup\",\"note\":\"read-b");
    fs::write(&path, text).unwrap();
    assert_eq!(world.newest().notes.len(), whole);
    assert_eq!(world.states(), [SetState::Good]);
    world
        .medium
        .note(&set, NoteBody::Verified { level: VerifyLevel::Stream, worst: None, findings: 0 })
        .unwrap();
    let notes = world.newest().notes;
    assert_eq!(notes.len(), whole + 1);
    assert_eq!(
        notes[whole].body,
        NoteBody::Verified { level: VerifyLevel::Stream, worst: None, findings: 0 }
    );
}

#[test]
fn whatever_else_lies_in_the_medium_is_ignored() {
    let mut world = after_full();
    let (root, folder) = (world.folder().join("medium"), world.ca_folder());
    fs::write(root.join("readme.txt"), "hello").unwrap();
    fs::create_dir_all(root.join("lost+found/deep")).unwrap();
    fs::write(folder.join("Thumbs.db"), "x").unwrap();
    fs::write(folder.join("20260101T000000Z-full-0123abcd"), "a file with the name of a set").unwrap();
    fs::write(folder.join("nobody.notes.jsonl"), "{}\n").unwrap();
    fs::create_dir_all(folder.join("@eaDir/x")).unwrap();
    fs::create_dir(folder.join("20260101T000000Z-full-copy of")).unwrap();
    assert_eq!(world.sets().len(), 1);
    assert!(world.catalogue().unreadable.is_empty(), "{:?}", world.catalogue().unreadable);
    world.good(Requested::Auto);
    world.advance();
    // What looks like a set and is none is said aloud, and is no obstacle.
    fs::create_dir(folder.join("20990101T000000Z-full-89abcdef")).unwrap();
    world.seen.clear();
    world.good(Requested::Auto);
    assert!(world.seen.warned("passed over"), "{:?}", world.seen.all().warnings);
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good]);
}

#[test]
fn a_published_set_never_changes() {
    let mut world = after_full();
    let stored = world.contents();
    world.good(Requested::Auto);
    world.advance();
    world.good(Requested::Auto);
    let now = world.contents();
    assert!(stored.iter().all(|file| now.contains(file)));
}
