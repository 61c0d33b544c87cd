//! No panic, and an answer, whatever the bytes are.

use ese::{
    DatabaseHeader, FileType, LogHeader, NamedLog, Origin, SetInput, Severity, check_set, required_logs,
    sniff,
};
use proptest::prelude::*;

use crate::support::{database, database_file, log, put, read, seal};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn origin(raw: bool) -> Origin {
    if raw { Origin::Raw } else { Origin::Streamed }
}

fn try_everything(bytes: &[u8]) {
    let _ = (sniff(bytes), DatabaseHeader::parse(bytes).is_ok(), LogHeader::parse(bytes).is_ok());
    for raw in [true, false] {
        let database = database(bytes, origin(raw));
        let log = log(bytes, origin(raw));
        for finding in database.findings.iter().chain(&log.findings) {
            assert!(!finding.to_string().is_empty() && finding.code() != "other");
            let _ = (finding.jet(), finding.jet_name(), finding.hint(), finding.is_checksum());
        }
        let databases: Vec<_> = database.facts.into_iter().collect();
        let name = "edb.log".to_owned();
        let logs: Vec<_> = log.facts.map(|facts| NamedLog { name, facts }).into_iter().collect();
        for listed in [None, Some(&[ese::Generation(u32::MAX), ese::Generation(0)][..])] {
            let input = SetInput { origin: origin(raw), databases: &databases, logs: &logs, listed };
            for finding in check_set(&input) {
                assert!(!finding.to_string().is_empty());
            }
            let _ = required_logs(&input);
        }
        for facts in databases {
            let _ = format!("{:?} {} {}", facts, facts.header.signature, facts.header.attach);
        }
    }
}

#[test]
fn random_bytes_are_refused() {
    proptest!(config(64), |(bytes in prop::collection::vec(any::<u8>(), 0..20_000), raw: bool)| {
        try_everything(&bytes);
        prop_assert_eq!(sniff(&bytes), FileType::Unknown);
        prop_assert!(database(&bytes, origin(raw)).findings.iter().any(|finding| finding.severity == Severity::Error));
        prop_assert!(log(&bytes, origin(raw)).findings.iter().any(|finding| finding.severity == Severity::Error));
    });
}

#[test]
fn empty_and_tiny_files_are_refused() {
    for length in [0, 1, 7, 8, 667, 4095, 4096, 8191, 8192, 65_536, 98_304, 98_305] {
        for fill in [0, 0xFF, 0xDA] {
            let bytes = vec![fill; length];
            try_everything(&bytes);
            let findings = database(&bytes, Origin::Streamed).findings;
            assert!(findings.iter().any(|finding| finding.severity == Severity::Error), "{length} {fill}");
            let findings = log(&bytes, Origin::Streamed).findings;
            assert!(findings.iter().any(|finding| finding.severity == Severity::Error), "{length} {fill}");
        }
    }
}

/// Changes of a header that then gets a right checksum: nonsense that no checksum catches.
#[test]
fn sealed_nonsense_in_a_database_header_does_no_harm() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    let whole = database_file(&folder.join("hot"));
    let bytes = [&whole[..4096 * 8], &whole[whole.len() - 4096..]].concat();
    let field = prop_oneof![0_usize..187, Just(50), Just(74), Just(75), Just(104)];
    let value = prop_oneof![any::<u32>(), 0_u32..5, Just(u32::MAX), Just(0x7FFF_FFFF)];
    let changes = prop::collection::vec((field, value), 1..6);
    proptest!(config(128), |(changes in changes, trailer in prop::collection::vec((10_usize..40, any::<u32>()), 0..3))| {
        let mut bytes = bytes.clone();
        for (field, value) in changes {
            put(&mut bytes, field * 4, value);
        }
        seal(&mut bytes[..4096]);
        bytes.copy_within(..4096, 4096);
        let last = bytes.len() - 4096;
        for (field, value) in trailer {
            put(&mut bytes[last..], field * 4, value);
        }
        seal(&mut bytes[last..]);
        try_everything(&bytes);
    });
}

#[test]
fn sealed_nonsense_in_a_log_header_does_no_harm() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    let whole = read(folder.join("hot/edb00007.log"));
    let changes = prop::collection::vec((0_usize..180, any::<u32>()), 1..6);
    proptest!(config(128), |(changes in changes)| {
        let mut bytes = whole[..4096 * 20].to_vec();
        for (field, value) in changes {
            put(&mut bytes, field * 4, value);
        }
        seal(&mut bytes[..4096]);
        try_everything(&bytes);
    });
}

#[test]
fn damaged_old_logs_do_no_harm() {
    let Some(folder) = testkit::data::field_folder("replay-v7") else { return };
    let whole = read(folder.join("edb00001.log"));
    // The fields of the first checksum records.
    let at = prop_oneof![4096_usize..4118, 4694_usize..4716, 5477_usize..5499, 4096_usize..12_000];
    let changes = prop::collection::vec((at, any::<u8>()), 1..8);
    proptest!(config(128), |(changes in changes)| {
        let mut bytes = whole[..20_000].to_vec();
        for (at, value) in changes {
            bytes[at] = value;
        }
        try_everything(&bytes);
    });
}
