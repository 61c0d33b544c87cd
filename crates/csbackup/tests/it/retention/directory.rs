//! Forgetting in a directory.

use std::fs;

use csbackup::{Catalogue, KeepOptions, Medium as _, NoteBody, Now, Quiet, Requested, forget, plan_forget};
use testkit::ca::plain_life;
use testkit::world::{World, names};
use time::OffsetDateTime;

/// Two chains, of two sets and of one.
fn two_chains() -> World {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.good(Requested::Auto);
    world.advance();
    world.good(Requested::Full);
    world
}

fn keep_one() -> KeepOptions {
    KeepOptions { last: 1, ..KeepOptions::default() }
}

#[test]
fn sets_go_with_their_notes_and_the_others_stay_as_they_are() {
    let world = two_chains();
    let now = OffsetDateTime::now_utc();
    let catalogue = world.catalogue();
    let plan = plan_forget(&catalogue, &keep_one(), Now::Clock(now)).unwrap();
    let newest = testkit::world::tree(&world.path_of(&world.newest()));
    let done = forget(&world.medium, &plan, now, &world.seen).unwrap();
    let sequences: Vec<_> = plan.forgotten().iter().map(|set| set.manifest.sequence).collect();
    assert!(sequences.is_sorted_by(|a, b| a > b) && sequences.len() >= 2, "{sequences:?}");
    assert_eq!(done.removed.len(), sequences.len());
    assert_eq!(world.sets().len(), catalogue.sets().len() - sequences.len());
    assert_eq!(testkit::world::tree(&world.path_of(&world.newest())), newest);
    let left = names(&world.ca_folder());
    assert!(left.iter().all(|name| !done.removed.iter().any(|id| name.contains(id.as_str()))), "{left:?}");
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn what_a_forget_that_died_left_is_swept() {
    let world = two_chains();
    let set = world.newest();
    // As after the first step of a removal: the set has lost its name, its notes are there.
    fs::rename(world.path_of(&set), world.ca_folder().join(format!(".unpublished-forgotten-{}", set.id)))
        .unwrap();
    assert!(Catalogue::load(&world.medium, None).unwrap().unreadable.is_empty());
    let swept = world.medium.sweep(&world.ca.authority()).unwrap();
    assert_eq!(swept.len(), 1, "{swept:?}");
    let left = names(&world.ca_folder());
    assert!(left.iter().all(|name| !name.contains(set.id.as_str())), "{left:?}");
    assert_eq!(world.medium.sweep(&world.ca.authority()).unwrap(), [] as [String; 0]);
    assert_eq!(world.errors(), [] as [String; 0], "the notes of the others are there");
}

#[test]
fn the_notes_of_a_set_that_was_moved_away_are_not_swept() {
    let world = two_chains();
    let set = world.newest();
    let away = world.folder().join("away");
    fs::rename(world.path_of(&set), &away).unwrap();
    assert_eq!(world.medium.sweep(&world.ca.authority()).unwrap(), [] as [String; 0]);
    fs::rename(&away, world.path_of(&set)).unwrap();
    assert_eq!(world.newest(), set);
}

#[test]
fn a_hold_is_noted_beside_the_set_and_read_again() {
    let world = two_chains();
    let now = OffsetDateTime::now_utc();
    let oldest = world.sets().remove(0);
    let hold = NoteBody::Hold { reason: "court order".to_owned(), until: None };
    world.medium.note(&oldest, hold).unwrap();
    let catalogue = world.catalogue();
    let plan = plan_forget(&catalogue, &keep_one(), Now::Clock(now)).unwrap();
    forget(&world.medium, &plan, now, &Quiet).unwrap();
    let held = world.medium.load(&oldest).unwrap();
    assert_eq!(held.hold(now).unwrap().to_string(), "on hold: court order");
}
