//! `run`, `watch` and `schedule`.

use std::fs;
use std::time::{Duration, Instant};

use crate::world::{World, hold_lock, run_in, wait};

/// Three CAs: two that run, and one that is not there.
fn world() -> World {
    let world = World::new();
    run_in(&world.path(""), &["ca", "new", "other"]).exits(0);
    let root = world.path("").display().to_string();
    let ca = |name: &str, folder: &str| {
        format!(
            "[ca.{name}]\nca-dir = '{root}/{folder}'\nca-name = 'ExampleCA'\ndir = '{root}/sets-{name}'\n"
        )
    };
    let policy = "[defaults.policy]\nfull = '7d'\nincremental = '1d'\ndrill = '30d'\nkeep-daily = 3\n";
    let text = [ca("a", "ca"), ca("b", "nowhere"), ca("c", "other"), policy.to_owned()].concat();
    fs::write(world.path("c.toml"), text).expect("write the configuration");
    world
}

const CONFIG: [&str; 2] = ["--config", "c.toml"];

#[test]
fn what_is_due_is_done_for_each_ca_and_one_that_fails_stops_no_other() {
    let world = world();
    let run = |args: &[&str]| world.run(&[&["run"], args, &CONFIG[..]].concat());
    let dry = run(&["--dry-run"]).exits(0);
    assert_eq!(dry.stdout.matches("full backup is due: there is no set yet").count(), 3, "{}", dry.stdout);
    assert!(!world.path("sets-a").exists());

    let done = run(&["--json"]).exits(1);
    let jobs = done.of_type("job");
    let of = |ca: &str| -> Vec<(String, i64)> {
        let jobs = jobs.iter().filter(|job| job["ca"] == ca);
        jobs.map(|job| {
            (job["job"].as_str().unwrap_or_default().to_owned(), job["exit_code"].as_i64().unwrap_or(-1))
        })
        .collect()
    };
    let all = [("full backup", 0), ("drill", 0), ("forget", 0)].map(|(job, code)| (job.to_owned(), code));
    assert_eq!((of("a"), of("c")), (all.to_vec(), all.to_vec()));
    assert_eq!(of("b"), [("full backup".to_owned(), 1)], "nothing comes after a backup that failed");
    let said = jobs.iter().find(|job| job["ca"] == "b").expect("it is told")["said"].to_string();
    assert!(said.contains("there is no CA directory"), "{said}");

    let again = run(&["--ca", "a", "--ca", "C"]).exits(0);
    let mut lines: Vec<&str> = again.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a: nothing is due", "c: nothing is due"]);
    run(&["--ca", "nobody"]).exits(1);
}

#[test]
fn a_set_that_cannot_be_read_keeps_nobody_from_a_backup() {
    let world = world();
    // The recorded CA has no second full backup once its logs are gone.
    let keep = [("CSBACKUP_CA_A_KEEP_LOGS", "true")];
    let run = || world.run_with(&keep, &[&["run", "--ca", "a"], &CONFIG[..]].concat());
    run().exits(0);
    let list = world.run(&["list", "--dir", "sets-a", "--json"]).exits(0).message("set");
    let id = list["id"].as_str().expect("an id").to_owned();
    let folder = world.path("sets-a/ExampleCA").join(id);
    fs::write(folder.join("manifest.json"), "{").expect("damage the manifest");
    // Nothing is forgotten while it is there.
    let again = run().exits(1);
    assert!(again.stderr.contains("warning: a: "), "{}", again.stderr);
    for (job, end) in [("full backup", "done"), ("drill", "done"), ("forget", "FAILED")] {
        let is_told =
            |line: &str| line.starts_with(&format!("a: {job} (")) && line.contains(&format!("): {end}"));
        assert!(again.stdout.lines().any(is_told), "{job}: {}", again.stdout);
    }
}

#[test]
fn two_runs_at_once_are_one() {
    let world = world();
    let lock = hold_lock(&world.path("state/run.lock"));
    let run = world.run(&[&["run"], &CONFIG[..]].concat()).exits(11);
    assert!(run.stderr.contains("another `csbackup run` or `watch` is under way"), "{}", run.stderr);
    drop(lock);
    world.run(&[&["run", "--ca", "a"], &CONFIG[..]].concat()).exits(0);
}

#[test]
fn what_is_remembered_may_be_torn() {
    let world = world();
    fs::create_dir(world.path("state")).expect("create a folder");
    fs::write(world.path("state/state.json"), "{ \"cas\": { \"a\": ").expect("write half a file");
    world.run(&[&["run", "--ca", "a"], &CONFIG[..]].concat()).exits(0);
}

#[test]
fn a_repository_is_pruned_when_that_is_due_and_then_not_at_once_again() {
    let world = World::new();
    let root = world.path("").display().to_string();
    fs::write(world.path("password"), "of the repository\n").expect("write the password");
    let text = format!(
        "[ca.a]\nca-dir = '{root}/ca'\nca-name = 'ExampleCA'\nrepo = '{root}/repo'\n\
         repo-password-file = '{root}/password'\n[ca.a.policy]\nfull = '7d'\nprune = '7d'\n"
    );
    fs::write(world.path("c.toml"), text).expect("write the configuration");
    let run = |args: &[&str]| world.run(&[args, &CONFIG[..]].concat());
    let missing = run(&["run"]).exits(10);
    assert!(missing.stdout.contains("csbackup init"), "{}", missing.stdout);
    run(&["init", "--ca", "a"]).exits(0);
    let first = run(&["run"]).exits(0);
    assert!(first.stdout.contains("full backup") && !first.stdout.contains("prune"), "{}", first.stdout);
    assert!(run(&["run"]).exits(0).stdout.contains("a: prune (it was long ago): done"));
    assert_eq!(run(&["run"]).exits(0).stdout.trim(), "a: nothing is due");
}

#[cfg(unix)]
#[test]
fn a_watch_does_what_is_due_until_it_is_told_to_end() {
    let world = world();
    let child = world.spawn(&[&["watch", "--ca", "a", "--every", "1m"], &CONFIG[..]].concat());
    let deadline = Instant::now() + Duration::from_secs(120);
    let is_drilled = || {
        let list = world.run(&["list", "--dir", "sets-a"]);
        list.stdout.contains("good, drilled")
    };
    while !is_drilled() {
        assert!(Instant::now() < deadline, "nothing was done");
        std::thread::sleep(Duration::from_millis(100));
    }
    let busy = world.run(&[&["run"], &CONFIG[..]].concat()).exits(11);
    assert!(busy.stderr.contains("under way"), "{}", busy.stderr);
    let id = child.id().to_string();
    let killed = std::process::Command::new("kill").args(["-TERM", &id]).status().expect("run kill");
    assert!(killed.success());
    wait(child).exits(130);
}

#[cfg(unix)]
#[test]
fn a_schedule_is_installed_changed_and_removed() {
    let world = world();
    let run =
        |args: &[&str]| world.run(&[&["schedule"], args, &["--unit-dir", "units"], &CONFIG[..]].concat());
    run(&["install", "--every", "30m"]).exits(0);
    let read = |name: &str| fs::read_to_string(world.path("units").join(name)).expect("read a unit");
    assert!(read("csbackup.timer").contains("OnUnitActiveSec=1800s"));
    let service = read("csbackup.service");
    let config = world.path("c.toml").canonicalize().expect("a path");
    assert!(service.contains(&format!("run --quiet --config \"{}\"", config.display())), "{service}");
    judge(&world);
    run(&["install", "--watch"]).exits(0);
    assert!(!world.path("units/csbackup.timer").exists());
    assert!(read("csbackup.service").contains(" watch --quiet"));
    judge(&world);
    run(&["remove"]).exits(0);
    assert_eq!(fs::read_dir(world.path("units")).expect("list").count(), 0);
    assert!(run(&["remove"]).exits(0).stdout.contains("nothing to remove"));
    fs::write(world.path("c.toml"), "[ca.a]\nx = 1\n").expect("write");
    run(&["install"]).exits(2);
}

/// systemd itself finds nothing to say against the units.
#[cfg(unix)]
fn judge(world: &World) {
    let units: Vec<_> =
        fs::read_dir(world.path("units")).expect("list").map(|unit| unit.expect("a unit").path()).collect();
    let mut command = std::process::Command::new("systemd-analyze");
    let Ok(output) = command.args(["verify", "--man=no"]).args(&units).output() else {
        return testkit::data::skip("systemd-analyze is not installed (Debian: systemd)");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    // What it says of other units of the machine is not ours.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("csbackup")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}
