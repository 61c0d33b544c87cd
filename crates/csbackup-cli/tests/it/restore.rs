//! `restore` into an embedded CA: registered, shown, taken back, killed.

use std::fs;
use std::time::{Duration, Instant};

use certadm::{CertServer as _, Registration};
use serde_json::json;

use crate::world::{World, files_below};

const RESTORE: [&str; 7] = ["restore", "latest", "--dir", "sets", "--ca-dir", "ca", "--force"];

#[test]
fn a_restore_into_a_ca_is_registered_shown_and_taken_back() {
    let world = World::with_chain();
    world.ca().stop().expect("stop the service");
    let before = files_below(&world.path("ca"));
    let dry = world.run(&[&RESTORE[..], &["--dry-run", "--json"]].concat()).exits(0);
    assert_eq!(dry.of_type("registration").len(), 2);
    assert_eq!(files_below(&world.path("ca")), before);

    let run = world.run(&[&RESTORE[..], &["--json"]].concat()).exits(0);
    assert_eq!(run.of_type("registration"), dry.of_type("registration"));
    assert_eq!(run.message("restored")["service"]["state"], "left-stopped");

    let status = world.run(&["restore", "--status", "--ca-dir", "ca", "--json"]).exits(0);
    let status = status.message("restore_status");
    assert_eq!(status["journal"]["phase"], "done");
    assert!(status["pending"].as_array().expect("a list").len() > 4, "{status}");

    let undone = world.run(&["restore", "--undo", "--ca-dir", "ca", "--json"]).exits(0).message("undone");
    let state = undone["service"]["state"].clone();
    assert_eq!((undone["done"].clone(), state), (json!(true), json!("left-stopped")));
    assert_eq!(files_below(&world.path("ca")), before);
    let again = world.run(&["restore", "--undo", "--ca-dir", "ca", "--json"]).exits(0).message("undone");
    assert_eq!(again["done"], false);
    world.ca().start().expect("start the service");
    world.run(&["ca", "advance", "ca"]).exits(0);
    world.backup(&[]).exits(0);
}

#[test]
fn a_restored_ca_starts_and_is_backed_up_again() {
    let world = World::with_chain();
    let run = world.run(&[&RESTORE[..], &["--json"]].concat()).exits(0);
    assert_eq!(run.message("restored")["service"]["state"], "started");
    let status = world.run(&["restore", "--status", "--ca-dir", "ca", "--json"]).exits(0);
    assert_eq!(status.message("restore_status")["pending"], json!([]));
    world.backup(&[]).exits(0);
    world.run(&["verify", "latest", "--dir", "sets", "--deep"]).exits(0);
}

#[test]
fn a_restored_ca_whose_log_is_damaged_does_not_start_and_names_it() {
    let world = World::with_chain();
    world.ca().stop().expect("stop the service");
    world.run(&RESTORE).exits(0);
    let log = world.path("ca/CertLog/edb00003.log");
    let mut bytes = fs::read(&log).expect("read a log");
    for at in [0x1300, 0x1700] {
        bytes[at] ^= 0x10;
    }
    fs::write(&log, bytes).expect("write a log");
    let serve = world.run(&["serve", "ca", "--resolver-port", "0", "--exporter-port", "0"]).exits(1);
    for part in ["log generation 0x3", "csbackup restore --undo"] {
        assert!(serve.stderr.contains(part), "{}", serve.stderr);
    }
}

#[test]
fn a_remote_target_is_refused_with_a_hint() {
    let world = World::with_full();
    let run = world.run(&["restore", "latest", "--dir", "sets", "--ca", "ca01.example.test"]).exits(2);
    assert!(run.stderr.contains("run csbackup on ca01.example.test"), "{}", run.stderr);
}

#[test]
fn a_ca_takes_back_only_what_is_its_own() {
    let world = World::with_full();
    world.configure(|config| config.name = "OtherCA".to_owned());
    let before = files_below(&world.path("ca"));
    let run = world.run(&RESTORE).exits(1);
    assert!(run.stderr.contains(r"is of `ca01.example.test\ExampleCA`, this CA is"), "{}", run.stderr);
    assert_eq!(files_below(&world.path("ca")), before);
}

#[test]
fn a_registration_of_another_program_is_said_and_can_be_taken_away() {
    let world = World::with_full();
    let registration = Registration {
        database: Some(("old".to_owned(), "new".to_owned())),
        checkpoint_directory: None,
        log_directory: None,
        backup_log_directory: None,
        low: 1,
        high: 2,
    };
    world.ca().connect().prepare_restore().expect("prepare").register(&registration).expect("register");
    for way in ["--resume", "--status"] {
        world.run(&["restore", way, "--ca-dir", "ca"]).exits(if way == "--resume" { 3 } else { 0 });
    }
    let run = world.run(&["restore", "--undo", "--ca-dir", "ca"]).exits(0);
    assert!(run.stdout.contains("the registration was taken away"), "{}", run.stdout);
    world.run(&["ca", "advance", "ca"]).exits(0);
    world.backup(&[]).exits(0);
}

#[test]
fn a_part_alone_is_restored() {
    let world = World::with_full();
    let run = world.run(&["restore", "latest", "--dir", "sets", "--to", "back", "--only", "crl"]);
    run.exits(0);
    assert_eq!(files_below(&world.path("back")), ["DynamicFiles/ExampleCA.crl"]);
}

/// Killed once its files are on their way.
#[test]
fn a_killed_restore_goes_on_or_back() {
    for way in ["--undo", "--resume"] {
        let world = World::with_chain();
        // A service that starts would use what was restored: then there is no way back.
        world.ca().stop().expect("stop the service");
        let before = files_below(&world.path("ca"));
        let mut child = world.spawn(&RESTORE);
        let journal = world.path("ca/CertLog/.csbackup-restore/journal.json");
        let deadline = Instant::now() + Duration::from_secs(60);
        // Once files are on their way, where it is there for long enough to be seen.
        let is_applying = || fs::read_to_string(&journal).is_ok_and(|text| text.contains("applying"));
        while !is_applying() && child.try_wait().expect("ask for the child").is_none() {
            assert!(Instant::now() < deadline, "no journal");
            std::thread::yield_now();
        }
        let _ = child.kill();
        child.wait().expect("wait for the child");
        let run = world.run(&["restore", way, "--ca-dir", "ca"]);
        if way == "--undo" {
            run.exits(0);
            assert_eq!(files_below(&world.path("ca")), before);
            world.ca().start().expect("start the service");
            world.run(&["ca", "advance", "ca"]).exits(0);
            world.backup(&[]).exits(0);
        } else {
            run.exits(0);
            assert!(fs::metadata(world.path("ca/restore.toml")).is_ok(), "it is registered");
            world.run(&["restore", "--undo", "--ca-dir", "ca"]).exits(0);
            assert_eq!(files_below(&world.path("ca")), before);
        }
    }
}
