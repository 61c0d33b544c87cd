//! Several places in one run: the near one gets what the CA delivers, the far ones get copies of it.

use std::collections::BTreeSet;
use std::env;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use certadm::Call;
use certsrv::Faulty;
use csbackup::manifest::SetId;
use csbackup::{
    BackupOptions, Catalogue, Directory, MappedFiles, Medium, NoteBody, Observer, Outcome, Requested,
    SetState, Step, Stores, TruncationOutcome, VerifyLevel, backup_to, verify_set,
};
use testkit::ca::{authority, plain_life};
use testkit::world::{World, spawn, tree};

use crate::calls::assert_in_sequence;
use crate::chains::after_full;
use crate::medium_faults::{Trouble, Troubled};

pub(crate) fn far(world: &World) -> Directory {
    Directory::new(world.folder().join("far"))
}

pub(crate) fn options(places: usize) -> BackupOptions {
    let copies_before_truncate = NonZeroUsize::new(places).unwrap();
    BackupOptions { copies_before_truncate, ..BackupOptions::default() }
}

/// A run to the world's medium and these.
fn run(world: &World, far: &[&dyn Medium], options: &BackupOptions) -> Outcome {
    let stores = Stores { near: &world.medium, far };
    world.run_to(&mut world.ca.connect(), stores, options).unwrap()
}

pub(crate) fn states(medium: &dyn Medium) -> Vec<(SetId, SetState)> {
    let catalogue = Catalogue::load(medium, None).unwrap();
    assert!(catalogue.unreadable.is_empty(), "{:?}", catalogue.unreadable);
    catalogue.sets().iter().map(|set| (set.id.clone(), catalogue.state(set))).collect()
}

fn ids(medium: &dyn Medium) -> Vec<SetId> {
    states(medium).into_iter().map(|(id, _)| id).collect()
}

/// Every file of the sets below a directory medium, without notes and locks.
fn stored(root: &Path) -> BTreeSet<(PathBuf, Vec<u8>)> {
    let of_set = |path: &Path| path.components().count() > 2;
    let files =
        tree(root).into_iter().map(|(path, bytes)| (path.strip_prefix(root).unwrap().to_owned(), bytes));
    files.filter(|(path, _)| of_set(path)).collect()
}

/// Both places have the same sets, each of them whole and good.
fn assert_equal(world: &World, case: &str) {
    let (near, far) = (world.folder().join("medium"), world.folder().join("far"));
    assert_eq!(stored(&near), stored(&far), "{case}");
    let medium = Directory::new(far);
    assert_eq!(states(&world.medium), states(&medium), "{case}");
    let catalogue = Catalogue::load(&medium, None).unwrap();
    for set in catalogue.sets() {
        let report = verify_set(&medium, &catalogue, set, VerifyLevel::Stream, &csbackup::Quiet).unwrap();
        assert_eq!(report.worst(), None, "{case}");
    }
}

#[test]
fn a_far_place_gets_the_same_bytes_from_the_near_one_and_what_is_known_of_them() {
    let world = World::new(&plain_life());
    let far = far(&world);
    let alone = world.copy();
    let (_, log) = alone.run_faulty(Requested::Auto, u32::MAX, certsrv::Fault::LostReply);

    let mut server = Faulty::new(world.ca.connect(), []);
    let both = server.log();
    let stores = Stores { near: &world.medium, far: &[&far] };
    let outcome = world.run_to(&mut server, stores, &BackupOptions::default()).unwrap();
    assert_eq!(both.calls(), log.calls(), "the CA is asked for nothing twice");
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(outcome.copies[0].copied, [outcome.sets[0].id.clone()]);
    assert_eq!(outcome.copies[0].behind, None);
    assert_eq!(outcome.copies[0].place, far.location());
    assert_equal(&world, "after the first");
    let notes = |medium: &dyn Medium| -> Vec<NoteBody> {
        let catalogue = Catalogue::load(medium, None).unwrap();
        catalogue.sets()[0].notes.iter().map(|note| note.body.clone()).collect()
    };
    assert_eq!(notes(&world.medium), notes(&far));
}

#[test]
fn one_place_permits_truncation_before_the_others_have_the_set() {
    let world = World::new(&plain_life());
    let order = Order::default();
    let stores = Stores { near: &world.medium, far: &[&far(&world)] };
    let files = world.files();
    backup_to(&mut world.ca.connect(), None, stores, &files, &options(1), &order).unwrap();
    assert_eq!(order.steps(), ["published", "read back", "truncated", "ended", "copied"]);
}

#[test]
fn two_places_that_are_asked_for_have_the_set_before_truncation() {
    let world = World::new(&plain_life());
    let order = Order::default();
    let stores = Stores { near: &world.medium, far: &[&far(&world)] };
    let files = world.files();
    backup_to(&mut world.ca.connect(), None, stores, &files, &options(2), &order).unwrap();
    assert_eq!(order.steps(), ["published", "read back", "copied", "truncated", "ended"]);
}

/// The last steps, by name.
#[derive(Default)]
struct Order(std::sync::Mutex<Vec<&'static str>>);

impl Order {
    fn steps(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Order {
    fn step(&self, step: &Step) {
        let name = match step {
            Step::Published(_) => "published",
            Step::ReadBack(_) => "read back",
            Step::Copied(..) => "copied",
            Step::Truncated => "truncated",
            Step::Ended => "ended",
            _ => return,
        };
        self.0.lock().unwrap().push(name);
    }
}

#[test]
fn a_far_place_that_is_locked_is_passed_over_and_named() {
    let world = World::new(&plain_life());
    let far = far(&world);
    let lock = far.lock(&authority()).unwrap();
    let outcome = run(&world, &[&far], &options(1));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert!(outcome.copies[0].behind.as_ref().unwrap().contains("holds the lock"), "{:?}", outcome.copies);
    assert!(world.seen.warned("does not have all sets"), "{:?}", world.seen.all().warnings);
    drop(lock);
    assert_eq!(ids(&far), []);
}

#[test]
fn too_few_places_withhold_truncation_with_the_reason_and_the_next_run_makes_up_for_it() {
    let world = World::new(&plain_life());
    let far = far(&world);
    let lock = far.lock(&authority()).unwrap();
    let outcome = run(&world, &[&far], &options(2));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    let why = outcome.truncation.detail.unwrap();
    assert!(
        why.contains("2 places are to hold the set first, 1 do") && why.contains("holds the lock"),
        "{why}"
    );
    assert_eq!(world.generations(), 1..=6);
    assert_eq!(world.states(), [SetState::Good]);
    drop(lock);
    assert_eq!(run(&world, &[&far], &options(2)).truncation.outcome, TruncationOutcome::Done);
    assert_equal(&world, "caught up");
}

#[test]
fn more_places_than_there_are_withhold_truncation() {
    let world = World::new(&plain_life());
    let outcome = run(&world, &[&far(&world)], &options(3));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.generations(), 1..=6);
    assert_equal(&world, "it is copied all the same");
}

#[test]
fn one_of_two_far_places_is_enough_for_two() {
    let world = World::new(&plain_life());
    let (bad, good) = (Directory::new(world.folder().join("bad")), far(&world));
    let _lock = bad.lock(&authority()).unwrap();
    let outcome = run(&world, &[&bad, &good], &options(2));
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert!(outcome.copies[0].behind.is_some() && outcome.copies[1].behind.is_none(), "{:?}", outcome.copies);
}

#[test]
fn a_far_place_that_lags_by_two_sets_catches_up_in_order() {
    for places in [1, 2] {
        let mut world = World::new(&plain_life());
        world.good(Requested::Full);
        world.advance();
        world.good(Requested::Auto);
        world.advance();
        let far = far(&world);
        let outcome = run(&world, &[&far], &options(places));
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        assert_eq!(outcome.copies[0].copied, ids(&world.medium), "bases first");
        assert_equal(&world, "three sets");
    }
}

#[test]
fn what_was_forgotten_far_away_is_not_brought_back_by_a_run() {
    let mut world = World::new(&plain_life());
    let far = far(&world);
    run(&world, &[&far], &options(1));
    world.advance();
    let kind = Requested::Full;
    let full = BackupOptions { kind, ..options(1) };
    run(&world, &[&far], &full);
    let old: Vec<_> = Catalogue::load(&far, None).unwrap().sets().to_vec();
    far.forget(&[&old[0]]).unwrap();
    world.advance();
    let outcome = run(&world, &[&far], &full);
    assert!(!outcome.copies[0].copied.contains(&old[0].id));
    assert_eq!(outcome.copies[0].behind, None);
    assert!(!ids(&far).contains(&old[0].id));
}

#[test]
fn a_new_near_place_numbers_its_sets_behind_those_of_the_far_one() {
    let mut world = World::new(&plain_life());
    let far = far(&world);
    run(&world, &[&far], &options(1));
    world.advance();
    run(&world, &[&far], &options(1));
    world.advance();
    let near = Directory::new(world.folder().join("replacement"));
    let stores = Stores { near: &near, far: &[&far] };
    let outcome = world.run_to(&mut world.ca.connect(), stores, &options(2)).unwrap();
    assert_eq!(ids(&far).last(), Some(&outcome.sets[0].id));
    assert_eq!(ids(&far).len(), 3);
}

/// Operation `at` of the far place goes wrong.
fn one_far_operation_fails(before: &World, places: usize, at: usize, trouble: Trouble) {
    let case = format!("{places} places, operation {at}, {trouble:?}");
    let world = before.copy();
    let lowest = *world.generations().start();
    let far = far(&world);
    let troubled = Troubled::new(&far, at, trouble);
    let mut server = Faulty::new(world.ca.connect(), []);
    let log = server.log();
    let stores = Stores { near: &world.medium, far: &[&troubled] };
    let outcome = world.run_to(&mut server, stores, &options(places));
    let outcome = outcome.unwrap_or_else(|error| panic!("{case}: {error:?}"));

    assert_in_sequence(&log.calls(), None);
    assert_eq!(world.states().last(), Some(&SetState::Good), "{case}");
    assert_eq!(world.errors(), [] as [String; 0], "{case}");
    assert_eq!(world.lost(), [] as [u32; 0], "{case}");
    let truncated = log.calls().contains(&Call::BackupTruncateLogs);
    assert_eq!(truncated, outcome.truncation.outcome == TruncationOutcome::Done, "{case}");
    if places == 1 {
        assert!(truncated, "{case}: a far place is no reason");
    } else if truncated {
        let newest = outcome.sets[0].id.clone();
        assert!(states(&far).contains(&(newest, SetState::Good)), "{case}: {:?}", states(&far));
    } else {
        assert_eq!(*world.generations().start(), lowest, "{case}");
    }
    let healed = run(&world, &[&far], &options(1));
    assert_eq!(healed.truncation.outcome, TruncationOutcome::Done, "{case}");
    assert_eq!(healed.copies[0].behind, None, "{case}");
    assert_equal(&world, &case);
}

fn every_far_operation_fails(before: &World, ways: &[(usize, Trouble)]) {
    for (places, trouble) in ways.iter().copied() {
        let clean = before.copy();
        let troubled = Troubled::new(&far(&clean), usize::MAX, Trouble::Once);
        run(&clean, &[&troubled], &options(places));
        let operations = troubled.operations();
        assert!(operations > 20, "{operations} operations");
        for at in 1..=operations {
            one_far_operation_fails(before, places, at, trouble);
        }
    }
}

#[test]
fn every_operation_of_the_far_place_fails_at_a_full_backup() {
    use Trouble::{Afterwards, Flip, Once, Onward};
    let ways = [(1, Once), (2, Once), (2, Onward), (2, Afterwards), (1, Flip), (2, Flip)];
    every_far_operation_fails(&World::new(&plain_life()), &ways);
}

#[test]
fn every_operation_of_the_far_place_fails_at_an_increment_that_it_lacks_the_base_of() {
    every_far_operation_fails(&after_full(), &[(2, Trouble::Once), (1, Trouble::Onward)]);
}

#[test]
fn every_operation_of_the_near_place_fails_and_the_far_one_has_nothing_that_it_has_not() {
    let before = after_full();
    let run_on = |world: &World, medium: &dyn Medium| {
        let far = far(world);
        let stores = Stores { near: medium, far: &[&far] };
        world.run_to(&mut world.ca.connect(), stores, &options(2))
    };
    let clean = before.copy();
    let counting = Troubled::new(&clean.medium, usize::MAX, Trouble::Once);
    run_on(&clean, &counting).unwrap();
    for trouble in [Trouble::Once, Trouble::Flip] {
        for at in 1..=counting.operations() {
            let case = format!("operation {at}, {trouble:?}");
            let world = before.copy();
            let _ = run_on(&world, &Troubled::new(&world.medium, at, trouble));
            assert_eq!(world.errors(), [] as [String; 0], "{case}");
            assert_eq!(world.lost(), [] as [u32; 0], "{case}");
            let near = ids(&world.medium);
            assert!(ids(&far(&world)).iter().all(|id| near.contains(id)), "{case}");
            let healed = run(&world, &[&far(&world)], &options(2));
            assert_eq!(healed.truncation.outcome, TruncationOutcome::Done, "{case}: {:?}", healed.truncation);
            let newest = healed.sets.last().unwrap().id.clone();
            assert!(states(&far(&world)).contains(&(newest, SetState::Good)), "{case}");
        }
    }
}

/// The folder of the victim's world; unset in an ordinary run of the tests.
const FOLDER: &str = "CSBACKUP_TEST_COPIES_VICTIM";
/// The step (from 1) after which it aborts.
const STEP: &str = "CSBACKUP_TEST_COPIES_VICTIM_STEP";

/// Dies at its own hand after a step.
struct Abort {
    after: usize,
    steps: AtomicUsize,
}

impl Observer for Abort {
    fn step(&self, _step: &Step) {
        if self.steps.fetch_add(1, Ordering::Relaxed) + 1 == self.after {
            std::process::abort();
        }
    }
}

#[test]
fn victim() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let (ca, medium) = World::parts(folder);
    let far = Directory::new(folder.join("far"));
    let observer = Abort { after: env::var(STEP).unwrap().parse().unwrap(), steps: AtomicUsize::new(0) };
    let (stores, files) = (Stores { near: &medium, far: &[&far] }, MappedFiles::new(ca.mappings()));
    backup_to(&mut ca.connect(), None, stores, &files, &options(2), &observer).unwrap();
}

#[test]
fn a_run_that_dies_after_any_step_truncated_nothing_that_two_places_do_not_hold() {
    let before = after_full();
    let clean = before.copy();
    run(&clean, &[&far(&clean)], &options(2));
    let steps = clean.seen.all().steps.len();
    assert!(steps > 20, "{steps} steps");
    for step in 1..=steps {
        let case = format!("step {step}");
        let mut world = before.copy();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["copies::victim", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(FOLDER, world.folder()).env(STEP, step.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(!spawn(&mut command).unwrap().wait().unwrap().success(), "{case}: it should have died");
        world.reopen();
        let far = far(&world);
        if world.generations() != before.generations() {
            let good: Vec<SetId> = states(&far)
                .into_iter()
                .filter(|(_, state)| *state == SetState::Good)
                .map(|(id, _)| id)
                .collect();
            assert_eq!(good, ids(&world.medium), "{case}");
        }
        assert_eq!(world.errors(), [] as [String; 0], "{case}");
        assert_eq!(world.lost(), [] as [u32; 0], "{case}");
        let healed = run(&world, &[&far], &options(2));
        assert_eq!(healed.truncation.outcome, TruncationOutcome::Done, "{case}");
        assert_equal(&world, &case);
    }
}
