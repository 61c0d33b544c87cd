//! `--json` is an interface: what `docs/json.md` promises is what is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use certadm::{CaHost as _, Call, ConfigEntry, ConfigValue, ConfigurationPart, PartKind};
use certsrv::Fault;
use serde_json::Value;

use crate::net::Net;
use crate::serve::served;
use crate::world::{Run, World, damage, run_in};

/// Fields by `message_type`, as documented: a heading ``### `type` `` and a table whose first column
/// is the field.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let path = testkit::data::workspace().join("docs/json.md");
    let text = fs::read_to_string(path).expect("read docs/json.md");
    let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if line.starts_with('#') {
            let name = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`'));
            current = name.map(str::to_owned);
            types.extend(name.map(|name| (name.to_owned(), BTreeSet::new())));
        } else if let (Some(current), Some(row)) = (&current, line.strip_prefix("| `"))
            && let Some((field, _)) = row.split_once('`')
        {
            types.entry(current.clone()).or_default().insert(field.to_owned());
        }
    }
    types
}

/// One run for each way to make each kind of message.
fn runs() -> Vec<Run> {
    let world = World::new();
    let mut runs = vec![
        run_in(&world.path(""), &["demo", "--json"]).exits(0),
        world.backup(&["--json", "--dry-run"]).exits(0),
        world.backup(&["--json"]).exits(0),
        world.run(&["ca", "advance", "ca", "--json"]).exits(0),
        world.backup(&["--json", "--keep-logs"]).exits(0),
        world.run(&["list", "--dir", "sets", "--json"]).exits(0),
        world.run(&["show", "latest", "--dir", "sets", "--json"]).exits(0),
        world.run(&["verify", "--all", "--dir", "sets", "--json"]).exits(0),
        world.run(&["drill", "latest", "--dir", "sets", "--json"]).exits(0),
        world.run(&["restore", "latest", "--dir", "sets", "--to", "back", "--json"]).exits(0),
        world.run(&["restore", "latest", "--dir", "sets", "--to", "back", "--force", "--json"]).exits(0),
        world.run(&["verify", "back/CertLog", "--json"]).exits(0),
        world.run(&["import", "back/CertLog", "--dir", "imported", "--json"]).exits(0),
        world.run(&["show", "nothing", "--dir", "sets", "--json"]).exits(1),
        world.run(&["generate", "generated", "--json"]).exits(0),
        world.run(&["copy", "--from", "dir:sets", "--to", "dir:far", "--json"]).exits(0),
        world.backup(&["--copy-to", "dir:far", "--json"]).exits(0),
    ];
    let repository = [("CSBACKUP_REPO_PASSWORD", "of the repository")];
    let new = [repository[0], ("CSBACKUP_NEW_REPO_PASSWORD", "a new password")];
    let at = ["--repo", "place", "--ca-name", "ExampleCA", "--json"];
    runs.push(world.run_with(&repository, &[&["init"], &at[..]].concat()).exits(0));
    runs.push(world.run_with(&new, &[&["password", "change"], &at[..]].concat()).exits(0));
    runs.extend(upkeep(&world));
    damage(&world.newest().1.join("DataBase/edb0000A.log"));
    runs.push(world.run(&["verify", "latest", "--dir", "sets", "--json"]).exits(4));

    runs.push(world.run(&["ping", "--ca-dir", "ca", "--json"]).exits(0));
    let password = [("CSBACKUP_PASSWORD", "secret")];
    runs.push(world.run_with(&password, &["ca", "user", "ca", "backup", "--json"]).exits(0));
    let net = Net::new();
    runs.push(net.ping(&["--json"]).exits(0));
    runs.push(net.backup(&["--json"]).exits(0));
    #[cfg(unix)]
    runs.push(served(&net.world).exits(0));

    let lost = World::new();
    lost.fault(Call::BackupTruncateLogs, Fault::LostReply);
    runs.push(lost.backup(&["--json"]).exits(6));
    runs.extend(into_a_ca());
    runs.extend(operated());
    runs
}

/// With a configuration.
fn operated() -> Vec<Run> {
    let world = World::new();
    let root = world.path("").display().to_string();
    let text = format!(
        "[ca.a]\nca-dir = '{root}/ca'\nca-name = 'ExampleCA'\ndir = '{root}/sets'\n[ca.a.policy]\ndrill = '1d'\n"
    );
    fs::write(world.path("c.toml"), text).expect("write the configuration");
    let run = |args: &[&str]| world.run(&[args, &["--config", "c.toml", "--json"]].concat()).exits(0);
    let units = ["--unit-dir", "units"];
    run(&["backup", "--ca", "a"]);
    vec![
        run(&["crl", "extend", "latest", "--ca", "a"]),
        world.run(&["status", "--config", "c.toml", "--json"]),
        run(&["config", "check"]),
        run(&["config", "show"]),
        run(&["config", "example"]),
        run(&["run", "--dry-run"]),
        run(&["run"]),
        run(&[&["schedule", "show"], &units[..]].concat()),
        run(&[&["schedule", "install"], &units[..]].concat()),
        run(&[&["schedule", "remove"], &units[..]].concat()),
    ]
}

/// What is done with sets and repositories later.
fn upkeep(world: &World) -> Vec<Run> {
    let password = [("CSBACKUP_REPO_PASSWORD", "a new password")];
    let repository =
        |args: &[&str]| world.run_with(&password, &[args, &["--repo", "place", "--json"]].concat());
    world.run(&["ca", "new", "another", "--json"]).exits(0);
    let backup = ["backup", "--ca-dir", "another", "--type", "full", "--keep-logs"];
    let hold = ["mark", "latest", "--hold", "--reason", "a case"];
    let forget = ["forget", "--keep-last", "1", "--yes", "--prune"];
    [&backup[..], &hold, &backup, &["list"], &forget, &["check", "--read-data"], &["repair"]]
        .map(|args| repository(args).exits(0))
        .into()
}

/// A restore with all its parts, registered with an embedded CA, and taken back.
fn into_a_ca() -> Vec<Run> {
    let world = World::new();
    let content = b"WebServer\n1.3.6.1.4.1.311.21.8.1\n".to_vec();
    let templates = ConfigurationPart { kind: PartKind::Templates, index: 0, content };
    world.ca().set_part(&templates).expect("give the CA a template");
    let period = |text: &str| {
        let (node, name) = (world.ca().authority().name.clone(), "CRLPeriod".to_owned());
        let entry = ConfigEntry { node, name, value: ConfigValue::Text(text.to_owned()) };
        world.ca().host().import_registry(&[entry]).expect("change the registry");
    };
    period("Weeks");
    let password = [("CSBACKUP_KEY_PASSWORD", "secret")];
    let backup = ["backup", "--ca-dir", "ca", "--dir", "sets", "--with-key", "--json"];
    let mut runs = vec![world.run_with(&password, &backup).exits(0)];
    period("Years");
    let parts = ["--only", "database,registry,key", "--force", "--json"];
    let restore = [&["restore", "latest", "--dir", "sets", "--ca-dir", "ca"], &parts[..]].concat();
    // One that does not run has not used it: it can be taken back.
    world.ca().host().stop_service().expect("stop the service");
    runs.push(world.run_with(&password, &restore).exits(0));
    for (way, code) in [("--status", 0), ("--resume", 0), ("--undo", 0)] {
        runs.push(world.run(&["restore", way, "--ca-dir", "ca", "--json"]).exits(code));
    }
    runs
}

#[test]
fn every_message_and_field_is_documented_and_every_documented_message_is_printed() {
    let documented = documented();
    assert!(documented.len() > 5, "docs/json.md was not understood: {documented:?}");
    let mut seen = BTreeSet::new();
    for message in runs().iter().flat_map(Run::messages) {
        let message_type = message["message_type"].as_str().unwrap_or_default().to_owned();
        let fields = documented.get(&message_type);
        let fields = fields.unwrap_or_else(|| panic!("`{message_type}` is not documented: {message}"));
        for field in message.as_object().expect("an object").keys() {
            assert!(
                field == "message_type" || fields.contains(field),
                "`{field}` of `{message_type}` is not documented: {message}"
            );
        }
        seen.insert(message_type);
    }
    let unseen: Vec<_> = documented.keys().filter(|name| !seen.contains(*name)).collect();
    assert!(unseen.is_empty(), "documented and never printed: {unseen:?}");
}

#[test]
fn json_is_all_that_is_said() {
    for run in runs() {
        assert_eq!(run.stderr, "", "people's text beside JSON");
        assert!(!run.stdout.is_empty(), "a run that says nothing");
        run.messages();
    }
}

#[test]
fn the_error_message_is_the_last_one_and_carries_the_exit_code() {
    let world = World::new();
    let run = world.run(&["list", "--dir", "sets", "--json"]).exits(10);
    let last = run.messages().pop().expect("there is a message");
    assert_eq!(last["message_type"], "error");
    assert_eq!(last["exit_code"], 10);
    assert!(matches!(&last["causes"], Value::Array(_)) && matches!(&last["hints"], Value::Array(_)));
}
