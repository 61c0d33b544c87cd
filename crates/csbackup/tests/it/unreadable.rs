//! Sets that are there and cannot be read: nothing is built on a guess about them.

use std::collections::BTreeSet;
use std::fs;

use csbackup::manifest::SetId;
use csbackup::{Error, Quiet, Requested, SetState, StoredSet, TruncationOutcome, VerifyLevel, verify_set};
use testkit::ca::plain_life;
use testkit::world::World;

use crate::chains::after_full;

/// A full backup and an increment, and a CA that moved on since.
fn with_chain() -> World {
    let mut world = after_full();
    world.good(Requested::Auto);
    world.advance();
    world.seen.clear();
    world
}

fn manifest(world: &World, set: &StoredSet) -> std::path::PathBuf {
    world.path_of(set).join("manifest.json")
}

fn damage_manifest(world: &World, set: &StoredSet) {
    let text = fs::read_to_string(manifest(world, set)).unwrap();
    fs::write(manifest(world, set), text.replacen("\"format\": 1", "\"format\": 7", 1)).unwrap();
}

/// Makes a set one of a later version: whole by its hash, of a format that nobody knows yet.
fn make_later(world: &World, set: &StoredSet) {
    let text =
        fs::read_to_string(manifest(world, set)).unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
    fs::write(manifest(world, set), &text).unwrap();
    let id = set.id.as_str();
    let renamed = format!("{}{}", &id[..id.len() - 8], &blake3::hash(text.as_bytes()).to_hex()[..8]);
    assert!(SetId::parse(&renamed).unwrap().fits(text.as_bytes()), "only the format is wrong");
    let folder = world.ca_folder();
    fs::rename(world.path_of(set), folder.join(&renamed)).unwrap();
    fs::rename(folder.join(format!("{id}.notes.jsonl")), folder.join(format!("{renamed}.notes.jsonl")))
        .unwrap();
}

#[test]
fn an_unreadable_set_makes_the_next_backups_withhold_truncation() {
    for spoil in [damage_manifest, make_later] {
        for number in [0, 1] {
            for kind in [Requested::Auto, Requested::Full] {
                let world = with_chain();
                spoil(&world, &world.sets()[number]);
                let before = world.generations();
                for _ in 0..2 {
                    let outcome = world.good(kind);
                    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld, "set {number}");
                    let detail = outcome.truncation.detail.unwrap();
                    assert!(detail.contains("cannot be read"), "{detail}");
                }
                assert_eq!(world.generations(), before, "set {number}, {kind:?}");
                assert!(world.seen.warned("passed over"));
            }
        }
    }
}

#[test]
fn sequence_numbers_of_unreadable_sets_are_not_used_again() {
    for spoiled in [&[1][..], &[0, 1], &[0]] {
        let world = with_chain();
        let sets = world.sets();
        let good: Vec<_> = spoiled.iter().map(|n| fs::read(manifest(&world, &sets[*n])).unwrap()).collect();
        spoiled.iter().for_each(|n| damage_manifest(&world, &sets[*n]));
        for _ in 0..3 {
            world.good(Requested::Full);
        }
        // The disk recovers.
        for (n, bytes) in spoiled.iter().zip(good) {
            fs::write(manifest(&world, &sets[*n]), bytes).unwrap();
        }
        let all = world.sets();
        let numbers: BTreeSet<u64> = all.iter().map(|set| set.manifest.sequence).collect();
        assert_eq!(all.len(), numbers.len(), "{spoiled:?}: {numbers:?}");
        assert!(sets.iter().map(|set| &set.id).eq(all.iter().take(2).map(|set| &set.id)), "{numbers:?}");
    }
}

#[test]
fn a_sequence_number_is_not_used_again_when_later_sets_become_unreadable_too() {
    let world = with_chain();
    damage_manifest(&world, &world.sets()[1]);
    world.good(Requested::Full);
    world.good(Requested::Full);
    let sets = world.sets();
    let good: Vec<_> = sets[1..].iter().map(|set| fs::read(manifest(&world, set)).unwrap()).collect();
    sets[1..].iter().for_each(|set| damage_manifest(&world, set));
    world.good(Requested::Full);
    for (set, bytes) in sets[1..].iter().zip(good) {
        fs::write(manifest(&world, set), bytes).unwrap();
    }
    let numbers: Vec<u64> = world.sets().iter().map(|set| set.manifest.sequence).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{numbers:?}");
}

#[test]
fn latest_is_refused_while_a_set_is_unreadable_and_a_good_one_can_be_named() {
    for spoil in [damage_manifest, make_later] {
        let world = with_chain();
        let sets = world.sets();
        spoil(&world, &sets[1]);
        let catalogue = world.catalogue();
        let error = catalogue.find("latest").unwrap_err();
        assert!(matches!(&error, Error::NoSet { reason } if reason.contains("uncertain")), "{error}");
        let named = catalogue.find(sets[0].id.as_str()).unwrap();
        assert_eq!(catalogue.state(named), SetState::Good);
    }
    let world = World::new(&plain_life());
    world.good(Requested::Full);
    world.catalogue().find("latest").unwrap();
}

#[test]
fn a_file_that_is_out_of_reach_today_is_no_damage() {
    let world = after_full();
    let set = world.newest();
    let database = set.manifest.files.iter().find(|file| file.database().is_some()).unwrap();
    let path = world.path_of(&set).join(&database.path);
    // A folder in its place can be opened, and not read.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    for level in [VerifyLevel::Stream, VerifyLevel::Full] {
        let report = verify_set(&world.medium, &world.catalogue(), &set, level, &Quiet).unwrap();
        let codes: Vec<_> = report.all_findings().map(|(_, finding)| finding.code.as_str()).collect();
        assert!(codes.contains(&"file-unreadable") && !codes.contains(&"file-damaged"), "{codes:?}");
    }
    assert_eq!(world.newest().notes, set.notes);
}
