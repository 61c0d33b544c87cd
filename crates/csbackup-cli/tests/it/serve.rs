//! `csbackup serve`, as a service manager runs it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command};

use serde_json::Value;

use crate::net::{PASSWORD, USER};
use crate::world::{Run, World, wait};

/// The program serving `ca`, and its first line.
fn serve(world: &World, args: &[&str]) -> (Child, Value) {
    let mut child = world.spawn(&[&["serve", "ca", "--json"], args].concat());
    let mut line = String::new();
    let mut stdout: BufReader<ChildStdout> = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    stdout.read_line(&mut line).expect("read the first line");
    child.stdout = Some(stdout.into_inner());
    (child, serde_json::from_str(&line).expect("the first line is JSON"))
}

/// A whole life of `serve`, without its log.
#[cfg(unix)]
pub(crate) fn served(world: &World) -> Run {
    let (child, serving) = serve(world, &["--quiet"]);
    let run = terminate(child);
    Run { stdout: format!("{serving}\n{}", run.stdout), ..run }
}

fn terminate(child: Child) -> Run {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("run kill");
    assert!(sent.success());
    wait(child)
}

fn let_in(world: &World) {
    let password = [("CSBACKUP_PASSWORD", PASSWORD)];
    let run = world.run_with(&password, &["ca", "user", "ca", "backup", "--domain", "LAB", "--json"]);
    let user = run.exits(0).message("ca_user");
    assert_eq!((&user["user"], &user["roles"]), (&USER.into(), &serde_json::json!(["operator", "read"])));
}

fn backup(world: &World, target: &str) -> Run {
    let variables = [("CSBACKUP_USER", USER), ("CSBACKUP_PASSWORD", PASSWORD)];
    world.run_with(&variables, &["backup", "--ca", target, "--dir", "sets", "--no-smb"])
}

#[test]
#[cfg(unix)]
fn a_ca_is_served_until_sigterm_and_stops_gracefully() {
    let world = World::new();
    world.run(&["ca", "new", "ca2", "--allow-remote-backup"]).exits(0);
    world.configure(|config| config.interface_flags &= !0x40);
    let_in(&world);
    let (child, serving) = serve(&world, &["--listen", "127.0.0.1", "--resolver-port", "0"]);
    assert_eq!(serving["message_type"], "serving");
    let target = serving["ca"].as_str().expect("a string for --ca");
    assert_eq!(target, format!(r"{}\ExampleCA", serving["resolver"].as_str().expect("an address")));
    backup(&world, target).exits(3);

    let run = terminate(child).exits(0);
    assert_eq!(run.message("stopped")["ca"], target);
    assert!(run.stderr.contains("serving"), "the log tells what happened: {}", run.stderr);
    assert!(!run.stderr.contains(PASSWORD) && !run.stderr.contains("panicked"));
    backup(&world, target).exits(20);
    assert_eq!(world.sets().len(), 1);
}

#[test]
#[cfg(unix)]
fn the_log_can_be_json() {
    let world = World::new();
    let (child, _) = serve(&world, &["--log-json"]);
    let run = terminate(child).exits(0);
    for line in run.stderr.lines() {
        let entry: Value = serde_json::from_str(line).expect("a JSON line");
        assert!(entry["timestamp"].is_string() && entry["level"].is_string(), "{line}");
    }
    assert!(run.stderr.lines().count() >= 2, "{}", run.stderr);
}

#[test]
#[cfg(unix)]
fn a_ca_without_users_is_served_with_a_warning() {
    let world = World::new();
    let mut child = world.spawn(&["serve", "ca"]);
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    stdout.read_line(&mut line).expect("read the first line");
    child.stdout = Some(stdout.into_inner());
    assert!(line.starts_with("serving MS-CSRA over DCOM, sealed, on 127.0.0.1:"), "{line}");
    let run = terminate(child).exits(0);
    assert!(
        run.stderr.contains("nobody may log on: `csbackup ca user ca NAME` lets a user in"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let world = World::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("take a port");
    let port = taken.local_addr().expect("its number").port().to_string();
    let run = world.run(&["serve", "ca", "--resolver-port", &port]).exits(1);
    assert!(run.stderr.contains(&format!("error: cannot listen on 127.0.0.1:{port}")), "{}", run.stderr);
}

#[test]
fn a_user_is_replaced_and_the_file_is_private() {
    let world = World::new();
    let_in(&world);
    let add = ["ca", "user", "ca", "BACKUP", "--domain", "LAB", "--role", "auditor", "--role", "read"];
    world.run_with(&[("CSBACKUP_PASSWORD", "other")], &add).exits(0);
    let users = world.ca().config().users.clone();
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!(users[0].roles, [certsrv::Role::Auditor, certsrv::Role::Read]);
    let written = std::fs::read_to_string(world.path("ca/ca.toml")).expect("read ca.toml");
    assert!(!written.contains(PASSWORD) && !written.contains("other"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(world.path("ca/ca.toml")).expect("ca.toml").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
    world.run(&["ca", "user", "ca", "backup"]).exits(2);
    world.run(&["ca", "user", "ca", "backup", "--role", "king"]).exits(2);
}

#[test]
fn a_new_ca_takes_backups_over_the_network_only_where_it_is_allowed() {
    let world = World::new();
    assert_eq!(world.ca().config().interface_flags, 0x641);
    world.run(&["ca", "new", "other", "--allow-remote-backup"]).exits(0);
    let other = certsrv::CaDirectory::open(world.path("other")).expect("open the CA");
    assert_eq!(other.config().interface_flags, 0x601);
}
