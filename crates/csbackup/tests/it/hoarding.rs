//! Servers that keep superfluous logs: recognised, and explained once.

use certadm::LogHoarding;
use csbackup::{MappedFiles, Quiet, Requested, TruncationOutcome, backup};
use testkit::ca::Moment;
use testkit::world::World;

use crate::fake_host::{FakeHost, run};

/// What the operator was told, and forgets.
fn told(world: &World) -> Vec<String> {
    let mut warnings = world.seen.all().warnings;
    warnings.retain(|warning| warning.contains("Event 225"));
    world.seen.clear();
    warnings
}

/// A CA with logs 1 to 12, all of which a full backup takes, and later those to 13.
fn hoarder() -> World {
    let mut world = World::new(&[Moment::new(1, 1, 12).keeping(12), Moment::new(1, 1, 13).keeping(13)]);
    let mut config = world.ca.config().clone();
    config.deep_checkpoint = true;
    world.ca.reconfigure(config).unwrap();
    world
}

/// A road on which nobody sees the CA's log directory.
fn run_blind(world: &World) {
    let options = csbackup::BackupOptions::default();
    let files = MappedFiles::default();
    let outcome = backup(&mut world.ca.connect(), &world.medium, &files, &options, &world.seen).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(outcome.truncation.before, None);
}

#[test]
fn a_system_that_is_known_for_it_is_explained_once_in_each_run() {
    let world = World::new(&[Moment::new(1, 3, 6)]);
    let mut host = FakeHost::default();
    host.state.hoards_logs = Some(LogHoarding { system: "Windows Server 2012 R2".to_owned() });
    for _ in 0..2 {
        run(&world, &mut host).unwrap();
        let told = told(&world);
        let [text] = told.as_slice() else { panic!("{told:?}") };
        for part in [
            "Windows Server 2012 R2 keeps up to about 60 logs",
            "deep checkpoint",
            "Event 225 of source ESENT, `no log files can be truncated`, is expected then and harmless",
            "`--restart-service` does it",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[test]
fn logs_that_stay_are_seen_in_their_directory() {
    let world = hoarder();
    let outcome = world.good(Requested::Full);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    let told = told(&world);
    assert!(told.len() == 1 && told[0].contains("keeps all 12"), "{told:?}");
}

#[test]
fn logs_that_stay_are_seen_in_the_next_list() {
    let mut world = hoarder();
    run_blind(&world);
    assert_eq!(told(&world), [] as [String; 0], "nothing can be seen yet");
    world.advance();
    run_blind(&world);
    let told = told(&world);
    assert!(told.len() == 1 && told[0].contains("keeps all 13"), "{told:?}");
}

#[test]
fn a_ca_that_deletes_its_logs_is_not_suspected() {
    let mut world = World::new(&[Moment::new(1, 1, 12).keeping(12), Moment::new(1, 1, 30).keeping(30)]);
    run_blind(&world);
    world.advance();
    run_blind(&world);
    assert_eq!(told(&world), [] as [String; 0]);
}

#[test]
fn logs_that_were_to_stay_are_no_sign() {
    let world = hoarder();
    let options = csbackup::BackupOptions { keep_logs: true, ..csbackup::BackupOptions::default() };
    for _ in 0..2 {
        backup(&mut world.ca.connect(), &world.medium, &world.files(), &options, &world.seen).unwrap();
    }
    assert_eq!(told(&world), [] as [String; 0]);
    backup(&mut world.ca.connect(), &world.medium, &world.files(), &options, &Quiet).unwrap();
}

#[test]
fn few_logs_are_no_sign() {
    let mut world = World::new(&[Moment::new(1, 1, 8), Moment::new(1, 1, 8)]);
    let mut config = world.ca.config().clone();
    config.deep_checkpoint = true;
    world.ca.reconfigure(config).unwrap();
    world.good(Requested::Full);
    world.good(Requested::Full);
    assert_eq!(told(&world), [] as [String; 0]);
}
