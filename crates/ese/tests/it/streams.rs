//! Sound sets have no findings above info.

use std::path::Path;

use ese::{Generation, NamedLog, Origin, SetInput, Severity, check_set, required_logs};

use crate::support::{Folder, HOT_SETS, database, database_file, log, page_of, read};

fn listed(folder: &Path, name: &str) -> Vec<Generation> {
    let text = read(folder.join(format!("{name}.backup.json")));
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let logs = value["JetGetLogInfoInstance2"]["logs"].as_array().unwrap();
    let names = logs.iter().map(|name| name.as_str().unwrap());
    names.map(|name| ese::log_generation_of_name(name).unwrap().generation.unwrap()).collect()
}

#[test]
fn full_backups_are_sound() {
    for name in HOT_SETS {
        let Some(folder) = testkit::data::engine_set(name) else { return };
        Folder::load(folder.join("hot")).verify(Origin::Streamed, None).assert_sound();
    }
}

#[test]
fn incremental_backups_are_sound() {
    for name in HOT_SETS {
        let Some(folder) = testkit::data::engine_set(name) else { return };
        for part in ["hot-inc1", "hot-inc2"] {
            Folder::load(folder.join(part)).verify(Origin::Streamed, None).assert_sound();
        }
    }
}

#[test]
fn full_and_increments_are_one_sound_chain() {
    for name in HOT_SETS {
        let Some(folder) = testkit::data::engine_set(name) else { return };
        let mut chain = Folder::load(folder.join("hot"));
        for part in ["hot-inc1", "hot-inc2"] {
            chain.add(&Folder::load(folder.join(part)));
            let verdict = chain.verify(Origin::Streamed, None);
            assert_eq!(verdict.worst(), None, "{name} {part}: {}", verdict.lines());
        }
    }
}

#[test]
fn logs_that_the_server_listed_are_there() {
    for name in ["main", "page8k", "page32k", "efv7060", "efv9600"] {
        let Some(folder) = testkit::data::engine_set(name) else { return };
        for part in ["hot", "hot-inc1", "hot-inc2"] {
            let listed = listed(&folder, part);
            let verdict = Folder::load(folder.join(part)).verify(Origin::Streamed, Some(&listed));
            assert_eq!(verdict.worst(), None, "{name} {part}: {}", verdict.lines());
        }
    }
}

#[test]
fn raw_folders_are_sound() {
    for name in ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"] {
        let Some(folder) = testkit::data::engine_set(name) else { return };
        for part in ["clean", "crash"] {
            let verdict = Folder::load(folder.join(part)).verify(Origin::Raw, None);
            assert_eq!(verdict.worst(), None, "{name} {part}: {}", verdict.lines());
        }
    }
}

#[test]
fn restored_databases_are_sound() {
    for name in ["main", "page8k", "page32k", "efv7060", "efv9600"] {
        let Some(folder) = testkit::data::engine_set(name) else { return };
        for part in ["crash-recovered", "hot-restored", "hot-inc1-restored", "hot-inc2-restored"] {
            let report = database(&database_file(&folder.join(part)), Origin::Raw);
            assert_eq!(report.findings, [], "{name} {part}");
            assert!(report.facts.unwrap().header.requires_logs().is_none());
        }
    }
}

#[test]
fn streamed_dhcp_set_is_sound() {
    let Some(folder) = testkit::data::field_folder("backup-dhcp") else { return };
    let folder = Folder::load(folder);
    let listed: Vec<_> = (123_620..=123_628).map(Generation).collect();
    let verdict = folder.verify(Origin::Streamed, Some(&listed));
    assert_eq!(verdict.worst(), None, "{}", verdict.lines());
    let verdict = folder.verify(Origin::Streamed, None);
    assert_eq!(
        verdict.lines(),
        "info - ends-at-trailer set: generation 0x1e2ec: set ends at the trailer's generation; later listed logs \
         cannot be excluded\n"
    );
}

#[test]
fn required_logs_of_a_stream_reach_the_trailer() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    let facts = database(&database_file(&folder.join("hot")), Origin::Streamed).facts.unwrap();
    let mut logs = Vec::new();
    for (name, bytes) in Folder::load(folder.join("hot")).files {
        if name.ends_with(".log") && name != "edb0000E.log" && name.as_str() < "edb00015.log" {
            logs.push(NamedLog { name, facts: log(&bytes, Origin::Streamed).facts.unwrap() });
        }
    }
    let input = SetInput { origin: Origin::Streamed, databases: &[facts], logs: &logs, listed: None };
    let required = required_logs(&input);
    assert_eq!(required.required, Some((Generation(7), Generation(22))));
    assert_eq!(required.missing, [(Generation(14), Generation(14)), (Generation(21), Generation(22))]);
}

#[test]
fn stream_given_as_raw_file_is_recognised() {
    let Some(folder) = testkit::data::engine_set("page8k") else { return };
    let report = database(&database_file(&folder.join("hot")), Origin::Raw);
    assert_eq!(report.findings, []);
    let facts = report.facts.unwrap();
    assert!(facts.header.is_backup_copy());
    assert_eq!(facts.trailer.unwrap().info.high, Generation(8));
}

#[test]
fn raw_file_given_as_stream_is_refused() {
    let Some(folder) = testkit::data::engine_set("page8k") else { return };
    let report = database(&database_file(&folder.join("crash")), Origin::Streamed);
    let codes: Vec<_> = report.findings.iter().map(|finding| (finding.code(), finding.jet())).collect();
    assert_eq!(codes, [("not-a-backup", Some(-615)), ("trailer-missing", Some(-535))]);
    assert!(report.findings.iter().all(|finding| finding.severity == Severity::Error));
}

#[test]
fn garbage_behind_a_raw_copy_is_one_run() {
    let Some(folder) = testkit::data::field_folder("ca") else { return };
    let report = database(&read(folder.join("CertLog.edb")), Origin::Raw);
    assert_eq!(report.pages.bad, 131);
    let first = &report.findings[0];
    assert_eq!(page_of(first), 120);
    assert!(first.to_string().ends_with("; reachability unknown"), "{first}");
    assert!(
        check_set(&SetInput {
            origin: Origin::Raw,
            databases: &[report.facts.unwrap()],
            logs: &[],
            listed: None
        })
        .is_empty()
    );
}
