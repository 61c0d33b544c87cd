//! `drill`, `backup --drill`, `restore --recovered`, and what `doctor` offers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::world::{World, damage, files_below};

const DRILL: [&str; 4] = ["drill", "latest", "--dir", "sets"];

/// All files below a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = fs::read(folder.join(&name)).expect("read a file");
        (name, bytes)
    };
    files_below(folder).into_iter().map(read).collect()
}

#[test]
fn a_backup_that_is_drilled_says_so_wherever_the_set_is_shown() {
    let world = World::new();
    let run = world.backup(&["--drill", "--json"]).exits(0);
    let drill = run.message("drill");
    assert_eq!((&drill["outcome"], &drill["recovered"]["generation"]), (&"passed".into(), &9.into()));
    assert_eq!(drill["content"]["certificates"], 704);
    let list = world.run(&["list", "--dir", "sets"]).exits(0);
    assert!(list.stdout.contains("good, drilled"), "{}", list.stdout);
    let show = world.run(&["show", "latest", "--dir", "sets"]).exits(0);
    let line = show.stdout.lines().find(|line| line.starts_with("drilled ")).expect("the drill is shown");
    assert!(line.contains("passed, recovered to 9:") && line.ends_with("704 certificates"), "{line}");
    let run = world.run(&DRILL).exits(0);
    assert!(run.stdout.contains("passed\nrecovered  to 9:"), "{}", run.stdout);
}

#[test]
fn a_set_that_does_not_restore_ends_with_the_code_of_damage() {
    let world = World::with_chain();
    let log = world.newest().1.join("DataBase/edb0000A.log");
    damage(&log);
    let run = world.run(&DRILL).exits(4);
    assert!(run.stdout.contains("LOST       logs 0xa-0xa: what happened since 2026-"), "{}", run.stdout);
    assert!(
        run.stdout.contains("file-hash") || run.stdout.contains("not that of its manifest"),
        "{}",
        run.stdout
    );
    let list = world.run(&["list", "--dir", "sets"]).exits(0);
    assert!(list.stdout.contains("misread"), "{}", list.stdout);
}

#[test]
fn a_backup_that_cannot_be_drilled_is_a_backup() {
    let world = World::new();
    let run = world.backup(&["--drill", "--scratch", "nowhere"]).exits(3);
    assert!(run.stderr.contains("the set is stored, and could not be drilled"), "{}", run.stderr);
    let list = world.run(&["list", "--dir", "sets"]).exits(0);
    assert!(list.stdout.contains("good") && !list.stdout.contains("drill"), "{}", list.stdout);
    world.backup(&["--scratch", "."]).exits(2);
    let (_, set) = world.newest();
    world.run(&["drill", set.to_str().expect("a name"), "--logs", "."]).exits(2);
}

#[test]
fn a_recovered_restore_that_meets_damage_ends_with_its_code() {
    let world = World::with_chain();
    damage(&world.newest().1.join("DataBase/edb0000A.log"));
    let run = world.run(&["restore", "latest", "--dir", "sets", "--recovered", "--to", "back"]).exits(4);
    assert!(run.stderr.contains("`--recovered --until 0x9` lays down what can be had"), "{}", run.stderr);
    assert!(!world.path("back").exists());
}

#[test]
fn a_drill_to_a_point_in_time_is_told_and_not_noted() {
    let world = World::with_chain();
    let run = world.run(&[&DRILL[..], &["--until", "9", "--json"]].concat()).exits(0);
    assert_eq!(run.message("drill")["recovered"]["generation"], 9);
    assert_eq!(run.message("drill")["noted"], serde_json::Value::Null);
    let all = world.run(&[&DRILL[..], &["--until", "0h", "--json"]].concat()).exits(0);
    assert_eq!(all.message("drill")["recovered"]["generation"], 10);
    let early = world.run(&[&DRILL[..], &["--until", "2001-01-01"]].concat()).exits(1);
    assert!(early.stderr.contains("was closed by that time"), "{}", early.stderr);
    let wrong = world.run(&[&DRILL[..], &["--until", "yesterday"]].concat()).exits(2);
    assert!(wrong.stderr.contains("expected a log generation"), "{}", wrong.stderr);
    let list = world.run(&["list", "--dir", "sets"]).exits(0);
    assert!(!list.stdout.contains("drill"), "{}", list.stdout);
}

#[test]
fn a_recovered_database_is_laid_down_without_logs_and_searched() {
    let world = World::with_chain();
    let args = ["restore", "latest", "--dir", "sets", "--recovered", "--to", "back"];
    let run = world.run(&args).exits(0);
    assert!(run.stderr.contains("needs no log"), "{}", run.stderr);
    let laid = files_below(&world.path("back/CertLog"));
    assert_eq!(laid, ["ExampleCA.edb"]);
    let count = world.run(&["certs", "back/CertLog", "--count"]).exits(0);
    assert_eq!(count.stdout.trim(), "796");
    let streamed = world.run(&["restore", "latest", "--dir", "sets", "--to", "streamed"]).exits(0);
    assert!(streamed.stderr.contains("--recovered"), "{}", streamed.stderr);
}

#[test]
fn doctor_offers_what_can_be_recovered_without_the_ca_and_its_command_does_it() {
    let world = World::with_chain();
    world.run(&["restore", "latest", "--dir", "sets", "--to", "back"]).exits(0);
    let run = world.run(&["doctor", "back", "--json"]);
    let steps = run.of_type("step");
    let offered = steps.iter().find(|step| step["remedy"]["do"] == "recover").expect("it is offered");
    let command = offered["commands"][0].as_str().expect("a command");
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    world.run(&words).exits(0);
    assert!(world.path("recovered.edb").is_file(), "{command}");
}

#[cfg(unix)]
#[test]
fn killed_at_any_time_it_leaves_the_sets_as_they_were_and_no_scratch_file() {
    let world = World::with_chain();
    let scratch = world.path("scratch");
    fs::create_dir(&scratch).expect("create a folder");
    let args = [&DRILL[..], &["--scratch", "scratch"]].concat();
    let begun = Instant::now();
    world.run(&args).exits(0);
    let whole = begun.elapsed();
    let before = contents(&world.path("sets"));
    for part in 0..12_u32 {
        let mut drill = world.spawn(&args);
        std::thread::sleep(whole * part / 13);
        // One that was quicker this time is drilled again.
        drill.kill().expect("kill the program");
        drill.wait().expect("the program ends");
        assert_eq!(files_below(&scratch), [] as [String; 0]);
        let mut after = contents(&world.path("sets"));
        assert!(before.keys().all(|name| after.contains_key(name)), "part {part}");
        let notes = |name: &String| name.ends_with(".notes.jsonl");
        after.retain(|name, bytes| {
            !(notes(name) && before.get(name).is_some_and(|old| bytes.starts_with(old)))
        });
        assert!(after.iter().all(|(name, bytes)| before.get(name) == Some(bytes)), "part {part}");
    }
    world.run(&args).exits(0);
}
