//! Lies about files: how many there are, how they are called, how long they are.

use certadm::Call;

use crate::ca::{CaFile, Content, Files};
use crate::host::Host;
use crate::script::{Asked, Script};

/// A host whose database file is said to have this size, and to have this content.
fn database(size: u64, content: Content) -> Host {
    let mut files = Files::good();
    files.databases[0].size = size;
    files.databases[0].content = content;
    Host::start(Script::files(files))
}

#[track_caller]
fn assert_refused(host: &Host, part: &str) {
    let error = host.refused();
    assert!(error.contains(part), "`{error}` does not say `{part}`");
    let calls = host.calls();
    assert_eq!(calls.iter().filter(|call| **call == Call::BackupEnd).count(), 1, "{calls:?}");
}

#[test]
fn an_honest_host_is_backed_up() {
    let host = Host::start(Script::default());
    host.back_up().unwrap();
    assert_eq!(host.published(), 1);
}

#[test]
fn reads_of_nothing_are_not_repeated_for_ever() {
    let host = database(1 << 40, Content::Nothing);
    assert_refused(&host, "ended at byte 0");
    assert!(host.calls().iter().filter(|call| **call == Call::BackupReadFile).count() <= 2);
}

#[test]
fn a_size_that_nothing_has_is_not_believed() {
    let bytes = match &Files::good().databases[0].content {
        Content::Bytes(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    assert_refused(&database(u64::MAX, Content::Bytes(bytes)), "a short read before the end");
    assert_refused(&database(u64::MAX, Content::Nothing), "ended at byte 0");
}

#[test]
fn reads_that_never_end_are_cut_off_at_the_announced_size() {
    for size in [0_u64, 1, 1 << 20, (1 << 20) + 1] {
        let mut files = Files::good();
        files.databases[0].size = u64::MAX;
        files.databases[0].content = Content::Endless;
        let stub = move |asked, mut stub: Vec<u8>| {
            if asked == Asked::Ca(Call::BackupOpenFile) {
                stub[8..16].copy_from_slice(&size.to_le_bytes());
            }
            Ok(stub)
        };
        let host = Host::start(Script { stub: Box::new(stub), ..Script::files(files) });
        assert_refused(&host, "goes on behind its announced size");
    }
}

#[test]
fn a_list_of_half_a_million_names_costs_what_it_is_long() {
    let mut files = Files::good();
    let name = |number| CaFile { name: format!("{number:x}"), size: 0, content: Content::Missing };
    files.databases = (0..250_000).map(name).collect();
    assert_refused(&Host::start(Script::files(files)), "cannot open `0`");
}

#[test]
fn a_list_above_the_largest_answer_is_cut_off() {
    let mut files = Files::good();
    let name = |number| CaFile {
        name: format!("{number:x}{}", "x".repeat(900)),
        size: 0,
        content: Content::Missing,
    };
    files.databases = (0..20_000).map(name).collect();
    let host = Host::start(Script::files(files));
    assert_refused(&host, "stub length");
    assert!(host.sent() < 20 << 20, "{} bytes were taken", host.sent());
}

#[test]
fn names_lead_nowhere_outside_the_medium() {
    let good = Files::good();
    let names = [
        r"..\..\..\..\outside.edb",
        "../../outside.edb",
        "/tmp/outside.edb",
        r"C:\Windows\System32\config\SAM",
        r"\\server\c$\..\",
        r"\\ca\C$\CertLog\..",
        "CON",
        "aux .txt",
        "x.edb:stream",
        "trailing. . .",
        ".lock",
        "manifest.json",
        "a\u{1}b\u{1b}[2J\nc",
        "\u{202e}gpj.edb",
        "%2E%2E%2F",
        "same.edb",
        "SAME.EDB",
    ];
    let long = "x".repeat(40_000);
    let files = Files {
        databases: names
            .iter()
            .map(|name| (*name).to_owned())
            .chain([long])
            .map(|name| CaFile { name, ..good.databases[0].clone() })
            .collect(),
        ..good
    };
    let host = Host::start(Script::files(files));
    std::fs::write(host.root().join("outside.edb"), "precious").unwrap();
    let ended = host.back_up();
    assert_eq!(std::fs::read(host.root().join("outside.edb")).unwrap(), b"precious");
    let below = |folder: &std::path::Path| -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(below(host.root()), ["deep", "outside.edb"]);
    assert_eq!(below(&host.root().join("deep")), ["medium"]);
    let outcome = ended.expect("names alone make no backup fail");
    assert_eq!(outcome.sets.len(), 1);
    assert_eq!(host.published(), 1);
}
