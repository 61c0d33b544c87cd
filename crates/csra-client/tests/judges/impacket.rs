//! impacket with NTLM: its DCOM, and MS-CSRA described in its own NDR classes.

use crate::program::{is_there, pass};
use crate::served::{delivered, delivers, impacket, serve};

#[test]
fn impacket_backs_up_truncates_and_takes_the_increment() {
    if !is_there("impacket") {
        return;
    }
    let (full, increment) = delivered();
    let mut wire = serve(|_| {});
    let report = delivers(impacket(&wire).arg("--truncate"), &full);
    assert_eq!(report["interface"], "ICertAdminD2");
    assert_eq!(report["truncated"], true);
    // Truncation leaves what a next full backup needs.
    assert_eq!(*wire.generations().start(), 3);
    wire.advance();
    delivers(impacket(&wire).args(["--type", "incremental", "--truncate"]), &increment);
}

#[test]
fn impacket_backs_up_through_the_older_interface() {
    if !is_there("impacket") {
        return;
    }
    let (full, _) = delivered();
    let wire = serve(|_| {});
    let report = delivers(impacket(&wire).args(["--interface", "1", "--read-size", "65536"]), &full);
    assert_eq!(report["interface"], "ICertAdminD");
}

#[test]
fn impacket_is_refused_what_is_misuse() {
    if !is_there("impacket") {
        return;
    }
    let wire = serve(|_| {});
    let report = pass(impacket(&wire).arg("--probe"));
    let cases = report["cases"].as_object().expect("cases");
    // Fewer mean that a group of them could not begin.
    assert!(cases.len() > 70, "{} cases", cases.len());
}
