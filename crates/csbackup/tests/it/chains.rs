//! Chains: what an increment continues, and when `auto` takes a full backup instead.

use std::fs;

use certadm::BackupType::{Full, Incremental};
use certsrv::Fault;
use csbackup::manifest::{Kind, SetId};
use csbackup::{BackupOptions, Error, NoteBody, Requested, SetState, TruncationOutcome};
use testkit::ca::{self, Moment, plain_life};
use testkit::synthetic::History;
use testkit::world::World;

/// A CA after a full backup with truncation, moved on: its logs are 3 to 9.
pub(crate) fn after_full() -> World {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.seen.clear();
    world
}

/// Damages the first log of the next backup of this kind on its way.
fn damaged_log(world: &World, kind: Requested) {
    // State, Prepare, map, (databases, open, read, read, close), logs, open, *read*.
    let read = if kind == Requested::Full { 11 } else { 6 };
    let (outcome, _) = world.run_faulty(kind, read, Fault::FlipByte);
    assert_eq!(outcome.unwrap().truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.states().last(), Some(&SetState::Damaged));
}

#[test]
fn a_first_backup_is_full_and_says_what_it_gives_up() {
    let world = World::new(&plain_life());
    world.good(Requested::Auto);
    let plans = world.seen.plans();
    assert_eq!(plans.len(), 1);
    assert_eq!(plans[0].0, Full);
    assert!(plans[0].1.contains("no set of this CA"), "{plans:?}");
    assert!(world.seen.warned("below generation 0x3"), "{:?}", world.seen.all().warnings);
}

#[test]
fn increments_that_overlap_their_base_are_accepted() {
    let mut world = after_full();
    let second = world.good(Requested::Auto);
    world.advance();
    let third = world.good(Requested::Auto);
    let sets = world.sets();
    let ranges: Vec<_> = sets.iter().map(|set| set.manifest.generations().unwrap()).collect();
    assert_eq!(ranges, [(3, 6), (3, 9), (5, 12)], "each overlaps the one before");
    let bases: Vec<_> = sets.iter().map(|set| set.manifest.base.clone()).collect();
    assert_eq!(bases, [None, Some(sets[0].id.clone()), Some(sets[1].id.clone())]);
    assert!(sets.iter().all(|set| set.manifest.timeline == sets[0].manifest.timeline));
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good]);
    assert_eq!(second.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(third.truncation.after.map(|logs| (logs.low, logs.high)), Some((8, 12)));
    assert_eq!(world.generations(), 8..=12);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn after_a_full_without_truncation_auto_expects_a_copy_and_takes_another_full() {
    let mut world = World::new(&plain_life());
    let kept = world.run_with(&BackupOptions { keep_logs: true, ..BackupOptions::default() }).unwrap();
    assert_eq!(kept.truncation.outcome, TruncationOutcome::NotAsked);
    assert_eq!(world.generations(), 1..=6);
    world.advance();
    world.seen.clear();
    world.good(Requested::Auto);
    let plans = world.seen.plans();
    assert_eq!(plans.len(), 1, "no session was tried in vain: {plans:?}");
    assert_eq!(plans[0].0, Full);
    assert!(plans[0].1.contains("copy"), "{plans:?}");
    assert_eq!(world.newest().manifest.reason, plans[0].1);
    assert_eq!(world.generations(), 5..=9);
}

#[test]
fn a_base_that_the_ca_does_not_accept_makes_auto_take_a_full_and_say_why() {
    let mut world = after_full();
    ca::forget_backups(&mut world.ca);
    let outcome = world.good(Requested::Auto);
    let plans = world.seen.plans();
    assert_eq!(plans.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Incremental, Full]);
    assert!(plans[1].1.contains("does not accept an increment"), "{plans:?}");
    assert!(plans[1].1.contains("hrMissingFullBackup"), "{plans:?}");
    assert!(world.seen.warned("taking a full backup instead"));
    assert_eq!(world.newest().manifest.kind, Kind::Full);
    assert_eq!(world.newest().manifest.reason, plans[1].1);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.lost(), [] as [u32; 0]);
}

#[test]
fn an_increment_that_was_asked_for_and_is_refused_is_an_error() {
    let mut world = after_full();
    ca::forget_backups(&mut world.ca);
    let error = world.run(Requested::Incremental).unwrap_err();
    assert!(
        matches!(&error, Error::NoBase { reason, .. } if reason.contains("hrMissingFullBackup")),
        "{error:?}"
    );
    assert_eq!(world.sets().len(), 1);
}

#[test]
fn an_increment_without_any_full_is_an_error_before_the_ca_is_bothered() {
    let world = World::new(&plain_life());
    let (outcome, log) = world.run_faulty(Requested::Incremental, u32::MAX, Fault::LostReply);
    assert!(matches!(outcome, Err(Error::NoBase { .. })), "{outcome:?}");
    assert_eq!(log.calls(), [certadm::Call::GetServerState]);
}

#[test]
fn another_log_stream_opens_a_new_timeline_with_a_full() {
    let mut world = after_full();
    ca::replace(&mut world.ca, &Moment::new(3, 3, 9).of(&History::new(2)));
    let outcome = world.good(Requested::Auto);
    let sets = world.sets();
    assert_eq!(sets.len(), 2);
    assert_eq!((sets[1].manifest.kind, sets[1].manifest.base.clone()), (Kind::Full, None));
    assert_ne!(sets[0].manifest.timeline, sets[1].manifest.timeline);
    assert!(sets[1].manifest.reason.contains("another log stream"), "{}", sets[1].manifest.reason);
    assert!(world.seen.warned("opens a new timeline"), "{:?}", world.seen.all().warnings);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "nothing of the old stream is on the CA");
    assert_eq!(world.states(), [SetState::Good, SetState::Good]);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn a_damaged_newest_set_is_never_a_base() {
    let mut world = after_full();
    damaged_log(&world, Requested::Auto);
    world.seen.clear();
    world.good(Requested::Auto);
    let plans = world.seen.plans();
    assert_eq!(plans[0].0, Full);
    assert!(plans[0].1.contains("damaged"), "{plans:?}");
    assert_eq!(world.newest().manifest.base, None);
    assert_eq!(world.states(), [SetState::Good, SetState::Damaged, SetState::Good]);

    // Nor when an increment is asked for: it continues the last good set.
    world.advance();
    damaged_log(&world, Requested::Incremental);
    world.good(Requested::Incremental);
    let sets = world.sets();
    assert_eq!(sets[4].manifest.base, Some(sets[2].id.clone()));
    assert_eq!(world.states()[3..], [SetState::Damaged, SetState::Good]);
}

#[test]
fn a_damaged_full_is_never_a_base() {
    let world = World::new(&plain_life());
    damaged_log(&world, Requested::Full);
    assert_eq!(*world.generations().start(), 1);
    let error = world.run(Requested::Incremental).unwrap_err();
    assert!(matches!(error, Error::NoBase { .. }), "{error:?}");
    world.good(Requested::Auto);
    assert_eq!(world.states(), [SetState::Damaged, SetState::Good]);
    assert_eq!(world.newest().manifest.kind, Kind::Full);
}

#[test]
fn an_unproven_newest_set_is_read_back_by_the_next_run() {
    let world = after_full();
    let full = world.newest();
    let notes = world.ca_folder().join(format!("{}.notes.jsonl", full.id));
    // Killed between publishing and reading back: the notes never began.
    let text = fs::read_to_string(&notes).unwrap();
    fs::remove_file(&notes).unwrap();
    assert_eq!(world.states(), [SetState::Unproven]);
    world.good(Requested::Auto);
    assert!(world.seen.warned("was never read back"), "{:?}", world.seen.all().warnings);
    let first = world.sets().remove(0);
    assert_eq!(first.proven(), Some(true));
    assert!(text.contains("truncation"), "what it lost");
    assert_eq!(world.states(), [SetState::Good, SetState::Good]);

    // One that does not read back is no base.
    let newest = world.newest();
    let log = world.path_of(&newest).join("DataBase/edb00006.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[5000] ^= 1;
    fs::write(&log, bytes).unwrap();
    fs::remove_file(world.ca_folder().join(format!("{}.notes.jsonl", newest.id))).unwrap();
    world.seen.clear();
    world.good(Requested::Auto);
    assert_eq!(world.states()[1], SetState::Misread);
    assert_eq!(world.seen.plans()[0].0, Full);
}

#[test]
fn sets_are_ordered_by_sequence_and_not_by_the_clock() {
    let mut world = World::new(&plain_life());
    let full = world.good(Requested::Full).sets.remove(0);
    // The clock was wrong on that day: the set says it is from 2099.
    let future = full.id.as_str().replacen(&full.id.as_str()[..16], "20990101T000000Z", 1);
    let folder = world.ca_folder();
    fs::rename(folder.join(full.id.as_str()), folder.join(&future)).unwrap();
    let notes = |id: &str| folder.join(format!("{id}.notes.jsonl"));
    fs::rename(notes(full.id.as_str()), notes(&future)).unwrap();
    world.advance();
    world.good(Requested::Auto);
    world.advance();
    world.good(Requested::Auto);
    let sets = world.sets();
    assert_eq!(sets.iter().map(|set| set.manifest.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(sets[0].id, SetId::parse(&future).unwrap());
    assert!(sets[1].id < sets[0].id, "by name the first is the last");
    assert_eq!(sets[1].manifest.base, Some(sets[0].id.clone()));
    assert_eq!(sets[2].manifest.base, Some(sets[1].id.clone()));
    assert_eq!(world.catalogue().find("latest").unwrap().id, sets[2].id);
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good]);
}

#[test]
fn a_ca_that_truncates_nothing_is_told_of() {
    let mut world = World::new(&plain_life());
    let mut config = world.ca.config().clone();
    config.deep_checkpoint = true;
    world.ca.reconfigure(config).unwrap();
    let outcome = world.good(Requested::Auto);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(outcome.truncation.before, outcome.truncation.after);
    assert!(outcome.truncation.detail.unwrap().contains("deleted no log"));
    let noted = world.newest().notes.iter().any(|note| {
        matches!(&note.body, NoteBody::Truncation { detail: Some(detail), .. } if detail.contains("deleted no log"))
    });
    assert!(noted);
}

#[test]
fn a_full_after_a_damaged_one_does_not_speak_of_another_log_stream() {
    let world = World::new(&plain_life());
    damaged_log(&world, Requested::Full);
    world.seen.clear();
    world.good(Requested::Auto);
    assert!(!world.seen.warned("another log stream"), "{:?}", world.seen.all().warnings);
}
