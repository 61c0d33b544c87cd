//! Backups with tickets, whoever issued them.

use std::process::Command;

use csbackup::BackupOptions;
use csra_client::{Options, RemoteCa, Target};
use rpc_auth::{Method, Proof};

use crate::realm::Realm;
use crate::served::{self, HOST, delivered, delivers, serve_realm, stored};
use crate::wire::Wire;

/// Samba's ways to use a ticket.
pub(crate) const SAMBA: [&str; 2] = ["krb5", "spnego-krb5"];

/// Our client backs up with each of the proofs.
pub(crate) fn ours(realm: &Realm, proofs: impl IntoIterator<Item = (Method, Proof)>) {
    let (full, _) = delivered();
    for (method, proof) in proofs {
        let what = format!("{method} {proof:?}");
        let wire = serve_realm(realm);
        let mut ca = RemoteCa::connect(target(&wire), options(realm, method, proof))
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let outcome = wire.run_on(&mut ca, &wire.medium, &BackupOptions::default());
        assert!(outcome.unwrap_or_else(|error| panic!("{what}: {error:?}")).ended);
        assert!(stored(&wire) == full, "{what}: the bytes differ");
        assert_eq!(wire.errors(), [] as [String; 0], "{what}");
    }
}

/// The server by the name that is in its principals.
pub(crate) fn target(wire: &Wire) -> Target {
    Target { host: HOST.to_owned(), ..wire.target() }
}

pub(crate) fn options(realm: &Realm, method: Method, proof: Proof) -> Options {
    Options::new(realm.credentials(&realm.principal(), proof), method)
}

/// impacket backs up with the user's cache.
pub(crate) fn impacket(realm: &Realm) {
    let (full, _) = delivered();
    let wire = serve_realm(realm);
    let mut command = served::impacket(&wire);
    command.args(["--auth", "kerberos", "--name", HOST, "--domain", realm.name()]);
    delivers(realm.lend(&mut command), &full);
}

/// Samba backs up with the user's cache.
pub(crate) fn samba_backs_up(realm: &Realm) {
    let (full, _) = delivered();
    let wire = serve_realm(realm);
    for auth in SAMBA {
        delivers(&mut samba(realm, &wire, auth), &full);
    }
}

/// Samba against a server, with the user's cache.
pub(crate) fn samba(realm: &Realm, wire: &Wire, auth: &str) -> Command {
    let mut command = served::samba(wire, auth);
    realm.lend(command.args(["--name", HOST]));
    command
}
