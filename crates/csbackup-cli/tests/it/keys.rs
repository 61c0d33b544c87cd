//! `backup --with-key` and `backup --restart-service`, as an operator types them.

use std::fs;

use csbackup::manifest::Content;

use crate::net::Net;
use crate::world::{Run, World, files_below};

const PASSWORD: &str = "a password of the keys";
const WITH_KEY: [&str; 6] = ["backup", "--ca-dir", "ca", "--dir", "sets", "--with-key"];
const NEVER: &str = "no key of this CA was ever saved here";

fn with_env(world: &World, args: &[&str]) -> Run {
    world.run_with(&[("CSBACKUP_KEY_PASSWORD", PASSWORD)], &[&WITH_KEY, args].concat())
}

#[test]
fn a_key_is_saved_under_the_password_of_the_environment() {
    let world = World::new();
    let run = with_env(&world, &[]).exits(0);
    assert!(!run.stderr.contains(NEVER), "{}", run.stderr);
    let (set, folder) = world.newest();
    assert!(set.manifest.files.iter().any(|file| file.content == Content::Key));
    assert!(folder.join("ExampleCA.p12").is_file());
    assert!(set.manifest.keys.expect("keys were asked for")[0].saved);
    // And the next one has nothing to say.
    let run = world.backup(&[]).exits(0);
    assert!(!run.stderr.contains("key"), "{}", run.stderr);
    for file in files_below(&world.path("sets")) {
        let content = fs::read(world.path("sets").join(&file)).expect("read a file");
        assert!(!content.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()), "{file}");
    }
}

#[test]
fn a_key_is_saved_under_the_password_of_a_file() {
    let world = World::new();
    fs::write(world.path("password"), format!("{PASSWORD}\n")).expect("write the password");
    world.run(&[&WITH_KEY[..], &["--key-password-file", "password"]].concat()).exits(0);
    assert!(world.newest().1.join("ExampleCA.p12").is_file());
}

#[test]
fn an_empty_password_is_refused_and_nothing_is_backed_up() {
    let world = World::new();
    fs::write(world.path("password"), "\n").expect("write the password");
    let run = world.run(&[&WITH_KEY[..], &["--key-password-file", "password"]].concat()).exits(1);
    assert!(run.stderr.contains("is empty"), "{}", run.stderr);
    let run = world.run_with(&[("CSBACKUP_KEY_PASSWORD", "")], &WITH_KEY).exits(2);
    assert!(run.stderr.contains("no password for the keys: give `--key-password-file`"), "{}", run.stderr);
    // Nobody's keyring is there: that it is missed shows that it was asked.
    let run = with_env(&world, &["--key-password-keyring"]).exits(1);
    assert!(run.stderr.contains("keyring"), "{}", run.stderr);
    assert!(!world.path("sets").exists());
}

#[test]
fn without_a_saved_key_every_backup_says_so() {
    let world = World::new();
    for _ in 0..2 {
        let run = world.backup(&[]).exits(0);
        assert_eq!(run.stderr.matches(NEVER).count(), 1, "{}", run.stderr);
    }
}

#[test]
fn a_key_in_hardware_ends_with_3_and_is_named() {
    let world = World::new();
    let about = "provider = \"Vendor KSP\"\ncontainer = \"slot 7\"\nkind = \"hardware\"\n";
    fs::write(world.path("ca/ca/keys/ca-0.toml"), about).expect("describe the key");
    let run = with_env(&world, &[]).exits(3);
    assert!(run.stderr.contains("vendor of `Vendor KSP` must save container `slot 7`"), "{}", run.stderr);
    assert!(!world.newest().1.join("ExampleCA.p12").exists());
}

#[test]
fn keys_and_restarts_are_for_the_cas_own_machine() {
    let net = Net::new();
    let target = net.target();
    let run = net.world.run(&["backup", "--ca", &target, "--dir", "sets", "--with-key"]).exits(2);
    assert_eq!(run.stdout, "");
    net.world.run(&WITH_KEY[..5]).exits(0);
}

#[test]
fn a_restart_lets_a_hoarder_delete_its_logs() {
    let world = World::new();
    world.configure(|config| config.deep_checkpoint = true);
    let run = world.backup(&[]).exits(0);
    assert!(run.stderr.contains("Event 225 of source ESENT"), "{}", run.stderr);
    assert_eq!(world.ca().generations(), 1..=9);
    let run = world.backup(&["--restart-service"]).exits(0);
    assert!(!run.stderr.contains("Event 225"), "{}", run.stderr);
    assert_eq!(world.ca().generations(), 5..=9);
}
