//! Records of all real logs, against what other readers counted in them.

use std::collections::BTreeMap;

use ese::{LogReadError, LogReader};
use serde_json::Value;

use crate::support::read;

/// What stands in a log: position and line of each record.
fn records(bytes: &[u8]) -> (Vec<(String, &'static str)>, Result<(), LogReadError>) {
    let mut log = LogReader::open(bytes).unwrap();
    let mut found = Vec::new();
    loop {
        match log.next_record() {
            Ok(Some((position, record))) => found.push((position.to_string(), record.name())),
            Ok(None) => return (found, Ok(())),
            Err(error) => return (found, Err(error)),
        }
    }
}

/// Names of `expected.json` that are not those of the digest.
fn digest_name(name: &str) -> &str {
    match name {
        "CreateMEFDP" => "CreateMultipleExtentFDP",
        "CreateSEFDP" => "CreateSingleExtentFDP",
        other => other,
    }
}

/// `123620(0x1E2E4):0033:0168` as a position prints.
fn position(text: &str) -> String {
    let text = text.to_lowercase();
    let (_, hex) = text.split_once("(0x").unwrap();
    hex.replace(')', "")
}

#[test]
fn field_logs_hold_the_expected_records() {
    let Some(shared) = testkit::data::shared() else {
        return testkit::data::skip("the team's data folder is not on this machine");
    };
    let expected: Value = serde_json::from_slice(&read(shared.join("ese/expected.json"))).unwrap();
    let mut logs = 0;
    for (path, facts) in expected.as_object().unwrap() {
        let Some(facts) = facts.get("log").filter(|facts| facts["records"].is_object()) else { continue };
        let (folder, name) = path.rsplit_once('/').unwrap();
        let Some(folder) = testkit::data::field_folder(folder) else { return };
        let (found, end) = records(&read(folder.join(name)));
        assert_eq!(end, Ok(()), "{path}");
        let mut counts = BTreeMap::new();
        for (_, name) in &found {
            *counts.entry(name.to_string()).or_insert(0_u64) += 1;
        }
        let wanted = facts["records"].as_object().unwrap().iter();
        let wanted: BTreeMap<_, _> = wanted
            .filter(|(name, _)| *name != "NOP")
            .map(|(name, count)| (digest_name(name).to_owned(), count.as_u64().unwrap()))
            .collect();
        assert_eq!(counts, wanted, "{path}");
        if let Some(last) = facts["last_record"].as_array() {
            let (at, name) = found.last().unwrap();
            assert_eq!((position(last[0].as_str().unwrap()), last[1].as_str().unwrap()), (at.clone(), *name));
        }
        logs += 1;
    }
    assert_eq!(logs, 15);
}

/// Pages that redo reads or writes, as the engine counts them.
fn page_references(bytes: &[u8]) -> u32 {
    let mut log = LogReader::open(bytes).unwrap();
    let mut pages = 0;
    while let Some((_, record)) = log.next_record().unwrap() {
        record.for_each_page(|_, _| pages += 1);
    }
    pages
}

#[test]
fn the_engine_counts_as_many_page_references() {
    for name in ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"] {
        let Some(set) = testkit::data::engine_set(name) else { return };
        let mut logs = 0;
        for entry in std::fs::read_dir(set.join("facts")).unwrap() {
            let path = entry.unwrap().path();
            let dump = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some(folder) = dump.strip_suffix(".engine-dump.txt") else { continue };
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("##### ").skip(1) {
                let log = part.lines().next().unwrap();
                let count =
                    part.lines().find_map(|line| line.strip_prefix("Number of database page references:"));
                let file = set.join(folder).join(log);
                let Some(count) = count.filter(|_| file.is_file()) else { continue };
                let wanted: u32 = count.trim().parse().unwrap();
                assert_eq!(page_references(&read(&file)), wanted, "{name} {folder} {log}");
                logs += 1;
            }
        }
        println!("{name} {logs}");
    }
}
