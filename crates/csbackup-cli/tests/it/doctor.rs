//! `doctor`: what an operator reads and types at three in the morning.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::world::{Run, World, run_in};

/// The texts of the steps.
fn steps(run: &Run) -> Vec<String> {
    run.of_type("step").iter().map(|step| step["text"].as_str().unwrap().to_owned()).collect()
}

fn commands(run: &Run) -> Vec<String> {
    let steps = run.of_type("step");
    let all = steps.iter().flat_map(|step| step["commands"].as_array().unwrap().clone());
    all.map(|command| command.as_str().unwrap().to_owned()).collect()
}

/// A set laid down in `out`.
fn restored() -> World {
    let world = World::with_full();
    world.run(&["restore", "latest", "--dir", "sets", "--to", "out"]).exits(0);
    world
}

#[test]
fn an_embedded_ca_is_fine() {
    let world = World::with_full();
    let run = world.run(&["--json", "doctor", "ca"]).exits(0);
    let examined = run.message("examined");
    assert_eq!((&examined["verdict"], &examined["embedded"]), (&Value::from("fine"), &Value::from(true)));
    assert_eq!(commands(&run), ["csbackup backup --ca-dir ca --dir SETS --type full"]);
}

#[test]
fn a_restored_folder_is_a_backup_copy_that_waits() {
    let world = restored();
    let run = world.run(&["--json", "doctor", "out"]).exits(0);
    let database = run.message("database");
    assert_eq!(database["state"]["is"], "backup-copy");
    assert_eq!(run.of_type("log").len(), 9);
    assert!(steps(&run)[2].starts_with("This is a backup copy, not yet a database."), "{:?}", steps(&run));
    let text = world.run(&["doctor", "out"]).exits(0).stdout;
    assert!(text.contains("a backup copy that waits for a restore to be registered"), "{text}");
    assert!(text.contains("\n1. Stop the CA's service"), "{text}");
}

/// The set that it was restored from, by its id: to take the folder in would fail.
#[test]
fn a_backup_copy_is_registered_by_its_set() {
    let world = restored();
    let run = world.run(&["--json", "doctor", "out", "--sets", "sets"]).exits(0);
    let id = world.newest().0.id.to_string();
    let dir = std::path::absolute(world.path("sets")).unwrap();
    let commands = commands(&run);
    let restore = commands.iter().find(|one| one.contains("restore")).unwrap();
    assert!(restore.starts_with(&format!("csbackup restore {id} --dir ")), "{restore}");
    assert!(restore.contains(dir.to_str().unwrap()), "{restore}");
    assert!(!commands.iter().any(|one| one.contains("import") || one.contains("SETS")), "{commands:?}");
}

#[test]
fn the_commands_that_fetch_a_log_work_as_they_stand() {
    let world = restored();
    fs::remove_file(world.path("out/CertLog/edb00008.log")).unwrap();
    let run = world.run(&["--json", "doctor", "out", "--sets", "sets"]).exits(3);
    let missing = run.message("missing_logs");
    assert_eq!((&missing["first"], &missing["last"]), (&Value::from(8), &Value::from(8)));
    assert!(missing["supply"]["set"].is_string(), "{missing}");
    let fetch = commands(&run).into_iter().find(|command| command.contains("edb00008.log")).unwrap();
    if cfg!(unix) {
        let done = std::process::Command::new("sh").args(["-c", &fetch]).current_dir(world.path("")).status();
        assert!(done.unwrap().success(), "{fetch}");
        world.run(&["doctor", "out"]).exits(0);
    }
}

#[test]
fn damage_names_the_set_to_restore() {
    let world = restored();
    let file = world.path("out/CertLog/ExampleCA.edb");
    let mut bytes = fs::read(&file).unwrap();
    bytes[..8192].fill(0xEE);
    fs::write(&file, bytes).unwrap();
    let run = world.run(&["--json", "doctor", "out", "--sets", "sets"]).exits(4);
    let id = world.newest().0.id.to_string();
    let commands = commands(&run);
    let copy = commands.iter().position(|command| command.contains("COPY")).unwrap();
    let restore =
        commands.iter().position(|command| command.starts_with(&format!("csbackup restore {id}"))).unwrap();
    assert!(copy < restore, "{commands:?}");
    assert!(commands[restore].ends_with("--dry-run"), "{commands:?}");
    // Without sets it asks for them.
    let run = world.run(&["--json", "doctor", "out"]).exits(4);
    assert!(steps(&run).last().unwrap().contains("Name the directory with sets"), "{:?}", steps(&run));
}

#[test]
fn a_restore_to_an_embedded_ca_is_seen_as_registered() {
    let world = World::with_full();
    world.ca().stop().unwrap();
    world.run(&["restore", "latest", "--dir", "sets", "--ca-dir", "ca", "--force"]).exits(0);
    let run = world.run(&["--json", "doctor", "ca"]).exits(0);
    let pending = run.message("pending_restore");
    assert_eq!((&pending["low"], &pending["high"], &pending["status"]), (&1.into(), &9.into(), &0.into()));
    assert_eq!(run.message("journal")["journal"]["phase"], "done");
    for command in ["csbackup serve ca", "csbackup restore --undo --ca-dir ca"] {
        assert!(commands(&run).contains(&command.to_owned()), "{:?}", commands(&run));
    }
}

/// A journal that says that the restore was not carried to its end.
#[test]
fn an_interrupted_restore_comes_first() {
    let world = World::with_full();
    world.ca().stop().unwrap();
    world.run(&["restore", "latest", "--dir", "sets", "--ca-dir", "ca", "--force"]).exits(0);
    let journal = world.path("ca/CertLog/.csbackup-restore/journal.json");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace(r#""phase": "done""#, r#""phase": "applying""#)).unwrap();
    let run = world.run(&["--json", "doctor", "ca"]).exits(3);
    let expected = ["csbackup restore --resume --ca-dir ca", "csbackup restore --undo --ca-dir ca"];
    let commands = commands(&run);
    assert!(expected.iter().all(|command| commands.contains(&(*command).to_owned())), "{commands:?}");
    assert!(!commands.iter().any(|command| command.contains("net start")), "{commands:?}");
}

#[test]
fn what_is_not_there_is_an_error() {
    let world = World::new();
    let run = world.run(&["doctor", "nowhere"]).exits(1);
    assert!(run.stderr.contains("there is no folder `nowhere`"), "{}", run.stderr);
    fs::create_dir(world.path("empty")).unwrap();
    let run = world.run(&["doctor", "empty"]).exits(1);
    assert!(run.stderr.contains("holds no ESE database and no log"), "{}", run.stderr);
    world.run(&["doctor", "ca", "--sets", "nowhere"]).exits(10);
    world.run(&["doctor"]).exits(2);
}

#[test]
fn a_crashed_folder_of_the_engine_is_told_in_words() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let run = run_in(&main, &["doctor", "crash"]).exits(0);
    let expected = "`crash`: nothing is wrong
database   ExampleCA.edb            10.00 MiB, not shut down: its CA runs, it crashed, or it was copied meanwhile
           needs logs 0xc-0x11 to be consistent
logs       17, 17 good, from 0x1-0x11
checkpoint fits: recovery begins at c:0001:0000
";
    assert!(run.stdout.starts_with(expected), "{}", run.stdout);
    assert!(Path::new(&main).join("crash/edb.log").exists());
}
