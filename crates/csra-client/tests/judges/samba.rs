//! Samba's bindings: every signature of ours is checked, that of the headers too.

use std::process::Command;

use crate::meddler::{Meddler, Part};
use crate::program::{failures, is_there, pass, report};
use crate::realm::Realm;
use crate::served::{delivered, delivers, samba, serve, serve_realm};
use crate::tickets;
use crate::wire::Wire;

const NTLM: [&str; 2] = ["ntlm", "spnego-ntlm"];

#[test]
fn samba_backs_up_with_ntlm() {
    if !is_there("samba") {
        return;
    }
    let (full, _) = delivered();
    let wire = serve(|_| {});
    for auth in NTLM {
        let report = delivers(&mut samba(&wire, auth), &full);
        assert_eq!(report["session"]["ca"], wire.ca.authority().name, "{auth}");
    }
}

#[test]
fn samba_is_refused_with_a_wrong_password() {
    if !is_there("samba") {
        return;
    }
    let wire = serve(|_| {});
    // Without SPNEGO the last token is one that nobody answers; the first call is.
    for (auth, code) in [("ntlm", ACCESS_DENIED), ("spnego-ntlm", LOGON_FAILURE)] {
        let report = pass(samba(&wire, auth).arg("--wrong-password"));
        assert_eq!(report["wrong_password"], code, "{auth}");
    }
}

#[test]
fn samba_and_we_notice_a_changed_bit_with_ntlm() {
    if !is_there("samba") {
        return;
    }
    let wire = serve(|_| {});
    for auth in NTLM {
        notices(&wire, || samba(&wire, auth));
    }
}

/// With Kerberos only header signing covers a PDU's head: this shows that it was agreed.
#[test]
fn samba_and_we_notice_a_changed_bit_with_kerberos() {
    let Some(realm) = Realm::mit() else { return };
    if !is_there("samba") {
        return;
    }
    let wire = serve_realm(realm);
    for auth in tickets::SAMBA {
        notices(&wire, || tickets::samba(realm, &wire, auth));
    }
}

/// One bit of the first call between Samba and the exporter is changed: whoever receives it refuses it.
fn notices(wire: &Wire, command: impl Fn() -> Command) {
    let run = |part| {
        let meddler = Meddler::new(wire.server.local_addrs().exporter, part);
        let report = report(command().args(["--exporter-port", &meddler.port().to_string()]));
        assert_eq!(meddler.has_meddled(), part.is_some(), "{part:?}: {report}");
        report
    };
    assert_eq!(failures(&run(None)), [] as [String; 0]);
    for part in Part::ALL {
        let report = run(Some(part));
        let failures = failures(&report);
        assert!(failures.len() == 1 && failures[0].ends_with(SEC_PKG_ERROR), "{part:?}: {failures:?}");
        assert!(report.get("session").is_none(), "{part:?}: {report}");
    }
}

/// `RPC_S_SEC_PKG_ERROR`: our server's fault, and what Samba makes of an answer that does not fit.
const SEC_PKG_ERROR: &str = "status 0xc0020057";
const ACCESS_DENIED: &str = "status 0xc0000022";
const LOGON_FAILURE: &str = "status 0xc000006d";
