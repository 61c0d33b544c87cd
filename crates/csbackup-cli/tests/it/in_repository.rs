//! Every command that reads sets reads them in a repository too, and says the same.

use std::fs;

use serde_json::Value;

use crate::world::{Run, World, damage, files_below};

const REPO: [&str; 2] = ["--repo", "repo"];
const PASSWORD: [(&str, &str); 1] = [("CSBACKUP_REPO_PASSWORD", "correct horse battery staple")];

/// Runs the program with the repository's password in the environment.
fn run(world: &World, args: &[&str]) -> Run {
    world.run_with(&PASSWORD, args)
}

/// A CA whose first state is both in `sets` and in a repository.
fn twice() -> World {
    let world = World::new();
    run(&world, &["init", "--repo", "repo", "--ca-dir", "ca"]).exits(0);
    world.backup(&["--keep-logs"]).exits(0);
    run(&world, &[&["backup", "--ca-dir", "ca", "--keep-logs"], &REPO[..]].concat()).exits(0);
    world
}

/// The messages of a run without what differs between two sets of one state.
fn facts(run: &Run, kinds: &[&str]) -> Vec<Value> {
    run.messages().into_iter().filter(|m| kinds.contains(&m["message_type"].as_str().unwrap())).collect()
}

#[test]
fn the_rows_of_a_set_are_those_of_the_same_set_in_a_directory() {
    let world = twice();
    for (command, kind) in [("certs", "certificate"), ("requests", "request"), ("crls", "crl")] {
        let here = run(&world, &["--json", command, "latest", "--dir", "sets"]).exits(0);
        let there = run(&world, &[&["--json", command, "latest"], &REPO[..]].concat()).exits(0);
        assert!(!facts(&here, &[kind]).is_empty(), "{command}");
        assert_eq!(facts(&here, &[kind]), facts(&there, &[kind]), "{command}");
    }
}

#[test]
fn a_set_is_verified_in_the_repository_and_as_deep() {
    let world = twice();
    let here = run(&world, &["--json", "verify", "latest", "--dir", "sets"]).exits(0);
    let there = run(&world, &[&["--json", "verify", "latest"], &REPO[..]].concat()).exits(0);
    let (mut here, mut there) = (here.message("verified"), there.message("verified"));
    for value in [&mut here, &mut there] {
        value.as_object_mut().unwrap().remove("name");
        value.as_object_mut().unwrap().remove("set");
    }
    // The snapshots of the configuration differ in nothing that counts.
    assert_eq!(here["worst"], there["worst"]);
    assert_eq!(here["proofs"], there["proofs"]);
}

#[test]
fn a_set_is_drilled_in_the_repository_and_its_recovered_database_is_laid_down() {
    let world = twice();
    let (here, there) =
        (["drill", "latest", "--dir", "sets", "--json"], ["drill", "latest", "--repo", "repo", "--json"]);
    let (here, there) =
        (run(&world, &here).exits(0).message("drill"), run(&world, &there).exits(0).message("drill"));
    for part in ["outcome", "content"] {
        assert_eq!(here[part], there[part]);
    }
    assert_eq!(here["recovered"]["position"], there["recovered"]["position"]);
    let list = run(&world, &[&["list"], &REPO[..]].concat()).exits(0);
    assert!(list.stdout.contains("drilled"), "{}", list.stdout);
    run(&world, &["restore", "latest", "--dir", "sets", "--recovered", "--to", "here"]).exits(0);
    run(&world, &["restore", "latest", "--repo", "repo", "--recovered", "--to", "there"]).exits(0);
    let database =
        |place: &str| fs::read(world.path(place).join("CertLog/ExampleCA.edb")).expect("read a database");
    assert!(database("here") == database("there"));
}

#[test]
fn a_restored_chain_is_bit_identical() {
    let world = World::new();
    run(&world, &["init", "--repo", "repo", "--ca-dir", "ca"]).exits(0);
    let backup = [&["backup", "--ca-dir", "ca"], &REPO[..]].concat();
    run(&world, &backup).exits(0);
    run(&world, &["ca", "advance", "ca"]).exits(0);
    let second = run(&world, &[&["--json"], &backup[..]].concat()).exits(0);
    assert_eq!(second.message("set")["kind"], "incremental");
    run(&world, &[&["restore", "latest", "--to", "out"], &REPO[..]].concat()).exits(0);
    let mut compared = 0;
    let folder = world.path("out/CertLog");
    for name in files_below(&folder) {
        let recorded = ["ca/state-01", "ca/state-02"].map(|state| world.path(state).join(&name));
        let original = recorded.iter().find(|path| path.is_file()).unwrap();
        assert_eq!(fs::read(folder.join(&name)).unwrap(), fs::read(original).unwrap(), "{name}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn two_sets_of_a_repository_are_compared() {
    let world = twice();
    let list = run(&world, &[&["--json", "list"], &REPO[..]].concat()).exits(0);
    let id = list.message("set")["id"].as_str().unwrap().to_owned();
    // Nothing has changed, and some rows cannot be told before the logs are replayed.
    let diff = run(&world, &[&["--json", "diff", &id, "latest"], &REPO[..]].concat());
    assert!(matches!(diff.code, Some(0 | 3)), "{}", diff.stderr);
    assert!(facts(&diff, &["issued", "revoked", "vanished"]).is_empty());
}

#[test]
fn doctor_finds_the_set_that_helps_in_a_repository_and_says_how_to_fetch_it() {
    let world = twice();
    let broken = world.path("broken");
    fs::create_dir(&broken).unwrap();
    let database = "ExampleCA.edb";
    fs::copy(world.path("ca/state-01").join(database), broken.join(database)).unwrap();
    let doctor = run(&world, &[&["--json", "doctor", "broken"], &REPO[..]].concat());
    let commands: Vec<String> = doctor
        .of_type("step")
        .iter()
        .flat_map(|step| step["commands"].as_array().unwrap().clone())
        .map(|command| command.as_str().unwrap().to_owned())
        .collect();
    assert!(commands.iter().any(|command| command.contains("--repo ")), "{commands:#?}");
    assert!(!commands.iter().any(|command| command.contains("SETS")), "{commands:#?}");
}

#[test]
fn sets_without_a_place_are_a_usage_error() {
    let world = World::new();
    let run = world.run(&["list"]).exits(2);
    assert!(run.stderr.contains("--repo"), "{}", run.stderr);
}

#[test]
fn damage_that_verify_finds_is_remembered_and_the_next_backup_is_a_full_one() {
    let world = World::new();
    run(&world, &["init", "--repo", "repo", "--ca-dir", "ca"]).exits(0);
    let backup = [&["backup", "--ca-dir", "ca", "--json"], &REPO[..]].concat();
    run(&world, &backup).exits(0);
    let data = world.path("repo/ExampleCA/data");
    let size = |name: &&String| fs::metadata(data.join(name)).unwrap().len();
    damage(&data.join(files_below(&data).iter().max_by_key(size).unwrap()));
    let dry =
        || run(&world, &[&backup[..], &["--dry-run"]].concat()).exits(0).message("plan")["kind"].clone();
    assert_eq!(dry(), "incremental");
    run(&world, &[&["verify", "latest"], &REPO[..]].concat()).exits(4);
    let list = run(&world, &[&["list", "--json"], &REPO[..]].concat()).exits(0);
    assert_eq!(list.message("set")["state"], "misread");
    assert_eq!(dry(), "full");
}
