//! `--archive`: a host writes what only the holder of a key can read.

use std::fs;

use crate::world::{World, files_below};

const RECIPIENT: &str = "age1lmxtwt0jy22ra7gwhdpl7gsmusqdnhsp7a9e3qw4wks3a5a2qysqhgv6d3";
const IDENTITY: &str =
    "# made for these tests\nAGE-SECRET-KEY-1L0EUFJXS420W6HPZPLHN46QJT4JP8NSJU3P88EGTU6FTVRAY78TQN854F5\n";
const STRANGER: &str = "AGE-SECRET-KEY-196DHTK4999EFFMCEN9MAHL4UHZFYDC6SS555AMAUXKW6HW465XSSJ7UW46\n";

/// A world with a full backup and an increment in `archives`, and keys.
fn world() -> World {
    let world = World::new();
    fs::write(world.path("key.txt"), IDENTITY).unwrap();
    fs::write(world.path("stranger.txt"), STRANGER).unwrap();
    fs::write(world.path("recipients.txt"), format!("# ours\n{RECIPIENT}\n")).unwrap();
    let backup = ["backup", "--ca-dir", "ca", "--archive", "archives", "--json"];
    let full = world.run(&[&backup[..], &["--recipient", RECIPIENT]].concat()).exits(0);
    assert_eq!(full.message("set")["truncation"], "done");
    world.run(&["ca", "advance", "ca"]).exits(0);
    let next = world.run(&[&backup[..], &["--recipients-file", "recipients.txt"]].concat()).exits(0);
    assert!(next.stdout.contains("is not compared with the database that it continues"), "{}", next.stdout);
    assert_eq!(next.message("set")["truncation"], "done");
    assert_eq!(next.message("plan")["kind"], "incremental");
    assert_eq!(next.message("set")["state"], "good");
    world
}

#[test]
fn sets_are_listed_without_a_key_and_read_with_one() {
    let world = world();
    let list = world.run(&["list", "--archive", "archives", "--json"]).exits(0);
    assert_eq!(list.of_type("set").len(), 2);
    world.run(&["show", "latest", "--archive", "archives"]).exits(0);

    let verify = ["verify", "latest", "--archive", "archives"];
    let refused = world.run(&verify).exits(12);
    assert!(refused.stderr.contains("encrypted and no identity is given"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--identity"), "{}", refused.stderr);
    let refused = world.run(&[&verify[..], &["--identity", "stranger.txt"]].concat()).exits(12);
    assert!(refused.stderr.contains("none of the given identities"), "{}", refused.stderr);
    world.run(&[&verify[..], &["--identity", "key.txt"]].concat()).exits(0);
    world.run(&["certs", "latest", "--archive", "archives", "--identity", "key.txt"]).exits(0);
    let drill = world.run(&["drill", "latest", "--archive", "archives", "--identity", "key.txt"]).exits(0);
    assert!(drill.stdout.contains("passed\nrecovered  to a:"), "{}", drill.stdout);
    let list = world.run(&["list", "--archive", "archives"]).exits(0);
    assert!(list.stdout.contains("good, drilled"), "{}", list.stdout);
}

#[test]
fn a_restore_from_archives_is_one_from_a_directory() {
    let world = world();
    world
        .run(&["restore", "latest", "--archive", "archives", "--identity", "key.txt", "--to", "out"])
        .exits(0);
    let plain = World::with_chain();
    plain.run(&["restore", "latest", "--dir", "sets", "--to", "out"]).exits(0);
    let names = files_below(&world.path("out"));
    assert!(names.iter().any(|name| name.ends_with(".edb")), "{names:?}");
    assert_eq!(names, files_below(&plain.path("out")));
}

#[test]
fn who_shall_read_it_must_be_said() {
    let world = World::new();
    let backup = ["backup", "--ca-dir", "ca", "--archive", "archives"];
    let run = world.run(&backup).exits(2);
    assert!(run.stderr.contains("--recipient"), "{}", run.stderr);
    let run = world.run(&[&backup[..], &["--recipient", STRANGER.trim()]].concat()).exits(2);
    assert!(run.stderr.contains("secret key"), "{}", run.stderr);
    assert!(!run.stderr.contains("AGE-SECRET"), "{}", run.stderr);
    world.run(&[&backup[..], &["--recipient", "age1nobody"]].concat()).exits(2);
    world.run(&[&backup[..], &["--dir", "sets", "--recipient", RECIPIENT]].concat()).exits(2);
    assert!(!world.path("archives").exists());
    world.run(&["list", "--archive", "archives"]).exits(10);
}
