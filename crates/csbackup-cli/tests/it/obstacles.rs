//! What stands in the way of a backup: each with its own message and hint, on each road.

use certsrv::{Config, Role, Service};

use crate::library;
use crate::net::Net;
use crate::world::Run;

/// Backs up the same CA on all three roads: in process, over the network, and through our Certadm.
fn on_each_road(change: impl Fn(&mut Config), check: impl Fn(&str, Run)) {
    for road in ["in process", "network", "library"] {
        let net = Net::of(|config| {
            change(config);
            // Whoever is in process has the roles of the one who logs on.
            config.roles.clone_from(&config.users[0].roles);
        });
        let run = match road {
            "in process" => net.world.backup(&[]),
            "network" => net.backup(&[]),
            _ => library::backup(&net, &[]),
        };
        check(road, run);
    }
}

#[track_caller]
fn says(road: &str, run: &Run, parts: &[&str]) {
    for part in parts {
        assert!(run.stderr.contains(part), "{road}: no `{part}` in:\n{}{}", run.stdout, run.stderr);
    }
}

#[test]
fn the_service_is_stopped() {
    let change = |config: &mut Config| config.service = Service::Stopped;
    on_each_road(change, |road, run| {
        says(road, &run.exits(20), &["is stopped, a backup needs it online", "hint: start the service"]);
    });
}

#[test]
fn the_service_is_suspended() {
    let change = |config: &mut Config| config.service = Service::Suspended;
    on_each_road(change, |road, run| {
        let parts = ["suspended", "hint: a pending restore or a paused service suspends a CA"];
        says(road, &run.exits(20), &parts);
    });
}

#[test]
fn the_account_has_no_backup_privilege_on_the_ca() {
    let change = |config: &mut Config| config.users[0].roles = vec![Role::Read];
    on_each_road(change, |road, run| {
        let parts = ["0x80070005 (E_ACCESSDENIED)", "hint: the account needs the backup right on the CA"];
        says(road, &run.exits(21), &parts);
    });
}

#[test]
fn the_ca_takes_no_backups_from_where_we_are() {
    // IF_NOREMOTEICERTADMINBACKUP and IF_NOLOCALICERTADMINBACKUP.
    let change = |config: &mut Config| config.interface_flags |= 0xC0;
    on_each_road(change, |road, run| {
        let run = run.exits(21);
        says(road, &run, &["0x80070005 (E_ACCESSDENIED)", "IF_NOREMOTEICERTADMINBACKUP"]);
        let remote = run.stderr.contains("backups over the network are switched on with `certutil -setreg");
        assert_eq!(remote, road != "in process", "{road}: {}", run.stderr);
    });
}

#[test]
fn the_account_holds_two_roles_of_a_ca_that_separates_them() {
    let change = |config: &mut Config| {
        config.role_separation = true;
        config.users[0].roles.push(Role::Auditor);
    };
    on_each_road(change, |road, run| {
        let parts = ["0x80094008 (CERTSRV_E_ROLECONFLICT)", "hint: role separation is on"];
        says(road, &run.exits(21), &parts);
    });
}

#[test]
fn circular_logging_allows_full_backups_only() {
    for road in ["in process", "network", "library"] {
        let net = Net::of(|config| config.circular = true);
        let backup = |args: &[&str]| match road {
            "in process" => net.world.backup(args),
            "network" => net.backup(args),
            _ => library::backup(&net, args),
        };
        // An embedded CA has no newer stream of its database: it needs its logs for the next full backup.
        backup(&["--keep-logs"]).exits(0);
        net.world.run(&["ca", "advance", "ca"]).exits(0);
        let run = backup(&["--type", "incremental"]).exits(1);
        says(
            road,
            &run,
            &["the CA uses circular logging, which allows only full backups", "hint: use `--type auto`"],
        );
        backup(&["--keep-logs"]).exits(0);
        assert_eq!(net.world.newest().0.manifest.kind.to_string(), "full", "{road}");
    }
}
