//! `forget`, `mark`, `prune`, `check`, `repair`: what they say, and how they end.

use std::fs;

use crate::world::{Run, World, damage, files_below};

const FORGET: [&str; 3] = ["forget", "--dir", "sets"];

/// A full backup, its increment, and another full backup, in a directory. (The recorded CA could not take the
/// last one without the logs that it was let forget: it is put back.)
fn world() -> World {
    let world = World::with_chain();
    fs::remove_dir_all(world.path("ca")).expect("remove the CA");
    world.run(&["ca", "new", "ca"]).exits(0);
    world.backup(&["--type", "full", "--keep-logs", "--accept-gap"]).exits(0);
    world
}

fn forget(world: &World, args: &[&str]) -> Run {
    world.run(&[&FORGET, args].concat())
}

#[test]
fn the_plan_is_shown_with_reasons_and_a_dry_run_removes_nothing() {
    let world = world();
    let before = files_below(&world.path("sets"));
    let run = forget(&world, &["--keep-last", "1", "--dry-run"]).exits(0);
    assert_eq!(run.stdout.matches("  forget ").count(), 2, "{}", run.stdout);
    assert!(run.stdout.contains("among the last 1; in the newest good chain"), "{}", run.stdout);
    assert!(run.stdout.contains("kept by no rule"), "{}", run.stdout);
    assert_eq!(files_below(&world.path("sets")), before);
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_removed() {
    let world = world();
    for json in [&["--keep-last", "1"][..], &["--keep-last", "1", "--json"]] {
        let run = forget(&world, json).exits(1);
        assert!((run.stdout.clone() + &run.stderr).contains("nobody can be asked here"), "{run:?}");
    }
    assert_eq!(world.sets().len(), 3);
    let run = forget(&world, &["--keep-last", "1", "--yes", "--json"]).exits(0);
    assert_eq!(run.message("forgotten")["forgotten"].as_array().map(Vec::len), Some(2));
    assert_eq!(run.of_type("fate").len(), 3);
    assert_eq!(world.sets().len(), 1);
    assert_eq!(
        files_below(&world.path("sets")).iter().filter(|name| name.ends_with("notes.jsonl")).count(),
        1
    );
}

#[test]
fn forgetting_without_a_rule_or_by_a_wrong_clock_is_refused() {
    let world = world();
    let run = forget(&world, &["--yes"]).exits(1);
    assert!(run.stderr.contains("no rule says what to keep"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: give at least one of the `--keep-` options"), "{}", run.stderr);
    for (place, set) in world.sets().iter().enumerate() {
        // Their manifests must not change: it is `--now` that lies.
        assert!(place < 3 && set.manifest.sequence > 0);
    }
    forget(&world, &["--keep-last", "1", "--now", "1999-01-01", "--dry-run"]).exits(0);
    forget(&world, &["--keep-last", "1", "latest", "--dry-run"]).exits(2);
    forget(&world, &["--keep-within", "soon", "--dry-run"]).exits(2);
    assert_eq!(world.sets().len(), 3);
}

#[test]
fn a_hold_is_shown_keeps_its_chain_and_is_lifted() {
    let world = world();
    let id = world.sets()[1].id.to_string();
    let mark = |args: &[&str]| world.run(&[&["mark", &id, "--dir", "sets"], args].concat());
    mark(&["--hold"]).exits(2);
    mark(&["--hold", "--reason", ""]).exits(2);
    mark(&["--hold", "--release", "--reason", "x"]).exits(2);
    mark(&["--hold", "--reason", "court order", "--until", "2001-01-01"]).exits(1);
    let run = mark(&["--hold", "--reason", "court order"]).exits(0);
    assert_eq!(run.stdout, format!("set {id} is on hold: court order\n"));
    let list = world.run(&["list", "--dir", "sets"]).exits(0);
    assert_eq!(list.stdout.matches(", on hold").count(), 1, "{}", list.stdout);
    let show = world.run(&["show", &id, "--dir", "sets", "--json"]).exits(0);
    assert_eq!(show.message("set")["hold"]["reason"], "court order");

    forget(&world, &["--keep-last", "1", "--yes"]).exits(0);
    assert_eq!(world.sets().len(), 3, "it keeps itself and its base");
    let run = forget(&world, &[&id, "--yes"]).exits(1);
    assert!(run.stderr.contains("is on hold: court order"), "{}", run.stderr);

    let run = mark(&["--release"]).exits(0);
    assert_eq!(run.stdout, format!("set {id} is on no hold\n"));
    forget(&world, &["--keep-last", "1", "--yes"]).exits(0);
    assert_eq!(world.sets().len(), 1);
}

#[test]
fn a_set_is_forgotten_by_its_name_with_what_continues_it() {
    let world = world();
    let id = world.sets()[0].id.to_string();
    let run = forget(&world, &[&id, "--yes"]).exits(0);
    assert!(run.stdout.contains("a continuation of"), "{}", run.stdout);
    assert_eq!(world.sets().len(), 1);
    let run = forget(&world, &["latest", "--yes"]).exits(1);
    assert!(run.stderr.contains("in the newest good chain"), "{}", run.stderr);
}

#[test]
fn what_is_for_repositories_says_so_for_directories() {
    let world = world();
    let run = world.run(&["check", "--dir", "sets"]).exits(2);
    assert!(run.stderr.contains("csbackup verify --all"), "{}", run.stderr);
    world.run(&["prune", "--dir", "sets"]).exits(2);
    forget(&world, &["--keep-last", "1", "--yes", "--prune"]).exits(2);
}

/// The same in a repository.
fn in_repository() -> World {
    let world = World::new();
    repository(&world, &["init", "--ca-name", "ExampleCA"]).exits(0);
    for _ in 0..2 {
        repository(&world, &["backup", "--ca-dir", "ca", "--type", "full", "--keep-logs"]).exits(0);
    }
    world
}

fn repository(world: &World, args: &[&str]) -> Run {
    world.run_with(&[("CSBACKUP_REPO_PASSWORD", "a password")], &[args, &["--repo", "place"]].concat())
}

#[test]
fn a_repository_is_forgotten_in_pruned_and_checked() {
    let world = in_repository();
    let run = repository(&world, &["forget", "--keep-last", "1", "--yes", "--prune", "--json"]).exits(0);
    assert_eq!(run.message("forgotten")["forgotten"].as_array().map(Vec::len), Some(1));
    assert_eq!(run.message("pruned")["deleted"], 0, "{}", run.stdout);
    let run = repository(&world, &["prune", "--instant"]).exits(0);
    assert!(run.stdout.starts_with("ExampleCA: "), "{}", run.stdout);
    let run = repository(&world, &["check", "--read-data"]).exits(0);
    assert!(run.stdout.contains("ExampleCA: good; 1 set"), "{}", run.stdout);
    repository(&world, &["check", "--read-data=1/2"]).exits(0);
    repository(&world, &["check", "--read-data=3/2"]).exits(2);
}

#[test]
fn damage_ends_with_4_names_the_sets_and_is_noted_beside_them() {
    let world = in_repository();
    let packs = files_below(&world.path("place/ExampleCA/data"));
    let size =
        |name: &&String| fs::metadata(world.path("place/ExampleCA/data").join(name)).expect("a pack").len();
    let largest = packs.iter().max_by_key(size).expect("there is a pack");
    damage(&world.path("place/ExampleCA/data").join(largest));
    repository(&world, &["check"]).exits(0);
    let run = repository(&world, &["check", "--read-data", "--json"]).exits(4);
    let checked = run.message("checked");
    assert_eq!(checked["verdict"], "damaged");
    let lost = checked["lost"].as_array().expect("an array").len();
    assert!(lost > 0, "{}", run.stdout);
    let list = repository(&world, &["list"]).exits(0);
    assert_eq!(list.stdout.matches(" misread").count(), lost, "{}", list.stdout);
    // What is lost is nothing that forgetting could rely on.
    let run = repository(&world, &["forget", "--keep-last", "1", "--dry-run"]).exits(0);
    assert!(run.stdout.contains("misread, and no whole good chain is newer"), "{}", run.stdout);
}

#[test]
fn a_lost_index_is_named_and_repaired() {
    let world = in_repository();
    let index = world.path("place/ExampleCA/index");
    for file in files_below(&index) {
        fs::remove_file(index.join(file)).expect("remove the index");
    }
    let run = repository(&world, &["check"]).exits(4);
    assert!(run.stdout.contains("csbackup repair"), "{}", run.stdout);
    repository(&world, &["repair", "--dry-run"]).exits(0);
    repository(&world, &["check"]).exits(4);
    let run = repository(&world, &["repair"]).exits(0);
    assert!(run.stdout.contains("that the index does not know are read"), "{}", run.stdout);
    repository(&world, &["check", "--read-data"]).exits(0);
    let run = repository(&world, &["repair"]).exits(0);
    assert!(run.stdout.contains("nothing to repair"), "{}", run.stdout);
}

#[test]
fn a_place_without_a_repository_ends_with_10() {
    let world = World::new();
    for command in ["check", "prune", "repair"] {
        repository(&world, &[command]).exits(10);
    }
}
