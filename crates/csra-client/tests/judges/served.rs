//! The CA that clients of other people back up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use certsrv::{Config, Kerberos, Role, ServerOptions, User};
use csbackup::Requested;
use testkit::ca::{Moment, plain_life};
use testkit::synthetic::History;
use testkit::world::World;

use crate::program::{self, judges_python, system_python};
use crate::realm::Realm;
use crate::wire::{PASSWORD, USER, Wire};

/// The server's name in its principals, and what resolves to its address.
pub(crate) const HOST: &str = "localhost";

/// Files by their names.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A plain life with a database of 3.7 MB: several reads of a megabyte and a short one, and not too
/// much for clients written in Python.
fn life() -> Vec<Moment> {
    let history = History::default().with_pages(4096, 900);
    plain_life().into_iter().map(|moment| moment.of(&history)).collect()
}

/// A CA on the network; `change` its configuration.
pub(crate) fn serve(change: impl FnOnce(&mut Config)) -> Wire {
    Wire::of(World::new(&life()), ServerOptions::default(), change)
}

/// A CA on the network whose only user comes with tickets of a realm.
pub(crate) fn serve_realm(realm: &Realm) -> Wire {
    serve(|config| {
        config.kerberos = Some(Kerberos { keytab: realm.service().path("/service/keytab").to_owned() });
        config.users = vec![User {
            name: realm.user().to_owned(),
            domain: Some(realm.name().to_owned()),
            nt_hash: None,
            roles: vec![Role::Operator, Role::Read],
        }];
    })
}

/// What the road in process delivers: a full backup with truncation, and the increment of the next moment.
pub(crate) fn delivered() -> (Files, Files) {
    let mut local = World::new(&life());
    local.good(Requested::Full);
    let full = stored(&local);
    local.advance();
    local.good(Requested::Incremental);
    (full, stored(&local))
}

/// Database and logs of the newest set.
pub(crate) fn stored(world: &World) -> Files {
    let set = world.newest();
    let files = set.manifest.files.iter().filter(|file| file.log().is_some() || file.database().is_some());
    let read = |path: &str| fs::read(world.path_of(&set).join(path)).expect("read a stored file");
    files.map(|file| (name(&file.path).to_owned(), read(&file.path))).collect()
}

/// What a judge wrote.
fn written(folder: &Path) -> Files {
    let names = testkit::world::names(folder).into_iter();
    names.map(|name| (name.clone(), fs::read(folder.join(name)).expect("read a written file"))).collect()
}

/// Runs a judge that writes what it reads; it must have nothing to complain of, and write `expected`.
#[track_caller]
pub(crate) fn delivers(command: &mut Command, expected: &Files) -> serde_json::Value {
    let out = tempfile::tempdir_in(testkit::ca::scratch()).expect("make a folder");
    let report = program::pass(command.arg("--out").arg(out.path()));
    let written = written(out.path());
    let sizes =
        |files: &Files| files.iter().map(|(name, bytes)| (name.clone(), bytes.len())).collect::<Vec<_>>();
    assert_eq!(sizes(&written), sizes(expected));
    assert!(written == *expected, "the bytes differ");
    report
}

/// impacket against a server, as its NTLM user.
pub(crate) fn impacket(wire: &Wire) -> Command {
    let mut command = judges_python("impacket_backup.py");
    address(&mut command, wire);
    command
}

/// Samba against a server, as its NTLM user.
pub(crate) fn samba(wire: &Wire, auth: &str) -> Command {
    let mut command = system_python("samba_probe.py");
    address(&mut command, wire);
    command.args(["--auth", auth]);
    command
}

fn address(command: &mut Command, wire: &Wire) {
    let target = wire.target();
    command.args(["--host", &target.host, "--port", &target.port.to_string()]);
    command.args(["--ca", &target.name.expect("a name"), "--user", USER, "--domain", "TEST"]);
    command.env("CSBACKUP_PASSWORD", PASSWORD);
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
