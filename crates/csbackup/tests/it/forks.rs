//! The CA was reverted or restored: the same generations with other content.

use certadm::BackupType::{Full, Incremental};
use csbackup::manifest::Kind;
use csbackup::{BackupOptions, Error, Requested, SetState, TruncationOutcome};
use testkit::ca::{self, Moment};
use testkit::synthetic::History;
use testkit::world::World;

use crate::chains::after_full;

/// A CA whose generations from `from` on are others than the stored ones; logs `lowest..=9` exist.
fn forked(from: u32, lowest: u32) -> World {
    let mut world = after_full();
    let history = History::default().forked_at(from, 77);
    ca::replace(&mut world.ca, &Moment::new(lowest, lowest, 9).of(&history));
    world
}

fn auto_opens_a_new_timeline(world: &World, reason: &str) {
    let before = world.generations();
    let outcome = world.good(Requested::Auto);
    let plans = world.seen.plans();
    assert_eq!(plans.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Incremental, Full]);
    assert!(plans[1].1.contains(reason), "{plans:?}");
    let sets = world.sets();
    assert_eq!(sets.len(), 2, "the increment that did not fit left nothing");
    assert_eq!((sets[1].manifest.kind, sets[1].manifest.base.clone()), (Kind::Full, None));
    assert_ne!(sets[1].manifest.timeline, sets[0].manifest.timeline);
    assert!(world.seen.warned("opens a new timeline"), "{:?}", world.seen.all().warnings);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.generations(), before);
    assert_eq!(world.states(), [SetState::Good, SetState::Good]);
    assert_eq!(world.errors(), [] as [String; 0]);
    assert_eq!(world.leftovers(), [] as [String; 0]);
}

#[test]
fn other_content_at_an_equal_generation_opens_a_new_timeline() {
    auto_opens_a_new_timeline(&forked(5, 3), "generation 0x5 on the CA differs");
}

#[test]
fn another_history_before_the_joint_opens_a_new_timeline() {
    // Our last is 6, the CA's first is 7, and that follows another 6.
    auto_opens_a_new_timeline(&forked(6, 7), "generation 0x7 does not follow");
}

#[test]
fn a_fork_behind_the_last_stored_log_is_no_fork() {
    let world = forked(7, 3);
    let outcome = world.good(Requested::Auto);
    assert_eq!(world.newest().manifest.kind, Kind::Incremental);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn an_increment_that_was_asked_for_over_a_fork_is_an_error() {
    for world in [forked(5, 3), forked(6, 7)] {
        let before = world.generations();
        let error = world.run(Requested::Incremental).unwrap_err();
        assert!(matches!(&error, Error::NoBase { reason, .. } if reason.contains("reverted")), "{error:?}");
        assert_eq!(world.sets().len(), 1);
        assert_eq!(world.leftovers(), [] as [String; 0]);
        assert_eq!(world.generations(), before);
    }
}

#[test]
fn a_full_that_was_asked_for_notices_the_fork_too() {
    for world in [forked(5, 3), forked(6, 7)] {
        let before = world.generations();
        let outcome = world.good(Requested::Full);
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
        assert_eq!(world.generations(), before);
        assert!(world.seen.warned("opens a new timeline"), "{:?}", world.seen.all().warnings);
    }
}

#[test]
fn a_fork_is_noticed_when_only_an_increment_holds_the_other_content() {
    // Chain: full 3-6, increment 3-9. The CA is reverted to before 8.
    let mut world = after_full();
    world.good(Requested::Auto);
    world.seen.clear();
    let history = History::default().forked_at(8, 77);
    ca::replace(&mut world.ca, &Moment::new(5, 5, 12).of(&history));
    let outcome = world.good(Requested::Auto);
    assert_eq!(world.seen.plans().len(), 2, "{:?}", world.seen.plans());
    assert!(world.seen.plans()[1].1.contains("0x8"), "{:?}", world.seen.plans());
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.generations(), 5..=12);
}

#[test]
fn a_fork_that_only_the_increment_saw_still_forbids_truncation() {
    // The full begins with 8 and so neither overlaps nor joins the stored 3-6.
    let mut world = after_full();
    let history = History::default().forked_at(5, 77);
    ca::replace(&mut world.ca, &Moment::new(3, 8, 12).of(&history));
    let options = BackupOptions { accept_gap: true, ..BackupOptions::default() };
    let outcome = world.run_with(&options).unwrap();
    assert_eq!(world.newest().manifest.kind, Kind::Full);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert!(world.seen.warned("opens a new timeline"), "{:?}", world.seen.all().warnings);
    assert_eq!(world.generations(), 3..=12);
}

#[test]
fn after_a_fork_the_new_timeline_is_continued() {
    let world = forked(5, 3);
    world.good(Requested::Auto);
    world.seen.clear();
    let outcome = world.good(Requested::Auto);
    let sets = world.sets();
    assert_eq!(sets[2].manifest.timeline, sets[1].manifest.timeline);
    assert_eq!(sets[2].manifest.base, Some(sets[1].id.clone()));
    assert!(!world.seen.warned("new timeline"));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.errors(), [] as [String; 0]);
}
