//! Which logs a look at a point in time replays, by the sets that are here. What comes of a replay is judged
//! where there are rows (`csbackup-cli`); logs of the invented CA have no records.

use std::fs;

use csbackup::{Error, NoteBody, ReadExtent, Requested, Step, StoredSet, Until, look_at};
use testkit::ca::{self, Moment, plain_life, scratch};
use testkit::synthetic::{History, log_name};
use testkit::world::{Recorder, World, names};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::chains::after_full;

/// The generations that are read for a point, or why it cannot be had.
fn reads(world: &World, named: &StoredSet, until: Until) -> Result<Vec<u32>, String> {
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let (catalogue, seen, before) = (world.catalogue(), Recorder::default(), world.contents());
    let looked = look_at(&world.medium, &catalogue, named, until, folder.path(), &seen);
    assert_eq!(names(folder.path()), [] as [String; 0], "nothing is left");
    assert!(world.contents() == before, "sets are only read");
    match looked {
        Err(Error::NoSet { reason }) => return Err(reason),
        Ok(past) => {
            assert!(!past.findings.iter().any(|found| found.code.starts_with("file-")), "{:?}", past.findings)
        }
        // An invented database has no tables.
        Err(Error::Database { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
    let opened = |step: &Step| match step {
        Step::FileOpened(name, _) => ese::log_generation_of_name(certadm::base_name(name))?.generation,
        _ => None,
    };
    Ok(seen.all().steps.iter().filter_map(opened).map(|generation| generation.0).collect())
}

fn range(low: u32, high: u32) -> Result<Vec<u32>, String> {
    Ok((low..=high).collect())
}

/// Full backups of 3-6 and 8-12, and an increment of the first one that closes the gap.
fn two_fulls() -> World {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.advance();
    world.good(Requested::Full);
    assert_eq!(world.sets()[2].manifest.generations(), Some((3, 12)));
    world
}

/// As [`two_fulls`], but log 7 is in no set.
fn with_gap() -> World {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.advance();
    ca::forget_backups(&mut world.ca);
    world.good(Requested::Full);
    assert_eq!(world.sets().len(), 2);
    world
}

#[test]
fn between_two_full_backups_the_older_database_goes_on_with_logs_of_all_sets() {
    let world = two_fulls();
    let sets = world.sets();
    for named in &sets {
        let at = |generation| reads(&world, named, Until::Generation(generation));
        assert_eq!(at(5), range(3, 5), "{}", named.id);
        assert_eq!(at(7), range(3, 7));
        assert_eq!(at(10), range(3, 10), "the newer database is consistent behind 11 only");
        assert_eq!(at(11), range(8, 11));
        assert_eq!(at(12), range(8, 12));
    }
}

#[test]
fn a_point_outside_says_what_can_be_had() {
    let world = two_fulls();
    let newest = world.newest();
    for generation in [4, 13] {
        let why = reads(&world, &newest, Until::Generation(generation)).unwrap_err();
        assert!(why.contains(&format!("as of the end of log 0x{generation:x} cannot be had")), "{why}");
        assert!(why.contains("from the end of log 0x5 (2026-11-22T01:00:06Z) to that of 0xc ("), "{why}");
        assert!(!why.contains("reverted"), "{why}");
    }
    for time in [datetime!(2001-01-01 00:00 UTC), datetime!(2200-01-01 00:00 UTC)] {
        let why = reads(&world, &newest, Until::Time(time)).unwrap_err();
        assert!(why.contains("to that of 0xc ("), "{why}");
    }
}

#[test]
fn a_time_is_the_last_log_that_was_closed_by_then() {
    let world = two_fulls();
    let newest = world.newest();
    // Log N is begun N seconds behind the hour.
    let at = |time: OffsetDateTime| reads(&world, &newest, Until::Time(time));
    assert_eq!(at(datetime!(2026-11-22 01:00:08 UTC)), range(3, 7), "when the next one is begun");
    assert_eq!(at(datetime!(2026-11-22 01:00:07.999 UTC)), range(3, 6));
    assert_eq!(at(datetime!(2026-11-22 01:00:12 UTC)), range(8, 11));
    assert!(at(datetime!(2026-11-22 01:00:05 UTC)).is_err(), "no database is consistent by then");
}

#[test]
fn what_is_in_a_gap_cannot_be_had_and_what_is_around_it_can() {
    let world = with_gap();
    for named in world.sets() {
        let at = |generation| reads(&world, &named, Until::Generation(generation));
        assert_eq!(at(6), range(3, 6));
        assert_eq!(at(12), range(8, 12));
        for generation in [7, 8, 10] {
            let why = at(generation).unwrap_err();
            assert!(why.contains("from the end of log 0x5 (2026-11-22T01:00:06Z) to that of 0x6 ("), "{why}");
            assert!(why.contains(", and from the end of log 0xb ("), "{why}");
        }
    }
}

#[test]
fn a_set_that_is_not_good_supplies_nothing() {
    use csbackup::Medium as _;
    let world = two_fulls();
    let [_, full, increments @ ..] = &world.sets()[..] else { panic!("two full backups") };
    for increment in increments {
        let body = NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None };
        world.medium.note(increment, body).unwrap();
    }
    assert!(reads(&world, full, Until::Generation(7)).is_err());
    assert_eq!(reads(&world, full, Until::Generation(6)), range(3, 6));
}

/// The first chain has 3-9, the other one 5-12 of a CA that was reverted to before 8.
fn reverted() -> World {
    let mut world = after_full();
    world.good(Requested::Auto);
    let history = History::default().forked_at(8, 77);
    ca::replace(&mut world.ca, &Moment::new(5, 5, 12).of(&history));
    world.good(Requested::Auto);
    assert_eq!(world.sets().len(), 3);
    world
}

#[test]
fn logs_behind_a_fork_are_those_of_the_history_of_the_named_set() {
    let world = reverted();
    let [_, increment, full] = &world.sets()[..] else { panic!("three sets") };
    assert_eq!(reads(&world, full, Until::Generation(7)), range(3, 7), "both have these");
    // Whoever read the other history's logs would see that they are not what was written.
    for (other, named) in [(increment, full), (full, increment)] {
        let world = world.copy();
        for generation in [8, 9] {
            let log = world.path_of(other).join("DataBase").join(log_name(generation));
            fs::write(log, b"of the other history").unwrap();
        }
        assert_eq!(reads(&world, named, Until::Generation(9)), range(3, 9), "{}", named.id);
    }
    assert_eq!(reads(&world, full, Until::Generation(12)), range(5, 12));
}

#[test]
fn a_point_that_only_another_history_has_names_both_sets() {
    let world = reverted();
    let [_, increment, full] = &world.sets()[..] else { panic!("three sets") };
    let why = reads(&world, increment, Until::Generation(12)).unwrap_err();
    let fork = format!("; log 0x8 is not the same in {} and {}: the CA was reverted", increment.id, full.id);
    assert!(why.contains(&fork), "{why}");
}

#[test]
fn a_history_that_only_seems_to_join_is_not_mixed() {
    // The first chain ends with 6, the other one begins with 7 and follows another 6.
    let mut world = after_full();
    let history = History::default().forked_at(6, 77);
    ca::replace(&mut world.ca, &Moment::new(7, 7, 9).of(&history));
    world.good(Requested::Auto);
    let [first, second] = &world.sets()[..] else { panic!("two sets") };
    assert_eq!(reads(&world, first, Until::Generation(6)), range(3, 6));
    assert_eq!(reads(&world, second, Until::Generation(9)), range(7, 9));
    for (named, generation) in [(first, 9), (second, 6)] {
        let why = reads(&world, named, Until::Generation(generation)).unwrap_err();
        assert!(why.contains("log 0x6 is not the same in"), "{why}");
    }
}
