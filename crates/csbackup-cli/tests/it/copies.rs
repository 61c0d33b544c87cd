//! Copies of sets in other places, as an operator asks for them.

use std::fs;

use crate::world::{Run, World, damage};

const PASSWORD: [(&str, &str); 1] = [("CSBACKUP_REPO_PASSWORD", "secret")];

/// A repository for the world's CA in `far`.
fn with_repository(world: &World) {
    let authority = world.ca().authority().clone();
    let location = world.path("far").to_str().expect("a path is text").parse().expect("a location");
    let password = csbackup_repo::Password::new("secret");
    let options = csbackup_repo::StoreOptions::default();
    let repositories = csbackup_repo::Repositories::new(location, options, password);
    repositories.init(&authority.name, 1 << 20).expect("make a repository");
}

fn backup(world: &World, args: &[&str]) -> Run {
    world.run_with(&PASSWORD, &[&["backup", "--ca-dir", "ca", "--dir", "sets"], args].concat())
}

fn ids(run: &Run) -> Vec<String> {
    run.of_type("set").iter().map(|set| format!("{} {}", set["id"], set["state"])).collect()
}

/// The sets in a place, each with its state.
fn listed(world: &World, place: &[&str]) -> Vec<String> {
    ids(&world.run_with(&PASSWORD, &[&["list", "--json"], place].concat()).exits(0))
}

#[test]
fn a_repository_far_away_is_behind_until_it_is_there_and_then_restores_the_same() {
    let world = World::new();
    // Nobody made it yet: the set is good, the exit code says that something is missing.
    let run = backup(&world, &["--copy-to", "far", "--json"]).exits(3);
    assert_eq!(run.message("truncation")["outcome"], "done");
    assert!(run.message("far_copy")["behind"].is_string(), "{}", run.stdout);

    with_repository(&world);
    world.run(&["ca", "advance", "ca"]).exits(0);
    let run = backup(&world, &["--copy-to", "far", "--copies-before-truncate", "2", "--json"]).exits(0);
    assert_eq!(run.message("truncation")["outcome"], "done");
    let far = run.message("far_copy");
    assert_eq!(far["copied"].as_array().map(Vec::len), Some(2), "caught up: {far}");
    assert!(far["behind"].is_null(), "{far}");
    assert_eq!(listed(&world, &["--repo", "far"]), listed(&world, &["--dir", "sets"]));

    world.run(&["restore", "latest", "--dir", "sets", "--to", "near-back"]).exits(0);
    world.run_with(&PASSWORD, &["restore", "latest", "--repo", "far", "--to", "far-back"]).exits(0);
    let files = |folder: &str| {
        let root = world.path(folder);
        let strip = |(path, bytes): (std::path::PathBuf, Vec<u8>)| {
            (path.strip_prefix(&root).expect("it is below").to_owned(), bytes)
        };
        let databases = testkit::world::tree(&root).into_iter().map(strip);
        databases.filter(|(path, _)| path.starts_with("CertLog")).collect::<Vec<_>>()
    };
    assert!(files("near-back").len() > 2);
    assert_eq!(files("near-back"), files("far-back"));
}

#[test]
fn too_few_places_keep_the_logs_and_say_so() {
    let world = World::new();
    let run = backup(&world, &["--copy-to", "far", "--copies-before-truncate", "2"]).exits(5);
    assert!(run.stderr.contains("2 places are to hold the set first, 1 do"), "{}", run.stderr);
    assert!(run.stdout.contains("WHICH IS BEHIND"), "{}", run.stdout);
    let run = backup(&world, &["--copies-before-truncate", "2"]).exits(2);
    assert!(run.stderr.contains("add `--copy-to PLACE`"), "{}", run.stderr);
}

#[test]
fn a_sample_keeps_the_logs_and_the_list_says_sampled() {
    let world = World::new();
    let run = backup(&world, &["--verify-store", "sample"]).exits(5);
    assert!(run.stdout.contains("a sample read back: sampled"), "{}", run.stdout);
    assert!(run.stderr.contains("was read back by a sample only"), "{}", run.stderr);
    assert!(world.run(&["list", "--dir", "sets"]).exits(0).stdout.contains("sampled"));
    backup(&world, &[]).exits(0);
}

#[test]
fn sets_go_from_a_directory_to_a_repository_and_back_unchanged() {
    let world = World::with_chain();
    with_repository(&world);
    let copy = |args: &[&str]| world.run_with(&PASSWORD, &[&["copy"], args].concat());
    let run = copy(&["--from", "dir:sets", "--to", "far"]).exits(0);
    assert!(run.stdout.contains("2 sets copied to"), "{}", run.stdout);
    let run = copy(&["--from", "dir:sets", "--to", "far"]).exits(0);
    assert!(run.stdout.contains("nothing copied to"), "{}", run.stdout);
    copy(&["--from", "far", "--to", "dir:back"]).exits(0);
    let manifests = |root: &str| -> Vec<Vec<u8>> {
        let files = testkit::world::tree(&world.path(root)).into_iter();
        let sets =
            files.filter(|(path, _)| path.parent().is_some_and(|set| set.join("manifest.json").is_file()));
        sets.map(|(_, bytes)| bytes).collect()
    };
    assert_eq!(manifests("sets").len(), manifests("back").len());
    assert_eq!(manifests("sets"), manifests("back"));
    assert_eq!(listed(&world, &["--dir", "back"]), listed(&world, &["--dir", "sets"]));
}

#[test]
fn what_cannot_be_copied_is_named_and_the_exit_code_says_incomplete() {
    let world = World::with_chain();
    damage(&world.newest().1.join("DataBase/edb0000A.log"));
    let run = world.run(&["copy", "--from", "dir:sets", "--to", "dir:far", "--json"]).exits(3);
    let copied = run.message("copied");
    assert_eq!(copied["copied"].as_array().map(Vec::len), Some(1), "{copied}");
    assert_eq!(copied["left"].as_array().map(Vec::len), Some(1), "{copied}");
}

#[test]
fn places_that_cannot_be_are_told() {
    let world = World::with_full();
    let run = world.run(&["copy", "--from", "dir:sets", "--to", "dir:sets"]).exits(2);
    assert!(run.stderr.contains("the same place"), "{}", run.stderr);
    world.run(&["copy", "--from", "dir:nowhere", "--to", "dir:far"]).exits(10);
    assert!(!world.path("far").exists());
    fs::create_dir(world.path("empty")).expect("make a folder");
    world.run(&["copy", "--from", "dir:empty", "--to", "dir:far"]).exits(3);
    let other = ["copy", "--from", "dir:sets", "--to", "dir:far", "--ca-name", "Another CA"];
    let run = world.run(&other).exits(10);
    assert!(run.stderr.contains("there is no set of `Another CA`"), "{}", run.stderr);
    let run = world.run_with(&PASSWORD, &["copy", "--from", "dir:sets", "--to", "empty"]).exits(10);
    assert!(run.stderr.contains("csbackup init"), "{}", run.stderr);
}

#[test]
fn the_places_of_a_copy_have_passwords_of_their_own() {
    let world = World::with_full();
    let init = |place: &str, password: &str| {
        let args = ["init", "--repo", place, "--ca-name", "ExampleCA"];
        world.run_with(&[("CSBACKUP_REPO_PASSWORD", password)], &args).exits(0);
        fs::write(world.path(&format!("{place}.txt")), password).expect("write a password file");
    };
    init("one", "password of one");
    init("two", "password of two");
    init("three", "password of three");
    let one = [("CSBACKUP_REPO_PASSWORD", "password of one")];
    let with = |more: (&'static str, &'static str)| [one[0], more];
    let copy = ["copy", "--from", "one", "--to", "two"];
    world.run_with(&one, &["copy", "--from", "dir:sets", "--to", "one"]).exits(0);

    world.run_with(&one, &copy).exits(12);
    world.run_with(&with(("CSBACKUP_COPY_REPO_PASSWORD", "password of two")), &copy).exits(0);
    let files = ["copy", "--from", "two", "--from-password-file", "two.txt"];
    world.run_with(&one, &[&files[..], &["--to", "one"]].concat()).exits(0);
    world.run(&[&files[..], &["--to", "one", "--to-password-file", "one.txt"]].concat()).exits(0);
    let command = ["copy", "--from", "one", "--from-password-command", "cat one.txt"];
    let to = ["--to", "three", "--to-password-command", "cat three.txt"];
    world.run(&[&command[..], &to].concat()).exits(if cfg!(unix) { 0 } else { 1 });

    let backup = ["backup", "--ca-dir", "ca", "--repo", "one", "--keep-logs", "--copy-to", "two"];
    let run = world.run_with(&one, &backup).exits(3);
    assert!(run.stdout.contains("WHICH IS BEHIND"), "{}", run.stdout);
    world.run_with(&one, &[&backup[..], &["--copy-password-file", "two.txt"]].concat()).exits(0);
    world.run_with(&with(("CSBACKUP_COPY_REPO_PASSWORD", "password of two")), &backup).exits(0);
}

#[test]
fn a_dry_run_tells_what_each_place_lacks_and_what_cannot_be() {
    let world = World::with_chain();
    fs::create_dir(world.path("far")).expect("make a folder");
    let dry = ["--dry-run", "--copy-to", "dir:far"];
    let plan = backup(&world, &[&dry[..], &["--json"]].concat()).exits(0).message("plan");
    assert_eq!(plan["copies"][0]["lacking"], 2, "{plan}");
    let run = backup(&world, &["--dry-run", "--copy-to", "nowhere"]).exits(0);
    assert!(run.stdout.contains("would be behind"), "{}", run.stdout);
    backup(&world, &[&dry[..], &["--copies-before-truncate", "3"]].concat()).exits(2);
}
