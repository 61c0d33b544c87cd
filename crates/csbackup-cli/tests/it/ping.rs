//! `csbackup ping`, in each state a CA can be in.

use certsrv::{Config, Role, Service};
use expect_test::{Expect, expect};

use crate::net::Net;
use crate::world::World;

/// The answer of a CA after a change of its configuration.
#[track_caller]
fn answers(change: impl FnOnce(&mut Config), code: i32, expected: &Expect) {
    let net = Net::of(change);
    let run = net.ping(&[]).exits(code);
    assert_eq!(run.stderr, "");
    expected.assert_eq(&run.stdout.replace(&net.host(), "<CA>"));
    let json = net.ping(&["--json"]).exits(code).message("ping");
    assert_eq!(json["ready"], code == 0);
    assert_eq!(json["obstacles"].as_array().map(Vec::is_empty), Some(code == 0), "{json}");
}

#[test]
fn a_backup_can_be_taken() {
    answers(
        |_| {},
        0,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    online
        interface  ICertAdminD2, CA version 10.0:17763.1
        account    LAB\backup (negotiate)
        roles      operator, read
        flags      0x601 IF_LOCKICERTREQUEST IF_ENFORCEENCRYPTICERTREQUEST IF_ENFORCEENCRYPTICERTADMIN
        a backup can be taken
    "#]],
    );
}

#[test]
fn the_ca_takes_no_backups_over_the_network() {
    answers(
        |config| config.interface_flags |= 0x40,
        21,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    online
        interface  ICertAdminD2, CA version 10.0:17763.1
        account    LAB\backup (negotiate)
        roles      operator, read
        flags      0x641 IF_LOCKICERTREQUEST IF_NOREMOTEICERTADMINBACKUP IF_ENFORCEENCRYPTICERTREQUEST IF_ENFORCEENCRYPTICERTADMIN
        in the way: the CA takes no backup calls over the network (IF_NOREMOTEICERTADMINBACKUP; set on a new CA for a reason: whoever may back up gets its whole database, so allow it only where the accounts with the backup privilege are few and watched)
          on the CA: certutil -setreg CA\InterfaceFlags -IF_NOREMOTEICERTADMINBACKUP
          on the CA: net stop certsvc && net start certsvc
        a backup cannot be taken
    "#]],
    );
}

#[test]
fn the_ca_takes_no_administration_over_the_network() {
    answers(
        |config| config.interface_flags |= 0x10,
        21,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    running
        interface  ICertAdminD2
        account    LAB\backup (negotiate)
        roles      unknown: GetMyRoles (opnum 47) returned 0x80070005 (E_ACCESSDENIED)
        flags      unknown: GetConfigEntry (opnum 44) returned 0x80070005 (E_ACCESSDENIED)
        in the way: the CA takes no administration calls over the network: likely IF_NOREMOTEICERTADMIN, which cannot be read then
          on the CA: certutil -setreg CA\InterfaceFlags -IF_NOREMOTEICERTADMIN
          on the CA: net stop certsvc && net start certsvc
        a backup cannot be taken
    "#]],
    );
}

#[test]
fn the_account_has_no_backup_privilege() {
    answers(
        |config| config.users[0].roles = vec![Role::Read],
        21,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    online
        interface  ICertAdminD2, CA version 10.0:17763.1
        account    LAB\backup (negotiate)
        roles      read
        flags      0x601 IF_LOCKICERTREQUEST IF_ENFORCEENCRYPTICERTREQUEST IF_ENFORCEENCRYPTICERTADMIN
        in the way: LAB\backup has no backup privilege (SeBackupPrivilege) on the CA's host
          on the CA: net localgroup "Backup Operators" "LAB\backup" /add
        a backup cannot be taken
    "#]],
    );
}

#[test]
fn the_account_may_not_even_read() {
    answers(
        |config| config.users[0].roles.clear(),
        21,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    running
        interface  ICertAdminD2
        account    LAB\backup (negotiate)
        roles      unknown: GetMyRoles (opnum 47) returned 0x80070005 (E_ACCESSDENIED)
        flags      unknown: GetConfigEntry (opnum 44) returned 0x80070005 (E_ACCESSDENIED)
        in the way: LAB\backup may not read on the CA: allow Read in the properties of the CA, on the page Security
          on the CA: certsrv.msc
        a backup cannot be taken
    "#]],
    );
}

#[test]
fn the_account_holds_two_roles() {
    let change = |config: &mut Config| {
        config.role_separation = true;
        config.users[0].roles.push(Role::Auditor);
    };
    answers(
        change,
        21,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    online
        interface  ICertAdminD2
        account    LAB\backup (negotiate)
        roles      unknown: GetMyRoles (opnum 47) returned 0x80094008 (CERTSRV_E_ROLECONFLICT)
        flags      unknown: GetConfigEntry (opnum 44) returned 0x80094008 (CERTSRV_E_ROLECONFLICT)
        in the way: role separation is on and the account holds two CA roles: use one that is backup operator only
        a backup cannot be taken
    "#]],
    );
}

#[test]
fn the_service_is_stopped() {
    answers(
        |config| config.service = Service::Stopped,
        20,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    stopped
        account    LAB\backup (negotiate)
        in the way: the certificate service does not run
          on the CA: net start certsvc
        a backup cannot be taken
    "#]],
    );
}

#[test]
fn the_service_is_suspended() {
    answers(
        |config| config.service = Service::Suspended,
        20,
        &expect![[r#"
        CA         127.0.0.1\ExampleCA
        service    suspended
        interface  ICertAdminD2
        account    LAB\backup (negotiate)
        roles      unknown: GetMyRoles (opnum 47) returned 0x80094006 (CERTSRV_E_SERVER_SUSPENDED)
        flags      unknown: GetConfigEntry (opnum 44) returned 0x80094006 (CERTSRV_E_SERVER_SUSPENDED)
        in the way: the certificate service is suspended: paused, or a restore is pending
          on the CA: net continue certsvc
        a backup cannot be taken
    "#]],
    );
}

#[test]
fn a_wrong_password_and_a_silent_port_are_errors() {
    let net = Net::new();
    let wrong = [("CSBACKUP_USER", "backup"), ("CSBACKUP_PASSWORD", "wrong")];
    let run = net.world.run_with(&wrong, &["ping", "--ca", &net.target(), "--json"]).exits(21);
    assert_eq!(run.message("error")["exit_code"], 21);
}

#[test]
fn the_name_of_the_ca_is_found_out() {
    let net = Net::new();
    let ping = net.run(&["ping", "--ca", &net.host(), "--json"]).exits(0).message("ping");
    assert_eq!(ping["ca"], r"127.0.0.1\ExampleCA");
    assert_eq!(ping["interface"], "ICertAdminD2");
}

#[test]
fn a_ca_directory_answers_as_its_gate_would() {
    let world = World::new();
    let ping = |code| world.run(&["ping", "--ca-dir", "ca", "--json"]).exits(code).message("ping");
    let good = ping(0);
    assert_eq!(good["roles"], serde_json::json!(["operator", "read"]));
    assert_eq!(good["interface_flags"], 0x641);
    world.configure(|config| config.interface_flags |= 0x80);
    let commands = &ping(21)["obstacles"][0]["commands"];
    assert_eq!(commands[0], r"certutil -setreg CA\InterfaceFlags -IF_NOLOCALICERTADMINBACKUP");
    world.configure(|config| {
        config.interface_flags = 0;
        config.roles = vec![Role::Read];
    });
    assert_eq!(ping(21)["obstacles"].as_array().map(Vec::len), Some(1));
    world.configure(|config| config.service = Service::Stopped);
    assert_eq!(ping(20)["state"], "stopped");
}
