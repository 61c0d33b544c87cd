//! What is known of a CA, from real sets.

use std::fs;

use certsrv::Fault;
use csbackup::status::{Facts, Known, Policy, Trouble, Word, judge};
use csbackup::{
    DrillOutcome, DrillRecord, LogRange, Medium, NoteBody, ReadExtent, Recovered, Requested, StoredSet,
    TruncationOutcome,
};
use testkit::ca::plain_life;
use testkit::world::World;
use time::Duration;

use super::{alarms, bend, gathered};
use crate::chains::after_full;

fn drilled(outcome: DrillOutcome) -> NoteBody {
    NoteBody::Drilled(DrillRecord {
        outcome,
        recovered: Recovered::default(),
        content: None,
        worst: None,
        findings: 0,
        detail: None,
        of: None,
    })
}

/// A CA with a full backup that was drilled, moved on.
fn drilled_world() -> World {
    let world = after_full();
    world.medium.note(&world.newest(), drilled(DrillOutcome::Passed)).unwrap();
    world
}

/// The alarms so long after the newest set.
fn later(facts: &Facts, duration: Duration) -> Vec<(&'static str, Word)> {
    let now = facts.newest.as_ref().and_then(|set| set.taken).unwrap().date_time() + duration;
    alarms(&judge(&Known::of(facts), &Policy::default(), now))
}

fn now(world: &World) -> Vec<(&'static str, Word)> {
    later(&gathered(&world.medium), Duration::minutes(1))
}

fn misread(world: &World, set: &StoredSet) {
    let body =
        NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: Some("a page".to_owned()) };
    world.medium.note(set, body).unwrap();
}

#[test]
fn a_ca_without_a_set_is_critical_until_there_is_one() {
    let world = World::new(&plain_life());
    let status = judge(&Known::of(&gathered(&world.medium)), &Policy::default(), super::NOW);
    assert_eq!(alarms(&status), [("no-set", Word::Critical)]);
    world.good(Requested::Auto);
    assert_eq!(now(&world), [("never-drilled", Word::Warning)]);
    world.medium.note(&world.newest(), drilled(DrillOutcome::Passed)).unwrap();
    assert_eq!(now(&world), []);
}

#[test]
fn a_ca_that_is_not_backed_up_any_more_is_overdue_until_it_is() {
    let world = drilled_world();
    let facts = gathered(&world.medium);
    assert_eq!(later(&facts, Duration::hours(29)), []);
    assert_eq!(later(&facts, Duration::hours(31)), [("set-overdue", Word::Warning)]);
    assert_eq!(later(&facts, Duration::days(20)), [("set-overdue", Word::Critical)]);
    world.good(Requested::Auto);
    assert_eq!(now(&world), []);
}

#[test]
fn the_chain_and_its_generations_are_told() {
    let world = drilled_world();
    let full = world.newest();
    world.good(Requested::Auto);
    let facts = gathered(&world.medium);
    let chain = facts.chain.unwrap();
    assert_eq!((chain.full, chain.sets, chain.generations), (full.id.to_string(), 2, Some((3, 9))));
    let newest = world.newest();
    assert_eq!(facts.verified, facts.newest);
    assert_eq!(facts.newest.unwrap().id, newest.id.as_str());
    assert_eq!(
        facts.growth.database,
        full.manifest.files.iter().find(|f| f.database().is_some()).map(|f| f.size)
    );
}

#[test]
fn damage_from_the_ca_is_told_until_a_later_set_has_none() {
    let world = drilled_world();
    let (outcome, _) = world.run_faulty(Requested::Incremental, 6, Fault::FlipByte);
    assert_eq!(outcome.unwrap().truncation.outcome, TruncationOutcome::Withheld);
    assert!(matches!(gathered(&world.medium).trouble, Some(Trouble::Damaged { .. })));
    assert_eq!(now(&world), [("set-damaged", Word::Critical)]);
    world.good(Requested::Auto);
    assert_eq!(now(&world), []);
}

#[test]
fn a_set_that_is_not_what_was_written_is_told_and_so_is_one_that_needs_it() {
    let world = drilled_world();
    let full = world.newest();
    world.good(Requested::Auto);
    misread(&world, &full);
    assert_eq!(now(&world), [("set-misread", Word::Critical)]);
    assert!(gathered(&world.medium).verified.is_none());
    world.good(Requested::Auto);
    assert_eq!(now(&world), []);
}

#[test]
fn a_chain_without_its_full_backup_is_broken() {
    let world = drilled_world();
    let full = world.newest();
    world.good(Requested::Auto);
    world.medium.note(&world.newest(), drilled(DrillOutcome::Passed)).unwrap();
    world.medium.forget(&[&full]).unwrap();
    assert_eq!(now(&world), [("chain-broken", Word::Critical)]);
    world.good(Requested::Auto);
    assert_eq!(now(&world), []);
}

#[test]
fn a_base_that_cannot_be_read_is_a_broken_chain_and_no_second_alarm() {
    let world = drilled_world();
    let full = world.newest();
    world.good(Requested::Auto);
    world.medium.note(&world.newest(), drilled(DrillOutcome::Passed)).unwrap();
    let manifest = world.path_of(&full).join("manifest.json");
    let whole = fs::read(&manifest).unwrap();
    fs::write(&manifest, "torn").unwrap();
    assert_eq!(now(&world), [("chain-broken", Word::Critical)]);
    fs::write(&manifest, whole).unwrap();
    assert_eq!(now(&world), []);
}

#[test]
fn a_set_that_cannot_be_read_and_carries_nothing_is_a_warning() {
    let world = drilled_world();
    let full = world.newest();
    world.good(Requested::Full);
    world.medium.note(&world.newest(), drilled(DrillOutcome::Passed)).unwrap();
    fs::write(world.path_of(&full).join("manifest.json"), "torn").unwrap();
    assert_eq!(now(&world), [("unreadable", Word::Warning)]);
}

#[test]
fn a_drill_that_failed_is_one_alarm_although_the_set_is_no_good_any_more() {
    let world = drilled_world();
    let full = world.newest();
    world.good(Requested::Auto);
    world.medium.note(&full, drilled(DrillOutcome::Failed)).unwrap();
    assert_eq!(gathered(&world.medium).trouble, Some(Trouble::DrillFailed));
    assert_eq!(now(&world), [("drill-failed", Word::Critical)]);
    world.medium.note(&full, drilled(DrillOutcome::Passed)).unwrap();
    assert_eq!(now(&world), []);
}

#[test]
fn a_set_that_nobody_read_back_is_no_verified_one() {
    let world = drilled_world();
    let full = world.newest();
    world.good(Requested::Auto);
    let notes = world.ca_folder().join(format!("{}.notes.jsonl", world.newest().id));
    fs::remove_file(notes).unwrap();
    let facts = gathered(&world.medium);
    assert_eq!(
        (facts.trouble.clone(), facts.verified.clone().unwrap().id),
        (Some(Trouble::Unproven), full.id.to_string())
    );
    assert_eq!(later(&facts, Duration::minutes(5)), []);
    assert_eq!(later(&facts, Duration::hours(7)), [("set-not-proven", Word::Warning)]);
    let body = NoteBody::ReadBack { good: true, extent: ReadExtent::Full, detail: None };
    world.medium.note(&world.newest(), body).unwrap();
    assert_eq!(later(&gathered(&world.medium), Duration::hours(7)), []);
}

#[test]
fn logs_that_stay_three_times_are_told_until_some_go() {
    let world = drilled_world();
    let range = |low, high| Some(LogRange { count: high - low + 1, low, high });
    let truncated = |world: &World, outcome, before, after| {
        let body = NoteBody::Truncation { outcome, detail: None, before, after };
        world.good(Requested::Full);
        world.medium.note(&world.newest(), body).unwrap();
        now(world)
    };
    let done = TruncationOutcome::Done;
    world.good(Requested::Full);
    assert_eq!(truncated(&world, done, range(1, 70), range(1, 70)), []);
    assert_eq!(truncated(&world, TruncationOutcome::Refused, None, None), []);
    let held = [("no-truncation", Word::Warning)];
    assert_eq!(truncated(&world, done, range(1, 90), range(1, 90)), held);
    assert_eq!(truncated(&world, TruncationOutcome::Unknown, None, None), held, "it says nothing");
    assert_eq!(gathered(&world.medium).held_logs.unwrap().logs, Some(90));
    assert_eq!(truncated(&world, done, range(1, 95), range(90, 95)), []);
    for _ in 0..3 {
        let few = truncated(&world, done, range(90, 95), range(90, 95));
        assert_eq!(few, [], "a CA that has little to do keeps some");
    }
}

#[test]
fn what_a_place_is_owed_is_told_until_it_is_there() {
    let world = drilled_world();
    let copied = |good: bool| {
        let body = NoteBody::Copied { place: "/mnt/far".to_owned(), good, detail: None };
        world.medium.note(&world.newest(), body).unwrap();
        now(&world)
    };
    assert_eq!(copied(false), [("copy-behind", Word::Warning)]);
    assert_eq!(gathered(&world.medium).owed["/mnt/far"], 1);
    assert_eq!(copied(true), []);
}

#[test]
fn a_file_of_the_set_that_cannot_be_read_is_told_and_the_rest_judged() {
    let world = drilled_world();
    bend(&world, &world.newest(), "DynamicFiles/Corp Issuing CA.crl");
    let facts = gathered(&world.medium);
    assert_eq!(facts.unread.len(), 1, "{:?}", facts.unread);
    assert_eq!(now(&world), [("unreadable", Word::Warning)]);
}
