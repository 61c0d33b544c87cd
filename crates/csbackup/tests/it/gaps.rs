//! Logs between an old chain and a new full backup: saved by an increment, or not forgotten.

use std::fs;

use certsrv::Fault;
use csbackup::manifest::Kind;
use csbackup::{BackupOptions, Requested, SetState, TruncationOutcome, VerifyLevel};
use dtyp::HResult;
use testkit::ca::{self, Moment, plain_life};
use testkit::synthetic::log_name;
use testkit::world::World;

use crate::last_steps::{Bad, Vice};

/// A chain that ends with generation 6, and a CA whose next full backup begins with 8.
fn with_gap() -> World {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.advance();
    world.seen.clear();
    world
}

/// As [`with_gap`], but the CA does not know of any backup, so that it refuses increments.
fn with_gap_that_stays() -> World {
    let mut world = with_gap();
    ca::forget_backups(&mut world.ca);
    world
}

fn accepting() -> BackupOptions {
    BackupOptions { kind: Requested::Full, accept_gap: true, ..BackupOptions::default() }
}

#[test]
fn a_gap_is_closed_by_an_increment_of_the_same_run_and_then_truncated() {
    let world = with_gap();
    let outcome = world.good(Requested::Full);
    let sets = world.sets();
    assert!(sets.len() > 2);
    assert!(outcome.sets.iter().map(|set| &set.id).eq(sets[1..].iter().map(|set| &set.id)));
    assert_eq!(sets[1].manifest.kind, Kind::Full);
    assert_eq!(sets[1].manifest.log_gap, Some([7, 7]));
    assert_eq!(sets[2].manifest.base, Some(sets[0].id.clone()), "it continues the old chain");
    assert_eq!(sets[2].manifest.timeline, sets[0].manifest.timeline);
    assert_eq!(sets[2].manifest.generations(), Some((3, 12)));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.generations(), 8..=12);
    assert_eq!(world.lost(), [] as [u32; 0]);
    assert!(world.states().iter().all(|state| *state == SetState::Good), "{:?}", world.states());
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn a_gap_that_the_ca_does_not_let_us_close_is_recorded_and_nothing_is_truncated() {
    let world = with_gap_that_stays();
    let outcome = world.good(Requested::Full);
    assert_eq!(outcome.sets.len(), 1);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert!(outcome.truncation.detail.unwrap().contains("0x7-0x7"));
    assert_eq!(world.newest().manifest.log_gap, Some([7, 7]));
    assert_eq!(world.generations(), 3..=12);
    assert!(
        world.seen.warned("0x7-0x7 are in no set and could not be saved"),
        "{:?}",
        world.seen.all().warnings
    );
}

#[test]
fn a_recorded_gap_is_not_forgotten_by_the_runs_that_follow() {
    for kind in [Requested::Full, Requested::Auto] {
        let world = with_gap_that_stays();
        world.good(Requested::Full);
        // The newest chain has no gap before itself; the one before it still has.
        let outcome = world.good(kind);
        assert_eq!(world.lost(), [] as [u32; 0], "{kind:?}: {:?}", outcome.truncation);
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld, "{kind:?}");
    }
}

#[test]
fn a_recorded_gap_is_closed_as_soon_as_the_ca_lets_us() {
    let world = with_gap();
    // The increment's Prepare follows the End of the full session.
    let prepare = calls_of_full(&world) + 1;
    let (outcome, _) = world.run_faulty(Requested::Full, prepare, Fault::Fail(HResult::ACCESS_DENIED));
    assert_eq!(outcome.unwrap().truncation.outcome, TruncationOutcome::Withheld);
    for kind in [Requested::Full, Requested::Auto] {
        let world = world.copy();
        let outcome = world.good(kind);
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "{kind:?}");
        assert_eq!(world.lost(), [] as [u32; 0], "{kind:?}");
        assert_eq!(world.errors(), [] as [String; 0], "{kind:?}");
    }
}

/// How many calls the full session of a run has.
fn calls_of_full(world: &World) -> u32 {
    let (_, log) = world.copy().run_faulty(Requested::Full, u32::MAX, Fault::LostReply);
    let end = log.calls().iter().position(|call| *call == certadm::Call::BackupEnd);
    end.unwrap() as u32 + 1
}

/// A full backup whose trees are verified.
fn verified() -> BackupOptions {
    BackupOptions { kind: Requested::Full, verify: VerifyLevel::Full, ..BackupOptions::default() }
}

#[test]
fn a_gap_is_closed_but_nothing_truncated_when_the_verification_finds_the_full_damaged() {
    let world = with_gap();
    // An invented database has no trees.
    let medium = Bad::new(&world, Vice::NoKey { full: false });
    let outcome = world.run_on(&mut world.ca.connect(), &medium, &verified()).unwrap();
    assert_eq!(world.states(), [SetState::Good, SetState::Damaged, SetState::Good]);
    assert_eq!(world.sets()[2].manifest.generations(), Some((3, 12)));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    let why = outcome.truncation.detail.unwrap();
    assert!(why.starts_with("the set has damage"), "{why}");
    assert_eq!(world.generations(), 3..=12);
}

#[test]
fn a_gap_is_closed_but_nothing_truncated_when_the_full_could_not_be_verified() {
    let world = with_gap();
    let medium = Bad::new(&world, Vice::NoKey { full: true });
    let outcome = world.run_on(&mut world.ca.connect(), &medium, &verified()).unwrap();
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good]);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    let why = outcome.truncation.detail.unwrap();
    assert!(why.starts_with("the set could not be verified"), "{why}");
    assert_eq!(world.generations(), 3..=12);
}

#[test]
fn a_gap_that_is_accepted_is_given_up() {
    let world = with_gap_that_stays();
    let outcome = world.run_with(&accepting()).unwrap();
    assert_eq!(outcome.sets.len(), 1);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.newest().manifest.log_gap, Some([7, 7]), "what was given up stays on record");
    assert_eq!(world.generations(), 8..=12);
    assert_eq!(world.lost(), [7]);
    // And is not brought up again.
    let again = world.good(Requested::Full);
    assert_eq!(again.truncation.outcome, TruncationOutcome::Done, "{:?}", again.truncation);
}

#[test]
fn a_gap_that_was_withheld_can_be_accepted_later() {
    let world = with_gap_that_stays();
    world.good(Requested::Full);
    let outcome = world.run_with(&accepting()).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.generations(), 8..=12);
}

#[test]
fn with_keep_logs_a_gap_is_recorded_and_left_alone() {
    let world = with_gap();
    let options = BackupOptions { kind: Requested::Full, keep_logs: true, ..BackupOptions::default() };
    let outcome = world.run_with(&options).unwrap();
    assert_eq!(outcome.sets.len(), 1);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::NotAsked);
    assert_eq!(world.newest().manifest.log_gap, Some([7, 7]));
    assert_eq!(world.generations(), 3..=12);
}

#[test]
fn logs_that_another_program_truncated_are_a_gap() {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.seen.clear();
    ca::replace(&mut world.ca, &Moment::new(8, 8, 12));
    let outcome = world.good(Requested::Auto);
    let newest = world.newest();
    assert_eq!((newest.manifest.kind, newest.manifest.log_gap), (Kind::Full, Some([7, 7])));
    assert!(newest.manifest.reason.contains("hrMissingFileToBackup"), "{}", newest.manifest.reason);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn logs_that_are_gone_although_the_ca_does_not_mind_are_a_gap() {
    // The marks say that the CA was backed up by another program: it accepts an increment from 8 on.
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    let current = world.ca.path().join("current");
    ca::replace(&mut world.ca, &Moment::new(8, 8, 12));
    let text = fs::read_to_string(&current).unwrap();
    fs::write(&current, text.replace("high = 6", "high = 7")).unwrap();
    world.reopen();
    let error = world.run(Requested::Incremental).unwrap_err();
    assert!(error.to_string().contains("0x8, the last stored one 0x6"), "{error}");
    let outcome = world.good(Requested::Auto);
    assert_eq!(world.newest().manifest.log_gap, Some([7, 7]));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert!(world.ca.path().join("CertLog").join(log_name(8)).is_file());
}
