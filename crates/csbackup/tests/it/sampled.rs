//! `--verify-store sample`: what a sample finds, what it does not, and that it permits no truncation.

use std::fs;
use std::path::PathBuf;

use csbackup::{
    BackupOptions, Error, NoteBody, Outcome, ReadBack, ReadExtent, Requested, SetState, TruncationOutcome,
};
use testkit::ca::plain_life;
use testkit::world::{World, names};

use crate::chains::after_full;

fn sampled(world: &World, kind: Requested) -> Outcome {
    let options = BackupOptions { kind, verify_store: ReadExtent::Sample, ..BackupOptions::default() };
    world.run_with(&options).unwrap()
}

#[test]
fn a_sampled_full_truncates_nothing_and_says_why() {
    let world = World::new(&plain_life());
    let outcome = sampled(&world, Requested::Full);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert!(outcome.truncation.detail.unwrap().contains("by a sample only"));
    assert_eq!(world.generations(), 1..=6);
    assert_eq!(world.states(), [SetState::Sampled]);
    let set = world.newest();
    assert_eq!((set.read_back(), set.proven()), (Some(ReadBack::Sampled), None));
    let noted = set
        .notes
        .iter()
        .any(|note| note.body == NoteBody::ReadBack { good: true, extent: ReadExtent::Sample, detail: None });
    assert!(noted, "{:?}", set.notes);
}

#[test]
fn a_sampled_increment_truncates_nothing_although_its_logs_were_read_whole() {
    let world = after_full();
    let before = world.generations();
    let outcome = sampled(&world, Requested::Auto);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.generations(), before);
    assert_eq!(world.states(), [SetState::Good, SetState::Sampled]);
}

#[test]
fn the_next_run_that_reads_all_proves_what_was_sampled_and_truncates() {
    let mut world = after_full();
    sampled(&world, Requested::Auto);
    world.advance();
    world.seen.clear();
    let outcome = world.good(Requested::Auto);
    assert!(world.seen.warned("reading all of it now"), "{:?}", world.seen.all().warnings);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good]);
    assert_eq!(world.lost(), [] as [u32; 0]);
}

#[test]
fn what_continues_a_sampled_set_is_no_better_than_it() {
    let mut world = after_full();
    sampled(&world, Requested::Auto);
    world.advance();
    world.seen.clear();
    let outcome = sampled(&world, Requested::Auto);
    assert_eq!(outcome.sets[0].manifest.base, Some(world.sets()[1].id.clone()), "it is continued");
    assert!(!world.seen.warned("reading all of it now"), "{:?}", world.seen.all().warnings);
    let whole = NoteBody::ReadBack { good: true, extent: ReadExtent::Full, detail: None };
    csbackup::Medium::note(&world.medium, &outcome.sets[0], whole).unwrap();
    assert_eq!(world.states(), [SetState::Good, SetState::Sampled, SetState::Sampled]);
}

#[test]
fn a_sample_refutes_no_misreading_and_takes_no_proof_away() {
    let world = after_full();
    let set = world.newest();
    let note = |good, extent| {
        let body = NoteBody::ReadBack { good, extent, detail: None };
        csbackup::Medium::note(&world.medium, &set, body).unwrap();
        world.states()[0].clone()
    };
    assert_eq!(note(true, ReadExtent::Sample), SetState::Good);
    assert_eq!(note(false, ReadExtent::Sample), SetState::Misread);
    assert_eq!(note(true, ReadExtent::Sample), SetState::Misread);
    assert_eq!(note(true, ReadExtent::Full), SetState::Good);
}

#[test]
fn a_note_of_an_earlier_version_means_all_of_the_set() {
    let note: NoteBody = serde_json::from_str(r#"{"note":"read-back","good":true}"#).unwrap();
    assert_eq!(note, NoteBody::ReadBack { good: true, extent: ReadExtent::Full, detail: None });
    assert_eq!(serde_json::to_string(&note).unwrap(), r#"{"note":"read-back","good":true}"#);
}

/// What the next run finds by a sample in a set that nobody has read back yet.
fn found_in(change: impl FnOnce(&World, PathBuf)) -> SetState {
    let world = World::new(&plain_life());
    sampled(&world, Requested::Full);
    let set = world.newest();
    fs::remove_file(world.ca_folder().join(format!("{}.notes.jsonl", set.id))).unwrap();
    assert_eq!(world.states(), [SetState::Unproven]);
    let path = world.path_of(&set);
    change(&world, path);
    match world.run_with(&BackupOptions { verify_store: ReadExtent::Sample, ..BackupOptions::default() }) {
        Ok(_) => {}
        Err(error) => assert!(matches!(error, Error::ReadBack { .. }), "{error:?}"),
    }
    world.states()[0].clone()
}

fn change_database(change: impl Fn(&mut Vec<u8>)) -> SetState {
    found_in(|_, path| {
        let folder = path.join("DataBase");
        let database = names(&folder).into_iter().find(|name| name.ends_with(".edb")).unwrap();
        let path = folder.join(database);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    })
}

#[test]
fn a_sample_finds_a_bad_header_page_trailer_log_and_size() {
    assert_eq!(change_database(|_| {}), SetState::Sampled);
    let page = 4096;
    for (what, at) in [("header", 200), ("shadow", page + 200), ("page", 3 * page + 100)] {
        assert_eq!(change_database(|bytes| bytes[at] ^= 1), SetState::Misread, "{what}");
    }
    let trailer = |bytes: &mut Vec<u8>| {
        let at = bytes.len() - page + 50;
        bytes[at] ^= 1;
    };
    assert_eq!(change_database(trailer), SetState::Misread);
    assert_eq!(change_database(|bytes| bytes.truncate(bytes.len() - page)), SetState::Misread);
    assert_eq!(change_database(|bytes| bytes.clear()), SetState::Misread);
    let log = found_in(|_, path| {
        let path = path.join("DataBase/edb00004.log");
        let mut bytes = fs::read(&path).unwrap();
        bytes[5000] ^= 1;
        fs::write(path, bytes).unwrap();
    });
    assert_eq!(log, SetState::Misread, "logs are read whole");
}

#[test]
fn a_sample_finds_pages_in_each_other_s_place_and_not_a_page_of_another_day() {
    let page = 4096;
    let swapped = change_database(|bytes| {
        let (a, b) = (bytes[2 * page..3 * page].to_vec(), bytes[3 * page..4 * page].to_vec());
        bytes[2 * page..3 * page].copy_from_slice(&b);
        bytes[3 * page..4 * page].copy_from_slice(&a);
    });
    assert_eq!(swapped, SetState::Misread);
    // The same page of an earlier backup is a right page: only the hash of the whole tells.
    let other = testkit::ca::Moment::new(2, 2, 6).database();
    let stale =
        change_database(|bytes| bytes[3 * page..4 * page].copy_from_slice(&other[3 * page..4 * page]));
    assert_eq!(stale, SetState::Sampled);
}
