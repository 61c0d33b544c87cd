//! Looking at databases as they were: logs replayed to a point in time.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{Run, World, damage, files_below, run_in};

/// A full backup and two increments of it.
fn life() -> World {
    let world = World::with_chain();
    world.run(&["ca", "advance", "ca"]).exits(0);
    world.backup(&[]).exits(0);
    fs::create_dir(world.path("scratch")).expect("make a scratch folder");
    world
}

/// Runs the program on the sets; neither they nor the scratch folder show it afterwards.
fn look(world: &World, args: &[&str]) -> Run {
    let before = testkit::world::tree(&world.path("sets"));
    let run = world.run(&[args, &["--dir", "sets", "--scratch", "scratch"]].concat());
    assert!(testkit::world::tree(&world.path("sets")) == before, "sets are only read");
    assert_eq!(files_below(&world.path("scratch")), [] as [&str; 0]);
    run
}

/// What the engine made of the same sets.
fn restored(state: &str) -> Option<PathBuf> {
    let folder = testkit::data::engine_set("page8k")?;
    let nested = folder.join("page8k").join(state);
    Some(if nested.is_dir() { nested } else { folder.join(state) })
}

const ROWS: [(&str, &str); 3] = [("certs", "certificate"), ("requests", "request"), ("crls", "crl")];

fn generation(set: &csbackup::StoredSet) -> String {
    set.manifest.generations().expect("logs").1.to_string()
}

#[test]
fn rows_at_the_end_of_each_backup_are_those_that_the_engine_restored() {
    let world = life();
    let mut counts = Vec::new();
    for (set, state) in world.sets().iter().zip(["hot-restored", "hot-inc1-restored", "hot-inc2-restored"]) {
        let Some(state) = restored(state) else { return };
        let (id, last) = (set.id.as_str(), generation(set));
        for (command, message) in ROWS {
            let rows = run_in(&world.path(""), &["--json", command, &state.to_string_lossy()]).exits(0);
            let rows = rows.of_type(message);
            let own = look(&world, &["--json", command, id, "--at", "end"]).exits(0);
            assert!(own.of_type(message) == rows, "{command} of {id}");
            let point = look(&world, &["--json", command, "latest", "--at", &last]).exits(0);
            assert!(point.of_type(message) == rows, "{command} of the newest set at {last}");
            counts.push((command, rows.len()));
        }
    }
    let certs: Vec<usize> = counts.iter().filter(|(of, _)| *of == "certs").map(|(_, count)| *count).collect();
    assert!(certs.is_sorted_by(|a, b| a < b), "{certs:?}");
}

#[test]
fn a_recovered_database_says_how_far_it_reaches() {
    let world = life();
    let full = world.sets()[0].id.to_string();
    let run = look(&world, &["--json", "certs", "latest", "--at", "0xA"]).exits(0);
    let source = run.message("source");
    assert_eq!(
        (&source["base"], &source["recovered"]["generation"]),
        (&Value::from(full.as_str()), &Value::from(10))
    );
    assert_eq!((&source["not_replayed"], &source["recovered"]["lost"]), (&Value::Null, &Value::Null));
    let next = world.sets()[2].manifest.logs().last().expect("a log").1.created_at.clone();
    assert_eq!(source["recovered"]["complete_to"], next.as_str());
    let run = look(&world, &["certs", "latest", "--at", &next, "--count"]).exits(0);
    let text = format!("as recovered from the database of {full} to a:");
    assert!(run.stderr.starts_with(&text) && run.stderr.contains(&next), "{}", run.stderr);
}

#[test]
fn a_point_that_no_set_reaches_is_an_error_that_tells_the_range() {
    let world = life();
    for point in ["0xc", "2200-01-01", "2001-01-01"] {
        let run = look(&world, &["certs", "latest", "--at", point]).exits(1);
        assert!(
            run.stderr.contains("cannot be had: the sets reach from the end of log 0x8 ("),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
    }
}

/// Path of a log of the newest set.
fn newest_log(world: &World, name: &str) -> PathBuf {
    world.newest().1.join("DataBase").join(name)
}

#[test]
fn a_damaged_log_ends_the_rows_before_it_and_is_told() {
    let world = life();
    damage(&newest_log(&world, "edb0000B.log"));
    let whole = look(&world, &["--json", "certs", "latest", "--at", "0xA"]).exits(0).of_type("certificate");
    for point in ["end", "0xB"] {
        let run = look(&world, &["--json", "certs", "latest", "--at", point]).exits(4);
        assert!(run.of_type("certificate") == whole);
        assert_eq!(run.message("finding")["code"], "file-hash");
        assert_eq!(run.message("source")["recovered"]["lost"]["generations"], serde_json::json!([11, 11]));
    }
    let run = look(&world, &["certs", "latest", "--at", "end"]).exits(4);
    assert!(run.stderr.contains("changes in logs 0xb-0xb ARE MISSING"), "{}", run.stderr);
}

#[test]
fn a_database_that_no_log_makes_consistent_has_no_rows() {
    let world = life();
    let full = world.medium().path_of(&world.sets()[0]);
    damage(&full.join("DataBase/edb00003.log"));
    let run = look(&world, &["certs", "latest", "--at", "end"]).exits(4);
    assert!(
        run.stderr.contains("error: the database of `") && run.stderr.contains("cannot be recovered"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stdout, "");
}

#[test]
fn sets_of_one_chain_are_compared_at_their_ends() {
    let world = life();
    let full = world.sets()[0].id.to_string();
    let run = look(&world, &["--json", "diff", &full, "latest"]).exits(0);
    let (differences, summary) = (run.of_type("difference"), run.message("diff"));
    assert!(summary["issued"].as_u64() > Some(0) && summary["vanished"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["not_comparable"], 0);
    let sources = run.of_type("source");
    let ends: Vec<_> = sources.iter().map(|source| source["recovered"]["generation"].as_u64()).collect();
    assert_eq!(ends, [Some(9), Some(11)]);
    let points =
        look(&world, &["--json", "diff", "latest", "latest", "--from-at", "0x9", "--to-at", "end"]).exits(0);
    assert!(points.of_type("difference") == differences);
    let (Some(older), Some(newer)) = (restored("hot-restored"), restored("hot-inc2-restored")) else {
        return;
    };
    let (older, newer) = (older.to_string_lossy(), newer.to_string_lossy());
    let engine = run_in(&world.path(""), &["--json", "diff", &older, &newer]);
    assert!(engine.exits(0).of_type("difference") == differences);
}

/// A copy of the database of the example's full backup, with the logs that are wanted.
fn folder(world: &World, name: &str, logs: impl Fn(&str) -> bool) -> PathBuf {
    let (from, to) = (world.medium().path_of(&world.sets()[0]).join("DataBase"), world.path(name));
    fs::create_dir(&to).expect("make a folder");
    for name in files_below(&from).iter().filter(|name| name.ends_with(".edb") || logs(name)) {
        fs::copy(from.join(name), to.join(name)).expect("copy a file");
    }
    to
}

fn at(world: &World, folder: &Path, point: &str) -> Run {
    world.run(&["--json", "certs", &folder.to_string_lossy(), "--at", point])
}

#[test]
fn a_folder_is_looked_at_as_far_as_its_logs_go() {
    let world = World::with_full();
    let all = folder(&world, "all", |name| name.ends_with(".log"));
    let of_set = |point: &str| {
        let run = world.run(&["--json", "certs", "latest", "--dir", "sets", "--at", point]);
        run.exits(0).of_type("certificate")
    };
    for point in ["end", "8"] {
        assert!(at(&world, &all, point).exits(0).of_type("certificate") == of_set(point), "{point}");
    }
    assert!(
        at(&world, &all, "2200-01-01").exits(1).message("error")["text"]
            .as_str()
            .unwrap_or_default()
            .contains("is not known")
    );
    let bare = folder(&world, "bare", |_| false);
    let run = at(&world, &bare, "end").exits(1);
    let text = run.message("error")["text"].to_string();
    assert!(text.contains("needs the logs from 0x1 on, at least to 0x"), "{text}");
    // A missing log is a gap: what is before it is shown.
    let gap = folder(&world, "gap", |name| name.ends_with(".log") && !name.contains("edb00009"));
    assert!(at(&world, &gap, "end").exits(0).of_type("certificate") == of_set("8"));
    assert!(at(&world, &gap, "9").exits(1).message("error")["text"].to_string().contains("end with 0x8"));
}

#[test]
fn a_closed_database_is_of_one_moment() {
    let Some(clean) = restored("clean") else { return };
    let world = World::new();
    let database = clean.join("ExampleCA.edb").to_string_lossy().into_owned();
    let rows = |args: &[&str]| world.run(&[&["--json", "certs", database.as_str()], args].concat());
    assert!(
        rows(&["--at", "end"]).exits(0).of_type("certificate") == rows(&[]).exits(0).of_type("certificate")
    );
    let run = rows(&["--at", "1"]).exits(1);
    assert!(run.message("error")["text"].to_string().contains("was shut down cleanly"));
}
