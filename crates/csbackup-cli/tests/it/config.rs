//! `csbackup.toml`, and `--ca NAME`.

use std::fs;

use crate::world::World;

/// A world with a configuration.
fn world(text: &str) -> World {
    let world = World::with_full();
    write(&world, text);
    world
}

fn write(world: &World, text: &str) {
    fs::write(world.path("c.toml"), text.replace("$", &world.path("").display().to_string())).expect("write");
}

const ONE: &str = "[ca.one]\nca-dir = '$/ca'\nca-name = 'ExampleCA'\ndir = '$/sets'\n";

const CONFIG: [&str; 2] = ["--config", "c.toml"];

#[test]
fn the_example_is_right() {
    let world = World::new();
    let example = world.run(&["config", "example"]).exits(0);
    fs::write(world.path("c.toml"), &example.stdout).expect("write");
    let run = world.run(&[&["config", "check"][..], &CONFIG].concat()).exits(0);
    assert!(run.stdout.contains("1 CA, nothing is wrong"), "{}", run.stdout);
    // What is commented out is right too.
    let all = example.stdout.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
        _ => line,
    });
    let all: Vec<&str> = all.filter(|line| !line.starts_with("include")).collect();
    // A path of Windows is none here.
    let all = all.join("\n").replace(r"'C:\ProgramData\csbackup\key.password'", "'/key'");
    fs::write(world.path("c.toml"), all).expect("write");
    let run = world.run(&[&["config", "check"][..], &CONFIG].concat()).exits(0);
    assert!(run.stdout.contains("3 CAs, nothing is wrong"), "{}", run.stdout);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let world = World::new();
    let cases = [
        ("[ca.one]\nrepo = \n", "c.toml:2:"),
        ("[ca.one]\nca-name = 'A'\nrepos = '/x'\n", "c.toml:3:1: `repos` is not known here: is it `repo`?"),
        (
            "[ca.one]\nca-name = 'A'\nrepo_password_file = '/x'\n",
            "c.toml:3:1: `repo_password_file` is not known here: is it `repo-password-file`?",
        ),
        ("[[ca]]\n", "c.toml:1:3: `ca` is not known here"),
        ("[cas.one]\n", "c.toml:1:2: `cas` is not known here"),
        ("[ca.one]\nca-name = 'A'\ndir = 'sets'\n", "c.toml:3:7: `dir`: `sets` is no full path"),
        ("[ca.one]\nca-dir = '/ca'\n", "c.toml:1:5: [ca.one] has no `ca-name`"),
        (
            "[ca.one]\nca-name = 'A'\n[ca.one.policy]\nfull = '7 days'\n",
            "c.toml:4:8: `full` is a time such as 15m",
        ),
        (
            "[ca.one]\nca-name = 'A'\n[ca.one.policy]\nkeep-daily = 'x'\n",
            "c.toml:4:14: `keep-daily` is a number of sets",
        ),
        ("[ca.one]\nca-name = 'A'\n[ca.One]\nca-name = 'A'\n", "is there twice"),
        (
            "[ca.one]\nca = 'h\\A'\ndir = '/sets'\ntimeout = 'soon'\n",
            "c.toml:4:11: invalid value 'soon' for '--timeout <SECONDS>'",
        ),
        (
            "[ca.one]\nca = 'h\\A'\nverify = 'never'\n",
            "c.toml:3:10: invalid value 'never' for '--verify <VERIFY>'",
        ),
        ("[ca.one]\nca = 'h\\A'\nca-dir = '/ca'\n", "cannot be used with"),
        ("[ca.'a b']\nca-name = 'A'\n", "c.toml:1:5: `a b`: a name has letters"),
        ("[ca.one]\nca = 'h\\A'\n", "c.toml:1:5: [ca.one] does not say where its sets are"),
        ("[ca.one]\nca-name = 'A'\ndir = '/sets'\n", "[ca.one] does not say where the CA is"),
        ("include = ['nothing.toml']\n", "c.toml:1:1: `nothing.toml`: there is no such file"),
    ];
    for (text, expected) in cases {
        fs::write(world.path("c.toml"), text).expect("write");
        let run = world.run(&[&["config", "check"][..], &CONFIG].concat()).exits(2);
        assert!(run.stderr.contains(expected), "{text}\n{}", run.stderr);
    }
    // All at once.
    fs::write(world.path("c.toml"), "[ca.one]\nca-name = 'A'\nx = 1\ny = 2\n").expect("write");
    let run = world.run(&[&["config", "check"][..], &CONFIG].concat()).exits(2);
    assert!(run.stderr.contains("c.toml:3:1") && run.stderr.contains("c.toml:4:1"), "{}", run.stderr);
}

#[test]
fn a_name_stands_for_all_that_is_said_of_a_ca() {
    let world = world(ONE);
    let with = |args: &[&str]| world.run(&[args, &CONFIG].concat());
    assert!(with(&["list", "--ca", "one"]).exits(0).stdout.contains("good"));
    assert!(with(&["list", "--ca=ONE"]).exits(0).stdout.contains("good"), "in whatever case");
    assert_eq!(with(&["certs", "latest", "--ca", "one", "--count"]).exits(0).stdout.trim(), "315");
    assert!(with(&["backup", "--ca", "one", "--dry-run"]).exits(0).stdout.contains("incremental"));
    with(&["drill", "latest", "--ca", "one"]).exits(0);
    with(&["restore", "latest", "--ca", "one", "--to", "back"]).exits(0);
    // Over a CA only where that is said.
    let run = with(&["restore", "latest", "--ca", "one"]).exits(2);
    assert!(run.stderr.contains("--to"), "{}", run.stderr);
    // What is typed counts.
    let run = with(&["list", "--ca", "one", "--dir", "elsewhere"]).exits(10);
    assert!(run.stderr.contains("elsewhere"), "{}", run.stderr);
    let run = with(&["list", "--ca", "two"]).exits(1);
    assert!(run.stderr.contains("has no [ca.two]: it has one"), "{}", run.stderr);
}

#[test]
fn the_environment_stands_for_a_key() {
    let world = world(ONE);
    let args = [&["config", "show"][..], &CONFIG].concat();
    let run = world.run_with(&[("CSBACKUP_CA_ONE_DIR", "/elsewhere")], &args).exits(0);
    assert!(run.stdout.contains("dir = /elsewhere  (CSBACKUP_CA_ONE_DIR)"), "{}", run.stdout);
    let run = world.run_with(&[("CSBACKUP_CA_ONE_REPO", "/repo")], &args).exits(0);
    assert!(run.stdout.contains("repo = /repo") && !run.stdout.contains("\n  dir ="), "{}", run.stdout);
    let args = [&["config", "check"][..], &CONFIG].concat();
    let run = world.run_with(&[("CSBACKUP_CA_ONE_TIMEOUT", "soon")], &args).exits(2);
    assert!(run.stderr.contains("CSBACKUP_CA_ONE_TIMEOUT: invalid value"), "{}", run.stderr);
}

#[test]
fn defaults_and_includes_are_read() {
    let world =
        world("include = ['ca.d/*.toml']\n[defaults]\ndir = '$/sets'\n[defaults.policy]\nfull = '7d'\n");
    fs::create_dir(world.path("ca.d")).expect("create a folder");
    fs::write(world.path("ca.d/a.toml"), "[ca.a]\nca-name = 'ExampleCA'\n").expect("write");
    fs::write(world.path("ca.d/b.toml"), "[ca.b]\nca-name = 'B'\nrepo = '/repo'\n").expect("write");
    fs::write(world.path("ca.d/b.bak"), "nonsense").expect("write");
    let run = world.run(&[&["config", "show"][..], &CONFIG].concat()).exits(0);
    let (a, b) = run.stdout.split_once("[ca.b]").expect("two CAs");
    assert!(a.contains("dir = ") && a.contains("policy.full = 7d"), "{a}");
    assert!(b.contains("repo = /repo") && !b.contains("dir = "), "one place is enough: {b}");
    fs::write(world.path("ca.d/b.toml"), "[ca.b]\nca-name = 'B'\n[defaults]\n").expect("write");
    let run = world.run(&[&["config", "check"][..], &CONFIG].concat()).exits(2);
    assert!(run.stderr.contains("b.toml:3:2: only the first file has `defaults`"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world(ONE);
    fs::set_permissions(world.path("c.toml"), fs::Permissions::from_mode(0o666)).expect("change the mode");
    let run = world.run(&[&["list", "--ca", "one"][..], &CONFIG].concat()).exits(2);
    assert!(run.stderr.contains("can be written by others"), "{}", run.stderr);
}
