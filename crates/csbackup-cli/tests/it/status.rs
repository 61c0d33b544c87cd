//! `status`: one word for each CA.

use std::fs;

use crate::world::World;

const CONFIG: [&str; 2] = ["--config", "c.toml"];

/// A CA that is backed up, with a policy.
fn world(policy: &str) -> World {
    let world = World::new();
    let root = world.path("").display().to_string();
    let text = format!(
        "[ca.one]\nca-dir = '{root}/ca'\nca-name = 'ExampleCA'\ndir = '{root}/sets'\n[ca.one.policy]\n{policy}"
    );
    fs::write(world.path("c.toml"), text).expect("write the configuration");
    world
}

const POLICY: &str = "full = '7d'\nincremental = '1d'\ndrill = '30d'\nrpo = '26h'\n";

/// Codes of the alarms of the one CA.
fn alarms(world: &World, code: i32) -> Vec<String> {
    let run = world.run(&[&["status", "--json"], &CONFIG[..]].concat()).exits(code);
    let alarms = run.message("ca_status")["status"]["alarms"].as_array().expect("a list").clone();
    alarms.iter().map(|alarm| alarm["code"].as_str().expect("a code").to_owned()).collect()
}

#[test]
fn each_defect_raises_its_alarm_and_what_heals_it_clears_it() {
    let world = world(POLICY);
    assert_eq!(alarms(&world, 2), ["no-set"]);
    world.run(&[&["run"], &CONFIG[..]].concat()).exits(0);
    assert_eq!(alarms(&world, 0), [] as [&str; 0]);
    let text = world.run(&[&["status"], &CONFIG[..]].concat()).exits(0).stdout;
    assert!(text.starts_with("OK        one: verified set") && text.contains("promised 26 hours"), "{text}");

    // A medium that does not give back what was written, found by a drill.
    let (set, folder) = world.newest();
    let path = folder.join("DataBase/edb00005.log");
    let whole = fs::read(&path).expect("read a log");
    crate::world::damage(&path);
    world.run(&["drill", "latest", "--dir", "sets"]).exits(4);
    assert_eq!(alarms(&world, 2), ["set-misread"]);
    fs::write(&path, whole).expect("mend the log");
    world.run(&["verify", set.id.as_str(), "--dir", "sets"]).exits(0);
    assert_eq!(alarms(&world, 0), [] as [&str; 0]);
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    let world = World::new();
    let run = world.run(&[&["status"], &CONFIG[..]].concat()).exits(3);
    assert!(run.stderr.contains("cannot read `c.toml`"), "{}", run.stderr);
    let text =
        "[ca.far]\nca = 'h\\A'\nrepo = 's3:https://127.0.0.1:1/bucket'\nrepo-password-file = '/nowhere'\n";
    fs::write(world.path("c.toml"), text).expect("write");
    let run = world.run(&[&["status"], &CONFIG[..]].concat()).exits(3);
    assert!(run.stdout.contains("UNKNOWN   far") && run.stdout.contains("out-of-reach"), "{}", run.stdout);
}

#[test]
fn metrics_are_replaced_at_once() {
    let world = world(POLICY);
    let metrics = || {
        world.run(&[&["status", "--metrics", "m.prom"], &CONFIG[..]].concat());
        fs::read_to_string(world.path("m.prom")).expect("read the metrics")
    };
    let before = metrics();
    assert!(before.contains("csbackup_status{ca=\"one\"} 2\n"), "{before}");
    assert!(
        before.contains("csbackup_alarm{ca=\"one\",code=\"no-set\",severity=\"critical\"} 1\n"),
        "{before}"
    );
    world.run(&[&["run"], &CONFIG[..]].concat()).exits(0);
    let after = metrics();
    assert!(
        after.contains("csbackup_status{ca=\"one\"} 0\n") && !after.contains("csbackup_alarm"),
        "{after}"
    );
    let names: Vec<_> = fs::read_dir(world.path(""))
        .expect("list")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".tmp")), "{names:?}");
    // Each line is a comment, or a name with labels and a number.
    for line in after.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        assert!(name.starts_with("csbackup_") && value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn a_root_ca_is_judged_by_the_last_set_that_was_carried_here() {
    let world = World::with_full();
    let root = world.path("").display().to_string();
    let text = format!(
        "[ca.root]\nca-name = 'ExampleCA'\ndir = '{root}/sets'\n[ca.root.policy]\noffline = true\nrpo = '180d'\n"
    );
    fs::write(world.path("c.toml"), text).expect("write");
    assert_eq!(alarms(&world, 0), [] as [&str; 0]);
    fs::remove_dir_all(world.path("sets")).expect("lose the sets");
    assert_eq!(alarms(&world, 2), ["no-set"]);
}
