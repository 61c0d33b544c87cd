//! Where a password comes from, and what wins.

use std::fs;
use std::process::{Command, Stdio};

use testkit::data::skip;

use crate::net::{Net, PASSWORD, USER};
use crate::world::Run;

/// Logs on with these variables and arguments beside `--ca`.
fn ping(net: &Net, variables: &[(&str, &str)], args: &[&str]) -> Run {
    net.world.run_with(variables, &[&["ping", "--ca", &net.target()], args].concat())
}

fn file(net: &Net, content: &str, mode: u32) {
    let path = net.world.path("password");
    fs::write(&path, content).expect("write the password file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set its mode");
    }
    #[cfg(not(unix))]
    let _ = mode;
}

#[test]
fn a_file_is_read_without_its_line_end() {
    let net = Net::new();
    for end in ["", "\n", "\r\n"] {
        file(&net, &format!("{PASSWORD}{end}"), 0o600);
        let run = ping(&net, &[], &["--user", USER, "--password-file", "password"]).exits(0);
        assert_eq!(run.stderr, "");
    }
    // Only one line end is not the password's.
    file(&net, &format!("{PASSWORD}\n\n"), 0o600);
    ping(&net, &[], &["--user", USER, "--password-file", "password"]).exits(21);
}

#[test]
#[cfg(unix)]
fn a_file_that_others_can_read_is_warned_about() {
    let net = Net::new();
    for (mode, shown) in [(0o644, "0644"), (0o640, "0640")] {
        file(&net, PASSWORD, mode);
        let run = ping(&net, &[], &["--user", USER, "--password-file", "password"]).exits(0);
        let text = format!(
            "warning: others can read the password file `password` (mode {shown}): `chmod 600 password`\n"
        );
        assert_eq!(run.stderr, text);
    }
}

#[test]
fn a_file_that_is_missing_or_empty_is_an_error() {
    let net = Net::new();
    let args = ["--user", USER, "--password-file", "password"];
    let run = ping(&net, &[], &args).exits(1);
    assert!(run.stderr.contains("cannot read the password file `password`"), "{}", run.stderr);
    file(&net, "\n", 0o600);
    let run = ping(&net, &[], &args).exits(1);
    assert!(run.stderr.contains("the password file `password` is empty"), "{}", run.stderr);
}

#[test]
fn options_win_over_the_environment() {
    let net = Net::new();
    file(&net, PASSWORD, 0o600);
    let wrong = [("CSBACKUP_USER", "nobody"), ("CSBACKUP_PASSWORD", "wrong")];
    ping(&net, &wrong, &["--user", USER, "--password-file", "password"]).exits(0);
    ping(&net, &wrong, &["--password-file", "password"]).exits(21);
    ping(&net, &wrong, &["--user", USER]).exits(21);
    let right = [("CSBACKUP_USER", USER), ("CSBACKUP_PASSWORD", PASSWORD)];
    ping(&net, &right, &[]).exits(0);
    // The tests have no keyring: that it is missed shows that it was asked.
    let run = ping(&net, &right, &["--password-keyring"]).exits(1);
    assert!(run.stderr.contains("keyring"), "{}", run.stderr);
}

#[test]
fn what_is_missing_or_does_not_go_together_ends_with_2() {
    let net = Net::new();
    let target = net.target();
    let missing_user = ping(&net, &[("CSBACKUP_PASSWORD", PASSWORD)], &[]).exits(2);
    assert!(missing_user.stderr.contains("who logs on? give `--user`, or set CSBACKUP_USER"));
    let missing_password = ping(&net, &[("CSBACKUP_USER", USER), ("CSBACKUP_PASSWORD", "")], &[]).exits(2);
    assert!(missing_password.stderr.contains(r"no password for `LAB\backup`: give `--password-file`"));
    for args in [
        &["ping"][..],
        &["ping", "--ca", &target, "--ca-dir", "ca"],
        &["ping", "--ca-dir", "ca", "--user", USER],
        &["ping", "--ca-dir", "ca", "--auth", "ntlm"],
        &["ping", "--ca", r"ca01\"],
        &["ping", "--ca", r"ca01:zero\CA"],
        &["ping", "--ca", &target, "--user", "a\\b\\c"],
        &["ping", "--ca", &target, "--user", USER, "--auth", "basic"],
        &["ping", "--ca", &target, "--user", USER, "--password-file", "p", "--password-keyring"],
        &["ping", "--ca", &target, "--user", USER, "--password-file", "p", "--keytab", "k"],
        &["ping", "--ca", &target, "--keytab", "k", "--ccache", "c"],
        &["ping", "--ca", &target, "--user", USER, "--password", PASSWORD],
        &["backup", "--ca-dir", "ca", "--dir", "sets", "--no-smb"],
    ] {
        let run = net.world.run(args).exits(2);
        assert_eq!(run.stdout, "", "{args:?}");
    }
}

#[test]
fn kerberos_proofs_that_cannot_be_used_say_why() {
    let net = Net::new();
    let text = |args: &[&str]| ping(&net, &[], args).exits(1).stderr;
    let keytab = text(&["--user", "backup@LAB.TEST", "--keytab", "none.keytab"]);
    assert!(keytab.contains("cannot read `none.keytab`"), "{keytab}");
    let cache = text(&["--ccache"]);
    assert!(cache.contains("no credential cache is named"), "{cache}");
    let cache = text(&["--ccache", "none.ccache"]);
    assert!(cache.contains("cannot read `none.ccache`"), "{cache}");
    file(&net, PASSWORD, 0o600);
    let address = text(&["--user", "backup@LAB.TEST", "--password-file", "password", "--auth", "kerberos"]);
    assert!(address.contains("Kerberos needs the name of the host, `127.0.0.1` is an address"), "{address}");
}

#[test]
#[cfg(unix)]
fn a_terminal_is_asked() {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        skip("judge script (util-linux) is not on this machine");
        return;
    }
    use std::io::Write as _;
    let net = Net::new();
    for (typed, code) in [(PASSWORD, 0), ("wrong", 21)] {
        let command =
            format!("{} ping --ca '{}' --user '{USER}'", env!("CARGO_BIN_EXE_csbackup"), net.target());
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env_remove("CSBACKUP_PASSWORD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start a terminal");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        stdin.write_all(format!("{typed}\n").as_bytes()).expect("type the password");
        let output = child.wait_with_output().expect("wait for the program");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(r"password of LAB\backup: "), "{text}");
    }
}
