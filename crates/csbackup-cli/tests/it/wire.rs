//! Backups of a CA on the network, as an operator takes them.

use std::fs;

use certsrv::Service;
use expect_test::expect;
use testkit::data::workspace;

use crate::net::{Net, PASSWORD, free_port};
use crate::world::{damage, files_below, filtered};

/// With the CA's port hidden.
fn shown(net: &Net, text: &str) -> String {
    filtered(&text.replace(&net.host(), "<CA>"))
}

#[test]
fn a_chain_taken_over_the_network_is_listed_verified_and_restored() {
    let net = Net::new();
    let run = net.backup(&[]).exits(0);
    assert!(run.stdout.contains("logs on the CA: 9 (0x1-0x9) before truncation"), "{}", run.stdout);
    net.world.run(&["ca", "advance", "ca"]).exits(0);
    net.backup(&[]).exits(0);

    let list = net.world.run(&["list", "--dir", "sets", "--json"]).exits(0).of_type("set");
    let kinds: Vec<_> = list.iter().map(|set| set["kind"].clone()).collect();
    assert_eq!(kinds, ["full", "incremental"]);
    assert_eq!(list[0]["ca"]["name"], "ExampleCA");
    net.world.run(&["verify", "--all", "--dir", "sets"]).exits(0);
    net.world.run(&["restore", "latest", "--dir", "sets", "--to", "back"]).exits(0);
    let restored = fs::read(net.world.path("back/CertLog/ExampleCA.edb")).expect("the restored database");
    let streamed = fs::read(net.world.path("ca/state-01/ExampleCA.edb")).expect("the CA's database");
    assert!(restored == streamed, "the database differs");

    damage(&net.world.newest().1.join("DataBase/edb0000A.log"));
    net.world.run(&["verify", "latest", "--dir", "sets"]).exits(4);
}

#[test]
fn the_set_has_the_configuration_of_the_ca() {
    let net = Net::new();
    net.backup(&["--quiet"]).exits(0);
    let folder = net.world.newest().1.join("Config");
    assert_eq!(files_below(&folder), ["CertSvc-Configuration.reg", "ca-0.cer", "ca-0.crl"]);
    for (stored, made) in [("ca-0.cer", "ExampleCA.cer"), ("ca-0.crl", "ExampleCA.crl")] {
        let made = fs::read(workspace().join("testdata").join(made)).expect("read test data");
        assert_eq!(fs::read(folder.join(stored)).expect("read the set"), made, "{stored}");
    }
}

#[test]
fn every_option_of_a_backup_works_over_the_network() {
    let net = Net::new();
    let dry = net.backup(&["--dry-run"]).exits(0);
    assert_eq!(
        dry.stdout,
        "would take: full backup (there is no set of this CA here yet); the CA is online\n"
    );
    assert!(!net.world.path("sets").exists());
    let kept = net.backup(&["--keep-logs", "--type", "full", "--timeout", "30"]).exits(0);
    assert!(kept.stdout.contains("logs kept on the CA, as asked"), "{}", kept.stdout);
    net.backup(&["--wait", "1", "--accept-gap"]).exits(0);
}

#[test]
fn the_name_of_the_ca_is_found_out() {
    let net = Net::new();
    let run = net.run(&["backup", "--ca", &net.host(), "--dir", "sets", "--no-smb"]).exits(3);
    assert!(run.stdout.contains("saved, read back: good"), "{}", run.stdout);
    assert_eq!(net.world.newest().0.manifest.ca.name, "ExampleCA");
}

#[test]
fn a_file_that_cannot_be_fetched_is_a_named_gap() {
    let net = Net::new();
    // The file server is another host than the one that was named.
    for args in [&[][..], &["--no-smb"]] {
        let target = net.target();
        let run = net.run(&[&["backup", "--ca", &target, "--dir", "sets"], args].concat()).exits(3);
        let warning = r"warning: `\\ca01.example.test\CertEnroll\ExampleCA.crl` is missing from this set: ";
        assert!(run.stderr.contains(warning), "{}", run.stderr);
        assert_eq!(
            net.world.newest().0.manifest.gaps[0].name,
            r"\\ca01.example.test\CertEnroll\ExampleCA.crl"
        );
    }
}

#[test]
fn a_file_server_that_is_not_there_is_a_named_gap() {
    let net = Net::new();
    let port = free_port().to_string();
    let (host, target) = ("--smb-host=ca01.example.test=127.0.0.1", net.target());
    let args = ["backup", "--ca", &target, "--dir", "sets", "--timeout", "20", host, "--smb-port", &port];
    let run = net.run(&args).exits(3);
    assert!(run.stderr.contains("cannot connect to"), "{}", run.stderr);
}

#[test]
fn a_wrong_password_is_refused() {
    let net = Net::new();
    let refused = |user: &str, auth: &str| {
        let variables = [("CSBACKUP_USER", user), ("CSBACKUP_PASSWORD", "wrong")];
        let args = ["backup", "--ca", &net.target(), "--dir", "sets", "--auth", auth];
        let run = net.world.run_with(&variables, &args).exits(21);
        assert_eq!(run.stdout, "");
        shown(&net, &run.stderr)
    };
    for (user, auth) in
        [("backup", "negotiate"), ("nobody", "negotiate"), ("backup", "ntlm"), ("nobody", "ntlm")]
    {
        let text = refused(&format!(r"LAB\{user}"), auth).replace("nobody", "backup");
        expect![[r#"
            error: cannot log on to 127.0.0.1
              caused by: the host `127.0.0.1` refused the user name or password of `LAB\backup` (it does not say which)
            hint: an account that is locked, disabled, expired or not allowed to use this host looks the same"#]]
        .assert_eq(&text);
    }
    assert!(!net.world.path("sets").exists());
}

#[test]
fn a_ca_that_takes_no_backups_over_the_network_says_how_to_change_it() {
    let net = Net::of(|config| config.interface_flags |= 0x40);
    let run = net.backup(&[]).exits(21);
    expect![[r#"
        error: cannot begin a full backup of `127.0.0.1\ExampleCA`
          caused by: BackupPrepare (opnum 20) returned 0x80070005 (E_ACCESSDENIED)
        hint: the account needs the backup right on the CA: Read permission and the privilege to back up files
        hint: the CA may refuse backups from here (InterfaceFlags: IF_NOREMOTEICERTADMINBACKUP, IF_NOLOCALICERTADMINBACKUP)
        hint: backups over the network are switched on with `certutil -setreg CA\InterfaceFlags -IF_NOREMOTEICERTADMINBACKUP` and `net stop certsvc && net start certsvc` on the CA
        hint: `csbackup ping` with the same options tells what stands in the way"#]]
    .assert_eq(&shown(&net, &run.stderr));
    assert!(net.world.sets().is_empty());
}

#[test]
fn a_user_who_may_not_read_learns_it() {
    let net = Net::of(|config| config.users[0].roles.clear());
    let run = net.backup(&[]).exits(21);
    expect![[r#"
        error: cannot ask for the state of `127.0.0.1\ExampleCA`
          caused by: GetServerState (opnum 19) answered 0: the CA is there, but the caller has no right to read in it
        hint: give the account Read on the CA: certsrv.msc, Properties of the CA, Security
        hint: `csbackup ping` with the same options tells what stands in the way"#]]
    .assert_eq(&shown(&net, &run.stderr));
}

#[test]
fn a_ca_that_does_not_run_is_unreachable() {
    for service in [Service::Stopped, Service::Suspended] {
        let net = Net::of(|config| config.service = service);
        let run = net.backup(&[]).exits(20);
        let word = format!("{service:?}").to_lowercase();
        let text =
            format!(r"the certificate service of `127.0.0.1\ExampleCA` is {word}, a backup needs it online");
        assert!(run.stderr.contains(&text), "{}", run.stderr);
    }
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let net = Net::new();
    let target = format!(r"127.0.0.1:{}\ExampleCA", free_port());
    for args in [&["backup", "--ca", &target, "--dir", "sets"][..], &["ping", "--ca", &target]] {
        let run = net.run(args).exits(20);
        assert!(run.stderr.contains("error: cannot connect to 127.0.0.1:"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: a firewall must let through TCP 135"), "{}", run.stderr);
    }
}

#[test]
fn a_backup_that_is_under_way_elsewhere_is_busy() {
    let net = Net::new();
    let run = net.world.while_busy(|| net.backup(&[])).exits(22);
    assert!(run.stderr.contains("another backup of"), "{}", run.stderr);
    net.backup(&[]).exits(0);
}

#[test]
fn the_password_is_in_nothing_that_is_written() {
    let net = Net::new();
    let variables =
        [("CSBACKUP_USER", r"LAB\backup"), ("CSBACKUP_PASSWORD", PASSWORD), ("CSBACKUP_LOG", "trace")];
    let target = net.target();
    for password in [PASSWORD, "wr0ng-passw0rd"] {
        let mut variables = variables;
        variables[1].1 = password;
        for args in [&["ping", "--ca", &target][..], &["backup", "--ca", &target, "--dir", "sets"]] {
            for more in [&["--verbose"][..], &["--verbose", "--json"]] {
                let run = net.world.run_with(&variables, &[args, more].concat());
                assert!(!run.stdout.contains(password) && !run.stderr.contains(password), "{args:?}");
            }
        }
    }
    let contains = |bytes: &[u8]| bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
    for file in files_below(&net.world.path("")) {
        let small = fs::metadata(net.world.path(&file)).expect("a file").len() < 1 << 20;
        assert!(!small || !contains(&fs::read(net.world.path(&file)).expect("read a file")), "{file}");
    }
}
