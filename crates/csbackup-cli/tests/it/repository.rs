//! `init` and `password`: repositories as an operator makes and opens them.

use std::fs;
use std::process::{Command, Stdio};

use testkit::data::skip;

use crate::net::Net;
use crate::world::{Run, World, files_below};

const PASSWORD: &str = "a password of the repository";
const OTHER: &str = "quite another password";
const AT: [&str; 4] = ["--repo", "place", "--ca-name", "ExampleCA"];

/// Runs a command on the repository of the CA with this password in the environment.
fn run(world: &World, password: &str, command: &[&str], args: &[&str]) -> Run {
    world.run_with(&[("CSBACKUP_REPO_PASSWORD", password)], &[command, &AT, args].concat())
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_csbackup");

/// Can this program (of util-linux) do what it is asked for?
#[cfg(target_os = "linux")]
fn can(wrapper: &[&str]) -> bool {
    let tried = Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        skip(&format!("`{}` does not work on this machine", wrapper.join(" ")));
    }
    can
}

/// Runs a command in the world through another, with the password of the repository.
#[cfg(target_os = "linux")]
fn within(world: &World, wrapper: &[&str], command: &[&str]) -> Run {
    let output = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .args(command)
        .current_dir(world.path(""))
        .env("CSBACKUP_REPO_PASSWORD", PASSWORD)
        .env("CSBACKUP_CACHE_DIR", world.path("cache"))
        .stdin(Stdio::null())
        .output()
        .expect("run the program");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A world with a repository for its CA.
fn made() -> World {
    let world = World::new();
    run(&world, PASSWORD, &["init"], &[]).exits(0);
    world
}

fn file(world: &World, name: &str, content: &[u8]) {
    let path = world.path(name);
    fs::write(&path, content).expect("write a password file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set its mode");
    }
}

fn list(world: &World, args: &[&str]) -> Run {
    world.run(&[&["password", "list"], &AT[..], args].concat())
}

#[test]
fn init_asks_the_ca_for_its_name_and_says_what_comes_next() {
    let world = World::new();
    let env = [("CSBACKUP_REPO_PASSWORD", PASSWORD)];
    let run = world.run_with(&env, &["init", "--repo", "place", "--ca-dir", "ca"]).exits(0);
    assert!(run.stdout.contains("repository for `ExampleCA` made in"), "{}", run.stdout);
    for said in [
        "nobody can read",
        "keep it away from the CA",
        "csbackup password add --repo",
        "csbackup backup --repo",
        "--ca-dir ca",
    ] {
        assert!(run.stderr.contains(said), "`{said}` is not in:\n{}", run.stderr);
    }
    assert!(world.path("place/ExampleCA/config").is_file());
    world.run_with(&env, &["backup", "--repo", "place", "--ca-dir", "ca"]).exits(0);
}

#[test]
fn init_cuts_large_databases_into_larger_pieces() {
    let world = World::new();
    for (place, size, chunk_size) in
        [("a", "2G", 64 << 10), ("b", "100GiB", 128 << 10), ("c", "200g", 256 << 10), ("d", "1T", 1 << 20)]
    {
        let args = ["init", "--repo", place, "--ca-name", "Big CA", "--database-size", size, "--json"];
        let run = world.run_with(&[("CSBACKUP_REPO_PASSWORD", PASSWORD)], &args).exits(0);
        assert_eq!(run.message("repository")["chunk_size"], chunk_size, "{size}");
    }
    for size in ["2 G", "G", "-1", "99999999T", "2X"] {
        run(&world, PASSWORD, &["init"], &["--database-size", size]).exits(2);
    }
}

#[test]
fn init_in_a_repository_ends_with_1_and_touches_nothing() {
    let world = made();
    let before = files_below(&world.path("place"));
    for password in [PASSWORD, OTHER] {
        let run = run(&world, password, &["init"], &[]).exits(1);
        assert!(run.stderr.contains("there is a repository already"), "{}", run.stderr);
    }
    assert_eq!(files_below(&world.path("place")), before);
}

#[test]
fn init_needs_a_place_and_a_ca() {
    let world = World::new();
    for args in [
        &["init", "--repo", "place"][..],
        &["init", "--ca-dir", "ca"],
        &["init", "--repo", "place", "--ca-dir", "ca", "--ca-name", "ExampleCA"],
        &["init", "--repo", "place", "--dir", "sets", "--ca-dir", "ca"],
        &["init", "--repo", "place", "--ca-dir", "ca", "--repo-password", PASSWORD],
        &["password", "list", "--repo", "place"],
        &["password", "list", "--ca-name", "ExampleCA"],
        &["password", "remove", "--repo", "place", "--ca-name", "ExampleCA"],
    ] {
        let run = world.run_with(&[("CSBACKUP_REPO_PASSWORD", PASSWORD)], args).exits(2);
        assert_eq!(run.stdout, "", "{args:?}");
    }
    let run = world.run(&[&["init"], &AT[..]].concat()).exits(2);
    assert!(run.stderr.contains("give `--repo-password-file`, `--repo-password-command`"), "{}", run.stderr);
    assert!(!world.path("place").exists());
}

#[test]
fn weak_passwords_are_refused_where_they_are_chosen() {
    let world = World::new();
    let refused = run(&world, "1234567", &["init"], &[]).exits(1);
    assert!(refused.stderr.contains("the password has less than 8 characters"), "{}", refused.stderr);
    assert!(!world.path("place").exists());
    run(&world, PASSWORD, &["init"], &[]).exits(0);
    file(&world, "new", b"12345678 \n");
    for command in ["add", "change"] {
        let refused = run(&world, PASSWORD, &["password", command], &["--new-password-file", "new"]).exits(1);
        assert!(refused.stderr.contains("begins or ends with white space"), "{}", refused.stderr);
    }
}

#[test]
fn a_password_comes_from_the_first_line_of_a_file() {
    let world = made();
    let utf16: Vec<u8> = "\u{FEFF}"
        .encode_utf16()
        .chain(format!("{PASSWORD}\r\n").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for content in [
        PASSWORD.as_bytes(),
        format!("{PASSWORD}\n").as_bytes(),
        format!("{PASSWORD}\r\nof the repository\n").as_bytes(),
        format!("\u{FEFF}{PASSWORD}\n").as_bytes(),
        &utf16,
    ] {
        file(&world, "password", content);
        let run = list(&world, &["--repo-password-file", "password"]).exits(0);
        assert_eq!(run.stderr, "");
    }
    for (content, said) in [
        (&b""[..], "the first line of the password file `password` is empty"),
        (b"\nsecond", "the first line of the password file `password` is empty"),
        (b"\xFFa", "the password file `password` is not UTF-8"),
    ] {
        file(&world, "password", content);
        let run = list(&world, &["--repo-password-file", "password"]).exits(1);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_others_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = made();
    file(&world, "password", PASSWORD.as_bytes());
    fs::set_permissions(world.path("password"), fs::Permissions::from_mode(0o644)).expect("set its mode");
    let run = list(&world, &["--repo-password-file", "password", "--json"]).exits(0);
    assert!(run.message("warning")["text"].as_str().is_some_and(|text| text.contains("mode 0644")));
    assert_eq!(run.stderr, "", "JSON only");
}

#[test]
#[cfg(unix)]
fn a_password_comes_from_a_command() {
    let world = made();
    let printing = format!("echo '{PASSWORD}'; echo more");
    list(&world, &["--repo-password-command", &printing]).exits(0);
    for (command, said) in [
        (format!("echo '{PASSWORD}'; exit 3"), "the password command failed (exit status: 3)"),
        ("true".to_owned(), "what the password command printed is empty"),
        (format!("echo; echo '{PASSWORD}'"), "what the password command printed is empty"),
        (format!("printf '{PASSWORD}\\377'"), "what the password command printed is not UTF-8"),
    ] {
        let run = list(&world, &["--repo-password-command", &command]).exits(1);
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
    }
}

#[test]
fn options_win_over_the_environment_and_over_one_another_never() {
    let world = made();
    file(&world, "password", PASSWORD.as_bytes());
    run(&world, OTHER, &["password", "list"], &["--repo-password-file", "password"]).exits(0);
    // The tests have no keyring: that it is missed shows that it was asked.
    let missed = run(&world, PASSWORD, &["password", "list"], &["--repo-password-keyring"]).exits(1);
    assert!(missed.stderr.contains("keyring"), "{}", missed.stderr);
    let two = ["--repo-password-file", "password", "--repo-password-keyring"];
    run(&world, PASSWORD, &["password", "list"], &two).exits(2);
    // restic's variable is that of another repository, perhaps.
    let env = [("RESTIC_PASSWORD", PASSWORD)];
    world.run_with(&env, &[&["password", "list"], &AT[..]].concat()).exits(2);
}

#[test]
fn passwords_are_added_changed_and_removed() {
    let world = made();
    let new = |password: &str| file(&world, "new", password.as_bytes());
    let from = ["--new-password-file", "new", "--json"];
    new(OTHER);
    let added = run(&world, PASSWORD, &["password", "add"], &from).exits(0).message("password");
    assert_eq!((&added["state"], &added["in_use"]), (&"added".into(), &false.into()));
    let there = run(&world, OTHER, &["password", "list"], &["--json"]).exits(0).of_type("password");
    assert_eq!(there.iter().map(|one| &one["in_use"]).collect::<Vec<_>>(), [false, true]);

    new("the third password");
    let changed = run(&world, OTHER, &["password", "change"], &from).exits(0).of_type("password");
    assert_eq!(changed.iter().map(|one| &one["state"]).collect::<Vec<_>>(), ["added", "removed"]);
    assert_eq!(changed[1]["id"], added["id"]);
    run(&world, OTHER, &["password", "list"], &[]).exits(12);

    let id = changed[0]["id"].as_str().expect("an id");
    let in_use = run(&world, "the third password", &["password", "remove", &id[..8]], &[]).exits(1);
    assert!(in_use.stderr.contains("this password is in use"), "{}", in_use.stderr);
    let removed = run(&world, PASSWORD, &["password", "remove", &id[..8]], &[]).exits(0);
    assert!(removed.stdout.contains("removed"), "{}", removed.stdout);
    assert!(removed.stderr.contains("Whoever copied the repository before"), "{}", removed.stderr);
    run(&world, "the third password", &["password", "list"], &[]).exits(12);
}

#[test]
fn a_new_password_comes_from_the_environment_too() {
    let world = made();
    let command = [&["password", "change"], &AT[..]].concat();
    let run = world.run_with(&[("CSBACKUP_REPO_PASSWORD", PASSWORD)], &command).exits(2);
    assert!(run.stderr.contains("or set CSBACKUP_NEW_REPO_PASSWORD"), "{}", run.stderr);
    let env = [("CSBACKUP_REPO_PASSWORD", PASSWORD), ("CSBACKUP_NEW_REPO_PASSWORD", OTHER)];
    world.run_with(&env, &command).exits(0);
    list(&world, &["--repo-password-command", &format!("echo {OTHER}")]).exits(0);
}

#[test]
fn no_repository_ends_with_10() {
    let world = World::new();
    let run = run(&world, PASSWORD, &["password", "list"], &[]).exits(10);
    assert!(run.stderr.contains("there is no repository"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: `csbackup init` makes one"), "{}", run.stderr);
    assert!(!world.path("place").exists(), "looking made something");
    let env = [("CSBACKUP_REPO_PASSWORD", PASSWORD)];
    world.run_with(&env, &["backup", "--repo", "place", "--ca-dir", "ca"]).exits(10);
    assert!(!world.path("place").exists(), "a backup makes no repository");
}

#[test]
fn a_wrong_password_ends_with_12() {
    let world = made();
    for command in [
        &["password", "list", "--repo", "place", "--ca-name", "ExampleCA"][..],
        &["backup", "--repo", "place", "--ca-dir", "ca"],
        &["list", "--repo", "place"],
        &["verify", "--all", "--repo", "place"],
    ] {
        let run = world.run_with(&[("CSBACKUP_REPO_PASSWORD", OTHER)], command).exits(12);
        assert!(run.stderr.contains("the password opens no key of this repository"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
        assert!(!run.stderr.contains(OTHER), "{}", run.stderr);
    }
}

#[test]
fn another_cas_repository_ends_with_15() {
    let world = made();
    let env = [("CSBACKUP_REPO_PASSWORD", PASSWORD)];
    fs::rename(world.path("place/ExampleCA"), world.path("place/Other CA")).expect("rename it");
    let args = ["password", "list", "--repo", "place", "--ca-name", "Other CA"];
    let run = world.run_with(&env, &args).exits(15);
    assert!(run.stderr.contains("it is the repository of another CA, `ExampleCA`"), "{}", run.stderr);
    fs::rename(world.path("place/Other CA"), world.path("place/ExampleCA")).expect("rename it back");
    world.run_with(&env, &["backup", "--repo", "place", "--ca-dir", "ca"]).exits(0);
}

#[test]
fn a_repository_that_restic_made_ends_with_15() {
    let world = World::new();
    let folder = world.path("place/ExampleCA");
    let made = Command::new("restic")
        .args(["--no-cache", "init", "--repo"])
        .arg(&folder)
        .env("RESTIC_PASSWORD", PASSWORD)
        .output();
    let Ok(made) = made else {
        skip("judge restic is not on this machine");
        return;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let run = run(&world, PASSWORD, &["password", "list"], &[]).exits(15);
    assert!(run.stderr.contains("csbackup did not make it"), "{}", run.stderr);
    let env = [("CSBACKUP_REPO_PASSWORD", PASSWORD)];
    world.run_with(&env, &["backup", "--repo", "place", "--ca-dir", "ca"]).exits(15);
    world.run_with(&env, &["init", "--repo", "place", "--ca-dir", "ca"]).exits(1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_place_that_cannot_be_written_ends_with_14() {
    use std::os::unix::fs::PermissionsExt as _;
    // root too must not be above the permissions.
    let bound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
    if !can(&bound) {
        return;
    }
    let world = made();
    let lock = |mode| {
        for folder in ["", "config", "keys", "locks", "index", "snapshots", "data"] {
            let path = world.path("place/ExampleCA").join(folder);
            let mode = if path.is_dir() { mode } else { 0o444 };
            if path.exists() {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set the mode");
            }
        }
    };
    lock(0o555);
    file(&world, "new", OTHER.as_bytes());
    let add = [
        PROGRAM,
        "password",
        "add",
        "--repo",
        "place",
        "--ca-name",
        "ExampleCA",
        "--new-password-file",
        "new",
    ];
    let runs = [
        within(&world, &bound, &[PROGRAM, "backup", "--repo", "place", "--ca-dir", "ca"]),
        within(&world, &bound, &add),
        within(&world, &bound, &[PROGRAM, "init", "--repo", "place/ExampleCA", "--ca-name", "Other CA"]),
    ];
    lock(0o755);
    for run in runs {
        let run = run.exits(14);
        assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    }
    assert_eq!(run(&world, PASSWORD, &["list"], &["--json"]).exits(0).of_type("set").len(), 0);
    assert_eq!(*world.ca().generations().start(), 1, "no log was deleted");
}

#[test]
#[cfg(target_os = "linux")]
fn a_place_that_is_full_ends_with_13() {
    let mount = "mount -t tmpfs -o size=400k tmpfs place && \"$@\" init --repo place --ca-dir ca --quiet && \
                 { \"$@\" backup --repo place --ca-dir ca; code=$?; \
                 \"$@\" list --repo place --json; exit $code; }";
    let own = ["unshare", "--map-root-user", "--mount"];
    if !can(&own) {
        return;
    }
    let world = World::new();
    fs::create_dir(world.path("place")).expect("create the place");
    let run = within(&world, &own, &["sh", "-c", mount, "sh", PROGRAM]).exits(13);
    assert!(run.stderr.contains("No space left on device"), "{}", run.stderr);
    assert!(!run.stdout.contains("\"set\""), "{}", run.stdout);
    assert_eq!(*world.ca().generations().start(), 1, "no log was deleted");
}

#[test]
fn a_ca_on_the_network_tells_its_name() {
    let net = Net::new();
    let target = net.target();
    let env = [
        ("CSBACKUP_REPO_PASSWORD", PASSWORD),
        ("CSBACKUP_USER", crate::net::USER),
        ("CSBACKUP_PASSWORD", crate::net::PASSWORD),
    ];
    let made = ["init", "--repo", "place", "--ca", &target, "--json"];
    let run = net.world.run_with(&env, &made).exits(0);
    assert_eq!(run.message("repository")["ca"], "ExampleCA");
    assert_eq!(run.message("repository")["database_size"], serde_json::Value::Null);
}

#[test]
#[cfg(target_os = "linux")]
fn no_secret_is_among_the_arguments_of_a_process() {
    let world = made();
    file(&world, "password", PASSWORD.as_bytes());
    // The command looks at its parents and the program that runs it.
    let look = "cat /proc/$PPID/cmdline | tr '\\0' ' ' > seen; cat password";
    let listed = list(&world, &["--repo-password-command", look]).exits(0);
    let seen = fs::read_to_string(world.path("seen")).expect("what was seen");
    assert!(seen.contains("--repo-password-command"), "{seen}");
    assert!(!seen.contains(PASSWORD), "{seen}");
    assert!(!listed.stdout.contains(PASSWORD) && !listed.stderr.contains(PASSWORD));
}

#[test]
fn a_repository_that_does_not_open_hides_no_other_and_the_exit_code_says_so() {
    let world = made();
    let env = [("CSBACKUP_REPO_PASSWORD", PASSWORD)];
    world.run_with(&env, &["backup", "--repo", "place", "--ca-dir", "ca", "--keep-logs"]).exits(0);
    let other = ["init", "--repo", "place", "--ca-name", "Another CA"];
    world.run_with(&[("CSBACKUP_REPO_PASSWORD", OTHER)], &other).exits(0);
    let list = world.run_with(&env, &["list", "--repo", "place", "--json"]).exits(3);
    assert_eq!(list.of_type("set").len(), 1);
    assert!(list.message("warning")["text"].as_str().is_some_and(|text| text.contains("Another CA")));
    world.run_with(&env, &["verify", "--all", "--repo", "place"]).exits(3);
    world.run_with(&env, &["list", "--repo", "place", "--ca-name", "ExampleCA"]).exits(0);
    world.run_with(&[("CSBACKUP_REPO_PASSWORD", "neither of them")], &["list", "--repo", "place"]).exits(12);
}
